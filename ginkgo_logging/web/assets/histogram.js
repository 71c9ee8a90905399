// Lines over time as stacked bars, from which a range is taken: by dragging, by a click, or by keys.

import { ticks } from "./axis.js";
import { LEVELS } from "./state.js";
import { number, say } from "./texts.js";
import { clock, dateAndClock, dateOf, duration, micros } from "./time.js";

const SVG = "http://www.w3.org/2000/svg";
const TOP = 13; // above it stands how many the highest bar has
const HEIGHT = 76;
const AXIS = 15;
const TICK_WIDTH = 70;
const STACKED = [...LEVELS].reverse();

const shape = (tag, attributes, text = "") => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(text);
  return element;
};

export class Histogram {
  constructor(area, { onSelect }) {
    this.area = area;
    this.onSelect = onSelect;
    this.bars = [];
    this.from = this.to = 0;
    this.dragged = false;
    area.addEventListener("keydown", (event) => this.#key(event));
    area.addEventListener("pointerdown", (event) => this.#down(event));
    area.addEventListener("pointermove", (event) => this.#move(event));
    area.addEventListener("pointerup", () => this.#up());
    area.addEventListener("pointercancel", () => this.#forget());
    area.addEventListener("pointerleave", () => this.dragged || this.#read(null));
    area.addEventListener("focus", () => this.#mark());
    area.addEventListener("blur", () => this.#forget());
    new ResizeObserver(() => this.draw()).observe(area);
  }

  clear() {
    this.answer = null;
    this.bars = [];
    this.from = this.to = 0;
    this.draw();
  }

  show(answer) {
    this.answer = answer;
    this.start = micros(answer.start_time);
    this.end = micros(answer.end_time);
    this.step = BigInt(Math.round(Number(answer.step_seconds) * 1e6)) || 1n;
    const count = Math.max(0, Number((this.end - this.start + this.step - 1n) / this.step));
    this.bars = Array.from({ length: count }, () => ({ total: 0, levels: {} }));
    for (const bar of answer.bars) {
      const at = Number((micros(bar.start_time) - this.start + this.step / 2n) / this.step);
      const total = Object.values(bar.levels).reduce((sum, one) => sum + Number(one), 0);
      if (this.bars[at]) this.bars[at] = { total, levels: bar.levels };
    }
    this.from = this.to = Math.max(0, count - 1);
    this.draw();
  }

  draw() {
    this.area.setAttribute("aria-valuemax", Math.max(0, this.bars.length - 1));
    const width = this.area.clientWidth;
    if (!width) return;
    const height = HEIGHT + AXIS;
    const picture = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const highest = Math.max(1, ...this.bars.map((bar) => bar.total));
    const slot = width / Math.max(1, this.bars.length);
    this.bars.forEach((bar, at) => this.#stack(picture, bar, at * slot, slot, highest));
    this.#scale(picture, width, slot, highest);
    // On top of the bars, or it would be seen between them only.
    this.selection = shape("rect", { class: "selection", y: 0, height: HEIGHT, width: 0 });
    picture.append(this.selection);
    this.area.replaceChildren(picture);
    this.#read(null);
    if (document.activeElement === this.area) this.#mark();
  }

  // The number of the highest bar above it, and times below.
  #scale(picture, width, slot, highest) {
    picture.append(shape("line", { class: "ground", x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT }));
    if (!this.bars.length) return;
    const peak = this.bars.findIndex((bar) => bar.total === highest);
    const side = peak * slot < 60 ? "start" : (peak + 1) * slot > width - 60 ? "end" : "middle";
    const x = { start: peak * slot, middle: (peak + 0.5) * slot, end: (peak + 1) * slot }[side];
    if (peak >= 0) picture.append(shape("text", { class: "peak", x, y: TOP - 4, "text-anchor": side }, number(highest)));
    const span = BigInt(this.bars.length) * this.step;
    for (const { moment, label } of ticks(this.start, this.start + span, Math.floor(width / TICK_WIDTH))) {
      const at = (Number(moment - this.start) / Number(span)) * width;
      picture.append(shape("line", { class: "tick", x1: at, x2: at, y1: HEIGHT, y2: HEIGHT + 4 }));
      if (at > 24 && at < width - 24) picture.append(shape("text", { x: at, y: HEIGHT + AXIS - 1, "text-anchor": "middle" }, label));
    }
  }

  // Errors stand on the ground line, where they can be compared; a single one among thousands is seen.
  #stack(picture, bar, x, slot, highest) {
    let y = HEIGHT;
    const other = bar.total - STACKED.reduce((sum, level) => sum + Number(bar.levels[level] ?? 0), 0);
    for (const [level, count] of [...STACKED.map((name) => [name, Number(bar.levels[name] ?? 0)]), ["other", other]]) {
      if (!count) continue;
      const height = Math.min(y - TOP, Math.max(1.5, (count / highest) * (HEIGHT - TOP)));
      y -= height;
      picture.append(shape("rect", { class: level, x: x + 0.5, y, width: Math.max(1, slot - 1), height }));
    }
  }

  get range() {
    const [first, last] = [Math.min(this.from, this.to), Math.max(this.from, this.to)];
    const end = this.start + BigInt(last + 1) * this.step;
    return { first, last, start: this.start + BigInt(first) * this.step, end: end < this.end ? end : this.end };
  }

  #mark() {
    if (!this.bars.length) return;
    const { first, last } = this.range;
    const slot = this.area.clientWidth / this.bars.length;
    this.selection.setAttribute("x", first * slot);
    this.selection.setAttribute("width", (last - first + 1) * slot);
    this.area.setAttribute("aria-valuenow", this.to);
    const told = this.#told(this.range);
    this.area.setAttribute("aria-valuetext", first === last ? say("bar", told) : say("bars_selected", told));
    this.#read(told);
  }

  #told({ first, last, start, end }) {
    const bars = this.bars.slice(first, last + 1);
    const sum = (of) => bars.reduce((all, bar) => all + of(bar), 0);
    const digits = this.step < 1_000_000n ? 3 : 0;
    const sameDay = dateOf(start) === dateOf(end);
    return {
      from: dateAndClock(start, { digits }),
      to: sameDay ? clock(end, { digits }) : dateAndClock(end, { digits }),
      count: sum((bar) => bar.total),
      errors: sum((bar) => Number(bar.levels.error ?? 0) + Number(bar.levels.critical ?? 0)),
    };
  }

  #read(told) {
    const put = (id, text) => (document.getElementById(`histogram-${id}`).textContent = text);
    const some = this.bars.length > 0;
    const highest = Math.max(0, ...this.bars.map((bar) => bar.total));
    put("start", some ? dateAndClock(this.start, { digits: 0 }) : "");
    put("end", some ? dateAndClock(this.end, { digits: 0 }) : "");
    const peak = highest ? say("peak", { count: highest, step: duration(this.step) }) : "";
    put("read", told ? say("bar", told) : peak);
  }

  #forget() {
    this.dragged = false;
    this.selection?.setAttribute("width", 0);
    this.from = this.to;
    this.#read(null);
  }

  #select() {
    if (!this.bars.length) return;
    const { start, end } = this.range;
    this.#forget();
    this.onSelect(start, end);
  }

  #at(event) {
    const box = this.area.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * this.bars.length);
    return Math.max(0, Math.min(this.bars.length - 1, at));
  }

