// What is asked beyond the form's fields, each with a button that takes it away.

import { make, plain } from "./dom.js";
import { inWords, timeInWords, WHENEVER } from "./state.js";
import { say } from "./texts.js";

// Show them in *list*. *onChange* gets what is different without one, *onClear* is for the button that takes all.
export function showChips(list, state, { onChange, onClear }) {
  const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  const chips = state.fields.map(([name, value]) => {
    const named = { name: plain(name), value: plain(value) };
    const others = state.fields.filter(([other]) => other !== name);
    return chip(`${named.name} = ${named.value}`, say("remove_filter", named), () => onChange({ fields: others }));
  });
  const time = state.live ? "" : timeInWords(state);
  if (time) chips.push(chip(time, say("remove_time", { time }), () => onChange(WHENEVER)));
  if (chips.length && inWords(state).length > 1) chips.push(make("li", { className: "all" }, clearButton(onClear)));
  list.replaceChildren(...chips);
  const buttons = list.querySelectorAll("button");
  if (at >= 0) buttons[Math.min(at, buttons.length - 1)]?.focus();
}

export function clearButton(onClear) {
  const button = make("button", { type: "button", className: "clear" }, say("clear_all"));
  button.addEventListener("click", onClear);
  return button;
}

function chip(text, label, remove) {
  const button = make("button", { type: "button", title: label, "aria-label": label }, "×");
  button.addEventListener("click", remove);
  return make("li", {}, make("span", {}, text), button);
}
