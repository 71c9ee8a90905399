"""Find, make and read the state of a record, which is kept on the record for the handlers that follow.

Filters of one dictConfig file are shared by handlers and run once per handler; keeping their findings here
makes the second handler pay only for its own formatting and write.
"""

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from operator import is_
from typing import Any

from ginkgo_logging import fields
from ginkgo_logging.record_state import (
    BARE_LENGTH,
    BARE_NAMES,
    LAST_ATTRIBUTE,
    NOT_EXTRA,
    OURS_ONLY,
    UNSET,
    CompactState,
    RecordState,
    received,
)
from ginkgo_logging.record_text import message_of, printable


def state_of(record: logging.LogRecord) -> RecordState:
    """Return the state that is kept on *record*, made from its `extra` if no filter of ours ran before."""
    state: Any = record.__dict__.get("_ginkgo")
    if type(state) is RecordState:  # as nearly always; half of what it takes to ask `known_state`
        return state
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
        state.seen = snapshot(record)


def attach_state(record: logging.LogRecord, context: Iterable[Any]) -> RecordState:
    """Make the state of *record* from what is bound, its `extra`, and the fields of a dict logged as message.

    *context* gives trace_id, span_id, log_category and business fields, as a `Context` does.
    Sets ``record.trace_id``, ``record.span_id`` and ``record.log_category``, where ids given in `extra` count
    if none is bound.
    """
    attributes = record.__dict__
    trace_id, span_id, log_category, bound = context
    own = bound
    try:
        if type(message := record.msg) is dict and not record.args:
            own = {**own, **rename_taken(message, fields.CORE)}
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
    attributes = record.__dict__
    return {name: attributes[name] for name in _beyond(NOT_EXTRA, list(attributes))}


def added_names(names: list[str]) -> list[str]:
    """Return those of the *names* of a record's attributes that neither logging nor a filter of ours added."""
    return [] if names == OURS_ONLY else _beyond(_KNOWN, names)


_KNOWN = NOT_EXTRA | UNSET.keys()


def _beyond(taken: frozenset[str], names: list[str]) -> list[str]:
    """Return those of *names* that are not in *taken*, which holds all of `BARE_NAMES`."""
    # Most records begin as logging made them: comparing two lists is quicker than looking for each name.
    if names[:BARE_LENGTH] == BARE_NAMES:
        names = names[BARE_LENGTH:]
    return names if taken.isdisjoint(names) else [name for name in names if name not in taken]


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


def snapshot(record: logging.LogRecord) -> dict[str, object]:
    """Return the attributes of *record* as they are now, to be compared by `is_unchanged`."""
    # A copy of all is made in C and costs a tenth of picking out what a masker sees: 17,000 instructions less.
    attributes = record.__dict__.copy()
    attributes.pop("_ginkgo", None)  # the state would hold itself
    return attributes


def is_unchanged(record: logging.LogRecord, seen: Mapping[str, object] | None) -> bool:
    """Return whether each attribute of *record* is, by identity, what it was in the snapshot *seen*."""
    if seen is None:
        return False
    now = snapshot(record)
    if len(now) != len(seen):
        # A formatter of another package sets these, and what they say is on the record already.
        for name in ("message", "asctime"):
            if name not in seen:
                now.pop(name, None)
    return list(now) == list(seen) and all(map(is_, now.values(), seen.values()))
