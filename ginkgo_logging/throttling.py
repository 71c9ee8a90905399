"""Decide how often a repeated event may pass; knows nothing of logging."""

import heapq
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ginkgo_logging.arguments import whole_number

OTHERS = "other patterns"
"""Key and example of the summary that stands for several patterns, see `Throttle`."""

_EXAMPLE_LENGTH = 500


class Summary(NamedTuple):
    """What was held back of one pattern in one window.

    *first* and *last* are the clock's readings at the first and last event held back, in order of
    arrival; *detail* is what the caller passed with the first of them.
    """

    key: Hashable
    example: str
    suppressed: int
    first: float
    last: float
    detail: object


class PatternStats(NamedTuple):
    """How often one pattern occurred, whether it passed or not, since it was first counted."""

    key: Hashable
    example: str
    seen: int
    first: float
    last: float


class ThrottleStats(NamedTuple):
    """Every occurrence since the start or the last `clear_stats`, most frequent patterns first.

    The totals include patterns that were evicted since; a pattern that comes back after its
    eviction is one more pattern in ``total_patterns``, and starts again in ``top``.
    """

    total_patterns: int
    total_count: int
    top: tuple[PatternStats, ...]


class _Pattern:
    """One pattern's current window and its statistics."""

    # On the class: an instance sets what differs.
    passed = 0
    held = 0
    held_first = 0.0
    held_last = 0.0
    detail: object = None
    count = 0
    first = 0.0
    last = 0.0

    def __init__(self, key: Hashable, example: str, opened: float) -> None:
        self.key = key
        self.example = example
        self.opened = opened


