// The page: from what is asked to what is shown.

import { ask } from "./api.js";
import { make, plain } from "./dom.js";
import { Histogram } from "./histogram.js";
import { MOST_SHOWN, Tail } from "./live.js";
import { Listing } from "./rows.js";
import { addressOf, bounds, filtersOf, LEVELS, stateOf } from "./state.js";
import { number, preferred, say, speak } from "./texts.js";
import { duration, forInput, fromInput, micros, rfc3339, zone } from "./time.js";

const PAGE = 100;
const DEEPEST = 10_000; // the greatest offset that the routes take
const STEPS = 120;

const find = (id) => document.getElementById(id);
const form = find("filters");

let state = stateOf(location.search);
let asking = new AbortController();
let page = firstPage();

const listing = new Listing(find("rows"), {
  onTrace: (id) => go({ ...state, chain: id, live: false }),
  onFilter: (name, value) => go(withFilter(name, value)),
});
const histogram = new Histogram(find("histogram"), {
  onSelect: (start, end) => go({ ...state, range: "custom", start: rfc3339(start), end: rfc3339(end) }),
});
const tail = new Tail({
  // The stream is open: what was written before is asked for, and nothing falls between.
  onOpen: async () => {
    page = firstPage();
    await load();
    tail.ready();
  },
  onLines: (lines) => {
    listing.prepend(withoutShown(lines), MOST_SHOWN);
    tellStatus();
  },
  onWaiting: (waiting) => tellStatus(waiting),
  onLost: () => tell("live_lost"),
  onGap: () => tell("live_gap"),
});

function firstPage() {
  return { offset: 0, start: undefined, end: null, more: false, count: null };
}

// --- what is asked ---------------------------------------------------------------------------------------

function go(next) {
  state = next;
  const address = `?${addressOf(state)}`;
  if (address !== location.search) history.pushState(null, "", address);
  show();
}

function withFilter(name, value) {
  const next = { ...state, chain: "", fields: state.fields.filter(([other]) => other !== name) };
  if (name === "level") next.levels = [value];
  else if (name === "portfolio_id" || name === "trace_id") next[name] = value;
  else next.fields.push([name, value]);
  return next;
}

function fromForm() {
  const given = new FormData(form);
  const next = { ...state, chain: "" };
  for (const name of ["contains", "portfolio_id", "trace_id"]) next[name] = given.get(name).trim();
  next.levels = given.getAll("level");
  next.range = given.get("range");
  for (const name of ["start", "end"]) {
    const text = given.get(name);
    // The input shows whole seconds; what was selected stays exact until it is changed.
    if (next.range !== "custom" || !text) next[name] = "";
    else if (!state[name] || text !== forInput(micros(state[name]))) next[name] = rfc3339(fromInput(text));
  }
  return next;
}

function fillForm() {
  for (const name of ["contains", "portfolio_id", "trace_id", "range"]) form.elements[name].value = state[name];
  for (const box of form.elements.level) box.checked = state.levels.includes(box.value);
  for (const name of ["start", "end"]) form.elements[name].value = state[name] && forInput(micros(state[name]));
  showMoments();
  find("chips").replaceChildren(...state.fields.map(chip));
  find("live").setAttribute("aria-pressed", String(state.live));
  find("pause").hidden = !state.live;
}

function showMoments() {
  for (const label of form.querySelectorAll(".moment")) label.hidden = form.elements.range.value !== "custom";
}

function chip([name, value]) {
  const label = say("remove_filter", { name: plain(name), value: plain(value) });
  const remove = make("button", { type: "button", title: label, "aria-label": label }, "×");
  remove.addEventListener("click", () => {
    go({ ...state, fields: state.fields.filter(([other]) => other !== name) });
    find("status").scrollIntoView({ block: "nearest" });
  });
  return make("li", {}, make("span", {}, `${plain(name)} = ${plain(value)}`), remove);
}

// --- what is shown ---------------------------------------------------------------------------------------

function show() {
  fillForm();
  setHeld(false);
  tail.stop();
  listing.clear();
  page = firstPage();
  find("chain").hidden = !state.chain;
  find("overview").hidden = Boolean(state.chain) || state.live;
  find("chain-id").textContent = plain(state.chain);
  find("chain-summary").textContent = "";
  find("more").textContent = say(state.chain ? "more_chain" : "more");
  if (state.live && !state.chain) tail.start(filtersOf(state));
  else load();
}

