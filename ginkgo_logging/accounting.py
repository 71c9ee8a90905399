"""Count what became of every record, per handler, and report failures without logging them."""

import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

REPORT_INTERVAL = 60.0
"""Seconds between two failure reports on stderr; failures in between are only counted."""


class Counts:
    """What became of the records that one handler was given.

    Every record counts once in ``seen`` and once in exactly one of ``written``, ``suppressed``,
    ``sampled_out`` and ``failed``. ``masked`` and ``truncated`` are shares of ``written``. Whoever changes a
    number holds the handler's lock.
    """

    __slots__ = ("failed", "masked", "sampled_out", "seen", "suppressed", "truncated", "written")

    def __init__(self) -> None:
        self.seen = 0
        self.written = 0
        self.suppressed = 0
        self.sampled_out = 0
        self.failed = 0
        self.masked = 0
        self.truncated = 0

    def as_dict(self) -> dict[str, int]:
        """Return the numbers of this moment."""
        return {
            "seen": self.seen,
            "written": self.written,
            "suppressed": self.suppressed,
            "sampled_out": self.sampled_out,
            "failed": self.failed,
            "masked": self.masked,
            "truncated": self.truncated,
        }


class Counted(Protocol):
    """A handler that keeps `Counts`."""

    counts: Counts

    @property
    def name(self) -> str | None:
        """The name in the dictConfig file."""


_handlers: "weakref.WeakSet[Counted]" = weakref.WeakSet()


def register(handler: Counted) -> None:
    """Let `stats` see *handler* for as long as it lives."""
    _handlers.add(handler)


def stats() -> dict[str, dict[str, int]]:
    """Return what became of the records so far, per handler of this process.

    Per handler, ``seen == written + suppressed + sampled_out + failed``; ``masked`` and ``truncated`` are
    shares of ``written``. Handlers without a name are listed by class and number.
    """
    result: dict[str, dict[str, int]] = {}
    for number, handler in enumerate(sorted(_handlers, key=id)):
        name = handler.name or f"{type(handler).__name__}-{number}"
        while name in result:
            name += "'"
        result[name] = handler.counts.as_dict()
    return result


class FailureReporter:
    """Say on stderr that log lines were lost, at most once an interval, and how many since.

    Thread-safe: at worst two threads report one interval. Never raises, never logs.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = float("-inf")
        self._unreported = 0
        self._lock = threading.Lock()

    def report(self, where: str, error: BaseException) -> None:
        """Count one failure; print it if the interval since the last report is over."""
        with self._lock:
            self._unreported += 1
            now = self._clock()
            if now < self._next:
                return
            self._next = now + REPORT_INTERVAL
            count, self._unreported = self._unreported, 0
        try:
            sys.stderr.write(
                f"ginkgo_logging: {where}: {count} record(s) not written: {type(error).__name__}: {error}\n"
            )
            sys.stderr.flush()
        except Exception:  # noqa: BLE001, S110 - stderr is the last resort; nothing is left to tell
            pass


reporter = FailureReporter()
