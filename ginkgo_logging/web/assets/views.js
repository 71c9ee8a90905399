// What was shown at an entry of the history: who comes back finds it as it was.

const MOST = 8; // each holds all of its lines
const views = new Map();
let here = entry();

history.scrollRestoration = "manual";

// The key of the present entry.
function entry() {
  if (!history.state?.key) history.replaceState({ key: newKey() }, "");
  return history.state.key;
}

function newKey() {
  return crypto.getRandomValues(new Uint32Array(2)).join("-");
}

// Go on to another address; *view* is what is left.
export function advance(address, view) {
  keep(view);
  history.pushState({ key: newKey(), cameFrom: here }, "", address);
  here = entry();
}

// The browser has gone to another entry; *view* is what was left. Gives what was shown there, if that is kept.
export function arrive(view) {
  keep(view);
  here = entry();
  const found = views.get(here);
  views.delete(here);
  return found;
}

// Whether the entry before this one is of this page, so that going back leads to it.
export const canGoBack = () => views.has(history.state?.cameFrom);

export function forget() {
  views.clear();
}

function keep(view) {
  if (!view) return;
  views.set(here, view);
  if (views.size > MOST) views.delete(views.keys().next().value);
}
