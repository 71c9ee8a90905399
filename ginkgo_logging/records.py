"""What the pipe knows about one record, kept on the record itself for the handlers that follow.

Filters of one dictConfig file are shared by handlers and run once per handler; keeping their findings here
makes the second handler pay only for its own formatting and write.
"""

import itertools
import logging
import os
import pickle  # to see what a socket or a process queue could carry; nothing is ever unpickled here
import threading
from collections.abc import Mapping
from typing import Any, final

from ginkgo_logging import fields
from ginkgo_logging.record_text import ErrorText, message_of, printable

_bare_record = logging.LogRecord("", logging.NOTSET, "", 0, "", (), None)

BARE_LENGTH = len(_bare_record.__dict__)
"""How many attributes a record has before anybody added one."""

LAST_ATTRIBUTE = next(reversed(_bare_record.__dict__))
"""The last of them, after which an added one stands."""

ATTRIBUTES = frozenset(_bare_record.__dict__) | {"message", "asctime", "taskName"}
"""Names that belong to the standard library on a record; `extra` may not use them."""

STATE = "_ginkgo"
"""The attribute that holds what this module keeps on a record; spelled out where every record passes."""

UNSET = {fields.TRACE_ID: "", fields.SPAN_ID: "", fields.LOG_CATEGORY: fields.DEFAULT_CATEGORY}
"""What a record's other attributes of ours are where nothing is bound."""

ADDED = (STATE, *UNSET)
"""What our filters put on a record."""

# uvicorn sends the message a second time, with colour codes, under this name.
TAKEN = ATTRIBUTES | {STATE}
"""Names that a field of the caller's cannot have on a record."""

NOT_EXTRA = TAKEN | {"color_message"}
"""Names on a record that are no fields of the caller's."""

PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})
"""Types of most values: they cannot change, and printing them runs none of the program's code."""

# By name, so that nobody has to import what they are in.
_UNCHANGEABLE = frozenset({"uuid.UUID", "datetime.datetime", "datetime.date", "decimal.Decimal"})

sequence = itertools.count(1)
"""Numbers the records of this process."""


class RecordState:
    """What our filters found out about one record.

    ``fields`` are the flat business fields (bound context, then `extra`), none of which has a core name.
    ``context`` is the `ginkgo_logging.context.Context` that they are from, if they are from it alone.
    ``message`` and ``error`` are the text to print once known (masked, when a masking filter ran).
    ``source`` is what ``message`` was made of, ``record.msg`` and ``record.args``: another package's filter may
    replace them. ``masked_by`` is the masker that has seen all this, and ``seen`` what it saw. ``verdict`` is
    the reason for which a filter of ours last refused the record (``suppressed``, ``sampled_out`` or
    ``failed``), or None; ``processed_by`` and ``refused_by`` are the filters that must not look at it twice.
    ``suppressed_count`` marks a summary line of the error flow control; ``printed_elsewhere`` one whose
    traceback the interpreter prints itself.
    """

    # On the class, not in __init__: most stay as they are, and each assignment costs every record.
    context: Any = None
    message: str | None = None
    source: tuple[object, object] | None = None
    error: ErrorText | None = None
    seen: tuple[object, ...] = ()
    verdict: str | None = None
    masked_by: object = None
    processed_by: tuple[object, ...] = ()
    refused_by: tuple[object, ...] = ()
    suppressed_count: int | None = None
    printed_elsewhere = False
    masked = False
    truncated = False

    def __init__(self, own_fields: Mapping[str, Any], seq: int | None = None) -> None:
        self.fields = own_fields
        self.seq = next(sequence) if seq is None else seq

    def __copy__(self) -> "RecordState":
        state = RecordState.__new__(RecordState)
        state.__dict__.update(self.__dict__)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        # Filters and maskers stay in their own process: another one masks what it gets by its own rules. A
        # dict, for the other process may not know this package; `known_state` takes it.
        error = None if self.error is None else tuple(self.error)
        state = _portable(self.fields), self.seq, self.message, error, self.suppressed_count
        return dict, (list(zip(_PORTABLE, state, strict=True)),)


