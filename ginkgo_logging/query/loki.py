"""The store for clusters: a Loki, whichever collector fills it."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import groupby
from typing import Final, NamedTuple, Self

import orjson

from ginkgo_logging import fields
from ginkgo_logging.errors import QueryError
from ginkgo_logging.query import logql
from ginkgo_logging.query.loki_access import Access
from ginkgo_logging.query.loki_client import (
    MOST_ENTRIES,
    Entry,
    LimitError,
    LokiClient,
    TooManySeriesError,
)
from ginkgo_logging.query.model import NANOSECONDS, Order, Query, Row, order_of, rfc3339, text_of
from ginkgo_logging.settings import Settings

__all__ = ["Access", "LokiBackend"]

WEEK: Final = 7 * 24 * 3600.0

_AHEAD: Final = 600 * NANOSECONDS
"""Loki takes lines that are so far in the future, so a question without an end reaches there."""

_LONGEST: Final = 30 * 24 * 3600 * NANOSECONDS
"""Loki refuses longer ranges, unless its operator has set another limit."""

_EARLIEST: Final = 10 * NANOSECONDS
"""Loki takes smaller numbers for seconds."""

_FIRST_PAGE: Final = 250
_AT_ONCE: Final = 4
_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1000

_POLL: Final = 0.5
_OVERLAP: Final = 10 * NANOSECONDS

_Key = tuple[int, str, bytes]


class LokiBackend:
    """The lines in a Loki that are JSON objects.

    Without ``start``, a question goes *lookback* seconds back. *timeout* is how many seconds each request may
    take, with its repetitions; a long answer takes several requests.
    """

    def __init__(
        self,
        access: Access,
        *,
        lookback: float = WEEK,
        timeout: float = 10.0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = LokiClient(access, timeout)
        self._lookback = int(lookback * NANOSECONDS)
        self._clock = clock
        self._most_entries = MOST_ENTRIES
        self._longest = _LONGEST

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the store that *settings* name. Raises `ConfigError`."""
        access = Access(
            url=settings.loki_url or "",
            tenant=settings.loki_tenant,
            username=settings.loki_username,
            password=settings.loki_password,
            token=settings.loki_token,
            ca_file=settings.loki_ca_file,
            client_cert=settings.loki_client_cert,
        )
        return cls(access, lookback=settings.loki_lookback, timeout=settings.loki_timeout)

    def __repr__(self) -> str:
        return f"LokiBackend({self._client!r})"

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        """Yield every matching row, page by page."""
        for found in self._found(query, *self._range(query), newest_first=order == "desc"):
            yield found.row

    def count(self, query: Query) -> int:
        """Return how many rows match, exactly: Loki counts, and gives the rows of broken milliseconds."""
        return self._counts(query, None, *self._range(query)).total()

    def count_by(self, query: Query, field: str) -> dict[str, int]:
        """Return how many rows match for each value of *field*."""
        return dict(self._counts(query, field, *self._range(query)))

    def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
        """Return how many rows match by time and level."""
        start, end = self._range(query)
        starts = range(start, end, step)
        # A page of rows costs about as much as a count.
        if self.count(query) <= MOST_ENTRIES * len(starts):
            steps: dict[int, Counter[str]] = {}
            for found in self._found(query, start, end, newest_first=False):
                counts = steps.setdefault(start + (found.time - start) // step * step, Counter())
                counts[text_of(found.row.get(fields.LEVEL)) or ""] += 1
            return {moment: dict(counts) for moment, counts in steps.items()}

        def counted(moment: int) -> Counter[str]:
            return self._counts(query, fields.LEVEL, moment, min(moment + step, end))

        threads = ThreadPoolExecutor(_AT_ONCE, "ginkgo-logging-count")
        try:
            answers = zip(starts, threads.map(counted, starts), strict=True)
            return {moment: dict(counts) for moment, counts in answers if counts}
        finally:
            threads.shutdown(cancel_futures=True)

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        """Yield matching rows as they come to Loki, in the order of time among those that come together.

        A line that comes more than ten seconds after its time is not seen.
        """
        asked_at = began = self._clock()
        seen: set[_Key] | None = None
        # In a thread, so that a slow answer does not keep the caller waiting.
        thread = ThreadPoolExecutor(1, "ginkgo-logging-tail")
        try:
            while True:
                now = self._clock()
                # Not only the last seconds: the caller may have been busy for longer.
                asked = thread.submit(self._recent, query, asked_at, now)
                asked_at = now
                while not wait([asked], _POLL).done:
                    yield None
                recent = asked.result()
                if seen is None:
                    seen = {entry.key for entry in recent if entry.time < began}
                news = [entry for entry in recent if entry.key not in seen]
                seen = {entry.key for entry in recent}
                if not news:
                    yield None
                for found in _in_order(_matching(query, news), newest_first=False):
                    yield found.row
                time.sleep(_POLL)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    # --- rows ---------------------------------------------------------------------------------------------

    def _range(self, query: Query) -> tuple[int, int]:
        now = self._clock()
        end = now + _AHEAD if query.end is None else query.end
        start = min(now, end) - self._lookback if query.start is None else query.start
        return max(start, _EARLIEST), end

    def _found(self, query: Query, start: int, end: int, *, newest_first: bool) -> "Iterator[_Found]":
        entries = self._entries(logql.search(query).lines, start, end, newest_first=newest_first)
        return _in_order(_matching(query, entries), newest_first=newest_first)

    def _recent(self, query: Query, since: int, now: int) -> list[Entry]:
        start, end = (
            max(min(since, now) - _OVERLAP, query.start or 0),
            min(now + _AHEAD, query.end or now + _AHEAD),
        )
        return list(self._entries(logql.search(query).lines, start, end, newest_first=False))

    def _entries(self, lines: str, start: int, end: int, *, newest_first: bool) -> Iterator[Entry]:
        """Yield the entries of a range of any length, in parts that Loki takes."""
        while start < end:
            length = min(end - start, self._longest)
            first, behind = (end - length, end) if newest_first else (start, start + length)
            try:
                yield from self._pages(lines, first, behind, newest_first=newest_first)
            except LimitError as error:
                # It comes before the first entry: Loki looks at the range first.
                if not error.nanoseconds or error.nanoseconds >= length:
                    raise
                self._longest = error.nanoseconds
                continue
            start, end = (start, first) if newest_first else (behind, end)

    def _pages(self, lines: str, start: int, end: int, *, newest_first: bool) -> Iterator[Entry]:
        """Yield the entries of a range that Loki takes.

        Loki has no cursor. The next page begins with the time at which the last one ended; what is known
        already of that time is left out.
        """
        size, edge, seen = _FIRST_PAGE, -1, set[_Key]()
        while True:
            limit = min(size + len(seen), self._most_entries)
            try:
                page = self._client.entries(lines, start, end, limit, newest_first=newest_first)
            except LimitError as error:
                if not error.entries or error.entries >= limit:
                    raise
                self._most_entries = error.entries
                continue
            new = [entry for entry in page if entry.key not in seen]
            yield from new
            if len(page) < limit:
                return
            if not new and limit == self._most_entries:
                raise QueryError(f"{limit:,} lines or more have one time, {rfc3339(edge)}; ask for fewer")
            if page[-1].time != edge:
                edge, seen = page[-1].time, set()
            seen |= {entry.key for entry in page if entry.time == edge}
            start, end = (start, edge + 1) if newest_first else (edge, end)
            size = min(size * 4, MOST_ENTRIES)

    # --- counts -------------------------------------------------------------------------------------------

    def _counts(self, query: Query, field: str | None, start: int, end: int) -> Counter[str]:
        """Return how many rows match for each value of *field*; all under ``""`` if that is None."""
        search = logql.search(query, field)
        try:
            counts = self._counted_by_loki(query, field, search, start, end)
        except TooManySeriesError:
            return self._counted_here(query, field, search.lines, start, end)
        if any(map(_is_ambiguous, counts)):
            return self._counted_here(query, field, search.lines, start, end)
        return counts + self._counted_here(query, field, search.rest, start, end)

    def _counted_by_loki(
        self, query: Query, field: str | None, search: logql.Search, start: int, end: int
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        while search.counted is not None and start < end:
            behind = min(start + _LONGEST, end)
            milliseconds = (behind - start) // _MILLISECOND
            whole = behind - milliseconds * _MILLISECOND
            if start < whole:
                counts += self._counted_here(query, field, search.counted, start, whole)
            if milliseconds:
                # Loki counts from behind the start of a time to its end; a row, from its start to before its end.
                for sample in self._client.samples(search.count(milliseconds), behind - 1):
                    counts[search.value(sample.labels)] += sample.value
            start = behind
        return counts

    def _counted_here(
        self, query: Query, field: str | None, lines: str, start: int, end: int
    ) -> Counter[str]:
        found = _matching(query, self._entries(lines, start, end, newest_first=False))
        if field is None:
            return Counter({"": sum(1 for _ in found)})
        return Counter(text_of(one.known.get(field)) or "" for one in found)


def _is_ambiguous(value: str) -> bool:
    """Say whether Loki may mean another kind of value than a text: it gives these as the line spells them."""
    if value.startswith(("{", "[")):
        return True
    try:
        return value[:1] in "-0123456789" and text_of(orjson.loads(value)) != value
    except ValueError:
        return False


class _Found(NamedTuple):
    order: tuple[int, int, bytes]
    time: int
    row: Row
    known: Row
    """The row with what only the collector knows of it."""


def _matching(query: Query, entries: Iterable[Entry]) -> Iterator[_Found]:
    for entry in entries:
        try:
            row = orjson.loads(entry.line)
            if not isinstance(row, dict):
                continue
            order = order_of(row, entry.line.encode())
        except ValueError:
            continue
        known = logql.completed(row, entry.labels)
        if query.matches(known):
            yield _Found(order, entry.time, row, known)


def _in_order(found: Iterable[_Found], *, newest_first: bool) -> Iterator[_Found]:
    """Bring rows into the order that every store has.

    Collectors set lines of one microsecond apart by nanoseconds, so these are what is sorted.
    """
    for _, together in groupby(found, key=lambda one: one.time // _MICROSECOND):
        yield from sorted(together, key=lambda one: one.order, reverse=newest_first)
