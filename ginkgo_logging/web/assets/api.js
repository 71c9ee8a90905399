// The questions to the server. The routes are beside the page, wherever the application has put them.

import { parse } from "./dom.js";

const BASE = new URL("../../", location.href);

export class Problem extends Error {
  constructor(kind, detail) {
    super(detail);
    this.kind = kind;
  }
}

export function addressOfStream(parameters) {
  return new URL(`logs/stream?${parameters}`, BASE);
}

export async function ask(path, parameters, signal) {
  let answer;
  let body;
  try {
    answer = await fetch(new URL(`${path}?${parameters}`, BASE), { signal, headers: { Accept: "application/json" } });
    body = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("failed", "");
  }
  if (!answer.ok) throw problemOf(answer.status, body);
  return parse(body);
}

function problemOf(status, body) {
  let told = {};
  try {
    told = JSON.parse(body);
  } catch {
    // A proxy's page, perhaps: the status says enough.
  }
  const detail = Array.isArray(told.detail)
    ? told.detail.map((one) => `${(one.loc ?? []).at(-1)}: ${one.msg}`).join("; ")
    : String(told.detail ?? `HTTP ${status}`);
  if (status === 401 || status === 403) return new Problem("forbidden", detail);
  if (status === 400 || status === 422) return new Problem("bad_request", detail);
  if (told.error === "unavailable") return new Problem("unavailable", "");
  return new Problem("failed", detail);
}
