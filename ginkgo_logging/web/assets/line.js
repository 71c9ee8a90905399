// One line in the listing, whatever is in it.

import { copyButton, make, plain, textOf, visible } from "./dom.js";
import { LEVELS } from "./state.js";
import { say } from "./texts.js";
import { clock, dateOf, duration, micros } from "./time.js";

const SHORT = new Map([["warning", "warn"], ["critical", "crit"]]);
const LONGEST_IN_LIST = 600;
const LONG_GAP = 1_000_000n;

export const isError = (line) => line.level === "error" || line.level === "critical";

// When the line was written, or null if it does not say.
export function momentOf(line) {
  try {
    return micros(line.timestamp);
  } catch {
    return null;
  }
}

// The row of a line. *chain* is {first, before}: when the chain began, and when its line before this one came.
export function rowOf(line, { chain = null, marked = "" } = {}) {
  let row;
  try {
    row = filledRow(line, chain, marked);
  } catch (error) {
    console.warn(error);
    row = rawRow(line);
  }
  row.line = line;
  return row;
}

function filledRow(line, chain, marked) {
  const level = typeof line.level === "string" ? line.level : "";
  const logger = textOf(line.logger_name ?? "");
  return rowWith(
    LEVELS.includes(level) ? level : "other",
    when(line, chain),
    [make("span", { className: "badge" }, plain(SHORT.get(level) ?? level).slice(0, 8))],
    [visible(logger, { oneLine: true })],
    message(line, marked),
    trace(line),
    logger,
  );
}

// What cannot be shown as a line is shown as it is.
function rawRow(line) {
  const text = make("span", { className: "text" }, visible(textOf(line).slice(0, LONGEST_IN_LIST), { oneLine: true }));
  return rowWith("other", [], [], [], [text], [], "");
}

function rowWith(name, when, level, logger, message, trace, title) {
  return make(
    "tr",
    { className: `line ${name}`, tabIndex: -1, "aria-expanded": "false", "aria-level": "1" },
    make("td", { className: "when" }, ...when),
    make("td", { className: "level" }, ...level),
    make("td", { className: "logger", title: plain(title) }, ...logger),
    make("td", { className: "message" }, ...message),
    make("td", { className: "trace" }, ...trace),
  );
}

function when(line, chain) {
  const written = plain(textOf(line.timestamp ?? ""));
  const moment = momentOf(line);
  const shown = moment === null ? [written] : [make("span", { className: "date" }, `${dateOf(moment)} `), clock(moment)];
  const time = make("time", { title: written }, ...shown);
  if (moment !== null) time.dateTime = written;
  if (!chain || moment === null) return [time];
  const gap = chain.before === null ? 0n : moment - chain.before;
  const offset = chain.first === null ? 0n : moment - chain.first;
  return [
    time,
    make("span", { className: "offset", title: say("offset") }, duration(offset)),
    make("span", { className: gap >= LONG_GAP ? "gap long" : "gap", title: say("gap") }, `+${duration(gap)}`),
  ];
}

function message(line, marked) {
  const part = (className, text) =>
    make("span", { className }, visible(text.slice(0, LONGEST_IN_LIST), { oneLine: true, marked }));
  const nodes = [part("text", textOf(line.message ?? ""))];
  if (line.error_type) nodes.push(" ", part("error", `${textOf(line.error_type)}: ${textOf(line.error_message ?? "")}`));
  return nodes;
}

function trace(line) {
  if (typeof line.trace_id !== "string" || !line.trace_id) return [];
  const label = say("show_trace", { id: plain(line.trace_id) });
  const shown = plain(line.trace_id);
  const button = make("button", { type: "button", className: "link", tabIndex: -1, title: label, "aria-label": label }, shown.length > 9 ? `${shown.slice(0, 8)}…` : shown);
  const copy = copyButton({ className: "copy-id", title: say("copy_id"), "aria-label": say("copy_id") }, "", "✓", () => line.trace_id);
  return copy ? [button, copy] : [button];
}
