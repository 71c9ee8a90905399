"""A histogram by time and level as bars of text: one bar a step, the gravest levels first."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ginkgo_logging.cli.lines import SEVERE
from ginkgo_logging.cli.terminal import Terminal
from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.query.model import NANOSECONDS

Histogram = dict[int, dict[str, int]]

BARS: Final = 24
"""At most so many; a screen has few more lines."""

LEVELS: Final = ("critical", "error", "warning", "info", "debug")

_MARKS: Final = dict(zip(LEVELS, "█▓▒░·", strict=True))
_LETTERS: Final = dict(zip(LEVELS, "CEWID", strict=True))
_OTHER: Final = "-"
_SHORTEST: Final = 10
_AT_LEAST_ONE: Final = (*SEVERE, "warning")

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS: Final = tuple(
    int(seconds * NANOSECONDS)
    for seconds in (
        *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
        *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY),
    )
)


@dataclass(frozen=True, slots=True)
class Axis:
    """The steps of a histogram: from ``start``, before ``end``, ``step`` long; all in nanoseconds."""

    start: int
    end: int
    step: int

    @property
    def steps(self) -> range:
        """The start of each step."""
        return range(self.start, self.end, self.step)


def axis_of(start: int, end: int, *, rounded: bool) -> Axis:
    """Return steps that a person would choose, `BARS` of them at most.

    *rounded*: they may begin before *start*, so that each begins at a round time of the local clock.
    """
    # One more than there is room for: where the first begins earlier, the last may end later.
    least = (end - start) // (BARS - 1 if rounded else BARS) + 1
    week = _STEPS[-1]
    step = next((step for step in _STEPS if step >= least), -(-least // week) * week)
    if rounded:
        east = time.localtime(start // NANOSECONDS).tm_gmtoff * NANOSECONDS
        start -= (start + east) % step
    return Axis(start, max(end, start + 1), step)


def bars(histogram: Histogram, axis: Axis, terminal: Terminal) -> Iterator[str]:
    """Yield a line for each step: when it begins, a bar of its levels, how many lines, how many errors."""
    steps = [(start, histogram.get(start, {})) for start in axis.steps]
    most = max(sum(counts.values()) for _, counts in steps)
    digits = len(f"{most:,}")
    labels = [_label(start, axis) for start, _ in steps]
    wrong = [_errors(counts) for _, counts in steps]
    aside = max(map(len, labels)) + digits + max(map(len, wrong)) + 2
    scale = max(_SHORTEST, terminal.columns - aside) / max(1, most)
    width = round(scale * most)
    for (_, counts), label, errors in zip(steps, labels, wrong, strict=True):
        bar, length = _bar(counts, scale, terminal)
        number = f"{sum(counts.values()):>{digits},}"
        yield f"{label} {bar}{' ' * (width - length)} {number}{terminal.paint(errors, 'error')}"


def _errors(counts: dict[str, int]) -> str:
    errors = sum(counts.get(level, 0) for level in SEVERE)
    return f"  {errors:,} error{'' if errors == 1 else 's'}" if errors else ""


def _bar(counts: dict[str, int], scale: float, terminal: Terminal) -> tuple[str, int]:
    """Return the bar and its length; one error among thousands of lines is still seen."""
    levels = by_gravity(counts)
    room = length = max(1, round(sum(counts.values()) * scale)) if levels else 0
    bar = ""
    for level in levels:
        share = room if level is levels[-1] else min(room, round(counts[level] * scale))
        if level in _AT_LEAST_ONE and room:
            share = max(1, share)
        bar += terminal.paint(mark(level, terminal) * share, level)
        room -= share
    return bar, length


def by_gravity(counts: dict[str, int]) -> list[str]:
    """Return the levels that occur, the gravest first; those that we do not know, last."""
    known = [level for level in LEVELS if counts.get(level)]
    return known + sorted(level for level, count in counts.items() if count and level not in LEVELS)


def mark(level: str, terminal: Terminal) -> str:
    """Return the character that stands for *level*; they differ, so that colours are not needed."""
    return terminal.draw(_MARKS.get(level, _OTHER), _LETTERS.get(level, _OTHER))


def legend(totals: dict[str, int], terminal: Terminal) -> str:
    """Return what each character of a bar stands for, and how many lines that is."""
    return "  ".join(
        f"{terminal.paint(mark(level, terminal), level)} {escape(level) or 'no level'} {totals[level]:,}"
        for level in by_gravity(totals)
    )


def _label(start: int, axis: Axis) -> str:
    if axis.step % (_DAY * NANOSECONDS) == 0:
        return _local("%Y-%m-%d", start)
    spans_days = _local("%F", axis.start) != _local("%F", axis.end - 1)
    on_minutes = not axis.step % (_MINUTE * NANOSECONDS) and not axis.start % (_MINUTE * NANOSECONDS)
    text = _local(("%m-%d " if spans_days else "") + ("%H:%M" if on_minutes else "%H:%M:%S"), start)
    return f"{text}.{start % NANOSECONDS // 1_000_000:03d}" if axis.step < NANOSECONDS else text


def _local(form: str, moment: int) -> str:
    return time.strftime(form, time.localtime(moment // NANOSECONDS))
