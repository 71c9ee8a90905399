"""When the rows of a file were written, as far as that can be told without reading it whole."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ginkgo_logging.query.file_text import GzipLogFile, LogFile
from ginkgo_logging.query.line_scan import ALWAYS, NEVER, Block, Buffer
from ginkgo_logging.query.time_probe import PROBE, moments_of, times_in

SMALL: Final = 256 * 1024
"""Bytes up to which a file is read at once, so that its lines may be in any order at all."""

_EDGE: Final = 16 * 1024


@dataclass
class Span:
    """A file and the moments between which its rows are, both inclusive, but for those that came late."""

    file: LogFile
    low: int = NEVER
    high: int = ALWAYS
    is_small: bool = False

    def overlaps(self, start: int | None, end: int | None, late: int) -> bool:
        """Return whether there can be a row from *start* on and before *end*, written up to *late* after it."""
        if self.is_small:
            late = 0
        # The lines by which the file's end is known may be late ones themselves.
        return (start is None or self.high + late >= start) and (end is None or self.low - late < end)


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
            moments = list(moments_of(buffer.lines(Block(0, read, 0))))
            return Span(file, min(moments, default=ALWAYS), max(moments, default=NEVER), is_small=True)
    first = next(
        (time for size in (_EDGE, PROBE) for time in moments_of(_lines(file, buffer, 0, size))), None
    )
    low = NEVER if first is None else first - jitter
    return Span(file, low) if isinstance(file, GzipLogFile) else Span(file, low, _high(file, buffer, jitter))


def _high(file: LogFile, buffer: Buffer, jitter: int) -> int:
    """Return the moment after which no row of a file can be."""
    usual = times_in(buffer, Block(0, buffer.fill(file, max(0, file.size - PROBE), file.size), 0))
    for size in (_EDGE, PROBE):
        # They are parsed, for the last ones may be of another program, which writes them otherwise.
        last = max(moments_of(_lines(file, buffer, max(0, file.size - size), file.size)), default=None)
        if usual is not None and last is not None:
            return max(usual.latest, last) + jitter
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
