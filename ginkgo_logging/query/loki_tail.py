"""Follow a Loki: what comes to it from now on, by asking again and again for the last seconds."""

import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Final

from ginkgo_logging.query.background import in_background
from ginkgo_logging.query.loki_answers import Entry
from ginkgo_logging.query.loki_pages import Key
from ginkgo_logging.query.model import Row

POLL: Final = 0.5


class LokiTail(Generator[Row | None, None, None]):
    """The rows that come to Loki, and None at least twice a second while there are none.

    After an error it may be asked again: it goes on where it was. *recent* returns the entries of the time since
    a moment up to another and some before it, *rows_of* the matching rows of some entries in their order.
    """

    def __init__(
        self,
        recent: Callable[[int, int], list[Entry]],
        rows_of: Callable[[list[Entry]], list[Row]],
        clock: Callable[[], int],
    ) -> None:
        self._recent = recent
        self._rows_of = rows_of
        self._clock = clock
        self._began = self._answered_at = clock()
        self._seen: set[Key] | None = None
        self._ready: deque[Row | None] = deque()
        self._asked: tuple[int, Future[list[Entry]]] | None = None
        self._next_at = 0.0
        self._is_closed = False

    def send(self, _: object) -> Row | None:
        """Return what is next. Raises what the question raised."""
        if self._is_closed:
            raise StopIteration
        if self._ready:
            return self._ready.popleft()
        if self._asked is None:
            time.sleep(max(0.0, self._next_at - time.monotonic()))
            # Not only the last seconds: the caller may have been busy for longer, or Loki away.
            now = self._clock()
            # In a thread, so that a slow answer does not keep the caller waiting.
            self._asked = now, in_background(partial(self._recent, self._answered_at, now))
        asked_at, future = self._asked
        if not wait([future], POLL).done:
            return None
        self._asked, self._next_at = None, time.monotonic() + POLL
        self._take(future.result())
        self._answered_at = asked_at
        return self._ready.popleft() if self._ready else None

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Row | None:
        """End with an error from outside."""
        self._is_closed = True
        return super().throw(typ, val, tb)

    def close(self) -> None:
        """End; a question that has no answer yet is left to itself."""
        self._is_closed = True

    def _take(self, entries: list[Entry]) -> None:
        if self._seen is None:
            self._seen = {entry.key for entry in entries if entry.time < self._began}
        news = [entry for entry in entries if entry.key not in self._seen]
        self._seen = {entry.key for entry in entries}
        self._ready.extend(self._rows_of(news))
