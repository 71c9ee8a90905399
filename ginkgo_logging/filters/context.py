"""ContextFilter: what is bound when a record is made goes onto the record."""

import logging

from ginkgo_logging import context
from ginkgo_logging.accounting import reporter
from ginkgo_logging.records import attach_state, state_of


class ContextFilter(logging.Filter):
    """Put what is bound in `ginkgo_logging.context` on each record: ``%(trace_id)s`` works in any format.

    ``record.trace_id`` and ``record.span_id`` are "" when nothing is bound, ``record.log_category`` is
    ``system``; the business fields travel beside the record's own attributes and cannot collide with them.
    List it first, and before any queue: it must run in the thread or task that logged.
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete *record*, unless another handler's turn did so before; it always passes."""
        if "_ginkgo" not in record.__dict__:
            try:
                bound = context.current()
                state = attach_state(record, bound)
                if state.fields is bound.fields:
                    state.context = bound
            except Exception as exc:  # noqa: BLE001 - what is bound through structlog may be anything
                state_of(record)
                reporter.report("context", exc)
        return True
