"""MaskingFilter: no secret reaches a formatter, ours or another's."""

import logging
import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ginkgo_logging.accounting import members, reporter
from ginkgo_logging.fields import LOG_CATEGORY, SPAN_ID, TRACE_ID
from ginkgo_logging.masking import DEFAULT_REPLACEMENT, Masker
from ginkgo_logging.record_state import (
    ATTRIBUTES,
    STATE,
    UNSET,
    RecordState,
    is_unchangeable,
)
from ginkgo_logging.record_text import ErrorText, error_of, may_cut_argument, printable
from ginkgo_logging.records import (
    added_names,
    extra_of,
    is_prepared,
    is_unchanged,
    message_in,
    snapshot,
    state_of,
)

WITHHELD = "[withheld: masking failed]"
"""Stands for a text that could not be masked."""


class MaskingFilter(logging.Filter):
    """Blank out secrets in a record before any formatter sees it.

    Message after ``%`` formatting, `extra`, bound context, exception chain and stack text are masked as
    `ginkgo_logging.masking.Masker` describes. The caller's objects stay as they are, and so does a record
    without secrets; where there is one, the record holds the masked text from here on, for every handler that
    follows. What cannot be masked is withheld. List it last: what a filter after it adds is not masked.
    """

    def __init__(
        self,
        *,
        fields: Collection[str] | None = None,
        allow: Collection[str] = (),
        patterns: Collection[str] = (),
        replacement: str = DEFAULT_REPLACEMENT,
    ) -> None:
        super().__init__()
        self.masker = Masker(fields, allow=allow, patterns=patterns, replacement=replacement)
        # Each beside the masker that found it clean: a program may put another in its place.
        self._clean_ids = self.masker, ("", "", "")
        self._clean: tuple[Masker, Mapping[str, object] | None] = self.masker, None
        _instances.add(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask *record*, unless another handler's turn did so before; it always passes."""
        try:
            state, masker = state_of(record), self.masker
            # A filter that has lost its masker can mask nothing: this raises, and the record is withheld.
            if type(name := record.name) is not str or not masker.is_clean(name):
                self._mask_name(record, state)
            if state.masked_by is not masker or not is_unchanged(record, state.seen):
                self._mask(record, state)
                state.masked_by, state.seen = masker, snapshot(record)
        except Exception as exc:  # noqa: BLE001 - fails closed: nothing unmasked is left to print
            return self._withhold(record, exc)
        return True

    def _mask_name(self, record: logging.LogRecord, state: RecordState) -> None:
        name = printable(record.name)
        record.name = masked = self.masker.text(name)
        state.masked |= masked is not name

    def _mask(self, record: logging.LogRecord, state: RecordState) -> None:
        self._mask_message(record, state)
        attributes = record.__dict__
        ids = attributes.get(TRACE_ID, ""), attributes.get(SPAN_ID, ""), attributes.get(LOG_CATEGORY, "")
        if (self.masker, ids) != self._clean_ids:
            self._mask_ids(record, state, ids)
        if state.fields:
            self._mask_fields(record, state)
        if added := added_names(list(attributes)):
            own = state.fields
            # Those that are in none of our fields were added, or changed, by another filter.
            other = [
                name
                for name in added
                if (value := attributes[name]) is not own.get(name, ...)
                and value is not own.get(f"{name}_", ...)
            ]
            self._mask_attributes(record, state, other)
        if record.exc_info or record.exc_text or state.error is not None:
            self._mask_error(record, state)
        if stack_info := record.stack_info:
            stack = self.masker.text(stack_info)
            if stack is not stack_info:
                state.masked, record.stack_info = True, stack

    def _mask_message(self, record: logging.LogRecord, state: RecordState) -> None:
        msg, args = record.msg, record.args
        message = message_in(record, state)
        masked = self.masker.text(message)
        if masked is not message:
            state.masked = True
        if state.message is not None and is_prepared(record):
            self._mask_prepared(record, state)
        elif masked is not message or (args and self._hides_argument(msg, args)):
            state.masked = True
            record.msg, record.args = masked, ()
            for name in _COPIES:
                if name in record.__dict__:
                    record.__dict__[name] = masked
        elif type(args) is not tuple or type(msg) is not str:
            self._mask_unprinted(record)
        state.message, state.source = masked, (record.msg, record.args)

    def _mask_prepared(self, record: logging.LogRecord, state: RecordState) -> None:
        """Mask the text that a queue made of message and traceback, and that another's formatter will print."""
        masked = self.masker.text(record.msg)
        if masked is not record.msg:
            state.masked = True
            record.msg = record.message = masked

    def _hides_argument(self, template: object, args: object) -> bool:
        """Return whether an argument holds a secret of which the message shows a part only, as for ``%.3s``."""
        if type(template) is not str or not may_cut_argument(template):
            return False
        return self.masker.examined({"args": args})[1]

    def _mask_unprinted(self, record: logging.LogRecord) -> None:
        """Mask what the message does not show of the dict it is made from; a foreign formatter may read that."""
        args: Any = record.args
        message: Any = record.msg
        # issubclass: isinstance asks the object for its class, too, and that may raise.
        if issubclass(type(args), dict):
            record.args = self.masker.mapping(args)
        elif issubclass(type(message), dict):
            record.msg = self.masker.mapping(message)

    def _mask_ids(self, record: logging.LogRecord, state: RecordState, ids: tuple[str, str, str]) -> None:
        """Mask the ids, which may come from a request's header."""
        masker = self.masker
        masked = tuple(map(masker.text, ids))
        if masked == ids:
            self._clean_ids = masker, ids
        else:
            state.masked = True
            record.__dict__.update(zip(UNSET, masked, strict=True))

    def _mask_fields(self, record: logging.LogRecord, state: RecordState) -> None:
        own, masker = state.fields, self.masker
        cleaner, clean = self._clean
        if own is clean and masker is cleaner:
            return
        masked, hid = masker.examined(own)
        if masked is own:
            # What is bound seldom changes from line to line, and these values cannot change in between.
            if state.context is not None and all(map(is_unchangeable, own.values())):
                self._clean = masker, own
            return
        state.fields, state.masked = masked, state.masked or hid
        # What came in through `extra` is on the record, too, where another formatter may find it.
        self._mask_attributes(record, state, extra_of(record))

    def _mask_attributes(self, record: logging.LogRecord, state: RecordState, names: Iterable[str]) -> None:
        """Mask attributes of *record*; of an object that masking does not know, its text stays."""
        attributes, masker = record.__dict__, self.masker
        for name in names:
            if name in UNSET:
                continue
            value = attributes[name]
            examined, hid = masker.examined({name: value})
            masked = examined.get(name, WITHHELD)
            if masked is not value:
                # Also where nothing is hidden: of an object, only its text was looked at.
                attributes[name], state.masked = masked, state.masked or hid

    def _mask_error(self, record: logging.LogRecord, state: RecordState) -> None:
        is_new = (
            state.seen is not None and record.exc_info and state.seen.get("exc_info") is not record.exc_info
        )
        error = (None if is_new else state.error) or error_of(record)
        if error is None:
            return
        text = self.masker.text
        state.error = masked = ErrorText(text(error.type), text(error.message), text(error.stack_trace))
        if masked != error or (record.exc_text and text(record.exc_text) != record.exc_text):
            state.masked = True
            # A formatter that found exc_info would render the exception again, unmasked.
            record.exc_info, record.exc_text = None, masked.stack_trace

    def _withhold(self, record: logging.LogRecord, error: Exception) -> bool:
        """Leave nothing on *record* that masking did not see; refuse it if not even that is possible."""
        state = record.__dict__.get(STATE)
        try:
            if not isinstance(state, RecordState):
                state = RecordState({})
            bare = {name: record.__dict__[name] for name in _SAFE if name in record.__dict__}
            bare |= {"msg": WITHHELD, "args": (), "exc_info": None, STATE: state}
            if "message" in bare:
                bare["message"] = WITHHELD
            for name in ("exc_text", "stack_info"):
                bare[name] = bare.get(name) and WITHHELD
            if record.exc_info:
                bare["exc_text"] = WITHHELD
            for name, default in UNSET.items():
                bare.setdefault(name, default)
            state.fields, state.message, state.source, state.masked = {}, WITHHELD, None, True
            state.masked_by = self.masker
            state.error = ErrorText("", "", WITHHELD) if bare["exc_text"] or state.error else None
            record.__dict__ = bare
            reporter.report("masking", RuntimeError(f"{type(error).__name__} (details withheld)"))
            state.seen = snapshot(record)
        except Exception:  # noqa: BLE001 - such as the end of the stack
            if isinstance(state, RecordState):
                state.verdict = "failed"
            return False
        return True


_SAFE = ATTRIBUTES | UNSET.keys()
_COPIES = ("message", "color_message")
"""Where a formatter, or uvicorn, keeps the message a second time."""

_instances: "weakref.WeakSet[MaskingFilter]" = weakref.WeakSet()


def mask_text(text: str) -> str:
    """Return *text* as the masking filters in use would print it, for text that takes another way out."""
    try:
        for masking_filter in members(_instances):
            text = masking_filter.masker.text(text)
    except Exception:  # noqa: BLE001 - fails closed
        return WITHHELD
    return text


reporter.mask = mask_text
