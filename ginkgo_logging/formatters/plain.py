"""PlainFormatter: one readable line a record, which no message can break or forge."""

import logging
from typing import Any, Literal

from ginkgo_logging.fields import DEFAULT_CATEGORY
from ginkgo_logging.records import RecordState, error_of, message_of, printable, state_of

LAYOUT = "%(asctime)s %(levelname)-8s %(name)s %(ids)s%(message)s%(fields)s (%(filename)s:%(lineno)d)"
"""The default line. ``ids`` is ``[category trace_id] `` where set, ``fields`` the business fields."""

# C0 and C1 controls, the line and paragraph separators, and the marks that reorder text on a terminal
# (Unicode Technical Report 36, "Bidirectional Text Spoofing").
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
_ESCAPES |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
_BLOCK_ESCAPES = _ESCAPES | {ord("\n"): "\n  ", ord("\t"): "\t"}


class PlainFormatter(logging.Formatter):
    """Format each record as one line; tracebacks follow, indented, so that a line without indent is a record.

    Takes the arguments of `logging.Formatter`; a format may also name ``ids`` and ``fields``. Control
    characters, newlines among them, are shown escaped: a message can neither forge a line nor drive a
    terminal. Thread-safe.
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

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback and stack, indented."""
        state = state_of(record)
        values = dict(record.__dict__)
        message = message_of(record) if state.message is None else state.message
        values["message"] = escape(message)
        values["ids"] = ids_of(record)
        values["fields"] = fields_of(state)
        if self.usesTime():
            values["asctime"] = self.formatTime(record, self.datefmt)
        # The record itself stays as it is: another formatter reads it next.
        return self.formatMessage(logging.makeLogRecord(values)) + below(record, state)


def escape(text: str) -> str:
    """Return *text* as one line without control characters; the same object if it has none."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def ids_of(record: logging.LogRecord) -> str:
    """Return category (unless it is the default) and trace_id of *record* in brackets, or ""."""
    attributes = record.__dict__
    category = attributes["log_category"]
    known = ["" if category == DEFAULT_CATEGORY else category, attributes["trace_id"]]
    text = " ".join(filter(None, known))
    return f"[{escape(text)}] " if text else ""


def fields_of(state: RecordState) -> str:
    """Return the business fields as `` name=value`` pairs, or ""."""
    return "".join(
        f" {printable(name)}={printable(value)}" for name, value in state.fields.items()
    ).translate(_ESCAPES)


def below(record: logging.LogRecord, state: RecordState) -> str:
    """Return the traceback and the stack of *record*, each line indented, or ""."""
    text = ""
    if (record.exc_info or record.exc_text) and (error := state.error or error_of(record)):
        text = "\n" + error.stack_trace
    if record.stack_info:
        text += "\n" + record.stack_info
    return text.translate(_BLOCK_ESCAPES)
