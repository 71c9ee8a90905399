"""What the pipe knows about one record, kept on the record itself for the handlers that follow.

Filters of one dictConfig file are shared by handlers and run once per handler; keeping their findings here
makes the second handler pay only for its own formatting and write.
"""

import itertools
import logging
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from ginkgo_logging import fields

_bare_record = logging.LogRecord("", logging.NOTSET, "", 0, "", (), None)

BARE_LENGTH = len(_bare_record.__dict__)
"""How many attributes a record has before anybody added one."""

ATTRIBUTES = frozenset(_bare_record.__dict__) | {"message", "asctime", "taskName"}
"""Names that belong to the standard library on a record; `extra` may not use them."""

# uvicorn sends the message a second time, with colour codes, under this name.
_NOT_EXTRA = ATTRIBUTES | {"_ginkgo", "color_message"}

_sequence = itertools.count(1)


class ErrorText(NamedTuple):
    """An exception as text, as it will be written."""

    type: str
    message: str
    stack_trace: str


class RecordState:
    """What our filters found out about one record.

    ``fields`` are the flat business fields (bound context, then `extra`), none of which has a core name.
    ``message`` and ``error`` are the text to print once known (masked, when a masking filter ran).
    ``verdict`` is the reason for which a filter of ours refused the record (``suppressed`` or
    ``sampled_out``), or None. ``suppressed_count`` marks a summary line of the error flow control;
    ``printed_elsewhere`` one whose traceback the interpreter prints itself.
    """

    __slots__ = (
        "error",
        "fields",
        "masked",
        "masked_by",
        "message",
        "printed_elsewhere",
        "processed_by",
        "seq",
        "suppressed_count",
        "throttled_by",
        "truncated",
        "verdict",
    )

    def __init__(self, own_fields: Mapping[str, Any]) -> None:
        self.fields = own_fields
        self.seq = next(_sequence)
        self.message: str | None = None
        self.error: ErrorText | None = None
        self.verdict: str | None = None
        self.masked_by: object = None
        self.throttled_by: object = None
        self.processed_by: tuple[object, ...] = ()
        self.suppressed_count: int | None = None
        self.printed_elsewhere = False
        self.masked = False
        self.truncated = False

    def __reduce__(self) -> tuple[Any, ...]:
        # SocketHandler pickles with protocol 1, which cannot take slots; filters stay in their own process.
        return _rebuild, (dict(self.fields), self.seq, self.message, self.error, self.suppressed_count)


def _rebuild(
    own_fields: dict[str, Any], seq: int, message: str | None, error: ErrorText | None, suppressed: int | None
) -> RecordState:
    state = RecordState(own_fields)
    state.seq, state.message, state.error, state.suppressed_count = seq, message, error, suppressed
    return state


def state_of(record: logging.LogRecord) -> RecordState:
    """Return the state that is kept on *record*, made from its `extra` if no filter of ours ran before."""
    state: RecordState | None = record.__dict__.get("_ginkgo")
    return state if state is not None else adopt(record, None, None, None, {})


def adopt(
    record: logging.LogRecord,
    trace_id: str | None,
    span_id: str | None,
    log_category: str | None,
    bound: Mapping[str, Any],
) -> RecordState:
    """Make the state of *record* from what is bound, its `extra`, and the fields of a dict logged as message.

    Sets ``record.trace_id``, ``record.span_id`` and ``record.log_category``, where ids given in `extra` count
    if none is bound.
    """
    attributes = record.__dict__
    own = bound
    if type(record.msg) is dict and not record.args:
        own = {**own, **rename_taken(record.msg, fields.CORE)}
    if len(attributes) != BARE_LENGTH and (extra := extra_of(record)):
        trace_id = trace_id or _id_from(extra, fields.TRACE_ID)
        span_id = span_id or _id_from(extra, fields.SPAN_ID)
        log_category = log_category or _id_from(extra, fields.LOG_CATEGORY)
        own = {**own, **extra}
    attributes["_ginkgo"] = state = RecordState(own)
    attributes["trace_id"] = trace_id or ""
    attributes["span_id"] = span_id or ""
    attributes["log_category"] = log_category or fields.DEFAULT_CATEGORY
    return state


def _id_from(extra: dict[str, Any], name: str) -> str | None:
    value = extra.pop(f"{name}_", None)
    return printable(value) if value else None


def extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what `extra` (or a record factory) put on *record*, no key of it a core name."""
    extra = {name: value for name, value in record.__dict__.items() if name not in _NOT_EXTRA}
    return extra if fields.CORE.isdisjoint(extra) else rename_taken(extra, fields.CORE)


def rename_taken(own_fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """Return *own_fields* with ``_`` appended to each name that is *taken*, until it is free."""
    result = {name: value for name, value in own_fields.items() if name not in taken}
    for name in [name for name in own_fields if name in taken]:
        free = f"{name}_"
        while free in result or free in taken:
            free += "_"
        result[free] = own_fields[name]
    return result


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message; arguments that do not fit the template are appended, never raised."""
    message = record.msg
    if not record.args and type(message) is str:
        return message
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - any object may be logged, its __str__ may raise anything
        template = printable(message)
        return f"{template} [args: {printable(record.args)}]" if record.args else template


def printable(value: object) -> str:
    """Return ``str(value)``, or a placeholder naming the class if that raises."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - see message_of
        return f"<unprintable {type(value).__name__}>"


def error_of(record: logging.LogRecord) -> ErrorText | None:
    """Return the exception of *record* as text, without regard to masking; None if there is none."""
    info = record.exc_info
    if not info or not isinstance(info, tuple) or info[0] is None:
        return ErrorText("", "", record.exc_text) if record.exc_text else None
    kind, value, trace = info
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = "".join(traceback.format_exception(kind, value, trace)).rstrip("\n")
    except Exception as exc:  # noqa: BLE001 - an exception may carry notes or frames that do not print
        text = f"<traceback unavailable: {type(exc).__name__}>"
    return ErrorText(name, printable(value), text)
