// The listing: one row a line, its details below it. One row at a time is in the order of the Tab key;
// arrow keys move among them.

import { detailsOf } from "./details.js";
import { make } from "./dom.js";
import { isError, momentOf, rowOf } from "./line.js";
import { HOLE } from "./live.js";
import { say } from "./texts.js";

const keyOf = (line) => JSON.stringify(line);

export class Listing {
  constructor(table, { onTrace, onFilter }) {
    this.table = table;
    this.body = table.tBodies[0];
    this.onTrace = onTrace;
    this.onFilter = onFilter;
    this.marked = "";
    this.clear();
    table.addEventListener("keydown", (event) => this.#key(event));
    table.addEventListener("click", (event) => this.#click(event));
    table.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr.line");
      if (!row) return;
      this.hasBeenIn = true;
      this.#activate(row);
    });
  }

  get rows() {
    return [...this.body.querySelectorAll("tr.line")];
  }

  get lines() {
    return this.rows.map((row) => row.line);
  }

  get length() {
    return this.body.querySelectorAll("tr.line").length;
  }

  clear() {
    this.body.replaceChildren();
    this.active = this.first = this.last = null;
    this.hasBeenIn = false;
  }

  // All that is shown, taken out of the page; put() shows it again.
  take() {
    const nodes = document.createDocumentFragment();
    const { active, first, last } = this;
    nodes.append(...this.body.childNodes);
    this.clear();
    return { nodes, active, first, last };
  }

  put({ nodes, active, first, last }) {
    this.body.replaceChildren(nodes);
    Object.assign(this, { active, first, last, hasBeenIn: true });
  }

  // Lines after those that are there. In a chain each shows how long after the one before it came.
  append(lines, { chain = false } = {}) {
    const rows = document.createDocumentFragment();
    for (const line of lines) {
      rows.append(rowOf(line, { marked: this.marked, chain: chain ? { first: this.first, before: this.last } : null }));
      this.last = momentOf(line) ?? this.last;
      this.first ??= this.last;
    }
    this.body.append(rows);
    this.#activateFirst();
  }

  // New lines (the oldest first) before those that are there; of all together no more than *most* are kept.
  prepend(lines, most) {
    const shown = new Set(this.lines.map(keyOf));
    const rows = lines
      .filter((line) => line === HOLE || !shown.has(keyOf(line)))
      .map((line) => (line === HOLE ? hole() : rowOf(line, { marked: this.marked })));
    this.body.prepend(...rows.reverse());
    for (let extra = this.length - most; extra > 0; ) {
      const last = this.body.lastElementChild;
      if (last.classList.contains("line")) extra -= 1;
      if (last === this.active) this.active = null;
      last.remove();
    }
    this.#activateFirst();
  }

  // The focus to the row of *line*, or else to the one that has its turn.
  focus(line) {
    const row = (line && this.rows.find((one) => keyOf(one.line) === keyOf(line))) ?? this.active;
    go(row ?? this.table);
  }

  // The focus to the next error, or with a *step* of -1 to the one before.
  focusError(step) {
    const rows = this.rows;
    const at = rows.indexOf(this.active);
    const others = step > 0 ? rows.slice(this.hasBeenIn ? at + 1 : at) : rows.slice(0, Math.max(0, at)).reverse();
    go(others.find((row) => isError(row.line)));
  }

  #activateFirst() {
    const first = this.body.querySelector("tr.line");
    if (!this.active && first) this.#activate(first);
  }

  #activate(row) {
    for (const control of this.active?.querySelectorAll(".link") ?? []) control.tabIndex = -1;
    if (this.active) this.active.tabIndex = -1;
    this.active = row;
    row.tabIndex = 0;
    for (const control of row.querySelectorAll(".link")) control.tabIndex = 0;
  }

  #details(row) {
    return row.nextElementSibling?.classList.contains("details") ? row.nextElementSibling : null;
  }

  #toggle(row, open = !this.#details(row)) {
    const there = this.#details(row);
    if (open === Boolean(there)) return;
    row.setAttribute("aria-expanded", String(open));
    if (there) there.remove();
    else row.after(detailsOf(row.line, { marked: this.marked, onFilter: this.onFilter }));
  }

  #click(event) {
    const row = event.target.closest("tr.line");
    if (!row) return;
    if (event.target.closest(".trace .link")) this.onTrace(row.line);
    else if (String(getSelection()) === "") this.#toggle(row);
  }

  #key(event) {
    const row = event.target.closest("tr.line");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const beside = (step) => {
      let to = row;
      do to = step > 0 ? to.nextElementSibling : to.previousElementSibling;
      while (to && !to.classList.contains("line"));
      return to;
    };
    const onRow = { Enter: () => this.#toggle(row), " ": () => this.#toggle(row) };
    const actions = new Map(
      Object.entries({
        ArrowDown: () => go(beside(1)),
        ArrowUp: () => go(beside(-1)),
        Home: () => go(this.rows[0]),
        End: () => go(this.rows.at(-1)),
        ArrowRight: () => this.#toggle(row, true),
        ArrowLeft: () => this.#toggle(row, false),
        e: () => this.focusError(1),
        E: () => this.focusError(-1),
        t: () => typeof row.line.trace_id === "string" && row.line.trace_id && this.onTrace(row.line),
        c: () => row.querySelector(".copy-id")?.click(),
        ...(event.target === row && onRow),
      }),
    );
    if (!actions.has(event.key)) return;
    event.preventDefault();
    actions.get(event.key)();
  }
}

function hole() {
  return make("tr", { className: "hole" }, make("td", { colSpan: 5 }, say("hole")));
}

function go(to) {
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: "nearest" });
}
