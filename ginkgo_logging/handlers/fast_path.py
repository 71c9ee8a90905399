"""FastPath: the three filters and the formatter in one function, for the record that most calls make.

Nine in ten records have a text as message, plain arguments, plain `extra` if any, and no exception. Asking three
filters and a formatter in turn, the slow path, takes a third of the time of a log call (benchmarks/pipe.py). The
fast path keeps on the record what the filters would keep there, so that other handlers notice no difference.
"""

import builtins
import logging
from datetime import datetime, time, timezone
from typing import Any, Self

from orjson import dumps

from ginkgo_logging.context import Context, Found, current
from ginkgo_logging.fields import CORE, DEFAULT_CATEGORY
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.formatters.line_parts import Call, LineParts, json_part
from ginkgo_logging.masking import Masker
from ginkgo_logging.record_factory import Record
from ginkgo_logging.record_state import (
    BARE_LENGTH,
    LAST_ATTRIBUTE,
    NOT_EXTRA,
    PLAIN_TYPES,
    QUIET_TYPES,
    STATE,
    CompactState,
    sequence,
)
from ginkgo_logging.record_text import may_cut_argument
from ginkgo_logging.records import attach_state

Taken = tuple["FastPath", dict[str, Any], Context, int]
"""The path that took a record, a copy of its attributes, what was bound when it was made, and its number."""

_ERROR = logging.ERROR
_REMEMBERED = 4096
_QUIET_ERRORS = frozenset(
    one
    for one in vars(builtins).values()
    if isinstance(one, type) and issubclass(one, Exception) and one.__str__ is BaseException.__str__
) | {KeyError}


def _is_quiet(value: object) -> bool:
    """Return whether *value* never changes, and its text is made without any of the program's code.

    Such an argument costs half of what the slow path takes for it.
    """
    kind = type(value)
    if kind in QUIET_TYPES:
        return True
    # A time asks its zone, which may be of a class of the program's own.
    if kind is not datetime and kind is not time:
        return False
    zone = value.tzinfo  # type: ignore[attr-defined]
    return zone is None or type(zone) is timezone


def _is_quiet_error(value: object) -> bool:
    """Return whether *value* is an exception of Python's own that prints nothing but plain values."""
    return type(value) in _QUIET_ERRORS and all(type(one) in PLAIN_TYPES for one in value.args)  # type: ignore[attr-defined]


class EmptyLine:
    """In the place of `LineParts`, for a handler that hands on the record itself."""

    def __init__(self, masker: Masker | None = None) -> None:
        self._is_clean = masker.is_clean if masker is not None else None

    def with_clean_names(self, masker: Masker) -> "EmptyLine":
        """Return one that leaves a logger's name to the filters if *masker* would change it."""
        return EmptyLine(masker)

    def assemble(self, call: Call, *_: object) -> bytes | None:
        """Return an empty line."""
        return b"" if self._is_clean is None or self._is_clean(call[1]) else None


