"""FlightRecorderHandler: the details of a trace, written only if it goes wrong."""

import logging

from ginkgo_logging.forking import reset_in_child
from ginkgo_logging.handlers.target import TargetHandler
from ginkgo_logging.records import state_of
from ginkgo_logging.sampling import TraceBuffer


class FlightRecorderHandler(TargetHandler):
    """Hold DEBUG and INFO of a trace back; when it logs an ERROR, write them to *target* before that line.

    Records from WARNING up, and those without a trace_id, are written at once. Of one trace the newest *items*
    are held, of all traces the *traces* that logged last; what is never asked for counts as sampled out, a
    record that is held counts so until it is written. List ContextFilter and MaskingFilter here: they must
    run when the record is made. Thread-safe; a forked child starts with nothing held.
    """

    def __init__(
        self,
        *,
        target: logging.Handler,
        items: int = 200,
        traces: int = 1000,
        level: int | str = logging.NOTSET,
    ) -> None:
        self._held: TraceBuffer[logging.LogRecord] = TraceBuffer(items=items, traces=traces)
        super().__init__(target=target, level=level)
        reset_in_child(self._held)

    def emit(self, record: logging.LogRecord) -> None:
        """Hold *record*, or write it after what its trace has held back."""
        state_of(record)
        trace_id = record.__dict__["trace_id"]
        if trace_id and record.levelno < logging.WARNING:
            self._held.add(trace_id, record)
            self.count("sampled_out")
            return
        if trace_id and record.levelno >= logging.ERROR:
            for held in self._held.release(trace_id):
                self.pass_on(held)
                with self.lock:  # type: ignore[union-attr] # as in `count`
                    self.counts.sampled_out -= 1
                    self.counts.written += 1
        self.pass_on(record)
        self.count("written")
