// What is asked, and the address that says so: who opens it sees the same.

import { plain } from "./dom.js";
import { say } from "./texts.js";
import { clock, dateAndClock, dateOf, micros, rfc3339 } from "./time.js";

export const LEVELS = ["debug", "info", "warning", "error", "critical"];
export const TEXTS = ["contains", "portfolio_id", "trace_id"];

const SECONDS = new Map([["15m", 900n], ["1h", 3600n], ["6h", 21600n], ["24h", 86400n], ["7d", 604800n]]);

export const WHENEVER = { range: "", start: "", end: "" };

export function emptyState() {
  return { contains: "", portfolio_id: "", trace_id: "", levels: [], fields: [], ...WHENEVER, chain: "", live: false };
}

export function stateOf(address) {
  const given = new URLSearchParams(address);
  const state = emptyState();
  for (const name of [...TEXTS, "chain"]) state[name] = given.get(name) ?? "";
  state.levels = given.getAll("level").filter((level) => LEVELS.includes(level));
  state.fields = given
    .getAll("field")
    .map((field) => [field.slice(0, field.indexOf(":")), field.slice(field.indexOf(":") + 1)])
    .filter(([name, value]) => name && value);
  state.live = given.get("live") === "1";
  const range = given.get("range") ?? "";
  if (SECONDS.has(range)) state.range = range;
  for (const name of ["start", "end"]) {
    const moment = given.get(`${name}_time`);
    if (moment && isMoment(moment)) {
      state[name] = moment;
      state.range = "custom";
    }
  }
  return state;
}

function isMoment(text) {
  try {
    micros(text);
    return true;
  } catch {
    return false;
  }
}

export function addressOf(state) {
  const address = filtersOf(state);
  if (state.range === "custom") {
    if (state.start) address.set("start_time", state.start);
    if (state.end) address.set("end_time", state.end);
  } else if (state.range) {
    address.set("range", state.range);
  }
  if (state.chain) address.set("chain", state.chain);
  if (state.live) address.set("live", "1");
  return address;
}

// The parameters of the routes for what is asked of the lines, without time.
export function filtersOf(state) {
  const filters = new URLSearchParams();
  for (const name of TEXTS) if (state[name]) filters.set(name, state[name]);
  for (const level of state.levels) filters.append("level", level);
  for (const [name, value] of state.fields) filters.append("field", `${name}:${value}`);
  return filters;
}

// The start and end that are asked for, in microseconds; null is none.
export function bounds(state) {
  if (state.range === "custom") {
    return { start: state.start ? micros(state.start) : null, end: state.end ? micros(state.end) : null };
  }
  if (!state.range) return { start: null, end: null };
  return { start: now() - SECONDS.get(state.range) * 1_000_000n, end: null };
}

const now = () => BigInt(Date.now()) * 1000n;

export const between = (start, end) => ({ range: "custom", start: rfc3339(start), end: rfc3339(end) });

// The time twice as long around that from *start* to *end*; it does not reach beyond now.
export function zoomedOut(start, end) {
  const length = end - start || 1n;
  const last = end > now() ? end : now();
  const wide = end + length / 2n < last ? end + length / 2n : last;
  return between(wide - 2n * length, wide);
}

export function withFilter(state, name, value) {
  const next = { ...state, chain: "", fields: state.fields.filter(([other]) => other !== name) };
  if (name === "level") next.levels = [value];
  else if (TEXTS.includes(name) && name !== "contains") next[name] = value;
  else next.fields.push([name, value]);
  return next;
}

// --- the same in words -----------------------------------------------------------------------------------

export function timeInWords(state) {
  if (state.range !== "custom") return state.range && say(`range_${state.range}`);
  const [start, end] = ["start", "end"].map((name) => state[name] && micros(state[name]));
  const shown = (moment, as = dateAndClock) => as(moment, { digits: 0 });
  if (!start) return end ? say("until", { end: shown(end) }) : "";
  if (!end) return say("since", { start: shown(start) });
  return `${shown(start)} – ${shown(end, dateOf(start) === dateOf(end) ? clock : dateAndClock)}`;
}

// Each thing that is asked, as a text.
export function inWords(state) {
  const named = { contains: "contains", portfolio_id: "portfolio", trace_id: "trace" };
  return [
    ...TEXTS.filter((name) => state[name]).map((name) => `${say(named[name])} ${plain(state[name])}`),
    ...state.levels,
    ...state.fields.map(([name, value]) => `${plain(name)} = ${plain(value)}`),
    ...(state.live ? [] : [timeInWords(state)].filter(Boolean)),
  ];
}