class FastPath:
    """Stands for context, throttle and masking filter, in this order, and for what *parts* assembles."""

    def __init__(self, masking: MaskingFilter, parts: LineParts | EmptyLine) -> None:
        self._masking = masking
        self._masker = masking.masker
        self._may_change = masking.masker.may_change
        self._parts = parts.with_clean_names(masking.masker)
        self._harmless: set[str] = set()  # names of extra fields that are neither secret nor taken

    @classmethod
    def of(cls, filters: list[object], parts: LineParts | EmptyLine | None) -> Self | None:
        """Return the fast path of a handler with *filters*; None if it has to ask them in turn."""
        kinds = [type(one) for one in filters]
        if kinds not in ([ContextFilter, ThrottleFilter, MaskingFilter], [ContextFilter, MaskingFilter]):
            return None
        masking: Any = filters[-1]
        return cls(masking, parts) if parts is not None else None

    def take(self, record: logging.LogRecord) -> Taken | None:
        """Return what another thread needs to `complete` it; None if the record has more that may change."""
        args: Any = record.args
        masker = self._masker
        if (
            type(record) is not Record
            or record.levelno >= _ERROR
            or type(record.msg) is not str
            or (args and type(args) is not tuple)
            or record.exc_info
            or self._masking.masker is not masker
        ):
            return None
        for argument in args:
            if type(argument) not in PLAIN_TYPES and not _is_quiet(argument):
                return None
        attributes = record.__dict__  # as in `line`, not before the others are read
        if len(attributes) != BARE_LENGTH or next(reversed(attributes)) != LAST_ATTRIBUTE:
            state = attributes.get("_ginkgo")
            if type(state) is CompactState and state.has_extra_of(attributes):
                return self, attributes.copy(), state.context, state.seq
            if state is not None or self._plain_extra(attributes, []) is None:
                return None
        context = current()
        found = context.found
        if found is None or found[0] is not masker:
            found = self._look_at(context)
        # A copy: the next handler's filters may change the record while it waits.
        return (self, attributes.copy(), context, next(sequence)) if found[1] else None

    def complete(self, record: logging.LogRecord, context: Context, seq: int) -> bool:
        """Do to *record*, made of what `take` took, what the filters do; return whether they let it pass."""
        try:
            if self.line(record, context, seq) is not None:
                return True
        except Exception:  # noqa: BLE001, S110 - the filters know what to do about it
            pass
        if STATE not in record.__dict__:  # another handler's, which a filter may have changed since
            attach_state(record, context).seq = seq
        # It alone has anything to do: a record that was taken is below ERROR, and its context is attached.
        return self._masking.filter(record)

    def line(  # noqa: C901 - each call would cost as much as a step
        self, record: logging.LogRecord, context: Context | None = None, seq: int = 0
    ) -> bytes | None:
        """Return the line of *record*; None if filters and formatter have to be asked, for what is still to do.

        *context* and *seq* are what `take` took before. Runs none of the caller's code, so that no log call can
        happen inside it.
        """
        masker = self._masker
        # A program may have put another masker in its place.
        if type(record) is not Record or self._masking.masker is not masker:
            return None
        if record._ginkgo is not None:
            return self._line_for_next_handler(record)
        message = template = record.msg
        args = record.args
        if (
            type(message) is not str
            or record.levelno >= _ERROR  # the throttle's business
            or record.exc_info
            or record.exc_text
            or record.stack_info
        ):
            return None
        # Read before the dict is asked for, which makes a record's attributes ten times as slow.
        call = record.levelname, record.name, record.filename, record.lineno
        created, process = record.created, record.process
        attributes = record.__dict__
        extra = None
        if len(attributes) != BARE_LENGTH or next(reversed(attributes)) != LAST_ATTRIBUTE:
            texts: list[str] = []
            extra = self._plain_extra(attributes, texts)
            if extra is None:
                return None
        if args:
            if type(args) is not tuple:
                return None
            for argument in args:
                if type(argument) not in PLAIN_TYPES and not (
                    _is_quiet(argument) or _is_quiet_error(argument)
                ):
                    return None
            if "." in message and may_cut_argument(message):
                return None
            try:
                message = template % args
            except Exception:  # noqa: BLE001 - what does not fit, message_of() shows as well as it can
                return None
        if context is None:
            context = current()
        found = context.found
        if found is None or found[0] is not masker:
            found = self._look_at(context)
        _, part, trace_id, span_id, log_category = found
        if not part:
            return None
        text = message
        if extra is not None:
            if not extra.keys().isdisjoint(context.fields):
                return None
            part = b"%b,%b" % (part, dumps(extra, str)[1:-1])
            # The more a text holds, the more may change in it: one look serves for all.
            text = "\n".join([message, *texts])
        may_change = self._may_change  # a name of its own: calling it as a method takes longer
        if may_change(text):
            return None
        parts, seq = self._parts, seq or next(sequence)
        line = parts.assemble(call, created, process, message, seq, part)
        state = CompactState()  # which has no __init__: calling it would take longer than what it does
        state.context = context
        state.extra = extra
        state.seq = seq
        state.msg = template
        state.args = args
        state.message = message
        state.part = part
        state.masked_by = masker
        state.assembled_by = parts
        state.call = call
        state.created = created
        state.process = process
        state.line = line
        attributes["_ginkgo"] = state
        attributes["trace_id"] = trace_id
        attributes["span_id"] = span_id
        attributes["log_category"] = log_category
        return line

    def _line_for_next_handler(self, record: logging.LogRecord) -> bytes | None:
        """Return the line of a record that took the fast path in another handler; None as `line` does."""
        # All from the dict, since it has been asked for.
        attributes = record.__dict__
        state = attributes["_ginkgo"]
        if type(state) is not CompactState or state.masked_by is not self._masker:
            return None
        found = state.context.found
        if found is None or found[0] is not self._masker:
            return None
        # What the line was made from, another package's filter or formatter may have changed since.
        if (
            attributes["msg"] is not state.msg
            or attributes["args"] is not state.args
            or attributes["levelno"] >= _ERROR
            or attributes["exc_info"]
            or attributes["exc_text"]
            or attributes["stack_info"]
        ):
            return None
        ids = attributes["trace_id"], attributes["span_id"], attributes["log_category"]
        if ids != found[2:] or not state.has_extra_of(attributes):
            return None
        call = attributes["levelname"], attributes["name"], attributes["filename"], attributes["lineno"]
        created, process = attributes["created"], attributes["process"]
        if (
            state.assembled_by is self._parts
            and state.call == call
            and state.created == created
            and state.process == process
        ):
            return state.line
        return self._parts.assemble(call, created, process, state.message, state.seq, state.part)

    def _plain_extra(self, attributes: dict[str, Any], texts: list[str]) -> dict[str, Any] | None:
        """Return the fields of `extra`, and add what is text among them to *texts*.

        None if not all are plain, or a name is secret or taken.
        """
        names = list(attributes)
        own = names[BARE_LENGTH:]
        if not own or names[BARE_LENGTH - 1] != LAST_ATTRIBUTE:
            return None
        if not self._harmless.issuperset(own) and not all(map(self._is_harmless, own)):
            return None
        extra = {}
        for name in own:
            extra[name] = value = attributes[name]
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind not in PLAIN_TYPES:
                if not _is_quiet(value):
                    return None
                texts.append(str(value))
        return extra

    def _is_harmless(self, name: object) -> bool:
        if type(name) is not str or name in NOT_EXTRA or name in CORE or len(self._harmless) >= _REMEMBERED:
            return False
        field = {name: 1}
        if self._masker.mapping(field) is not field:
            return False
        self._harmless.add(name)
        return True

    def _look_at(self, context: Context) -> Found:
        """Return what is bound as a line needs it, and keep it there: a secret is looked for once."""
        masker = self._masker
        trace_id, span_id, log_category, own = context
        part = json_part(context)
        if part and (
            any(one and masker.text(one) is not one for one in (trace_id, span_id, log_category))
            or masker.mapping(own) is not own
        ):
            part = False
        ids = trace_id or "", span_id or "", log_category or DEFAULT_CATEGORY
        context.found = found = (masker, part, *ids)
        return found
