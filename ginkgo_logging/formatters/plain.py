"""PlainFormatter: one readable line a record, which no message can break or forge."""

import functools
import itertools
import logging
import time
from typing import Any, Literal

from ginkgo_logging.fields import DEFAULT_CATEGORY
from ginkgo_logging.record_state import RecordState
from ginkgo_logging.record_text import error_of, printable
from ginkgo_logging.records import message_in, state_of

LAYOUT = "%(asctime)s %(levelname)-8s %(name)s %(ids)s%(message)s%(fields)s (%(filename)s:%(lineno)d)"
"""The default line. ``ids`` is ``[category trace_id] `` where set, ``fields`` the business fields."""

# C0 and C1 controls, the line and paragraph separators, the marks that reorder text on a terminal (Unicode
# Technical Report 36, "Bidirectional Text Spoofing"), and lone surrogates, which no encoding takes.
_CONTROLS = (
    range(0x20),
    range(0x7F, 0xA0),
    range(0x061C, 0x061D),
    range(0x200E, 0x2010),
    range(0x2028, 0x202F),
    range(0x2066, 0x206A),
    range(0xD800, 0xE000),
)


@functools.cache  # 2,000 entries, which most programs never need
def _escapes() -> dict[int, str]:
    """Return what stands for each control character in a line."""
    codes = itertools.chain(*_CONTROLS)
    table = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in codes}
    return table | {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


@functools.cache
def _block_escapes() -> dict[int, str]:
    """Return the same for an indented block of lines."""
    return _escapes() | {ord("\n"): "\n  ", ord("\t"): "\t"}


class PlainFormatter(logging.Formatter):
    """Format each record as one line; tracebacks follow, indented, so that a line without indent is a record.

    Takes the arguments of `logging.Formatter`; a format may also name ``ids``, ``fields`` and any business
    field. Should it name what a record does not have, that record gets the default layout. Control characters,
    newlines among them, are shown escaped: a message can neither forge a line nor drive a terminal. The record
    stays as it is. Thread-safe.
    """

    default_msec_format = "%s.%03d"

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,  # noqa: FBT001, FBT002 - the order of logging.Formatter's arguments
        *,
        defaults: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(LAYOUT if fmt is None else fmt, datefmt, style, validate, defaults=defaults)
        self._is_default = fmt is None
        self._is_own_time = datefmt is not None or type(self).formatTime is not logging.Formatter.formatTime
        self._uses_time = self.usesTime()
        # Tabs and newlines of the format itself are meant; those of a value are not.
        self._allowed = {ord(char) for char in self._fmt or "" if not char.isprintable()}
        self._second: tuple[int, str] = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback and stack, indented."""
        state = state_of(record)
        if self._is_default:
            line = self._line(record, state)
        else:
            try:
                line = self._custom_line(record, state)
            except Exception:  # noqa: BLE001 - a name that is missing, or an object that does not print
                line = self._line(record, state)
        return line + below(record, state) if has_more(record, state) else line

    def _line(self, record: logging.LogRecord, state: RecordState) -> str:
        """Return the line of the default layout; ``LAYOUT % record.__dict__``, but faster."""
        message = one_line(record, state)
        return escape(
            f"{self._time(record)} {record.levelname!s:<8} {record.name} {ids_of(record)}{message}"
            f"{fields_of(state) if state.fields else ''} ({record.filename}:{record.lineno})"
        )

    def _time(self, record: logging.LogRecord) -> str:
        if self._is_own_time:
            return self.formatTime(record, self.datefmt)
        try:
            return self._time_of(record.created, record.msecs)
        except (TypeError, ValueError, OverflowError, OSError):  # a record made by hand
            return self._time_of(time.time(), 0)

    def _time_of(self, created: float, msecs: float) -> str:
        second = int(created)
        cached, text = self._second
        if cached != second:
            text = time.strftime(self.default_time_format, self.converter(second))
            self._second = second, text
        return f"{text}.{int(msecs):03d}"

    def _custom_line(self, record: logging.LogRecord, state: RecordState) -> str:
        values = {**state.fields, **record.__dict__}
        values["message"] = one_line(record, state)
        values["ids"] = ids_of(record)
        values["fields"] = fields_of(state)
        if self._uses_time:
            values["asctime"] = self.formatTime(record, self.datefmt)
        if not self._allowed:
            return escape(self.formatMessage(_View(values)))  # type: ignore[arg-type]
        for name, value in values.items():
            if type(value) is str:
                values[name] = escape(value)
        table = {code: text for code, text in _escapes().items() if code not in self._allowed}
        return self.formatMessage(_View(values)).translate(table)  # type: ignore[arg-type]


class _View:
    """Looks like a record to a format style, which reads nothing but ``__dict__``."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values


def escape(text: str) -> str:
    """Return *text* as one line without control characters; the same object if it has none."""
    return text if text.isprintable() else text.translate(_escapes())


def one_line(record: logging.LogRecord, state: RecordState) -> str:
    """Return the message of *record* without a newline at its end, which says nothing; not escaped."""
    return message_in(record, state).removesuffix("\n")


def ids_of(record: logging.LogRecord) -> str:
    """Return category (unless it is the default) and trace_id of *record* in brackets, or ""; not escaped."""
    attributes = record.__dict__
    category, trace_id = attributes["log_category"], attributes["trace_id"]
    if category == DEFAULT_CATEGORY:
        return f"[{trace_id}] " if trace_id else ""
    return f"[{category} {trace_id}] " if trace_id else f"[{category}] "


def fields_of(state: RecordState) -> str:
    """Return the business fields as `` name=value`` pairs, or ""; not escaped."""
    return "".join([f" {printable(name)}={printable(value)}" for name, value in state.fields.items()])


def has_more(record: logging.LogRecord, state: RecordState) -> bool:
    """Return whether a traceback or a stack belongs below the line of *record*."""
    return bool(record.exc_info or record.exc_text or record.stack_info or state.error)


def below(record: logging.LogRecord, state: RecordState) -> str:
    """Return the traceback and the stack of *record*, each line indented, or ""."""
    error = state.error or error_of(record)
    text = f"\n{error.stack_trace}" if error is not None else ""
    if record.stack_info:
        text += f"\n{record.stack_info}"
    return text.translate(_block_escapes())