// The next page of lines, and with the first one the histogram.
async function load() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const isFirst = page.offset === 0;
  find("problem").hidden = find("empty").hidden = true;
  find("progress").hidden = false;
  find("rows").setAttribute("aria-busy", "true");
  try {
    const answer = await ask("logs", questionFor(page.offset, page.end), signal);
    if (state.live) listing.prepend(withoutShown(answer.rows.reverse()), MOST_SHOWN);
    else listing.append(answer.rows, { chain: Boolean(state.chain) });
    page = { ...page, offset: page.offset + answer.rows.length, end: answer.end_time, more: answer.more };
    tellEnd();
    if (state.chain) tellChain();
    else if (isFirst && !state.live) await loadHistogram(signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    tellProblem(error);
  }
  if (signal.aborted) return;
  find("progress").hidden = true;
  find("rows").setAttribute("aria-busy", "false");
}

async function loadHistogram(signal) {
  tellStatus();
  const question = timed(filtersOf(state), page.end);
  question.set("steps", String(STEPS));
  const answer = await ask("logs/histogram", question, signal);
  page.count = Number(answer.count);
  histogram.show(answer);
  tellLevels(answer.levels);
  tellStatus();
}

function questionFor(offset, end) {
  if (state.chain) {
    const chain = new URLSearchParams({ trace_id: state.chain, order: "asc", limit: "1000", offset: String(offset) });
    if (end) chain.set("end_time", end);
    return chain;
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

function withoutShown(lines) {
  const shown = new Set([...find("rows").querySelectorAll("tr.line")].map((row) => JSON.stringify(row.line)));
  return lines.filter((line) => !shown.has(JSON.stringify(line)));
}

// --- what is told ----------------------------------------------------------------------------------------

function tell(name, values) {
  find("status").textContent = say(name, values);
}

function tellStatus(waiting = null) {
  const shown = number(listing.length);
  if (waiting !== null) tell("paused", { waiting: number(waiting) });
  else if (state.live) tell(listing.length ? "live_count" : "live_waiting", { shown });
  else if (page.count === null) tell("count_unknown", { shown });
  else tell("count", { shown, count: number(page.count) });
  if (listing.length) find("empty").hidden = true;
}

function tellEnd() {
  const isTooDeep = page.more && page.offset > DEEPEST;
  find("more").hidden = !page.more || isTooDeep || state.live;
  const nothing = listing.length === 0;
  find("empty").hidden = !(nothing || isTooDeep);
  if (nothing) find("empty").textContent = say(state.live ? "none_yet" : "none");
  else if (isTooDeep) find("empty").textContent = say("too_deep");
  tellStatus();
}

function tellChain() {
  const lines = [...find("rows").querySelectorAll("tr.line")].map((row) => row.line);
  const [first, last] = [lines[0], lines.at(-1)].map((line) => line && micros(line.timestamp));
  find("chain-summary").textContent = say(page.more ? "chain_cut" : "chain_summary", {
    count: number(lines.length),
    duration: duration(lines.length ? last - first : 0n),
    errors: number(lines.filter((line) => ["error", "critical"].includes(line.level)).length),
  });
}

function tellLevels(levels) {
  for (const box of form.elements.level) {
    const count = levels[box.value];
    box.parentElement.querySelector(".count").textContent = count ? number(Number(count)) : "";
  }
}

function tellProblem(error) {
  const problem = find("problem");
  problem.querySelector("strong").textContent = say(error.kind ?? "failed");
  problem.querySelector("span").textContent = plain(error.message);
  problem.hidden = false;
  find("more").hidden = true;
}

// --- what is done ----------------------------------------------------------------------------------------

function setHeld(isHeld) {
  tail.hold(isHeld);
  find("pause").setAttribute("aria-pressed", String(isHeld));
  if (!isHeld && tail.isRunning) tellStatus();
}

function start() {
  for (const level of LEVELS) {
    const box = make("input", { type: "checkbox", name: "level", value: level });
    box.setAttribute("form", "filters");
    find("levels").append(make("label", { className: level }, box, make("span", {}, level), make("span", { className: "count" })));
  }
  speak(preferred());
  find("language").value = preferred();
  find("zone").textContent = zone();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(fromForm());
  });
  find("levels").addEventListener("change", () => go(fromForm()));
  form.elements.range.addEventListener("change", () => {
    showMoments();
    if (form.elements.range.value !== "custom") go(fromForm());
    else form.elements.start.focus();
  });
  find("live").addEventListener("click", () => go({ ...fromForm(), live: !state.live }));
  find("pause").addEventListener("click", () => setHeld(!tail.held));
  find("back").addEventListener("click", () => go({ ...state, chain: "" }));
  find("more").addEventListener("click", () => load());
  find("retry").addEventListener("click", () => show());
  find("language").addEventListener("change", (event) => {
    speak(event.target.value, { keep: true });
    show();
  });
  addEventListener("popstate", () => {
    state = stateOf(location.search);
    show();
  });
  show();
}

start();
