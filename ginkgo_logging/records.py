"""Find, make and read the state of a record, which is kept on the record for the handlers that follow.

Filters of one dictConfig file are shared by handlers and run once per handler; keeping their findings here
makes the second handler pay only for its own formatting and write.
"""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from ginkgo_logging import fields
from ginkgo_logging.record_state import (
    BARE_LENGTH,
    LAST_ATTRIBUTE,
    NOT_EXTRA,
    TAKEN,
    UNSET,
    CompactState,
    RecordState,
    received,
)
from ginkgo_logging.record_text import message_of, printable


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
            attributes["_ginkgo"] = state = received(state)
    return state  # type: ignore[no-any-return]


def _renew_lock() -> None:
    global _expanding
    _expanding = threading.RLock()


_expanding = threading.RLock()  # reentrant: a signal handler may log
os.register_at_fork(after_in_child=_renew_lock)


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


def visible(record: logging.LogRecord) -> tuple[object, ...]:
    """Return what of *record* a masker sees, to be compared by identity: its parts, ids, and extra fields."""
    extra = [one for item in record.__dict__.items() if item[0] not in TAKEN for one in item]
    return record.msg, record.args, record.exc_info, record.exc_text, record.stack_info, *extra
