"""When the rows of a file were written, and where in it those of a time stand, found with few looks at it.

That a place is looked at tells something about all lines before and behind it, because a line stands at most
*jitter* nanoseconds out of its place, measured by time; see `FilesBackend`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ginkgo_logging.query.line_scan import ALWAYS, NEVER, START, Block, Buffer, moment_of, parsed
from ginkgo_logging.query.log_files import GzipLogFile, LogFile

PROBE: Final = 128 * 1024
"""Bytes that are looked at to tell the time at a place: more than the lines that come late together."""

SMALL: Final = 256 * 1024
"""Bytes up to which a file is read at once, so that its lines may be in any order at all."""

_EDGE: Final = 16 * 1024
_LOOKS: Final = 8
_NEXT: Final = b"\n" + START


@dataclass
class Span:
    """A file and the moments between which all of its rows are, both inclusive."""

    file: LogFile
    low: int = NEVER
    high: int = ALWAYS
    is_small: bool = False

    def overlaps(self, start: int | None, end: int | None) -> bool:
        """Say whether there can be a row from *start* on and before *end*."""
        return (start is None or self.high >= start) and (end is None or self.low < end)


def spans(files: list[LogFile], buffer: Buffer, jitter: int) -> list[Span]:
    """Return the files with their spans, as far as that can be told without reading them whole."""
    found = [_span(file, buffer, jitter) for file in files]
    by_family: dict[object, list[Span]] = {}
    for span in sorted(found, key=lambda span: span.low):
        by_family.setdefault(span.file.family, []).append(span)
    for members in by_family.values():
        _close_gzipped(members, jitter)
    return found


def _span(file: LogFile, buffer: Buffer, jitter: int) -> Span:
    if isinstance(file, GzipLogFile) or file.size <= SMALL:
        read = buffer.fill(file, 0, SMALL + 1)
        if read <= SMALL:
            moments = list(_moments(buffer.lines(Block(0, read, 0))))
            return Span(file, min(moments, default=ALWAYS), max(moments, default=NEVER), is_small=True)
    first = next((time for size in (_EDGE, PROBE) for time in _moments(_lines(file, buffer, 0, size))), None)
    low = NEVER if first is None else first - jitter
    return Span(file, low) if isinstance(file, GzipLogFile) else Span(file, low, _high(file, buffer, jitter))


def _high(file: LogFile, buffer: Buffer, jitter: int) -> int:
    """Return the moment after which no row of a file can be."""
    usual = moment_in(buffer, Block(0, buffer.fill(file, max(0, file.size - PROBE), file.size), 0))
    for size in (_EDGE, PROBE):
        # They are parsed, for the last ones may be of another program, which writes them otherwise.
        last = max(_moments(_lines(file, buffer, max(0, file.size - size), file.size)), default=None)
        if usual is not None and last is not None:
            return max(usual, last) + jitter
    return ALWAYS


def _lines(file: LogFile, buffer: Buffer, begin: int, end: int) -> list[bytes]:
    return buffer.lines(Block(0, buffer.fill(file, begin, end), begin))


def _close_gzipped(members: list[Span], jitter: int) -> None:
    """Say when gzipped files end: where the next of their family begins, if the family is in order at all.

    To know it they would have to be decompressed. A file is rotated away once and for all; the other files
    show whether these are backups, or something else that has such a name.
    """
    known = [(a, b) for a, b in pairwise(members) if a.is_small or not isinstance(a.file, GzipLogFile)]
    if any(a.high - b.low > 3 * jitter for a, b in known):
        return
    for index, span in enumerate(members):
        if span.high == ALWAYS and span.low != NEVER:
            # Which of two that begin within the jitter is the later one, nobody knows.
            later = (one.low for one in members[index + 1 :] if one.low > span.low + 3 * jitter)
            begin = next(later, ALWAYS)
            if begin != ALWAYS:
                span.high = begin + 2 * jitter


def moment_in(buffer: Buffer, block: Block) -> int | None:
    """Return the time of a row in a block, of which the first and the last line may be cut; None without a row.

    It is the latest of some, because single lines come late: a flight recorder writes what it held back.
    """
    step = (block.end - block.begin) // _LOOKS + 1
    times = []
    for begin in range(block.begin, block.end, step):
        at = buffer.data.find(_NEXT, begin, block.end) + len(_NEXT)
        if at < len(_NEXT):
            break
        times.append(buffer.data[at : at + 27])
    try:
        return moment_of(max(times).decode())
    except ValueError:
        pass  # no line of ours, or one that has another kind of time
    return max(_moments(buffer.lines(block)), default=None)


def _moments(lines: Iterable[bytes]) -> Iterator[int]:
    for line in lines:
        read = parsed(line)
        if read is not None:
            yield read[0]


# --- the part of a file that can hold rows of a time ----------------------------------------------------------


def part(file: LogFile, buffer: Buffer, start: int | None, end: int | None, jitter: int) -> tuple[int, int]:
    """Return between which places of a file all rows from *start* to *end* stand, by bisection."""
    if file.size <= 2 * PROBE or isinstance(file, GzipLogFile):
        return 0, file.length()
    last = -(-file.size // PROBE)
    probe = _Probe(file, buffer)
    low, high = 0, file.size
    if start is not None and (index := probe.boundary(start - jitter, last)[0]) is not None:
        low = index * PROBE
    if end is not None and (index := probe.boundary(end + jitter, last)[1]) is not None:
        high = min(file.size, (index + 1) * PROBE)
    return _next_line(file, buffer, low), high


class _Probe:
    def __init__(self, file: LogFile, buffer: Buffer) -> None:
        self._file = file
        self._buffer = buffer
        self._known: dict[int, int | None] = {}

    def __call__(self, index: int) -> int | None:
        if index not in self._known:
            begin = index * PROBE
            size = self._buffer.fill(self._file, begin, begin + PROBE)
            self._known[index] = moment_in(self._buffer, Block(0, size, begin))
        return self._known[index]

    def boundary(self, moment: int, count: int) -> tuple[int | None, int | None]:
        """Return the index of a piece seen to be before *moment*, and of one that is not, close together.

        None: no such piece was met.
        """
        low, high = 0, count
        before = behind = None
        while low < high:
            index = middle = (low + high) // 2
            while (time := self(index)) is None and index + 1 < high:
                index += 1
            if time is None:
                high = middle
            elif time < moment:
                before = index
                low = index + 1
            else:
                behind = index
                high = middle
        return before, behind


def _next_line(file: LogFile, buffer: Buffer, place: int) -> int:
    """Return where the first line starts that stands at or behind *place*."""
    at = place - 1
    while at >= 0:
        size = buffer.fill(file, at, min(at + PROBE, file.size))
        newline = buffer.data.find(b"\n", 0, size)
        if newline >= 0:
            return at + newline + 1
        at += size
        if size == 0:
            return file.size
    return 0
