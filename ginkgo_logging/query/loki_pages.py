"""Read the entries of any range of time from Loki, page by page, however long the range and the lines are."""

from collections.abc import Iterator
from typing import Final

from ginkgo_logging.errors import QueryError
from ginkgo_logging.query.loki_answers import Entry, LimitError, Page, TooLargeError, TooSlowError
from ginkgo_logging.query.loki_client import MOST_ENTRIES, LokiClient
from ginkgo_logging.query.model import NANOSECONDS, rfc3339

LONGEST: Final = 30 * 24 * 3600 * NANOSECONDS
"""Loki refuses longer ranges, unless its operator has set another limit."""

PAGE_BYTES: Final = 2 * 1024 * 1024
"""What a page should have: the processes of a Loki hand each other 4 MiB, unless its operator allows more."""

_FIRST_PAGE: Final = 250

Key = tuple[int, str, bytes]


class LokiPages:
    """The entries of a Loki, and what is known of its limits. Any thread may call any method."""

    def __init__(self, client: LokiClient) -> None:
        self._client = client
        self._most_entries = MOST_ENTRIES
        self._longest = LONGEST

    def entries(self, lines: str, start: int, end: int, *, newest_first: bool) -> Iterator[Entry]:
        """Yield the entries of a range of any length, in parts that Loki takes."""
        while start < end:
            length = min(end - start, self._longest)
            first, after = (end - length, end) if newest_first else (start, start + length)
            try:
                yield from self._in_part(lines, first, after, newest_first=newest_first)
            except LimitError as error:
                # It comes before the first entry: Loki looks at the range first.
                if not error.nanoseconds or error.nanoseconds >= length:
                    raise
                self._longest = error.nanoseconds
                continue
            start, end = (start, first) if newest_first else (after, end)

    def _in_part(self, lines: str, start: int, end: int, *, newest_first: bool) -> Iterator[Entry]:
        """Yield the entries of a range that Loki takes.

        Loki has no cursor. The next page begins with the time at which the last one ended; what is known
        already of that time is left out.
        """
        size, most, edge, seen = _FIRST_PAGE, MOST_ENTRIES, -1, set[Key]()
        while True:
            limit = min(size + len(seen), self._most_entries)
            try:
                page = self._client.entries(lines, start, end, limit, newest_first=newest_first)
            except LimitError as error:
                if not error.entries or error.entries >= limit:
                    raise
                self._most_entries = error.entries
                continue
            except (TooLargeError, TooSlowError) as error:
                size = most = _fewer(error, limit - len(seen))
                continue
            new = [entry for entry in page.entries if entry.key not in seen]
            yield from new
            if len(page.entries) < limit:
                return
            if not new and limit == self._most_entries:
                raise QueryError(f"{limit:,} lines or more have one time, {rfc3339(edge)}; ask for fewer")
            last = page.entries[-1].time
            if last != edge:
                edge, seen = last, set()
            seen |= {entry.key for entry in page.entries if entry.time == edge}
            start, end = (start, edge + 1) if newest_first else (edge, end)
            size = min(size * 4, most, _fitting(page))


def _fewer(error: TooLargeError | TooSlowError, size: int) -> int:
    """Return how many entries to ask for instead of *size*. Raises *error* if fewer would not help."""
    if isinstance(error, TooSlowError):
        # A Loki that does not answer at all is not asked again and again; one that answered few entries is.
        if size <= _FIRST_PAGE:
            raise error
        return _FIRST_PAGE
    if size <= 1:
        raise error
    return size // 2


def _fitting(page: Page) -> int:
    """Return how many entries as long as those of *page* have `PAGE_BYTES`."""
    return max(1, PAGE_BYTES * len(page.entries) // page.size)
