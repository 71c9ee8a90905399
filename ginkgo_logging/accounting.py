"""Count what became of every record, per handler, and report failures without logging them."""

import itertools
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol, TypeVar

REPORT_INTERVAL = 60.0
"""Seconds between two failure reports on stderr; failures in between are only counted."""


_T = TypeVar("_T")

_numbers = itertools.count(1)


class Counts:
    """What became of the records that one handler was given.

    Every record counts once in exactly one of ``written``, ``suppressed``, ``sampled_out`` and ``failed``, and so
    in ``seen``, which is their sum. ``masked`` and ``truncated`` are shares of ``written``. They are changed with
    the handler's lock held, a queue's with one of their own.
    """

    __slots__ = ("failed", "masked", "number", "sampled_out", "suppressed", "truncated", "written")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.written = 0
        self.suppressed = 0
        self.sampled_out = 0
        self.failed = 0
        self.masked = 0
        self.truncated = 0

    @property
    def seen(self) -> int:
        """The sum of what became of them."""
        return self.as_dict()["seen"]

    def as_dict(self) -> dict[str, int]:
        """Return the numbers of this moment."""
        became = {
            "written": self.written,
            "suppressed": self.suppressed,
            "sampled_out": self.sampled_out,
            "failed": self.failed,
        }
        return {
            "seen": sum(became.values()),  # of what was read: another thread may be counting
            **became,
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
    shares of ``written``. Handlers without a name are listed by class and the number of their creation.
    """
    result: dict[str, dict[str, int]] = {}
    for handler in sorted(members(_handlers), key=lambda handler: handler.counts.number):
        name = handler.name or f"{type(handler).__name__}-{handler.counts.number}"
        while name in result:
            name += "'"
        result[name] = handler.counts.as_dict()
    return result


def members(live: "weakref.WeakSet[_T]") -> list[_T]:
    """Return what is in *live* now, while other threads may add to it."""
    # Its table in one step: walking a WeakSet fails when it grows meanwhile, and a lock could be held in a fork.
    table: set[weakref.ref[_T]] = live.data.copy()  # type: ignore[attr-defined] # typeshed lacks it
    return [member for reference in table if (member := reference()) is not None]


class FailureReporter:
    """Say on stderr that something failed, at most once an interval, and how often since the last report.

    Thread-safe, and safe in a signal handler. Never raises, never logs.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.mask: Callable[[str], str] = str
        """What is done to a text before it is printed: an error may quote what was to be logged."""
        self._clock = clock
        self._next = float("-inf")
        self._unreported = 0
        self.reset_lock()

    def reset_lock(self) -> None:
        """Take a fresh lock; for a forked child, where the thread that held the old one does not exist."""
        # Reentrant: a signal handler or a finalizer may fail to log while this thread is in here.
        self._lock = threading.RLock()

    def report(self, where: str, error: BaseException) -> None:
        """Count one failure; print it if the interval since the last report is over."""
        try:
            with self._lock:
                self._unreported += 1
                now = self._clock()
                if now < self._next:
                    return
                self._next = now + REPORT_INTERVAL
                count, self._unreported = self._unreported, 0
            what = self.mask(f"{where}: {type(error).__name__}: {error}")
            what = what if what.isprintable() else ascii(what)
            sys.stderr.write(f"ginkgo_logging: {what} (failures since the last report: {count})\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001, S110 - stderr is the last resort; nothing is left to tell
            pass


reporter = FailureReporter()
os.register_at_fork(after_in_child=reporter.reset_lock)
