"""ThrottleFilter: the error flow control."""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from types import TracebackType

from ginkgo_logging import arguments
from ginkgo_logging.accounting import members, reporter
from ginkgo_logging.error_patterns import pattern_of
from ginkgo_logging.filters.masking import mask_text
from ginkgo_logging.forking import reset_in_child
from ginkgo_logging.record_state import STATE, UNSET, RecordState
from ginkgo_logging.record_text import message_of
from ginkgo_logging.records import state_of
from ginkgo_logging.throttling import OTHERS, Summary, Throttle

_LONGEST_KEY = 500


class ThrottleFilter(logging.Filter):
    """Of one pattern of ERROR, let *limit* pass in *seconds* and count the rest.

    A pattern is logger, level and template; of a ready-made text, the text without its numbers, ids and
    quoted parts; with an exception, also its type and the line that raised it, since a framework has one
    template for all the errors that nobody handled. When the window ends, with the pattern's next line, or at
    shutdown, one line tells how many were held back (``suppressed_count``), and when the first and the last
    was. CRITICAL always passes.
    Memory is bounded by *max_patterns*. Thread-safe; after a fork the child starts with counts of zero.
    """

    def __init__(
        self, *, limit: int = 5, seconds: float = 60.0, max_patterns: int = 1000, enabled: bool = True
    ) -> None:
        super().__init__()
        self.throttle = Throttle(limit=limit, seconds=seconds, max_patterns=max_patterns, clean=mask_text)
        self._enabled = arguments.boolean("enabled", enabled)
        self._timer: threading.Timer | None = None
        self._is_taken_off = False
        _instances.add(self)
        reset_in_child(self.throttle)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* may pass; asked again for the same record, give the same answer."""
        try:
            if not logging.ERROR <= record.levelno < logging.CRITICAL:
                return True
            return self._admit(record)
        except Exception as exc:  # noqa: BLE001 - a broken throttle must not hide an error
            reporter.report("error flow control", exc)
            return True

    def _admit(self, record: logging.LogRecord) -> bool:
        state = state_of(record)
        if state.suppressed_count is not None:
            return True
        if self in state.processed_by:
            if self not in state.refused_by:
                return True
            state.verdict = "suppressed"
            return False
        state.processed_by = (*state.processed_by, self)
        text = message_of(record)
        has_template = record.args and isinstance(record.msg, str)
        template = _bounded(record.msg) if has_template else pattern_of(text)
        raised = _raised(record)
        origin = (record.name, record.levelno, record.pathname, record.lineno, raised)
        passes, summary = self.throttle.admit((record.name, record.levelno, template, *raised), text, origin)
        if not self._enabled:
            return True
        if not passes:
            state.verdict, state.refused_by = "suppressed", (*state.refused_by, self)
            self._arm_timer()
        if summary is not None:
            _log_summaries([summary])
        _log_summaries(self.throttle.due())
        return passes

    def _arm_timer(self) -> None:
        # Without it, a program that falls silent after a burst would tell of the burst only at its end.
        due = self.throttle.next_due
        if due is None or (self._timer is not None and self._timer.is_alive()):
            return
        _flush_at_child_exit()
        self._timer = threading.Timer(max(0.05, due - time.time()), self._on_timer)
        self._timer.name = "ginkgo-logging-throttle"
        self._timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no new thread at interpreter exit; `flush` is near
            self._timer.start()

    def _on_timer(self) -> None:
        self._timer = None
        try:
            _log_summaries(self.throttle.due())
            self._arm_timer()
        except Exception as exc:  # noqa: BLE001 - nobody could catch it in this thread
            reporter.report("error flow control", exc)

    def flush(self) -> None:
        """Report at once whatever is held back, and stop the timer."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        summaries = self.throttle.flush()
        if self._enabled:
            _log_summaries(summaries)


def _bounded(template: str) -> str:
    """Return *template*; of a long one its beginning and a hash, for a thousand are remembered."""
    return template if len(template) <= _LONGEST_KEY else f"{template[:_LONGEST_KEY]}{hash(template)}"


def _raised(record: logging.LogRecord) -> tuple[str, ...]:
    """Return the type of the record's exception, and file and line that raised it; () without one."""
    info = record.exc_info
    if not isinstance(info, tuple) or len(info) != 3 or not isinstance(info[1], BaseException):
        return ()
    kind, trace = type(info[1]), info[2]
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if not isinstance(trace, TracebackType):
        return (name,)
    while trace.tb_next is not None:
        trace = trace.tb_next
    return name, f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _log_summaries(summaries: Iterable[Summary]) -> None:
    for summary in summaries:
        try:
            _log_summary(summary)
        except Exception as exc:  # noqa: BLE001 - a foreign handler may raise
            reporter.report("error flow control", exc)


def _log_summary(summary: Summary) -> None:
    name, level, pathname, lineno, raised = _OF_NO_CALL
    if isinstance(summary.detail, tuple) and summary.key != OTHERS:
        name, level, pathname, lineno, raised = summary.detail  # what _admit handed over
    logger = logging.getLogger(name)
    message = "%d more like this from %s to %s: %s" + (" (%s)" if raised else "")
    example = (summary.example, " at ".join(map(os.path.basename, raised))) if raised else (summary.example,)
    args = (summary.suppressed, _clock(summary.first), _clock(summary.last), *example)
    record = logging.getLogRecordFactory()(name, level, pathname, lineno, message, args, None)
    state = RecordState({})
    state.suppressed_count = summary.suppressed
    # Not ContextFilter's work: whatever is bound in the thread that happens to report is not of this record.
    record.__dict__.update(UNSET | {STATE: state})
    logger.handle(record)


_OF_NO_CALL: tuple[str, int, str, int, tuple[str, ...]] = (
    "ginkgo_logging",
    logging.ERROR,
    "(several)",
    0,
    (),
)
"""Logger, level, source and exception of a summary that stands for several patterns."""


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


_instances: "weakref.WeakSet[ThrottleFilter]" = weakref.WeakSet()


def flush_all() -> None:
    """Report what every throttle of this process holds back; runs at exit by itself."""
    for throttle_filter in members(_instances):
        throttle_filter.flush()


def throttles() -> list[Throttle]:
    """Return the counts of every throttle filter in use, for statistics."""
    return [one.throttle for one in members(_instances) if not one._is_taken_off]


def end_statistics(filters: Iterable[object]) -> None:
    """Leave those of *filters*, which a configuration had that is no longer in force, out of the statistics."""
    for one in filters:
        if isinstance(one, ThrottleFilter):
            # It stays known to `flush_all`: another thread may be holding an error back with it just now.
            one._is_taken_off = True


_flushes_in = 0


def _flush_at_child_exit() -> None:
    # Before CPython 3.13 a child of multiprocessing ends without atexit.
    global _flushes_in
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _flushes_in != os.getpid():
        _flushes_in = os.getpid()
        util.Finalize(None, flush_all, exitpriority=0)


# Registered after logging's own hook, so that it runs before the handlers are closed.
atexit.register(flush_all)
