// All fields of a line, what a reader looks for first: the message and the error, then the others.

import { copyButton, isNested, make, plain, textOf, visible } from "./dom.js";
import { LEVELS } from "./state.js";
import { say } from "./texts.js";

const FIRST = ["message", "error_type", "error_message", "stack_trace", "stack_info"];
const SEARCHED = new Set(["message", "error_message", "stack_trace"]);
const LONGEST_FILTER = 500;
const NOT_ASKED_FOR = new Set([
  ...["timestamp", "message", "seq", "stack_trace", "stack_info"], // each line's own
  // The routes have these names for something else.
  ...["contains", "regex", "start_time", "end_time", "limit", "offset", "order", "step", "field", "self", "call", "where"],
]);

// The row below a line's own.
export function detailsOf(line, { marked, onFilter }) {
  const list = make("dl");
  for (const [name, value] of inOrder(line)) {
    const text = textOf(value);
    const isLong = isNested(value) || text.includes("\n");
    list.append(
      make("dt", {}, visible(name, { oneLine: true })),
      make(
        "dd",
        {},
        make(isLong ? "pre" : "code", {}, visible(text, { marked: SEARCHED.has(name) ? marked : "" })),
        ...only(name, value, text, onFilter),
        ...(name === "trace_id" ? copyOf(text) : []),
      ),
    );
  }
  const copy = copyButton({ className: "copy", tabIndex: 0 }, say("copy"), say("copied"), () => JSON.stringify(line));
  const cell = make("td", { colSpan: 5, "aria-label": say("details") }, list, ...(copy ? [copy] : []));
  return make("tr", { className: "details", "aria-level": "2" }, cell);
}

function inOrder(line) {
  const entries = Object.entries(line);
  const first = FIRST.flatMap((name) => entries.filter(([other]) => other === name));
  return [...first, ...entries.filter(([name]) => !FIRST.includes(name))];
}

function copyOf(text) {
  const button = copyButton({ className: "only", tabIndex: 0 }, say("copy_id"), say("copied"), () => text);
  return button ? [button] : [];
}

// A button for lines of which this field has the same value.
function only(name, value, text, onFilter) {
  const isName = /^[A-Za-z_]\w{0,99}$/.test(name) && !NOT_ASKED_FOR.has(name);
  const isValue = value !== null && !isNested(value) && text && text.length <= LONGEST_FILTER;
  if (!isName || !isValue || (name === "level" && !LEVELS.includes(text))) return [];
  const label = say("only_this", { name: plain(name), value: plain(text) });
  const button = make("button", { type: "button", className: "only", title: label, "aria-label": label }, "=");
  button.addEventListener("click", () => onFilter(name, text));
  return [button];
}
