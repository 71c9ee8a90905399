// What is asked, and the address that says so: who opens it sees the same.

import { micros } from "./time.js";

export const LEVELS = ["debug", "info", "warning", "error", "critical"];

const MICROS = { "15m": 900n, "1h": 3600n, "6h": 21600n, "24h": 86400n, "7d": 604800n };

export function emptyState() {
  return { contains: "", portfolio_id: "", trace_id: "", levels: [], fields: [], range: "", start: "", end: "", chain: "", live: false };
}

export function stateOf(address) {
  const given = new URLSearchParams(address);
  const state = emptyState();
  for (const name of ["contains", "portfolio_id", "trace_id", "chain"]) state[name] = given.get(name) ?? "";
  state.levels = given.getAll("level").filter((level) => LEVELS.includes(level));
  state.fields = given
    .getAll("field")
    .map((field) => [field.slice(0, field.indexOf(":")), field.slice(field.indexOf(":") + 1)])
    .filter(([name, value]) => name && value);
  state.live = given.get("live") === "1";
  const range = given.get("range") ?? "";
  if (range in MICROS) state.range = range;
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
  for (const name of ["contains", "portfolio_id", "trace_id"]) if (state[name]) filters.set(name, state[name]);
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
  return { start: (BigInt(Date.now()) - MICROS[state.range] * 1000n) * 1000n, end: null };
}
