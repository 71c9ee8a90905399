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
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function clock(moment, { digits = 3 } = {}) {
  const date = asDate(moment);
  const whole = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return digits ? `${whole}.${pad(date.getMilliseconds(), 3)}` : whole;
}

export const dateAndClock = (moment, options) => `${dateOf(moment)} ${clock(moment, options)}`;

// What a person writes, in the form of the table or of RFC 3339; null if it is no moment. Without a zone it is
// local time, and what is left out at the end is zero.
export function fromText(text) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d\d:\d\d)?$/i.exec(text.trim());
  if (!parts) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0));
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > last || hour > 23 || minute > 59 || second > 59) return null;
  const whole = `${parts.slice(1, 4).join("-")}T${[hour, minute, second].map((part) => pad(part)).join(":")}`;
  const milliseconds = Date.parse(whole + (parts[8] ?? "").toUpperCase());
  if (Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1000n + BigInt((parts[7] ?? "").padEnd(6, "0"));
}

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
