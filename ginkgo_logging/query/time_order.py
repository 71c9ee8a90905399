"""The rows of many files in one order, each file read only when it is due and only as far as it is asked for."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Final

from ginkgo_logging import fields
from ginkgo_logging.query.line_scan import (
    ALWAYS,
    NEVER,
    Block,
    Buffer,
    Found,
    Scan,
    backwards,
    forwards,
)
from ginkgo_logging.query.model import Order
from ginkgo_logging.query.time_probe import Tolerance, part, times_in
from ginkgo_logging.query.time_span import Span

HELD_BYTES: Final = 24 * 1024 * 1024
"""Roughly how many bytes of rows may wait for rows that sort before them."""

_ROW_BYTES: Final = 600
EDGE: Final = 16 * 1024


def unordered(scan: Scan, span: Span, buffer: Buffer, tolerance: Tolerance) -> Iterator[Found]:
    """Yield the matching rows of one file as they stand there."""
    query = scan.query
    low, high = part(span.file, buffer, query.start, query.end, tolerance)
    for block in forwards(span.file, buffer, low, high):
        yield from scan.in_block(buffer, block)


class InOrder:
    """Merge the matching rows of all files; a file is read only when its time has come."""

    def __init__(
        self, scan: Scan, spans: list[Span], buffer: Buffer, order: Order, tolerance: Tolerance
    ) -> None:
        self._scan = scan
        self._buffer = buffer
        self._order = order
        self._tolerance = tolerance
        self._is_desc = order == "desc"
        # The next one is the last of the list.
        self._waiting = sorted(spans, key=lambda span: span.high if self._is_desc else -span.low)
        self._started: list[tuple[Found, Iterator[Found]]] = []

    def __iter__(self) -> Iterator[Found]:
        return chain.from_iterable(self._runs())

    def _runs(self) -> Iterator[Iterable[Found]]:
        """Yield rows that follow each other; all of a run are taken before the next is asked for."""
        best: Callable[[list[tuple[Found, Iterator[Found]]]], tuple[Found, Iterator[Found]]]
        best = max if self._is_desc else min
        started = self._started
        while True:
            while self._waiting and (not started or self._is_due(best(started)[0][0])):
                self._start(self._waiting.pop())
            if not started:
                return
            if len(started) == 1:
                item, stream = started.pop()
                yield self._until_due(item, stream) if self._waiting else chain([item], stream)
                continue
            chosen = best(started)
            yield chosen[:1]
            self._advance(started.index(chosen))

    def _until_due(self, item: Found, stream: Iterator[Found]) -> Iterator[Found]:
        """Yield from the only file that is started until another one is due."""
        limit = self._limit()
        while item[0] > limit if self._is_desc else item[0] < limit:
            yield item
            following = next(stream, None)
            if following is None:
                return
            item = following
        self._started.append((item, stream))

    def _limit(self) -> int:
        return self._waiting[-1].high if self._is_desc else self._waiting[-1].low

    def _is_due(self, moment: int) -> bool:
        return moment <= self._limit() if self._is_desc else moment >= self._limit()

    def _start(self, span: Span) -> None:
        stream = chain.from_iterable(self._in_file(span))
        self._started.append((_PLACEHOLDER, stream))
        self._buffer.share(len(self._started))
        self._advance(len(self._started) - 1)

    def _advance(self, index: int) -> None:
        stream = self._started[index][1]
        item = next(stream, None)
        if item is None:
            del self._started[index]
        else:
            self._started[index] = item, stream

    def _in_file(self, span: Span) -> Iterator[list[Found]]:
        """Yield the matching rows of one file in order, as many at once as are ready."""
        scan, buffer, is_desc, query = self._scan, self._buffer, self._is_desc, self._scan.query
        low, high = part(span.file, buffer, query.start, query.end, self._tolerance)
        read = backwards if is_desc else forwards
        # A trace has few lines, and a flight recorder may have written them late.
        waits_for_all = span.is_small or any(name == fields.TRACE_ID for name, _ in query.equal)
        held: list[Found] = []
        edge = ALWAYS if is_desc else NEVER
        for block in read(span.file, buffer, low, high):
            held.extend(scan.in_block(buffer, block))
            held.sort(reverse=is_desc)
            ready = self._excess(held)
            if held and not waits_for_all:
                edge = self._edge(edge, block)
                ready = max(ready, self._ready(held, edge))
            yield held[:ready]
            del held[:ready]
        yield held
        span.file.forget()

    def _edge(self, edge: int, block: Block) -> int:
        """Return the time at that end of a block beyond which the rest of the file is."""
        size = min(EDGE, block.end - block.begin)
        if self._is_desc:
            times = times_in(self._buffer, block._replace(end=block.begin + size))
        else:
            times = times_in(self._buffer, block._replace(begin=block.end - size))
        if times is None:
            return edge
        # The latest in both directions: single lines come late.
        return min(edge, times.latest) if self._is_desc else max(edge, times.latest)

    def _ready(self, held: list[Found], edge: int) -> int:
        """Return how many rows go before all that are still to be read."""
        if self._is_desc:
            return bisect_left(held, -edge - self._tolerance.jitter, key=lambda item: -item[0])
        return bisect_left(held, edge - self._tolerance.jitter, key=lambda item: item[0])

    def _excess(self, held: list[Found]) -> int:
        """Return how many rows must go, although others may follow that belong before them."""
        room = HELD_BYTES // max(1, len(self._started))
        size = 4 * sum(map(len, map(itemgetter(2), held))) + _ROW_BYTES * len(held)
        return 0 if size <= room else len(held) - len(held) * room // (2 * size)


_PLACEHOLDER: Final[Found] = 0, 0, b"", 0, {}
