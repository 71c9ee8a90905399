"""The store for clusters: a Loki, whichever collector fills it."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Final, NamedTuple, Self

import orjson

from ginkgo_logging import fields
from ginkgo_logging.query import logql
from ginkgo_logging.query.loki_access import Access
from ginkgo_logging.query.loki_answers import Entry, TooManySeriesError
from ginkgo_logging.query.loki_client import MOST_ENTRIES, LokiClient
from ginkgo_logging.query.loki_pages import LONGEST, LokiPages
from ginkgo_logging.query.loki_tail import LokiTail
from ginkgo_logging.query.model import NANOSECONDS, Order, Query, Row, order_of, read_json, text_of
from ginkgo_logging.settings import Settings

__all__ = ["Access", "LokiBackend"]

WEEK: Final = 7 * 24 * 3600.0

_AHEAD: Final = 600 * NANOSECONDS
"""Loki takes lines that are so far in the future, so a question without an end reaches there."""

_EARLIEST: Final = 10 * NANOSECONDS
"""Loki takes smaller numbers for seconds."""

_AT_ONCE: Final = 4
_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1000
_OVERLAP: Final = 10 * NANOSECONDS


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
        self._pages = LokiPages(self._client)

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

    def tail(self, query: Query) -> LokiTail:
        """Return the matching rows as they come to Loki, in the order of time among those that come together.

        A line that comes more than ten seconds after its time is not seen. After `ServiceUnavailable` it may be
        asked for the next row again, and goes on where it was.
        """
        return LokiTail(partial(self._recent, query), partial(_rows_in_order, query), self._clock)

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
        entries = self._pages.entries(logql.search(query).lines, start, end, newest_first=newest_first)
        return _in_order(_matching(query, entries), newest_first=newest_first)

    def _recent(self, query: Query, since: int, now: int) -> list[Entry]:
        start = max(min(since, now) - _OVERLAP, query.start or 0)
        end = min(now + _AHEAD, query.end or now + _AHEAD)
        return list(self._pages.entries(logql.search(query).lines, start, end, newest_first=False))

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
            after = min(start + LONGEST, end)
            milliseconds = (after - start) // _MILLISECOND
            whole = after - milliseconds * _MILLISECOND
            if start < whole:
                counts += self._counted_here(query, field, search.counted, start, whole)
            if milliseconds:
                # Loki's count leaves out the start of its range and has the end; with rows it is the other way.
                for sample in self._client.samples(search.count(milliseconds), after - 1):
                    counts[search.value(sample.labels)] += sample.value
            start = after
        return counts

    def _counted_here(
        self, query: Query, field: str | None, lines: str, start: int, end: int
    ) -> Counter[str]:
        found = _matching(query, self._pages.entries(lines, start, end, newest_first=False))
        if field is None:
            return Counter({"": sum(1 for _ in found)})
        return Counter(text_of(one.known.get(field)) or "" for one in found)


def _is_ambiguous(value: str) -> bool:
    """Return whether Loki may mean another kind of value than a text: it gives these as the line spells them."""
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
            line = entry.line.encode()
            row = read_json(line)
            if not isinstance(row, dict):
                continue
            order = order_of(row, line)
        except ValueError:
            continue
        known = logql.completed(row, entry.labels)
        if query.matches(known):
            yield _Found(order, entry.time, row, known)


def _rows_in_order(query: Query, entries: list[Entry]) -> list[Row]:
    return [found.row for found in _in_order(_matching(query, entries), newest_first=False)]


def _in_order(found: Iterable[_Found], *, newest_first: bool) -> Iterator[_Found]:
    """Bring rows into the order that every store has.

    Collectors set lines of one microsecond apart by nanoseconds, so these are what is sorted.
    """
    for _, together in groupby(found, key=lambda one: one.time // _MICROSECOND):
        yield from sorted(together, key=lambda one: one.order, reverse=newest_first)
