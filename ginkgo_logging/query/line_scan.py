"""Read the lines of a file in blocks, forwards or backwards, and take from a block the rows that match.

A file's lines are nearly in the order of time: clocks differ a little, and processes take turns. So a line is
taken to stand at most *jitter* nanoseconds out of its place, measured by time; see `FilesBackend`.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from typing import Any, Final, NamedTuple

from orjson import loads

from ginkgo_logging.fields import SEQ, TIMESTAMP
from ginkgo_logging.query.file_text import LogFile
from ginkgo_logging.query.model import Query, Row, read_json, rfc3339, timestamp_ns
from ginkgo_logging.query.needles import Find, Needle, needles

BLOCK: Final = 1024 * 1024
LONGEST: Final = 4 * 1024 * 1024
"""A line of more bytes is no row."""

NEVER: Final = -(1 << 80)
ALWAYS: Final = 1 << 80
"""Before and after all moments."""

_MOST_STARTS: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
AT_ONCE: Final = 64
"""Lines that are parsed together."""

SMALLEST_BLOCK: Final = 16 * 1024
FIRST_BLOCK: Final = 64 * 1024
START: Final = b'{"timestamp":"'
"""How a line of ours starts: 27 characters of time follow, so that times compare as bytes."""


Found = tuple[int, int, bytes, int, Row]
"""Moment, seq and text of a matching row, a number that keeps rows from being compared, and the row."""


class Buffer:
    """The memory that the blocks of one question are read into, one after the other."""

    def __init__(self) -> None:
        self.size = BLOCK
        self.data = bytearray(BLOCK)

    def share(self, files: int) -> None:
        """Choose the size of blocks for so many files, as rows of a block of each of them are in memory."""
        self.size = max(SMALLEST_BLOCK, min(BLOCK, 8 * BLOCK // files))

    def fill(self, file: LogFile, begin: int, end: int) -> int:
        """Read a part of *file*; return how many bytes there were."""
        size = end - begin
        if size > len(self.data):
            self.data = bytearray(size)
        with memoryview(self.data) as view, view[:size] as part:
            return file.read_into(part, begin)

    def lines(self, block: "Block") -> list[bytes]:
        """Return the lines of a block, without their newlines."""
        end = block.end - self.data.endswith(b"\n", block.begin, block.end)
        with memoryview(self.data) as view:
            return bytes(view[block.begin : end]).split(b"\n")


class Block(NamedTuple):
    """Whole lines in ``buffer.data[begin:end]``, which stand at *offset* in the file; valid until the next."""

    begin: int
    end: int
    offset: int


def forwards(file: LogFile, buffer: Buffer, low: int, high: int | None) -> Iterator[Block]:
    """Yield the lines between two offsets from the first on; *high* None is the end of the file."""
    at, size, is_skipping = low, buffer.size, False
    while True:
        end = at + size if high is None else min(at + size, high)
        read = buffer.fill(file, at, end)
        if read == 0:
            return
        is_last = read < size
        cut = buffer.data.rfind(b"\n", 0, read) + 1
        if is_skipping and (cut or is_last):
            begin = buffer.data.find(b"\n", 0, read) + 1
            is_skipping = False
            at += begin if begin else read
            continue
        if is_last:
            cut = read
        if cut:
            yield Block(0, cut, at)
            at, size = at + cut, buffer.size
        elif size < LONGEST:
            size = min(2 * size, LONGEST)
        else:
            is_skipping = True
            at += read


def backwards(file: LogFile, buffer: Buffer, low: int, high: int) -> Iterator[Block]:
    """Yield the lines between two offsets from the last on; within a block they are in the file's order."""
    end, size, is_skipping = high, min(FIRST_BLOCK, buffer.size), False
    while end > low:
        begin = max(low, end - size)
        read = buffer.fill(file, begin, end)
        if is_skipping:
            newline = buffer.data.rfind(b"\n", 0, read)
            end = begin + newline + 1
            is_skipping = newline < 0
            continue
        cut = buffer.data.find(b"\n", 0, read) + 1 if begin > low else 0
        if begin == low or 0 < cut < read:
            yield Block(cut, read, begin + cut)
            end, size = begin + cut, min(2 * size, buffer.size)
        elif size < LONGEST:
            size = min(2 * size, LONGEST)
        else:
            is_skipping = True
            end = begin