_PORTABLE = ("fields", "seq", "message", "error", "suppressed_count")


def _received(state: dict[str, Any]) -> RecordState:
    """Return the state that `RecordState.__reduce__` made a dict of."""
    received = RecordState(state["fields"], state["seq"])
    received.message, received.suppressed_count = state["message"], state["suppressed_count"]
    received.error = None if state["error"] is None else ErrorText(*state["error"])
    return received


def _portable(own_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which text stands for what cannot be pickled: one such value must not cost the line."""
    return {
        name: value if type(value) in PLAIN_TYPES or _is_picklable(value) else printable(value)
        for name, value in own_fields.items()
    }


def is_unchangeable(value: object) -> bool:
    """Return whether what was found out about *value* once holds for ever."""
    kind = type(value)
    try:
        return kind in PLAIN_TYPES or f"{kind.__module__}.{kind.__qualname__}" in _UNCHANGEABLE
    except Exception:  # noqa: BLE001 - a class may refuse to tell its name
        return False


def _is_picklable(value: object) -> bool:
    try:
        pickle.dumps(value, 1)
    except Exception:  # noqa: BLE001 - a __reduce__ may raise anything
        return False
    return True


@final
class CompactState:
    """The state of a record that says nothing but its message, what is bound and plain `extra`.

    Never changed, since copies of a record share it. ``msg`` and ``args`` are what ``message`` was made of;
    ``part`` is what a JSON line has of context and extra;
    ``line``, if any, is what ``assembled_by`` made of it for this ``call``, ``created`` and ``process``.
    """

    # Not a tuple, which costs less: formatters and exporters of other packages write out every attribute of a
    # record that is a sequence, and so the whole line a second time.
    __slots__ = (
        "args",
        "assembled_by",
        "call",
        "context",
        "created",
        "extra",
        "line",
        "masked_by",
        "message",
        "msg",
        "part",
        "process",
        "seq",
    )

    context: Any
    extra: dict[str, Any] | None
    seq: int
    msg: object
    args: object
    message: str
    part: bytes
    masked_by: object
    assembled_by: object
    call: tuple[str, str, str, int]
    created: float
    process: int | None
    line: bytes | None

    def expand(self) -> RecordState:
        """Return the same as a `RecordState`."""
        bound = self.context.fields
        state = RecordState(bound if self.extra is None else {**bound, **self.extra}, self.seq)
        if self.extra is None:
            state.context = self.context
        state.message, state.masked_by = self.message, self.masked_by
        return state

    def has_extra_of(self, attributes: dict[str, Any]) -> bool:
        """Return whether a record with *attributes* has the fields of `extra` as they were, and no others."""
        extra = self.extra
        if extra is None:
            return len(attributes) == BARE_LENGTH + len(ADDED)
        return len(attributes) == BARE_LENGTH + len(ADDED) + len(extra) and all(
            attributes.get(name, ...) is value for name, value in extra.items()
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return self.expand().__reduce__()


def _forget_replaced(record: logging.LogRecord, compact: CompactState, state: RecordState) -> None:
    """Leave in *state*, made of *compact*, only what no filter of another package has replaced since."""
    if record.msg is not compact.msg or record.args is not compact.args:
        state.message = state.masked_by = None
        return
    state.source = record.msg, record.args
    attributes, context = record.__dict__, compact.context
    ids = context.trace_id or "", context.span_id or "", context.log_category or fields.DEFAULT_CATEGORY
    if (
        tuple(attributes.get(name) for name in UNSET) == ids
        and compact.has_extra_of(attributes)
        and not (record.exc_info or record.exc_text or record.stack_info)
    ):
        state.seen = visible(record)


def visible(record: logging.LogRecord) -> tuple[object, ...]:
    """Return what of *record* a masker sees, to be compared by identity: its parts, ids, and extra fields."""
    extra = [one for item in record.__dict__.items() if item[0] not in TAKEN for one in item]
    return record.msg, record.args, record.exc_info, record.exc_text, record.stack_info, *extra


def state_of(record: logging.LogRecord) -> RecordState:
    """Return the state that is kept on *record*, made from its `extra` if no filter of ours ran before."""
    state = known_state(record)
    return state if state is not None else attach_state(record, (None, None, None, {}))


def known_state(record: logging.LogRecord) -> RecordState | None:
    """Return the state that is kept on *record*, if any; from here on, it is kept there as a `RecordState`."""
    attributes = record.__dict__
    state: Any = attributes.get("_ginkgo")
    if type(state) is not CompactState and type(state) is not dict:
        return state  # type: ignore[no-any-return]
    # A queue's thread may ask at the same time. Were the state of one to take the place of the other's, what one
    # has masked meanwhile would be lost.
    with _expanding:
        state = attributes["_ginkgo"]
        if type(state) is CompactState:
            expanded = state.expand()
            _forget_replaced(record, state, expanded)
            attributes["_ginkgo"] = state = expanded
        elif type(state) is dict:
            attributes["_ginkgo"] = state = _received(state)
    return state  # type: ignore[no-any-return]


def _renew_lock() -> None:
    global _expanding
    _expanding = threading.RLock()


_expanding = threading.RLock()  # reentrant: a signal handler may log
os.register_at_fork(after_in_child=_renew_lock)


def attach_state(
    record: logging.LogRecord, context: tuple[str | None, str | None, str | None, Mapping[str, Any]]
) -> RecordState:
    """Make the state of *record* from what is bound, its `extra`, and the fields of a dict logged as message.

    Sets ``record.trace_id``, ``record.span_id`` and ``record.log_category``, where ids given in `extra` count
    if none is bound.
    """
    attributes = record.__dict__
    trace_id, span_id, log_category, bound = context
    own = bound
    try:
        if type(record.msg) is dict and not record.args:
            own = {**own, **rename_taken(record.msg, fields.CORE)}
        is_bare = len(attributes) == BARE_LENGTH and next(reversed(attributes)) == LAST_ATTRIBUTE
        if not is_bare and (extra := extra_of(record)):
            if not fields.CORE.isdisjoint(extra):
                trace_id = _take_id(extra, fields.TRACE_ID, trace_id)
                span_id = _take_id(extra, fields.SPAN_ID, span_id)
                log_category = _take_id(extra, fields.LOG_CATEGORY, log_category)
                extra = rename_taken(extra, fields.CORE)
            own = {**own, **extra}
    except Exception:  # noqa: BLE001 - a key may refuse to be hashed or compared; the line is worth more
        own = dict(bound)
    attributes["_ginkgo"] = state = RecordState(own)
    attributes["trace_id"] = trace_id or ""
    attributes["span_id"] = span_id or ""
    attributes["log_category"] = log_category or fields.DEFAULT_CATEGORY
    return state


def _take_id(extra: dict[str, Any], name: str, bound: str | None) -> str | None:
    """Return the id *name*; one in *extra* counts if none is bound, and stays there if it is another one."""
    value = extra.pop(name, None)
    text = "" if value is None else printable(value)
    if bound and text and text != bound:
        extra[name] = value
    return bound or text or None


def extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what `extra` (or a record factory) put on *record*, under the names used there."""
    return {name: value for name, value in record.__dict__.items() if name not in NOT_EXTRA}


def rename_taken(own_fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """Return *own_fields* with ``_`` appended to each name that is *taken*, until it is free."""
    result = {name: value for name, value in own_fields.items() if name not in taken}
    for name in [name for name in own_fields if name in taken]:
        free = f"{name}_"
        while free in result or free in taken:
            free += "_"
        result[free] = own_fields[name]
    return result


def message_in(record: logging.LogRecord, state: RecordState) -> str:
    """Return the message to print: what filters of ours left in *state*, unless another has replaced it since."""
    message, source = state.message, state.source
    if message is None:
        return message_of(record)
    if source is None or (source[0] is record.msg and source[1] is record.args) or is_prepared(record):
        return message
    return message_of(record)


def is_prepared(record: logging.LogRecord) -> bool:
    """Return whether the standard QueueHandler has folded arguments and traceback into the message."""
    return record.args is None and record.__dict__.get("message") is record.msg
