// The listing: one row a line, its details below it. One row at a time is in the order of the Tab key;
// arrow keys move among them.

import { isNested, make, plain, textOf, visible } from "./dom.js";
import { LEVELS } from "./state.js";
import { say } from "./texts.js";
import { clock, dateOf, duration, micros } from "./time.js";

const SHORT = { warning: "warn", critical: "crit" };
const LONGEST_IN_LIST = 600;
const LONGEST_FILTER = 500;
const NOT_ASKED_FOR = new Set([
  ...["timestamp", "message", "seq", "stack_trace", "stack_info"], // each line's own
  // The routes have these names for something else.
  ...["contains", "regex", "start_time", "end_time", "limit", "offset", "order", "step", "field", "self", "call"],
]);

export class Listing {
  constructor(table, { onTrace, onFilter }) {
    this.body = table.tBodies[0];
    this.onTrace = onTrace;
    this.onFilter = onFilter;
    this.active = null;
    this.last = null;
    table.addEventListener("keydown", (event) => this.#key(event));
    table.addEventListener("click", (event) => this.#click(event));
    table.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr.line");
      if (row) this.#activate(row);
    });
  }

  get length() {
    return this.body.querySelectorAll("tr.line").length;
  }

  clear() {
    this.body.replaceChildren();
    this.active = this.last = null;
  }

  // Lines behind those that are there. In a chain each shows how long after the one before it came.
  append(lines, { chain = false } = {}) {
    const rows = document.createDocumentFragment();
    for (const line of lines) {
      const moment = micros(line.timestamp);
      rows.append(this.#row(line, moment, chain ? { before: this.last } : null));
      this.last = moment;
    }
    this.body.append(rows);
    if (!this.active && this.body.firstChild) this.#activate(this.body.firstChild);
  }

  // New lines (the oldest first) before those that are there; of all together no more than *most* are kept.
  prepend(lines, most) {
    const rows = lines.map((line) => this.#row(line, micros(line.timestamp), null)).reverse();
    this.body.prepend(...rows);
    for (let extra = this.length - most; extra > 0; extra -= 1) {
      const oldest = [...this.body.querySelectorAll("tr.line")].at(-1);
      if (oldest === this.active) this.active = null;
      this.#details(oldest)?.remove();
      oldest.remove();
    }
    if (!this.active && this.body.firstChild) this.#activate(this.body.firstChild);
  }

  #row(line, moment, chain) {
    const level = typeof line.level === "string" ? line.level : "";
    const known = LEVELS.includes(level) ? level : "other";
    const row = make(
      "tr",
      { className: `line ${known}`, tabIndex: -1, "aria-expanded": "false", "aria-level": "1" },
      make("td", { className: "when" }, ...this.#when(line, moment, chain)),
      make("td", { className: "level" }, make("span", { className: "badge" }, plain(SHORT[level] ?? level).slice(0, 8))),
      make("td", { className: "logger", title: plain(textOf(line.logger_name ?? "")) }, visible(textOf(line.logger_name ?? ""), { oneLine: true })),
      make("td", { className: "message" }, ...this.#message(line)),
      make("td", { className: "trace" }, ...this.#trace(line)),
    );
    row.line = line;
    return row;
  }

  #when(line, moment, chain) {
    const time = make("time", { dateTime: plain(line.timestamp), title: plain(line.timestamp) }, make("span", { className: "date" }, `${dateOf(moment)} `), clock(moment));
    if (!chain) return [time];
    const gap = chain.before === null ? 0n : moment - chain.before;
    return [time, make("span", { className: gap >= 1_000_000n ? "gap long" : "gap" }, `+${duration(gap)}`)];
  }

  #message(line) {
    const nodes = [make("span", { className: "text" }, visible(textOf(line.message ?? "").slice(0, LONGEST_IN_LIST), { oneLine: true }))];
    if (line.error_type) {
      const error = `${textOf(line.error_type)}: ${textOf(line.error_message ?? "")}`;
      nodes.push(" ", make("span", { className: "error" }, visible(error.slice(0, LONGEST_IN_LIST), { oneLine: true })));
    }
    return nodes;
  }

  #trace(line) {
    if (typeof line.trace_id !== "string" || !line.trace_id) return [];
    const label = say("show_trace", { id: plain(line.trace_id) });
    const shown = plain(line.trace_id);
    return [make("button", { type: "button", className: "link", tabIndex: -1, title: label, "aria-label": label }, shown.length > 9 ? `${shown.slice(0, 8)}…` : shown)];
  }

  #activate(row) {
    for (const control of this.active?.querySelectorAll("button") ?? []) control.tabIndex = -1;
    if (this.active) this.active.tabIndex = -1;
    this.active = row;
    row.tabIndex = 0;
    for (const control of row.querySelectorAll("button")) control.tabIndex = 0;
  }