  #down(event) {
    if (!this.bars.length || event.button !== 0) return;
    event.preventDefault();
    this.area.focus();
    this.area.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.from = this.to = this.#at(event);
    this.#mark();
  }

  #move(event) {
    if (!this.bars.length) return;
    if (this.dragged) {
      this.to = this.#at(event);
      this.#mark();
    } else {
      const at = this.#at(event);
      this.#read(this.#told({ first: at, last: at, start: this.start + BigInt(at) * this.step, end: this.start + BigInt(at + 1) * this.step }));
    }
  }

  #up() {
    if (this.dragged) this.#select();
  }

  #key(event) {
    if (!this.bars.length) return;
    const last = this.bars.length - 1;
    const moves = { ArrowLeft: this.to - 1, ArrowRight: this.to + 1, ArrowDown: this.to - 1, ArrowUp: this.to + 1, Home: 0, End: last, PageDown: this.to - 10, PageUp: this.to + 10 };
    if (Object.hasOwn(moves, event.key)) {
      this.to = Math.max(0, Math.min(last, moves[event.key]));
      if (!event.shiftKey) this.from = this.to;
      this.#mark();
    } else if (event.key === "Enter" || event.key === " ") {
      this.#select();
    } else if (event.key === "Escape") {
      this.from = this.to;
      this.#mark();
    } else return;
    event.preventDefault();
  }
}