class Scan:
    """One question's way through blocks: what to look for, and how to read what was found."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self._needles: list[Needle] = needles(query)
        self._finds = self._needles[0].finds if self._needles else ()
        self._others = self._needles[1:]
        self._has_conditions = bool(self._needles or query != Query(query.start, query.end))
        self._is_timed = query.start is not None or query.end is not None
        self._start = NEVER if query.start is None else query.start
        self._end = ALWAYS if query.end is None else query.end
        # A moment between two microseconds is rounded down, which excludes nothing that matches.
        self._from = _as_written(query.start, otherwise=b"")
        self._to = _as_written(query.end, otherwise=b"~")
        self._numbers = count()

    def in_block(self, buffer: Buffer, block: Block) -> Iterator[Found]:
        """Yield the matching rows of a block in the order in which they stand there."""
        if not self._finds:
            lines: Iterable[bytes] = buffer.lines(block)
        elif len(self._finds) == 1:
            lines = _with_needle(buffer.data, block, self._finds[0])
        else:
            lines = _with_any(buffer.data, block, self._finds)
        if self._others:
            lines = (line for line in lines if all(needle.is_in(line) for needle in self._others))
        return self.found(lines)

    def found(self, lines: Iterable[bytes]) -> Iterator[Found]:
        """Yield the matching rows among *lines*, which come without newlines."""
        is_timed, start, end = self._is_timed, self._start, self._end
        matches = self.query.matches if self._has_conditions else None
        numbers = self._numbers
        remaining = iter(self._maybe_in_time(lines) if is_timed else lines)
        some_lines = iter(lambda: list(islice(remaining, AT_ONCE)), [])
        for moment, row, line in chain.from_iterable(map(_rows, some_lines)):
            if is_timed and not start <= moment < end:
                continue
            if matches and not matches(row):
                continue
            seq = row.get(SEQ)
            yield moment, seq if isinstance(seq, int) else 0, line, next(numbers), row

    def _maybe_in_time(self, lines: Iterable[bytes]) -> list[bytes]:
        first, last = self._from, self._to
        # Of a line in our form alone the opposite can be said without parsing. What is in that form up to here
        # and no time at all is no row anyway, unless it is torn and another line follows it.
        return [
            line
            for line in lines
            if first <= line[14:41] <= last
            or line.rfind(START) != 0
            or line[24:34:9] != b"T."
            or line[40:42] != b'Z"'
        ]


def _with_needle(buffer: bytearray, block: Block, find: Find) -> Iterator[bytes]:
    at, end = block.begin, block.end
    while (hit := find(buffer, at, end)) >= 0:
        newline = buffer.rfind(b"\n", at, hit)
        begin = at if newline < 0 else newline + 1
        at = buffer.find(b"\n", hit, end)
        if at < 0:
            at = end
        yield bytes(buffer[begin:at])


def _with_any(buffer: bytearray, block: Block, finds: tuple[Find, ...]) -> Iterator[bytes]:
    hits = [find(buffer, block.begin, block.end) for find in finds]

    def nearest(_: bytearray, at: int, end: int) -> int:
        for index, hit in enumerate(hits):
            if 0 <= hit < at:
                hits[index] = finds[index](buffer, at, end)
        return min((hit for hit in hits if hit >= 0), default=-1)

    return _with_needle(buffer, block, nearest)


# --- lines ----------------------------------------------------------------------------------------------------


def _rows(lines: list[bytes]) -> Iterable[tuple[int, Row, bytes]]:
    """Return what `parsed` returns for each line that is a row; faster if all of them are."""
    try:
        rows = list(map(loads, lines))
        return zip([moment_of(row[TIMESTAMP]) for row in rows], rows, lines, strict=True)
    except (ValueError, KeyError, TypeError):
        return filter(None, map(parsed, lines))


def parsed(line: bytes) -> tuple[int, Row, bytes] | None:
    """Return moment, row and text of a line, given without its newline; None: it is no row.

    A process that was killed within its write leaves a piece of a line, and the next line of another one
    follows it directly: then that is the row. After any other text it is no row.
    """
    try:
        row = read_json(line)
    except ValueError:
        return _parsed_end(line)
    if not isinstance(row, dict):
        return None
    try:
        return moment_of(row.get(TIMESTAMP)), row, line
    except ValueError:
        return None


def _parsed_end(line: bytes) -> tuple[int, Row, bytes] | None:
    at = len(line) if line.startswith(b"{") else 0
    for _ in range(_MOST_STARTS):
        at = line.rfind(START, 1, at)
        if at < 0:
            return None
        # A row in a row, such as a logged event, starts in the same way and has too many braces at its end.
        with suppress(ValueError):
            read_json(line[at:])
            return parsed(line[at:])
    return None


def moment_of(text: Any) -> int:
    """Return `timestamp_ns` of *text*, faster for times as our lines write them. ValueError: it is none."""
    if isinstance(text, str) and len(text) == 27 and text[4:20:3] == "--T::." and text[26] == "Z":
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND * 1000
    return timestamp_ns(text)


def _as_written(moment: int | None, *, otherwise: bytes) -> bytes:
    try:
        text = b"" if moment is None else rfc3339(moment).encode()
    except (ValueError, OverflowError):
        return otherwise
    return text if len(text) == 27 else otherwise  # years before 1000 have fewer digits
