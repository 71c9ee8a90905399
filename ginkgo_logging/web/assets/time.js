// Moments are microseconds since the epoch, as BigInt: what a selection bounds must be exact.

import { locale } from "./texts.js";

export function micros(text) {
  const [, whole, fraction, zone] = /^(.{19})(?:\.(\d+))?(.+)$/.exec(text);
  const seconds = Date.parse(whole.replace(/[ t]/, "T") + zone.toUpperCase());
  if (Number.isNaN(seconds)) throw new RangeError(text);
  return BigInt(seconds) * 1000n + BigInt((fraction ?? "").slice(0, 6).padEnd(6, "0"));
}

export function rfc3339(moment) {
  const fraction = String(((moment % 1000000n) + 1000000n) % 1000000n).padStart(6, "0");
  return new Date(Number(moment / 1000n)).toISOString().replace(/\.\d+Z$/, `.${fraction}Z`);
}

const pad = (value, length = 2) => String(value).padStart(length, "0");

const asDate = (moment) => new Date(Number(moment / 1000n));

export function dateOf(moment) {
  const date = asDate(moment);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function clock(moment, { digits = 3 } = {}) {
  const date = asDate(moment);
  const whole = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return digits ? `${whole}.${pad(date.getMilliseconds(), 3)}` : whole;
}

export const dateAndClock = (moment, options) => `${dateOf(moment)} ${clock(moment, options)}`;

// For an input of the kind datetime-local, and back.
export const forInput = (moment) => `${dateOf(moment)}T${clock(moment, { digits: 0 })}`;
export const fromInput = (text) => BigInt(new Date(text).getTime()) * 1000n;

export function duration(length) {
  const milliseconds = Number(length) / 1000;
  const shown = (value, unit) =>
    value.toLocaleString(locale(), { style: "unit", unit, unitDisplay: "narrow", maximumSignificantDigits: 3 });
  if (milliseconds < 1000) return shown(milliseconds, "millisecond");
  if (milliseconds < 60_000) return shown(milliseconds / 1000, "second");
  if (milliseconds < 3_600_000) return shown(milliseconds / 60_000, "minute");
  return shown(milliseconds / 3_600_000, "hour");
}

export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  const hours = Math.trunc(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return minutes ? `UTC${sign}${hours}${rest ? `:${pad(rest)}` : ""}` : "UTC";
}
