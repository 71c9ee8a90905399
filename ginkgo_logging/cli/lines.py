"""One row as a person reads it: a line, and below it, indented, what is longer than a line."""

import re
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from ginkgo_logging import fields
from ginkgo_logging.cli.terminal import Terminal, cut, json_text, pad
from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.query.model import NANOSECONDS, Row, timestamp_ns

SEVERE: Final = ("error", "critical")
"""The levels that are marked."""

INDENT: Final = "    "

_LONGEST_VALUE: Final = 60
_LOGGER_WIDTH: Final = 16
_WORD: Final = re.compile(r"[^\s\"=]+")


def line_of(row: Row, terminal: Terminal) -> str:
    """Return *row* as text: time, level, logger, category, message, fields, trace_id, source."""
    parts = (
        terminal.paint(local_time(row), "dim"),
        level_of(row, terminal),
        *_rest_of(row, terminal, with_trace=True, left_out=()),
    )
    return "\n".join([" ".join(parts), *(f"{INDENT}{text}" for text in below(row, terminal))])


def short_line_of(row: Row, terminal: Terminal, left_out: Collection[str]) -> str:
    """Return the line of *row* for where its time and trace stand elsewhere, and *left_out* is known."""
    return " ".join([level_of(row, terminal), *_rest_of(row, terminal, with_trace=False, left_out=left_out)])


def _rest_of(row: Row, terminal: Terminal, *, with_trace: bool, left_out: Collection[str]) -> Iterator[str]:
    yield pad(text_of(row.get(fields.LOGGER_NAME)), _LOGGER_WIDTH)
    category = text_of(row.get(fields.LOG_CATEGORY))
    if category and category != fields.DEFAULT_CATEGORY:
        yield terminal.paint(f"[{category}]", "id")
    message = text_of(row.get(fields.MESSAGE))
    yield terminal.paint(message, "bold") if row.get(fields.LEVEL) in SEVERE else message
    own = business_fields(row, left_out)
    if own:
        pairs = (f"{escape(name)}={short_value(value, terminal)}" for name, value in own.items())
        yield terminal.paint(" ".join(pairs), "dim")
    if with_trace and row.get(fields.TRACE_ID):
        trace_id = short_value(row[fields.TRACE_ID], terminal)
        yield terminal.paint(f"{fields.TRACE_ID}=", "dim") + terminal.paint(trace_id, "id")
    if fields.SOURCE in row:
        yield terminal.paint(f"({text_of(row[fields.SOURCE])})", "dim")


def below(row: Row, terminal: Terminal) -> Iterator[str]:
    """Yield what stands below the line of *row*: its traceback, or its error, and its stack."""
    trace = row.get(fields.STACK_TRACE)
    if isinstance(trace, list):  # JsonFormatter(exc_info_as_array=True)
        trace = "\n".join(item if isinstance(item, str) else json_text(item) for item in trace)
    if trace:
        yield from block(trace)
    elif fields.ERROR_TYPE in row or fields.ERROR_MESSAGE in row:
        error = f"{text_of(row.get(fields.ERROR_TYPE))}: {text_of(row.get(fields.ERROR_MESSAGE))}"
        yield terminal.paint(error, "error")
    if row.get(fields.STACK_INFO):
        yield from block(row[fields.STACK_INFO])


def block(value: object) -> Iterator[str]:
    """Yield the lines of a longer text, each without control characters."""
    if not isinstance(value, str):
        yield text_of(value)
        return
    for line in value.rstrip("\n").split("\n"):
        yield escape(line.removesuffix("\r").expandtabs(4))


def local_time(row: Row) -> str:
    """Return when *row* was written, as the clock on the wall showed."""
    try:
        return clock(timestamp_ns(row.get(fields.TIMESTAMP)))
    except (ValueError, OverflowError):
        return text_of(row.get(fields.TIMESTAMP))


def clock(moment: int) -> str:
    """Return nanoseconds since the epoch as local date and time, to the millisecond."""
    seconds, rest = divmod(moment, NANOSECONDS)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest // 1_000_000:03d}"


def level_of(row: Row, terminal: Terminal) -> str:
    """Return the level of *row*, painted and padded."""
    level = text_of(row.get(fields.LEVEL))
    return terminal.paint(pad(level.upper(), 8), level)


def business_fields(row: Row, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields that the program gave, and how many lines a summary stands for."""
    return {
        name: value
        for name, value in row.items()
        if (name not in fields.CORE or name == fields.SUPPRESSED_COUNT) and name not in left_out
    }


def short_value(value: object, terminal: Terminal) -> str:
    """Return a field's value as one word: quoted if it has spaces, cut if it is long."""
    text = text_of(value)
    if isinstance(value, str) and not _WORD.fullmatch(text):
        text = '"' + text.replace('"', '\\"') + '"'
    return cut(text, _LONGEST_VALUE, terminal.draw("…", "..."))


def text_of(value: object) -> str:
    """Return any value of a row as text without control characters; "" for none."""
    if isinstance(value, str):
        return escape(value)
    return "" if value is None else escape(json_text(value))
