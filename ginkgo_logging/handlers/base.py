"""LineHandler: what all our handlers share, from the filters' verdict to the counted write of one line."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from ginkgo_logging import accounting
from ginkgo_logging.records import RecordState


class LineHandler(logging.Handler, ABC):
    """Write each record as one line of bytes, and count what became of it.

    A handler never raises into the program: what could not be written is counted as failed in ``counts`` and
    reported on stderr at most once a minute. A formatter that has ``format_bytes`` is asked for bytes, any
    other for text. Thread-safe; formatting happens outside the lock.
    """

    def __init__(self, *, level: int | str = logging.NOTSET) -> None:
        self.counts = accounting.Counts()
        self._format_line: Callable[[logging.LogRecord], bytes] = self._encode
        super().__init__(level)
        accounting.register(self)

    @abstractmethod
    def write_line(self, line: bytes) -> None:
        """Write *line*, which ends in a newline, whole or raise OSError. Called with the lock held."""

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's name
        """Use *fmt* for the lines of this handler."""
        super().setFormatter(fmt)
        self._format_line = getattr(fmt, "format_bytes", self._encode)

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter, format and write *record*; return whether the filters let it pass."""
        try:
            verdict = self.filter(record)
        except Exception as exc:  # noqa: BLE001 - a foreign filter may raise; ours do not
            self.count_failed(exc)
            return False
        if isinstance(verdict, logging.LogRecord):  # CPython 3.12 and later: a filter may replace the record
            record = verdict
        if verdict:
            self.emit(record)
            return True
        state: RecordState | None = record.__dict__.get("_ginkgo")
        if state is not None and state.verdict is not None:
            self._count_refused(state.verdict)
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Format and write *record*, which has passed the filters."""
        counts = self.counts
        try:
            line = self._format_line(record)
            state: RecordState | None = record.__dict__.get("_ginkgo")
            with self.lock:  # type: ignore[union-attr] # None only if a subclass forgoes the lock
                self.write_line(line)
                counts.seen += 1
                counts.written += 1
                if state is not None and (state.masked or state.truncated):
                    counts.masked += state.masked
                    counts.truncated += state.truncated
                    state.truncated = False  # the next handler's formatter decides anew
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program
            self.count_failed(exc)

    def count_failed(self, error: BaseException) -> None:
        """Count one record as lost to *error*, and report it at most once a minute."""
        with self.lock:  # type: ignore[union-attr]
            self.counts.seen += 1
            self.counts.failed += 1
        accounting.reporter.report(f"handler {self.name or type(self).__name__!r}", error)

    def _count_refused(self, verdict: str) -> None:
        with self.lock:  # type: ignore[union-attr]
            self.counts.seen += 1
            setattr(self.counts, verdict, getattr(self.counts, verdict) + 1)

    def _encode(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode("utf-8", "backslashreplace") + b"\n"
