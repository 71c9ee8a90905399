// The head of a trace's chain: whose it is, how long it took, and the way to its errors.

import { copyButton, plain } from "./dom.js";
import { isError, momentOf } from "./line.js";
import { say } from "./texts.js";
import { duration } from "./time.js";

const find = (id) => document.getElementById(id);

export class Chain {
  constructor(listing, { onLeave }) {
    this.listing = listing;
    this.onLeave = onLeave;
    find("back").addEventListener("click", () => onLeave());
    find("error-before").addEventListener("click", () => listing.focusError(-1));
    find("error-after").addEventListener("click", () => listing.focusError(1));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  // The chain of this id; "" is none.
  show(id) {
    this.id = id;
    find("chain").hidden = !id;
    find("chain-id").textContent = plain(id);
    find("chain-summary").textContent = "";
    find("chain-errors").hidden = true;
    const copy = copyButton({ id: "chain-copy", tabIndex: 0 }, say("copy_id"), say("copied"), () => id);
    if (copy) find("chain-copy").replaceWith(copy);
    else find("chain-copy").hidden = true;
  }

  // What its lines are; *isCut* if it has more.
  tell(isCut) {
    const lines = this.listing.lines;
    const errors = lines.filter(isError).length;
    const moments = lines.map(momentOf).filter((moment) => moment !== null);
    find("chain-summary").textContent = say(isCut ? "chain_cut" : "chain_summary", {
      count: lines.length,
      duration: duration(moments.length ? moments.at(-1) - moments[0] : 0n),
      errors,
    });
    find("chain-errors").hidden = !errors;
  }

  #key(event) {
    if (event.key !== "Escape" || !this.id || event.target.closest("select")) return;
    event.preventDefault();
    this.onLeave();
  }
}
