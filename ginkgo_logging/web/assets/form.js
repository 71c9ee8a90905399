// The form: what a person asks, and what was asked. What is typed there stays until it is asked or cleared.

import { make } from "./dom.js";
import { LEVELS, TEXTS } from "./state.js";
import { number, say } from "./texts.js";
import { dateAndClock, fromText, micros, rfc3339 } from "./time.js";

const MOST_SEEN = 200;
const BEGINNING = /^([0-9a-f]{4,31})(?:…|\.\.\.)?$/i;

const find = (id) => document.getElementById(id);
const forInput = (text) => text && dateAndClock(micros(text), { digits: 0 });

export class Form {
  // *onAsk* is called when something is asked; *traces* gives the ids of the traces that are shown.
  constructor(element, { onAsk, traces }) {
    this.element = element;
    this.inputs = element.elements;
    this.traces = traces;
    for (const level of LEVELS) {
      const box = make("input", { type: "checkbox", name: "level", value: level });
      box.setAttribute("form", element.id);
      find("levels").append(make("label", { className: level }, box, make("span", {}, level), make("span", { className: "count" })));
    }
    element.addEventListener("submit", (event) => {
      event.preventDefault();
      onAsk();
    });
    find("levels").addEventListener("change", () => onAsk());
    this.inputs.range.addEventListener("change", () => {
      this.#showMoments();
      if (this.inputs.range.value !== "custom") onAsk();
      else this.inputs.start.focus();
    });
    find("fold").addEventListener("click", () => this.#unfold(find("fold").ariaExpanded !== "true"));
  }

  get texts() {
    return Object.fromEntries(TEXTS.map((name) => [name, this.inputs[name].value.trim()]));
  }

  set texts(texts) {
    for (const name of TEXTS) this.inputs[name].value = texts[name];
  }

  // What is asked now, where *state* was asked before; null if it cannot be asked, and then the form says why.
  read(state) {
    const next = { ...state, ...this.texts, chain: "", levels: new FormData(this.element).getAll("level") };
    next.trace_id = this.#wholeTrace(next.trace_id);
    next.range = this.inputs.range.value;
    const moments = ["start", "end"].map((name) => [name, next.range === "custom" ? this.#moment(name, state) : ""]);
    return this.#tellMoments(moments) ? { ...next, ...Object.fromEntries(moments) } : null;
  }

  // Show what is asked.
  fill(state) {
    if (!state.chain) this.texts = state;
    this.inputs.range.value = state.range;
    for (const box of this.inputs.level) box.checked = state.levels.includes(box.value);
    for (const name of ["start", "end"]) this.inputs[name].value = forInput(state[name]);
    this.#showMoments(state.live);
    this.#tellMoments([]);
    for (const id of ["fields", "levels", "chips", "live"]) find(id).hidden = Boolean(state.chain);
    find("fold").hidden = Boolean(state.chain);
    // What is folded away and has no chip is counted, lest it be forgotten.
    const folded = [state.portfolio_id, state.trace_id, ...state.levels].filter(Boolean).length;
    find("fold").textContent = folded ? `${say("filters")} (${folded})` : say("filters");
    find("live").setAttribute("aria-pressed", String(state.live));
    find("pause").hidden = !state.live || Boolean(state.chain);
  }

  // How many lines there are of each level; {} if that is not known.
  tellLevels(counts) {
    for (const box of this.inputs.level) {
      const count = Object.hasOwn(counts, box.value) ? Number(counts[box.value]) : 0;
      box.parentElement.querySelector(".count").textContent = count ? number(count) : "";
    }
  }

  // Offer the portfolios of these lines.
  offer(lines) {
    const list = find("portfolios");
    const known = new Set([...list.options].map((option) => option.value));
    for (const { portfolio_id: id } of lines) {
      if (typeof id !== "string" || known.has(id) || known.size >= MOST_SEEN) continue;
      known.add(id);
      list.append(make("option", { value: id }));
    }
  }

  // The listing shows the beginning of an id; of a trace that is there, the rest is known.
  #wholeTrace(text) {
    const [, beginning] = BEGINNING.exec(text) ?? [];
    const ids = beginning ? [...new Set(this.traces())].filter((id) => id.startsWith(beginning)) : [];
    return ids.length === 1 ? ids[0] : text;
  }

  // Live has no time: it is what comes from now on.
  #showMoments(isLive = false) {
    for (const label of this.element.querySelectorAll(".range")) label.hidden = isLive;
    const isCustom = this.inputs.range.value === "custom" && !isLive;
    for (const label of this.element.querySelectorAll(".moment")) label.hidden = !isCustom;
  }

  // The input shows whole seconds; what was selected stays exact until it is changed.
  #moment(name, state) {
    const text = this.inputs[name].value.trim();
    if (!text) return "";
    if (text === forInput(state[name])) return state[name];
    const moment = fromText(text);
    return moment === null ? null : rfc3339(moment);
  }

  // Say what is wrong with the times, if anything; whether they are right.
  #tellMoments(moments) {
    const [start, end] = moments.map(([, moment]) => moment);
    let wrong = moments.find(([, moment]) => moment === null)?.[0];
    let told = wrong ? say("no_moment", { text: this.inputs[wrong].value }) : "";
    if (!wrong && start && end && micros(end) < micros(start)) [wrong, told] = ["end", say("reversed")];
    for (const name of ["start", "end"]) this.inputs[name].setAttribute("aria-invalid", String(name === wrong));
    find("moment-problem").hidden = !wrong;
    find("moment-problem").textContent = told;
    if (wrong) this.inputs[wrong].focus();
    return !wrong;
  }

  #unfold(isOpen) {
    find("fold").ariaExpanded = String(isOpen);
    this.element.classList.toggle("unfolded", isOpen);
    find("levels").classList.toggle("unfolded", isOpen);
  }
}
