"""Find the part of a file in which the rows of a time stand, with few looks at the file.

One probe bounds the time of every line before and after it, as far as lines are in the order of time; how far
they are not, `Tolerance` says. No single probe is trusted with what is before it: it may have met nothing but
lines that were held back for minutes, as a flight recorder holds them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ginkgo_logging.query.file_text import GzipLogFile, LogFile
from ginkgo_logging.query.line_scan import NEVER, START, Block, Buffer, moment_of, parsed

PROBE: Final = 128 * 1024
"""Bytes that are looked at to tell the time of a part of a file."""

STRETCH: Final = 1024 * 1024
"""Bytes of which at least one line is in the order of time: more than a flight recorder writes late at once."""

GRID: Final = 8 * 1024 * 1024
"""Bytes between the probes that look at the whole file, lest one half of it hides from the bisection."""

_MOST_OF_GRID: Final = 256
_LOOKS: Final = 8
_NEXT: Final = b"\n" + START
_TIMES: Final = re.compile(rb'%b(.{27})"' % _NEXT)


class Tolerance(NamedTuple):
    """How far out of its place a line may stand, measured by time in nanoseconds."""

    jitter: int
    """Before or after others, because clocks differ and processes take turns."""
    late: int
    """After others, because it was held back. Not less than the jitter."""


class Times(NamedTuple):
    """The times of some rows that stand together."""

    earliest: int
    latest: int


def times_in(buffer: Buffer, block: Block) -> Times | None:
    """Return the times of some rows of a block, whose first and last line may be cut; None without a row."""
    step = (block.end - block.begin) // _LOOKS + 1
    texts = []
    for begin in range(block.begin, block.end, step):
        at = buffer.data.find(_NEXT, begin, block.end) + len(_NEXT)
        if at < len(_NEXT):
            break
        texts.append(buffer.data[at : at + 27])
    try:
        return Times(moment_of(min(texts).decode()), moment_of(max(texts).decode()))
    except ValueError:
        pass  # no line of ours, or one that has another kind of time
    moments = list(moments_of(buffer.lines(block)))
    return Times(min(moments), max(moments)) if moments else None


def latest_in(buffer: Buffer, block: Block) -> int | None:
    """Return the latest time of the rows of a block, whose first line may be cut; None without a row."""
    texts = _TIMES.findall(buffer.data, block.begin, block.end)
    try:
        return moment_of(max(texts).decode())
    except ValueError:
        return max(moments_of(buffer.lines(block)), default=None)


def moments_of(lines: Iterable[bytes]) -> Iterator[int]:
    """Yield the times of those lines that are rows."""
    for line in lines:
        read = parsed(line)
        if read is not None:
            yield read[0]


def part(
    file: LogFile, buffer: Buffer, start: int | None, end: int | None, tolerance: Tolerance
) -> tuple[int, int]:
    """Return the offsets between which all rows from *start* on and before *end* stand."""
    if file.size <= 2 * PROBE or isinstance(file, GzipLogFile):
        return 0, file.length()
    probes = _Probes(file, buffer, tolerance.jitter)
    low = 0 if start is None else probes.offset_before(start - tolerance.jitter)
    high = file.size if end is None else probes.offset_after(end + tolerance.late)
    return low, max(low, high)


class _Probes:
    def __init__(self, file: LogFile, buffer: Buffer, jitter: int) -> None:
        self._jitter = jitter
        self._file = file
        self._buffer = buffer
        self._known: dict[int, Times | None] = {}
        self._grid = range(0, file.size, max(GRID, file.size // _MOST_OF_GRID))

    def offset_before(self, moment: int) -> int:
        """Return the start of a line before which no row has the time *moment* or a later one."""
        low, high = self._bounds(moment, self._grid)
        low, _ = self._bounds(moment, range(low, high, PROBE))
        # Between two probes may be lines of the time, and only late ones where the next probe looked.
        while low > 0 and not self._are_before(moment, max(0, low - STRETCH), low):
            low = max(0, low - STRETCH)
        return _next_line(self._file, self._buffer, low)

    def _bounds(self, moment: int, offsets: range) -> tuple[int, int]:
        """Return the last of *offsets* that is known to be before *moment*, and the first that is not."""
        low, newest = offsets.start, NEVER
        for offset in offsets:
            times = self._at(offset)
            if times is None:
                continue
            if times.latest >= moment:
                return low, offset
            if times.latest >= newest - self._jitter:  # or it met late lines alone, which tell nothing
                low = offset
            newest = max(newest, times.latest)
        return low, offsets.stop

    def offset_after(self, moment: int) -> int:
        """Return an offset after a row of *moment* or later, after which no probe met an older one."""
        low, high = 0, self._file.size
        for offset in reversed(self._grid):
            times = self._at(offset)
            if times is not None and times.earliest < moment:
                low = offset
                break
            if times is not None:
                high = offset
        while high - low > PROBE:
            middle = (low + high) // 2
            times = self._at(middle)
            if times is not None and times.earliest >= moment:
                high = middle
            else:
                low = middle
        return min(self._file.size, high + PROBE)

    def _at(self, offset: int) -> Times | None:
        if offset not in self._known:
            size = self._buffer.fill(self._file, offset, offset + PROBE)
            self._known[offset] = times_in(self._buffer, Block(0, size, offset))
        return self._known[offset]

    def _are_before(self, moment: int, begin: int, end: int) -> bool:
        latest = latest_in(self._buffer, Block(0, self._buffer.fill(self._file, begin, end), begin))
        return latest is not None and latest < moment


def _next_line(file: LogFile, buffer: Buffer, offset: int) -> int:
    """Return where the first line starts that stands at *offset* or after it."""
    at = offset - 1
    while at >= 0:
        size = buffer.fill(file, at, min(at + PROBE, file.size))
        newline = buffer.data.find(b"\n", 0, size)
        if newline >= 0:
            return at + newline + 1
        at += size
        if size == 0:
            return file.size
    return 0