class Throttle:
    """Let the first *limit* events of a pattern pass in each window of *seconds*; count the rest.

    A window opens with the first event of its pattern and ends *seconds* later, or at once when
    the clock is found to have gone back to before its opening. Nothing is lost: every event held
    back is in exactly one `Summary`, handed over by `admit`, `due` or `flush`.

    At most *max_patterns* patterns are remembered, those seen last; what an evicted pattern still
    held back is handed over by the next `due`. Should nobody call that for so long that more than
    *max_patterns* such summaries wait, the surplus is added up in one whose key is `OTHERS`.

    Safe to call from any thread. An event that arrives while the same thread is inside the
    throttle (from a signal handler or a finaliser) passes and is counted.
    """

    def __init__(
        self,
        *,
        limit: int = 5,
        seconds: float = 60.0,
        max_patterns: int = 1000,
        clock: Callable[[], float] = time.time,
        clean: Callable[[str], str] = str,
    ) -> None:
        self._clean = clean
        self._limit = whole_number("limit", limit, least=1)
        self._seconds = _positive("seconds", seconds)
        self._max_patterns = whole_number("max_patterns", max_patterns, least=1)
        self._clock = clock
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start empty, with a fresh lock; call it in a forked child and nowhere else.

        The counts taken so far are the parent's to report, and its lock may have been held by a
        thread that does not exist in the child: give this to `os.register_at_fork`.
        """
        self._lock = threading.RLock()
        self._busy = False
        self._reentered: list[tuple[Hashable, str]] = []
        self._patterns: OrderedDict[Hashable, _Pattern] = OrderedDict()
        self._holding: dict[Hashable, _Pattern] = {}
        self._ready: list[Summary] = []
        # Never later than the earliest end of a window that holds events back.
        self._next_due: float | None = None
        self._latest = -math.inf
        self._total_patterns = 0
        self._total_count = 0

    def admit(self, key: Hashable, example: str = "", detail: object = None) -> tuple[bool, Summary | None]:
        """Return whether this event may pass, and what the window that it ends had held back.

        The summary, if there is one, belongs before the event. *example* is kept from the pattern's
        first event: the first 500 characters of what *clean* makes of it, for a secret that is cut
        off in the middle is none to anybody who looks for it later. *detail* is kept from the first
        event held back.
        """
        with self._exclusive() as entered:
            if not entered:
                hash(key)  # an unusable key is this caller's error, not that of the interrupted call
                self._reentered.append((key, example))
                return True, None
            now = self._read_clock()
            pattern = self._counted(key, example, now)
            summary = None
            if self._is_over(pattern, now):
                summary = self._close(pattern) if pattern.held else None
                pattern.opened = now
                pattern.passed = 0
            if pattern.passed < self._limit:
                pattern.passed += 1
                return True, summary
            self._hold_back(pattern, detail, now)
            return False, summary

    def due(self) -> list[Summary]:
        """Return the summaries of windows that have ended; they are handed over once.

        Cheap enough to call with every event: a comparison unless something is due.
        """
        # Without the lock: the worst that a race can do is to look once too often.
        next_due, latest = self._next_due, self._latest
        if next_due is None or latest <= self._clock() < next_due:
            return []
        with self._exclusive() as entered:
            if not entered:
                return []
            now = self._read_clock()
            return self._hand_over(lambda pattern: self._is_over(pattern, now))

    def flush(self) -> list[Summary]:
        """Return the summaries of everything held back so far, also of windows still open."""
        with self._exclusive() as entered:
            return self._hand_over(lambda _: True) if entered else []

    @property
    def next_due(self) -> float | None:
        """When to call `due` next, as a reading of the clock; None while nothing is held back.

        It may be early, but not late unless the clock goes back.
        """
        return self._next_due

    @property
    def pending(self) -> int:
        """How many events were held back and are in no summary handed over yet."""
        with self._exclusive():
            ready = sum(summary.suppressed for summary in self._ready)
            return ready + sum(pattern.held for pattern in self._holding.values())

    def stats(self, top: int | None = 10) -> ThrottleStats:
        """Return the totals, and the *top* most frequent patterns still remembered; None: all of them."""
        with self._exclusive():
            counted = [pattern for pattern in self._patterns.values() if pattern.count]
            most = heapq.nlargest(
                len(counted) if top is None else top,
                counted,
                key=lambda pattern: (pattern.count, pattern.last),
            )
            rows = (PatternStats(p.key, p.example, p.count, p.first, p.last) for p in most)
            return ThrottleStats(self._total_patterns, self._total_count, tuple(rows))

    def clear_stats(self) -> None:
        """Count from zero again; windows and what they hold back stay as they are."""
        with self._exclusive():
            self._total_patterns = 0
            self._total_count = 0
            for pattern in self._patterns.values():
                pattern.count = 0

    @contextmanager
    def _exclusive(self) -> Iterator[bool]:
        """Hold the lock; yield False if this thread was interrupted while it changed the state."""
        with self._lock:
            if self._busy:
                yield False
                return
            try:
                self._busy = True
                yield True
            finally:
                try:
                    while self._reentered:
                        self._counted(*self._reentered.pop(), self._latest)
                finally:
                    self._busy = False

    def _read_clock(self) -> float:
        now = self._clock()
        if now < self._latest and self._next_due is not None:
            # Windows opened before the jump would seem to end far in the future: look at all.
            self._next_due = now
        self._latest = now
        return now

    def _is_over(self, pattern: _Pattern, now: float) -> bool:
        return not pattern.opened <= now < pattern.opened + self._seconds

    def _counted(self, key: Hashable, example: str, now: float) -> _Pattern:
        pattern = self._patterns.get(key)
        if pattern is None:
            pattern = self._patterns[key] = _Pattern(key, self._clean(example)[:_EXAMPLE_LENGTH], now)
            if len(self._patterns) > self._max_patterns:
                self._evict_oldest(now)
        else:
            self._patterns.move_to_end(key)
        if not pattern.count:
            self._total_patterns += 1
            pattern.first = now
        self._total_count += 1
        pattern.count += 1
        pattern.last = now
        return pattern

    def _hold_back(self, pattern: _Pattern, detail: object, now: float) -> None:
        if not pattern.held:
            self._holding[pattern.key] = pattern
            pattern.held_first = now
            pattern.detail = detail
            self._due_at(pattern.opened + self._seconds)
        pattern.held += 1
        pattern.held_last = now

    def _close(self, pattern: _Pattern) -> Summary:
        summary = Summary(
            pattern.key, pattern.example, pattern.held, pattern.held_first, pattern.held_last, pattern.detail
        )
        del self._holding[pattern.key]
        pattern.held = 0
        pattern.detail = None
        if not self._holding and not self._ready:
            self._next_due = None
        return summary

    def _evict_oldest(self, now: float) -> None:
        _, pattern = self._patterns.popitem(last=False)
        if not pattern.held:
            return
        summary = self._close(pattern)
        if len(self._ready) < self._max_patterns:
            self._ready.append(summary)
        else:
            waiting = self._ready[-1]
            self._ready[-1] = Summary(
                key=OTHERS,
                example=OTHERS,
                suppressed=waiting.suppressed + summary.suppressed,
                first=min(waiting.first, summary.first),
                last=max(waiting.last, summary.last),
                detail=waiting.detail,
            )
        self._due_at(now)

    def _due_at(self, moment: float) -> None:
        if self._next_due is None or moment < self._next_due:
            self._next_due = moment

    def _hand_over(self, chosen: Callable[[_Pattern], bool]) -> list[Summary]:
        summaries, self._ready = self._ready, []
        ended = [pattern for pattern in self._holding.values() if chosen(pattern)]
        summaries.extend([self._close(pattern) for pattern in ended])
        self._next_due = min(
            (pattern.opened + self._seconds for pattern in self._holding.values()), default=None
        )
        return summaries


def merged(stats: Iterable[ThrottleStats], top: int = 10) -> ThrottleStats:
    """Return *stats*, each with all its patterns, of throttles that were asked about the same events, as one.

    A pattern that several know counts as with the one that saw it most often; so does all that was evicted.
    """
    largest: dict[Hashable, PatternStats] = {}
    evicted_patterns = evicted_count = 0
    for one in stats:
        for pattern in one.top:
            known = largest.get(pattern.key)
            if known is None or known.seen < pattern.seen:
                largest[pattern.key] = pattern
        evicted_patterns = max(evicted_patterns, one.total_patterns - len(one.top))
        evicted_count = max(evicted_count, one.total_count - sum(pattern.seen for pattern in one.top))
    rows = sorted(largest.values(), key=lambda pattern: (pattern.seen, pattern.last), reverse=True)
    count = sum(pattern.seen for pattern in rows)
    return ThrottleStats(len(rows) + evicted_patterns, count + evicted_count, tuple(rows[:top]))


def _positive(name: str, value: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return float(value)
