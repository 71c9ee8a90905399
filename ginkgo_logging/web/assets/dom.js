// Elements made of text only. No line of a log is ever parsed as markup.

// Controls, and what changes the direction of a text or hides in it: shown by their number instead.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const numbered = (character) =>
  `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

// An element with properties and children; texts become text nodes.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// A text on which a reader can rely, as nodes; *marked* is shown wherever it stands in it.
export function visible(text, { oneLine = false, marked = "" } = {}) {
  const nodes = document.createDocumentFragment();
  const parts = marked ? text.split(marked) : [text];
  parts.forEach((part, at) => {
    if (at) nodes.append(make("mark", {}, shown(marked, oneLine)));
    nodes.append(shown(part, oneLine));
  });
  return nodes;
}

function shown(text, oneLine) {
  const nodes = document.createDocumentFragment();
  const flat = oneLine ? text.replace(/\r?\n/g, "\u23ce ") : text;
  let from = 0;
  for (const match of flat.matchAll(HIDDEN)) {
    nodes.append(flat.slice(from, match.index), make("span", { className: "hidden-character" }, numbered(match[0])));
    from = match.index + match[0].length;
  }
  nodes.append(flat.slice(from));
  return nodes;
}

// The same where only a text can be: in titles and labels.
export function plain(text) {
  return text.replace(HIDDEN, (character) => `⟨${numbered(character)}⟩`);
}

// A number that JavaScript would change (of more than 53 bits, or 1.0), as it stands in the line.
class Exact {
  constructor(source, value) {
    this.source = source;
    this.value = value;
  }
  toString() {
    return this.source;
  }
  toJSON() {
    return JSON.rawJSON ? JSON.rawJSON(this.source) : this.value;
  }
}

export function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source && String(value) !== context.source
      ? new Exact(context.source, value)
      : value,
  );
}

export const isNested = (value) => typeof value === "object" && value !== null && !(value instanceof Exact);

// A field's value as a text.
export function textOf(value) {
  return isNested(value) ? JSON.stringify(value, null, 2) : String(value);
}

// A button that copies a text, or null: only a secure context has a clipboard.
export function copyButton(properties, shown, done, text) {
  if (!navigator.clipboard) return null;
  const button = make("button", { type: "button", tabIndex: -1, ...properties }, shown);
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    await navigator.clipboard.writeText(text());
    button.textContent = done;
  });
  return button;
}
