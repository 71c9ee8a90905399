// What the page tells of an answer: how many lines there are, that there is none, what went wrong.

import { make, plain } from "./dom.js";
import { inWords } from "./state.js";
import { say } from "./texts.js";

const find = (id) => document.getElementById(id);

export function tell(name, values) {
  find("status").textContent = name ? say(name, values) : "";
}

export function tellTitle(state) {
  const asked = state.chain ? `${say("trace")} ${plain(state.chain)}` : inWords(state).join(" · ");
  document.title = [state.live && !state.chain && say("live"), asked, say("page_title")].filter(Boolean).join(" – ");
}

export function tellBusy(isBusy) {
  find("progress").hidden = !isBusy;
  find("rows").setAttribute("aria-busy", String(isBusy));
}

// There is nothing more to show: why, and buttons for what may be done about it.
export function tellEmpty(name, state, ...buttons) {
  const asked = name === "none" ? inWords(state) : [];
  find("empty").replaceChildren(
    make("p", {}, say(name)),
    ...(asked.length ? [make("p", {}, say("asked", { asked: asked.join(" · ") }))] : []),
    ...(name === "none" && /^[0-9a-f]{4,31}(…|\.\.\.)?$/i.test(state.trace_id) ? [make("p", {}, say("whole_id"))] : []),
    ...buttons,
  );
  find("empty").hidden = false;
}

// A problem is told where the lines are missing: instead of them, or after those that are there.
export function tellProblem(error, { behind = false } = {}) {
  // What is no answer of the server is a fault of the page, and nobody else tells of it.
  if (!error.kind) console.error(error);
  const problem = find("problem");
  problem.querySelector("strong").textContent = say(error.kind ?? "broken");
  problem.querySelector("span").textContent = plain(error.message);
  const hadFocus = [find("more"), document.body].includes(document.activeElement);
  if (behind) find("rows").after(problem);
  else find("rows").before(problem);
  problem.hidden = false;
  find("more").hidden = true;
  if (behind && hadFocus) find("retry").focus({ preventScroll: true });
  problem.scrollIntoView({ block: "nearest" });
}

export function tellNoProblem() {
  find("problem").hidden = find("empty").hidden = true;
}
