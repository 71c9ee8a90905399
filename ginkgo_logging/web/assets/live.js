// Lines as they are written. While paused they wait; of those that wait and those that are shown there are bounds.

import { openStream, Problem } from "./api.js";
import { parse } from "./dom.js";

export const MOST_SHOWN = 500;
export const HOLE = null; // stands among the lines where some are left out

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 60_000;
const STEADY = 10_000;
const FOR_GOOD = new Set(["bad_request", "forbidden"]);

export class Tail {
  constructor({ onOpen, onLines, onWaiting, onLost }) {
    Object.assign(this, { onOpen, onLines, onWaiting, onLost });
    this.held = false;
    this.stop();
    // A browser has six connections to a server, for all of its tabs: one that nobody sees takes none.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#disconnect();
      else if (this.isRunning) this.#connect();
    });
  }

  get isRunning() {
    return this.parameters !== undefined;
  }

  // *since* is the id of an event: what was written after it comes first.
  start(parameters, since = "") {
    this.stop();
    this.parameters = parameters;
    this.since = since;
    if (!document.hidden) this.#connect();
  }

  stop() {
    this.#disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = this.parameters = undefined;
    this.waiting = [];
    this.dropped = this.failures = 0;
  }

  // What was there before, up to the event *since*, is shown: new lines may come.
  ready(since) {
    this.since ||= since;
    this.isReady = true;
    this.#later();
  }

  // Keep new lines back, or let them come.
  hold(isHeld) {
    this.held = isHeld;
    this.#later();
  }

  #disconnect() {
    this.connection?.abort();
    clearTimeout(this.timer);
    this.isReady = false;
  }

  async #connect() {
    this.#disconnect();
    this.connection = new AbortController();
    const { signal } = this.connection;
    let opened;
    try {
      const events = await openStream(this.parameters, this.since, signal);
      opened = performance.now();
      this.isReady = this.since !== "";
      this.onOpen({ isFirst: !this.isReady });
      for await (const event of events) {
        if (signal.aborted) return;
        this.#take(event);
      }
      throw new Problem("failed");
    } catch (error) {
      if (!signal.aborted) this.#lost(error, opened && performance.now() - opened > STEADY);
    }
  }

  #take({ name, id, data }) {
    if (name === "unavailable") throw new Problem("unavailable");
    if (name === "gap") this.waiting.push(HOLE);
    else if (id !== undefined) {
      this.since = id;
      this.waiting.push(parse(data));
    }
    // Older ones could not be shown anyway.
    if (this.waiting.length > MOST_SHOWN) {
      this.waiting.shift();
      this.dropped += 1;
    }
    this.#later();
  }

  // A store that is down is asked less and less often.
  #lost(error, wasSteady) {
    this.connection.abort();
    this.isReady = false;
    if (wasSteady) this.failures = 0;
    if (!FOR_GOOD.has(error.kind)) {
      this.timer = setTimeout(() => this.#connect(), Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.failures));
      this.failures += 1;
    }
    this.onLost(error);
  }

  // Many lines are shown at once: a frame is as often as anyone can see.
  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.held) this.onWaiting(this.waiting.length + this.dropped, this.dropped);
      else if (this.isReady && this.waiting.length) {
        const lines = this.waiting.splice(0);
        this.onLines(this.dropped ? [HOLE, ...lines] : lines);
        this.dropped = 0;
      }
    });
  }
}
