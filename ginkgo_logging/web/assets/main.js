// The page: from what is asked to what is shown.

import { ask } from "./api.js";
import { Chain } from "./chain.js";
import { clearButton, showChips } from "./chips.js";
import { make } from "./dom.js";
import { Form } from "./form.js";
import { Histogram } from "./histogram.js";
import { MOST_SHOWN, Tail } from "./live.js";
import { Listing } from "./rows.js";
import { addressOf, between, bounds, emptyState, filtersOf, stateOf, WHENEVER, withFilter, zoomedOut } from "./state.js";
import { tell, tellBusy, tellEmpty, tellNoProblem, tellProblem, tellTitle } from "./status.js";
import { preferred, say, speak } from "./texts.js";
import { rfc3339, zone } from "./time.js";
import { advance, arrive, canGoBack, forget } from "./views.js";

const PAGE = 100;
const DEEPEST = 10_000; // the greatest offset that the routes take
const STEPS = 120;

const find = (id) => document.getElementById(id);

let state = stateOf(location.search);
let asking = new AbortController();
let page = firstPage();
let again = () => show({ hadFocus: true }); // what "try again" does

const listing = new Listing(find("rows"), {
  onTrace: (line) => state.chain !== line.trace_id && go({ ...state, chain: line.trace_id }, line),
  onFilter: (name, value) => go(withFilter(typed(), name, value)),
});
const form = new Form(find("filters"), {
  onAsk: () => goAsForm({}),
  traces: () => listing.lines.map((line) => line.trace_id).filter((id) => typeof id === "string"),
});
const histogram = new Histogram(find("histogram"), {
  onSelect: (start, end) => go({ ...typed(), ...between(start, end) }),
});
const chain = new Chain(listing, {
  onLeave: () => (canGoBack() ? history.back() : go({ ...state, chain: "" })),
});
const tail = new Tail({
  // The stream is open: what was written before is asked for, and nothing falls between.
  onOpen: ({ isFirst }) => {
    if (isFirst) page = firstPage();
    if (isFirst) load();
    else tellCount();
  },
  onLines: (lines) => {
    listing.prepend(lines, MOST_SHOWN);
    form.offer(lines.filter(Boolean));
    tellNoProblem();
    tellCount();
  },
  onWaiting: (waiting, dropped) => tell(dropped ? "paused_cut" : "paused", { waiting, kept: waiting - dropped }),
  onLost: (error) => {
    tellBusy(false);
    if (error.kind === "failed" || error.kind === "unavailable") tell("live_lost");
    else if (error.kind === "too_many_streams") tell("live_full");
    else {
      again = () => show({ hadFocus: true });
      tellProblem(error);
    }
  },
});

function firstPage() {
  return { offset: 0, start: undefined, end: null, more: false, count: null };
}

// --- what is asked ---------------------------------------------------------------------------------------

// Ask something else. *line* is where it was asked: it has the focus again if it is among the answers.
function go(next, line = null) {
  const address = `?${addressOf(next)}`;
  const hadFocus = hasFocus();
  const view = leave();
  state = next;
  if (address !== location.search) advance(address, view);
  show({ line, hadFocus });
}

function goAsForm(changes) {
  const next = form.read(state);
  if (next) go({ ...next, ...changes });
}

// What is asked, with what has been typed meanwhile.
const typed = () => ({ ...state, ...(state.chain ? {} : form.texts) });

// Whether the focus is somewhere; what is hidden or gone loses it only when the page is drawn.
const hasFocus = () => document.activeElement !== document.body && document.activeElement.checkVisibility();

// --- what is shown ---------------------------------------------------------------------------------------

// The lines that are shown, for coming back to them; null if they are not all there.
function leave() {
  if (find("rows").ariaBusy !== "false" || !find("problem").hidden) return null;
  return { scroll: scrollY, page, answer: histogram.answer, texts: form.texts, rows: listing.take() };
}

function show({ line = null, hadFocus = false } = {}) {
  frame();
  listing.clear();
  histogram.clear();
  form.tellLevels({});
  tell();
  page = firstPage();
  tellBusy(true);
  if (isLive()) tail.start(filtersOf(state));
  else load(() => (line || (hadFocus && !hasFocus())) && listing.focus(line));
}

function showAgain(view, hadFocus) {
  frame();
  ({ page } = view);
  listing.put(view.rows);
  form.texts = view.texts;
  if (view.answer) showHistogram(view.answer);
  else histogram.clear();
  tellMore();
  if (state.chain) chain.tell(page.more);
  if (isLive()) tail.start(filtersOf(state), newest());
  if (hadFocus && !hasFocus()) listing.focus();
  scrollTo(0, view.scroll);
}

// What is around the lines.
function frame() {
  asking.abort();
  tail.stop();
  setHeld(false);
  tellNoProblem();
  tellBusy(false);
  tellTitle(state);
  form.fill(state);
  showChips(find("chips"), state, { onChange: (changes) => go({ ...typed(), ...changes }), onClear: clear });
  chain.show(state.chain);
  listing.marked = state.chain ? "" : state.contains;
  find("overview").hidden = Boolean(state.chain) || state.live;
  find("zoom-out").hidden = !state.range;
  find("more").hidden = true;
  find("more").textContent = say(state.chain ? "more_chain" : "more");
}

