// Lines as they are written. While paused they wait; of those that wait and those that are shown there are bounds.

import { addressOfStream } from "./api.js";
import { parse } from "./dom.js";

export const MOST_SHOWN = 500;
const AGAIN_AFTER = 5000;

export class Tail {
  constructor({ onLines, onWaiting, onOpen, onLost, onGap }) {
    Object.assign(this, { onLines, onWaiting, onOpen, onLost, onGap });
    this.waiting = [];
    this.held = false;
    this.isReady = false;
  }

  get isRunning() {
    return this.parameters !== undefined;
  }

  start(parameters) {
    this.stop();
    this.parameters = parameters;
    this.#connect();
  }

  stop() {
    this.source?.close();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.parameters = undefined;
    this.waiting = [];
    this.isReady = false;
  }

  // What was there before is shown: new lines may come.
  ready() {
    this.isReady = true;
    this.#later();
  }

  // Keep new lines back, or let them come.
  hold(isHeld) {
    this.held = isHeld;
    this.#later();
  }

  #connect() {
    this.source = new EventSource(addressOfStream(this.parameters));
    this.source.addEventListener("open", () => {
      this.isReady = false;
      this.onOpen();
    });
    this.source.addEventListener("message", (event) => {
      this.waiting.push(parse(event.data));
      // Older ones could not be shown anyway.
      if (this.waiting.length > MOST_SHOWN) this.waiting.shift();
      this.#later();
    });
    this.source.addEventListener("gap", () => this.onGap());
    this.source.addEventListener("error", () => {
      this.onLost();
      // The browser comes back by itself, but not after an answer that says no.
      if (this.source.readyState === EventSource.CLOSED) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.#connect(), AGAIN_AFTER);
      }
    });
  }

  // Many lines are shown at once: a frame is as often as anyone can see.
  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.isReady) return;
      if (this.held) this.onWaiting(this.waiting.length);
      else if (this.waiting.length) this.onLines(this.waiting.splice(0));
    });
  }
}
