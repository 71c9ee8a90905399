"""``ginkgo-logging stats``: when, of what level and category, and which errors, as a picture in the terminal."""

import argparse
import dataclasses
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from ginkgo_logging import fields
from ginkgo_logging.cli.charts import Axis, Histogram, axis_of, bars, by_gravity, legend
from ginkgo_logging.cli.flags import (
    EXIT_CODES,
    FOUND,
    NOTHING_FOUND,
    add_filters,
    add_look,
    add_store,
    count_of_lines,
    query_of,
    store,
    terminal_of,
)
from ginkgo_logging.cli.lines import SEVERE, clock, text_of
from ginkgo_logging.cli.progress import ScanProgress
from ginkgo_logging.cli.terminal import Terminal, complain, cut
from ginkgo_logging.error_patterns import pattern_of
from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.query.model import (
    NANOSECONDS,
    Backend,
    Order,
    Query,
    Row,
    most_first,
    rfc3339,
    timestamp_ns,
)
from ginkgo_logging.throttling import OTHERS

_MOST_PATTERNS: Final = 10_000
_CATEGORIES: Final = 10
_MICROSECOND: Final = 1000
_SUMMARY: Final = re.compile(r"\d+ more like this from \S+ to \S+: ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXIT_CODES
    parser.add_argument(
        "--top",
        type=count_of_lines,
        default=10,
        metavar="N",
        help="show the N most frequent error patterns (default: 10)",
    )
    add_filters(parser)
    add_store(parser)
    add_look(parser, "print everything as one JSON object")
    parser.set_defaults(execute=execute)


@dataclasses.dataclass(slots=True)
class Pattern:
    """Errors that say the same but for numbers, ids and quoted parts."""

    logger_name: str
    level: str
    pattern: str
    count: int = 0
    suppressed: int = 0
    first: int = 0
    last: int = 0
    trace_id: str = ""


def execute(options: argparse.Namespace) -> int:
    """Print the picture; return the exit code."""
    terminal = terminal_of(options)
    query = query_of(options)
    with store(options) as backend:
        axis = _axis(backend, query)
        if axis is None:
            if terminal.is_terminal:
                complain("no line fulfils these conditions")
            return NOTHING_FOUND
        query = dataclasses.replace(query, start=axis.start, end=axis.end)
        with ScanProgress() as progress:
            progress.at("lines by time and level")
            histogram = backend.histogram(query, axis.step)
            progress.at("categories")
            categories = most_first(backend.count_by(query, fields.LOG_CATEGORY))
            patterns = _patterns(backend, query, axis, progress)
    if options.json:
        terminal.say_json(_document(axis, histogram, categories, patterns[: options.top]))
        return FOUND
    for text in _picture(axis, histogram, categories, terminal):
        terminal.say(text)
    for text in _errors(patterns, options.top, terminal):
        terminal.say(text)
    return FOUND


def _axis(backend: Backend, query: Query) -> Axis | None:
    """Return the time to show: what was asked for, or that of the lines; None if there are none."""
    first, last = _end_of(backend, query, "asc"), _end_of(backend, query, "desc")
    if first is None or last is None:
        return None
    start = first if query.start is None else query.start
    end = last + _MICROSECOND  # which is as exact as a line is
    if query.end is not None:
        end = query.end
    elif query.start is not None:
        end = max(end, time.time_ns())
    return axis_of(start, end, rounded=query.start is None)


def _end_of(backend: Backend, query: Query, order: Order) -> int | None:
    with closing(backend.rows(query, order)) as rows:
        return next((timestamp_ns(row[fields.TIMESTAMP]) for row in rows), None)


def _patterns(backend: Backend, query: Query, axis: Axis, progress: ScanProgress) -> list[Pattern]:
    """Return the patterns of the errors, the most frequent first; those beyond a bound are one."""
    levels = tuple(level for level in SEVERE if not query.levels or level in query.levels)
    if not levels:
        return []
    found: dict[tuple[str, str, str], Pattern] = {}
    with closing(backend.rows(dataclasses.replace(query, levels=levels), "asc")) as rows:
        for number, row in enumerate(rows):
            moment = timestamp_ns(row[fields.TIMESTAMP])
            if number % 1000 == 0:
                progress.at("errors", (moment - axis.start) / (axis.end - axis.start))
            logger, level, text = text_of(row.get(fields.LOGGER_NAME)), row[fields.LEVEL], _pattern(row)
            pattern = found.get((logger, level, text))
            if pattern is None:
                if len(found) >= _MOST_PATTERNS:
                    logger, level, text = "", "error", OTHERS
                pattern = found.setdefault((logger, level, text), Pattern(logger, level, text, first=moment))
            _add(pattern, row, moment)
    return sorted(found.values(), key=lambda one: (-one.count, one.first))


def _pattern(row: Row) -> str:
    """Return the message without its variable parts, as the error flow control sees it."""
    message = row.get(fields.MESSAGE)
    text = message if isinstance(message, str) else text_of(message)
    if fields.SUPPRESSED_COUNT in row:
        text = _SUMMARY.sub("", text, count=1)
    return pattern_of(text)


def _add(pattern: Pattern, row: Row, moment: int) -> None:
    suppressed = row.get(fields.SUPPRESSED_COUNT)
    if isinstance(suppressed, int):  # a summary: it stands for lines that were not written
        pattern.suppressed += suppressed
        pattern.count += suppressed
    else:
        pattern.count += 1
    pattern.last = moment
    if isinstance(row.get(fields.TRACE_ID), str):
        pattern.trace_id = row[fields.TRACE_ID]


# --- showing ------------------------------------------------------------------------------------------------


def _totals(histogram: Histogram) -> dict[str, int]:
    totals = Counter[str]()
    for counts in histogram.values():
        totals.update(counts)
    return totals


def _picture(
    axis: Axis, histogram: Histogram, categories: dict[str, int], terminal: Terminal
) -> Iterator[str]:
    totals = _totals(histogram)
    step = axis.step / NANOSECONDS
    exactly = len("2026-02-26 10:30:00") if step >= 1 else None
    length = next(f"{step / unit:g} {name}" for unit, name in _UNITS if step >= unit)
    yield terminal.paint(f"{sum(totals.values()):,} lines", "bold") + (
        f" from {clock(axis.start)[:exactly]} to {clock(axis.end)[:exactly]}, {length} a bar"
    )
    yield ""
    yield from bars(histogram, axis, terminal)
    yield ""
    yield legend(totals, terminal)
    yield ""
    shown = list(categories.items())[:_CATEGORIES]
    more = len(categories) - len(shown)
    yield "by category: " + ", ".join(
        [f"{escape(name) or '-'} {count:,}" for name, count in shown] + ([f"{more} more"] if more else [])
    )


_UNITS: Final = ((604800, "weeks"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))


def _errors(patterns: list[Pattern], top: int, terminal: Terminal) -> Iterator[str]:
    if not patterns:
        return
    count, suppressed = sum(one.count for one in patterns), sum(one.suppressed for one in patterns)
    held_back = f", {suppressed:,} of them held back by the error flow control" if suppressed else ""
    kinds = f"{len(patterns):,} pattern{'' if len(patterns) == 1 else 's'}"
    yield ""
    yield f"errors: {count:,} in {kinds}{held_back}"
    width = len(f"{patterns[0].count:,}")
    for one in patterns[:top]:
        number = terminal.paint(f"{one.count:>{width},}", one.level)
        text = f"{one.logger_name}: {escape(one.pattern)}" if one.logger_name else one.pattern
        yield f"{number} {cut(text, terminal.columns - width - 1, terminal.draw('…', '...'))}"
        when = clock(one.first) + (f" to {clock(one.last)}" if one.last != one.first else "")
        trace = f", last in trace {escape(one.trace_id)}" if one.trace_id else ""
        yield terminal.paint(f"{' ' * width} {when}{trace}", "dim")
    if len(patterns) > top:
        yield f"{len(patterns) - top:,} more patterns: --top {len(patterns)}"


def _document(
    axis: Axis, histogram: Histogram, categories: dict[str, int], patterns: list[Pattern]
) -> dict[str, Any]:
    totals = _totals(histogram)
    return {
        "start": rfc3339(axis.start),
        "end": rfc3339(axis.end),
        "step_seconds": axis.step / NANOSECONDS,
        "count": sum(totals.values()),
        "levels": {level: totals[level] for level in by_gravity(totals)},
        "categories": categories,
        "histogram": [
            {"start": rfc3339(start), **histogram[start]} for start in axis.steps if histogram.get(start)
        ],
        "error_patterns": [
            {
                **dataclasses.asdict(one),
                "first": rfc3339(one.first),
                "last": rfc3339(one.last),
                "trace_id": one.trace_id or None,
            }
            for one in patterns
        ],
    }