  #details(row) {
    return row.nextElementSibling?.classList.contains("details") ? row.nextElementSibling : null;
  }

  #toggle(row, open = !this.#details(row)) {
    const there = this.#details(row);
    if (open === Boolean(there)) return;
    row.setAttribute("aria-expanded", String(open));
    if (there) there.remove();
    else row.after(this.#detailsOf(row.line));
  }

  #detailsOf(line) {
    const list = make("dl");
    for (const [name, value] of Object.entries(line)) {
      const text = textOf(value);
      const isLong = isNested(value) || text.includes("\n");
      list.append(
        make("dt", {}, visible(name, { oneLine: true })),
        make("dd", {}, make(isLong ? "pre" : "code", {}, visible(text)), ...this.#only(name, value, text)),
      );
    }
    const copy = make("button", { type: "button", className: "copy" }, say("copy"));
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(JSON.stringify(line));
      copy.textContent = say("copied");
    });
    const cell = make("td", { colSpan: 5, "aria-label": say("details") }, list);
    // Only a secure context has a clipboard.
    if (navigator.clipboard) cell.append(copy);
    return make("tr", { className: "details", "aria-level": "2" }, cell);
  }

  // A button for lines of which this field has the same value.
  #only(name, value, text) {
    const isName = /^[A-Za-z_]\w{0,99}$/.test(name) && !NOT_ASKED_FOR.has(name);
    const isValue = value !== null && !isNested(value) && text && text.length <= LONGEST_FILTER;
    if (!isName || !isValue || (name === "level" && !LEVELS.includes(text))) return [];
    const label = say("only_this", { name: plain(name), value: plain(text) });
    const button = make("button", { type: "button", className: "only", title: label, "aria-label": label }, "=");
    button.addEventListener("click", () => this.onFilter(name, text));
    return [button];
  }

  #click(event) {
    const row = event.target.closest("tr.line");
    if (!row) return;
    if (event.target.closest(".trace button")) this.onTrace(row.line.trace_id);
    else if (String(getSelection()) === "") this.#toggle(row);
  }

  #key(event) {
    const row = event.target.closest("tr.line");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const onRow = event.target === row;
    const lines = () => [...this.body.querySelectorAll("tr.line")];
    const go = (to) => {
      to?.focus();
      to?.scrollIntoView({ block: "nearest" });
    };
    const beside = (step) => {
      let to = row;
      do to = step > 0 ? to.nextElementSibling : to.previousElementSibling;
      while (to && !to.classList.contains("line"));
      return to;
    };
    const actions = {
      ArrowDown: () => go(beside(1)),
      ArrowUp: () => go(beside(-1)),
      Home: () => go(lines()[0]),
      End: () => go(lines().at(-1)),
      ArrowRight: () => this.#toggle(row, true),
      ArrowLeft: () => this.#toggle(row, false),
      t: () => row.line.trace_id && this.onTrace(row.line.trace_id),
      ...(onRow ? { Enter: () => this.#toggle(row), " ": () => this.#toggle(row) } : {}),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }
}
