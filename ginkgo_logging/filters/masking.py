"""MaskingFilter: no secret reaches a formatter, ours or another's."""

import logging
import weakref
from collections.abc import Collection

from ginkgo_logging.accounting import reporter
from ginkgo_logging.fields import LOG_CATEGORY, SPAN_ID, TRACE_ID
from ginkgo_logging.masking import DEFAULT_REPLACEMENT, Masker
from ginkgo_logging.records import ErrorText, RecordState, error_of, extra_of, message_of, state_of

WITHHELD = "[withheld: masking failed]"
"""Stands for a text that could not be masked."""


class MaskingFilter(logging.Filter):
    """Blank out secrets in a record before any formatter sees it.

    Message after ``%`` formatting, `extra`, bound context, exception chain and stack text are masked as
    `ginkgo_logging.masking.Masker` describes. The caller's objects stay as they are, and so does a record
    without secrets; where there is one, the record holds the masked text from here on, for every handler that
    follows. What cannot be masked is withheld.
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
        _instances.add(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask *record*, unless another handler's turn did so before; it always passes."""
        state = record.__dict__.get("_ginkgo")
        try:
            if state is None:
                state = state_of(record)
            elif state.masked_by is self:
                return True
            self._mask(record, state)
        except Exception as exc:  # noqa: BLE001 - fails closed: nothing unmasked is left to print
            state = RecordState({})
            _withhold(record, state)
            reporter.report("masking", type(exc)("(details withheld)"))
        state.masked_by = self
        return True

    def _mask(self, record: logging.LogRecord, state: RecordState) -> None:
        masker = self.masker
        message = state.message
        if message is None:
            message = message_of(record)
        state.message = masked = masker.text(message)
        if masked is not message:
            state.masked = True
            record.msg, record.args = masked, ()
        if state.fields:
            self._mask_fields(record, state)
        if record.exc_info or record.exc_text:
            self._mask_error(record, state)
        if record.stack_info:
            stack = masker.text(record.stack_info)
            if stack is not record.stack_info:
                state.masked, record.stack_info = True, stack

    def _mask_fields(self, record: logging.LogRecord, state: RecordState) -> None:
        own = state.fields
        masked = self.masker.mapping(own)
        if masked is own:
            return
        state.fields, state.masked = masked, True
        attributes = record.__dict__
        for name in attributes.keys() & own.keys():
            if attributes[name] is own[name]:  # came in through `extra`; another formatter may print it
                attributes[name] = masked[name]

    def _mask_error(self, record: logging.LogRecord, state: RecordState) -> None:
        error = state.error or error_of(record)
        if error is None:
            return
        text = self.masker.text
        state.error = masked = ErrorText(error.type, text(error.message), text(error.stack_trace))
        if masked != error or (record.exc_text and text(record.exc_text) != record.exc_text):
            state.masked = True
            # A formatter that found exc_info would render the exception anew, unmasked.
            record.exc_info, record.exc_text = None, masked.stack_trace


_instances: "weakref.WeakSet[MaskingFilter]" = weakref.WeakSet()


def mask_text(text: str) -> str:
    """Return *text* as the masking filters in use would print it, for text that takes another way out."""
    for masking_filter in list(_instances):
        text = masking_filter.masker.text(text)
    return text


def _withhold(record: logging.LogRecord, state: RecordState) -> None:
    """Leave nothing on *record* that masking did not see."""
    for name in extra_of(record).keys() - {TRACE_ID, SPAN_ID, LOG_CATEGORY}:
        record.__dict__.pop(name, None)
    record.msg, record.args = WITHHELD, ()
    if record.exc_info or record.exc_text:
        record.exc_info, record.exc_text = None, WITHHELD
        state.error = ErrorText("", "", WITHHELD)
    record.stack_info = record.stack_info and WITHHELD
    state.message, state.masked = WITHHELD, True
    record.__dict__["_ginkgo"] = state