const isLive = () => state.live && !state.chain;

// The id of an event after which everything is new; "" if nothing is shown.
const newest = () => (listing.length ? `${listing.lines[0].timestamp}/` : "");

// The next page of lines, and with the first one the histogram.
async function load(then = () => {}) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const isFirst = page.offset === 0;
  const last = isFirst ? null : listing.lines.at(-1);
  const hadFocus = hasFocus();
  tellNoProblem();
  tellBusy(true);
  try {
    const answer = await ask("logs", questionFor(page), signal);
    take(answer);
    if (isFirst && !state.live && !state.chain) await loadHistogram(signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    // What is there stays: only the lines that are missing are asked for again.
    again = () => (isFirst ? show({ hadFocus: true }) : load());
    tellProblem(error, { behind: !isFirst });
  }
  if (signal.aborted) return;
  tellBusy(false);
  then();
  // The button that asked may be gone.
  if (!isFirst && hadFocus && !hasFocus()) listing.focus(last);
}

function take(answer) {
  page = { ...page, offset: page.offset + answer.rows.length, end: answer.end_time, more: answer.more };
  form.offer(answer.rows);
  if (isLive()) {
    listing.prepend(answer.rows.reverse(), MOST_SHOWN);
    tail.ready(newest());
  } else {
    listing.append(answer.rows, { chain: Boolean(state.chain) });
  }
  if (state.chain) chain.tell(page.more);
  tellMore();
}

async function loadHistogram(signal) {
  const question = timed(filtersOf(state), page.end);
  question.set("steps", String(STEPS));
  showHistogram(await ask("logs/histogram", question, signal));
}

function showHistogram(answer) {
  page.count = Number(answer.count);
  histogram.show(answer);
  form.tellLevels(answer.levels);
  tellCount();
}

function questionFor({ offset, end }) {
  if (state.chain) {
    const question = new URLSearchParams({ trace_id: state.chain, order: "asc", limit: "1000", offset: String(offset) });
    if (end) question.set("end_time", end);
    return question;
  }
  const question = state.live ? filtersOf(state) : timed(filtersOf(state), end);
  question.set("limit", String(PAGE));
  question.set("offset", String(offset));
  return question;
}

// The end of the first answer holds for all that follows: what is written meanwhile moves no page.
function timed(question, end) {
  const asked = bounds(state);
  page.start ??= asked.start === null ? undefined : rfc3339(asked.start);
  if (page.start) question.set("start_time", page.start);
  if (end ?? asked.end) question.set("end_time", end ?? rfc3339(asked.end));
  return question;
}

// --- what is told ----------------------------------------------------------------------------------------

function tellCount() {
  const shown = listing.length;
  if (state.chain) tell();
  else if (state.live) tell(shown ? "live_count" : "live_waiting", { shown });
  else if (page.count === null) tell("count_unknown", { shown });
  else tell("count", { shown, count: page.count });
}

function tellMore() {
  const isTooDeep = page.more && page.offset > DEEPEST;
  find("more").hidden = !page.more || isTooDeep || isLive();
  if (!listing.length) tellEmpty(isLive() ? "none_yet" : "none", state, ...wider());
  else if (isTooDeep) tellEmpty("too_deep", state);
  tellCount();
}

// Buttons for who finds nothing.
function wider() {
  if (isLive() || state.chain) return [];
  const anyTime = make("button", { type: "button" }, say("any_time"));
  anyTime.addEventListener("click", () => go({ ...typed(), ...WHENEVER }));
  return [...(state.range ? [anyTime] : []), ...(addressOf(state).size ? [clearButton(clear)] : [])];
}

// --- what is done ----------------------------------------------------------------------------------------

function clear() {
  go({ ...emptyState(), live: state.live });
}

function setHeld(isHeld) {
  tail.hold(isHeld);
  find("pause").setAttribute("aria-pressed", String(isHeld));
  if (!isHeld && tail.isRunning) tellCount();
}

function zoomOut() {
  if (histogram.answer) go({ ...typed(), ...zoomedOut(histogram.start, histogram.end) });
}

function start() {
  speak(preferred());
  find("language").value = preferred();
  find("zone").textContent = zone();
  find("live").addEventListener("click", () => goAsForm({ live: !state.live }));
  find("pause").addEventListener("click", () => setHeld(!tail.held));
  find("zoom-out").addEventListener("click", zoomOut);
  find("more").addEventListener("click", () => load());
  find("retry").addEventListener("click", () => again());
  find("language").addEventListener("change", (event) => {
    speak(event.target.value, { keep: true });
    forget();
    show();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    listing.focus();
  });
  addEventListener("popstate", () => {
    const hadFocus = hasFocus();
    const view = arrive(leave());
    state = stateOf(location.search);
    if (view) showAgain(view, hadFocus);
    else show({ hadFocus });
  });
  show();
}

start();
