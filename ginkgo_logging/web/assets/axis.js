// Where a time axis has its ticks: at moments at which a clock on the wall would strike.

import { clock, dateOf } from "./time.js";

const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;
const STEPS = [
  ...[10n, 20n, 50n, 100n, 200n, 500n].map((milliseconds) => milliseconds * 1000n),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((seconds) => seconds * SECOND),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((minutes) => minutes * MINUTE),
  ...[1n, 2n, 3n, 6n, 12n].map((hours) => hours * HOUR),
  ...[1n, 2n, 7n, 14n, 30n, 90n, 365n].map((days) => days * DAY),
];

// At most *most* ticks between two moments, as {moment, label}.
export function ticks(start, end, most) {
  const length = end - start;
  const step = STEPS.find((one) => length <= one * BigInt(Math.max(1, most))) ?? length;
  if (step <= 0n) return [];
  // Of local time: the offset is that of the start, so days after a change of the clocks are an hour off.
  const offset = BigInt(-new Date(Number(start / 1000n)).getTimezoneOffset()) * MINUTE;
  const found = [];
  for (let moment = ((start + offset + step - 1n) / step) * step - offset; moment <= end; moment += step) {
    found.push({ moment, label: labelOf(moment, step) });
  }
  return found;
}

function labelOf(moment, step) {
  const time = clock(moment, { digits: step < SECOND ? 3 : 0 });
  if (step >= 365n * DAY) return dateOf(moment);
  if (step >= DAY || time === "00:00:00") return dateOf(moment).slice(5);
  return step >= MINUTE ? time.slice(0, 5) : time;
}
