// The questions to the server. The routes are beside the page, wherever the application has put them.

import { parse } from "./dom.js";

const BASE = new URL("../../", location.href);

// There is no answer, or one that says no: the page tells *kind* in its own words.
export class Problem extends Error {
  constructor(kind, detail = "") {
    super(detail);
    this.kind = kind;
  }
}

export async function ask(path, parameters, signal) {
  const answer = await reach(path, parameters, { signal, headers: { Accept: "application/json" } });
  return parse(await read(() => answer.text()));
}

// Open the stream of lines; gives its events, as they come, as {name, id, data}. *since* is the id of the last
// one, or "". An EventSource would neither say why it was refused nor leave it to the page when to come back.
export async function openStream(parameters, since, signal) {
  const headers = { Accept: "text/event-stream", ...(since && { "Last-Event-ID": since }) };
  const answer = await reach("logs/stream", parameters, { signal, headers });
  return events(answer.body.pipeThrough(new TextDecoderStream()).getReader());
}

async function* events(reader) {
  let text = "";
  for (;;) {
    const { done, value } = await read(() => reader.read());
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    yield* parts.map(eventOf);
  }
}

function eventOf(text) {
  const field = (name) => text.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  return { name: field("event") ?? "message", id: field("id"), data: field("data") };
}

async function reach(path, parameters, options) {
  const answer = await read(() => fetch(new URL(`${path}?${parameters}`, BASE), { cache: "no-store", ...options }));
  if (!answer.ok) throw problemOf(answer.status, await read(() => answer.text()));
  return answer;
}

async function read(part) {
  try {
    return await part();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("failed");
  }
}

function problemOf(status, body) {
  let told = {};
  try {
    told = JSON.parse(body) ?? {};
  } catch {
    // A proxy's page, perhaps: the status says enough.
  }
  const detail = Array.isArray(told.detail)
    ? told.detail.map((one) => `${(one.loc ?? []).at(-1)}: ${one.msg}`).join("; ")
    : String(told.detail ?? `HTTP ${status}`);
  if (status === 401 || status === 403) return new Problem("forbidden", detail);
  if (status === 400 || status === 422) return new Problem("bad_request", detail);
  if (told.error === "too_many_streams") return new Problem("too_many_streams", detail);
  if (told.error === "unavailable") return new Problem("unavailable");
  return new Problem("failed", detail);
}
