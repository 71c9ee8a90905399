"""Follow log files: what is written to them from now on, through rotation and truncation."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ginkgo_logging.query.file_text import PIECE, GzipLogFile, LogFile, head_of, unavailable
from ginkgo_logging.query.line_scan import LONGEST, Scan
from ginkgo_logging.query.log_files import families, open_file
from ginkgo_logging.query.model import Row

LOOK_SECONDS: Final = 0.1
LIST_SECONDS: Final = 0.5
IDLE_SECONDS: Final = 0.5

_LINES_AT_ONCE: Final = 1000

Known = tuple[int, int, bytes]
"""A file, whatever its name: device, inode and first line, for an inode's number is soon used again."""


class _Followed:
    """An open file, and how far it has been read."""

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self.head = head_of(file.fd)
        self.offset = 0

    @property
    def known(self) -> Known:
        status = os.fstat(self.file.fd)
        return status.st_dev, status.st_ino, self.head

    def is_at(self, path: Path) -> bool:
        try:
            return os.path.samestat(path.stat(), os.fstat(self.file.fd))
        except OSError:
            return False

    def restart_if_cut(self) -> tuple[bytes, int] | None:
        """Go to the beginning if the file was truncated, even if it has grown since; return what it was."""
        was = self.head, self.offset
        self.head = head_of(self.file.fd)
        if os.fstat(self.file.fd).st_size >= self.offset and was[0] in (b"", self.head):
            return None
        self.offset = 0
        return was

    def skip(self) -> None:
        """Go to the end, or to the beginning of the line that is being written there."""
        end = self.file.size
        begin = max(0, end - LONGEST)
        newline = -1
        while end > begin and newline < 0:
            begin_of_piece = max(begin, end - PIECE)
            newline = os.pread(self.file.fd, end - begin_of_piece, begin_of_piece).rfind(b"\n")
            self.offset = end = begin_of_piece + (newline + 1)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are complete."""
        size = PIECE
        while data := os.pread(self.file.fd, size, self.offset):
            end = data.rfind(b"\n")
            if end >= 0:
                self.offset += end + 1
                size = PIECE
                yield from data[:end].split(b"\n")
            elif len(data) < size:
                return
            elif size < LONGEST:
                size *= 2
            else:
                self.offset += len(data)


class Follower:
    """How far each file has been read; lines written before it is made are skipped.

    A renamed file is read to its end before the one that took its place, and it is looked at afterwards: its
    writers notice the change when they write next.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._offsets: dict[Known, int] = {}
        self._cut: dict[tuple[Path, bytes], int] = {}  # how far a file had been read when it was truncated
        self._live: dict[Path, _Followed] = {}
        self._looks: dict[Path, tuple[int, int, int]] = {}
        self._list_at = 0.0
        for family, files in self._families():
            for path in files:
                with suppress(FileNotFoundError):
                    if one := _follow(path, family):
                        one.skip()
                        self._offsets[one.known] = one.offset
                        one.file.close()

    def rows(self, scan: Scan) -> Generator[Row | None, None, None]:
        """Yield what is written and matches, for ever; None about twice a second when there is nothing."""
        said = time.monotonic()
        try:
            while True:
                for number, line in enumerate(self._lines()):
                    for item in scan.found((line,)):
                        yield item[4]
                        said = time.monotonic()
                    if number % _LINES_AT_ONCE == 0 and time.monotonic() - said > IDLE_SECONDS:
                        yield None
                        said = time.monotonic()
                if time.monotonic() - said > IDLE_SECONDS:
                    yield None
                    said = time.monotonic()
                time.sleep(LOOK_SECONDS)
        finally:
            for one in self._live.values():
                one.file.close()

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines that have come since the last call."""
        for path, one in list(self._live.items()):
            try:
                if was := one.restart_if_cut():
                    self._cut[path, was[0]] = was[1]
                    self._list_at = 0.0
                is_live = one.is_at(path)
                yield from one.lines()
            except OSError as error:
                raise unavailable(path, error) from error
            if not is_live:
                self._offsets[one.known] = one.offset
                del self._live[path]
                one.file.close()
                self._list_at = 0.0
        if time.monotonic() >= self._list_at:
            self._list_at = time.monotonic() + LIST_SECONDS
            yield from self._other_lines()

    def _other_lines(self) -> Iterator[bytes]:
        """Yield what is in files that are not open: new ones, and renamed ones into which lines still came."""
        for family, files in self._families():
            for path in sorted(files, key=lambda path: (path == family, _written(path))):
                if path in self._live or not self._has_changed(path):
                    continue
                try:
                    one = _follow(path, family)
                except FileNotFoundError:
                    continue
                if one is not None:
                    yield from self._lines_of(one, is_live=path == family)

    def _lines_of(self, one: _Followed, *, is_live: bool) -> Iterator[bytes]:
        family = one.file.family
        offset = self._offsets.get(one.known)
        if offset is None and not is_live:
            live = self._live.get(family)
            if live is not None and one.head and live.head == one.head:
                # A copy is being made, and then the live file will be truncated.
                self._looks.pop(one.file.path, None)
                one.file.close()
                return
            offset = self._cut.get((family, one.head))
        one.offset = offset or 0
        if is_live:
            self._live[family] = one
        try:
            yield from one.lines()
        finally:
            if not is_live:
                self._offsets[one.known] = one.offset
                one.file.close()

    def _families(self) -> Iterator[tuple[Path, list[Path]]]:
        for path in self._paths:
            yield from families(path)

    def _has_changed(self, path: Path) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        look = status.st_ino, status.st_size, status.st_mtime_ns
        if self._looks.get(path) == look:
            return False
        self._looks[path] = look
        return True


def _follow(path: Path, family: Path) -> _Followed | None:
    """Open a file of text. Raises FileNotFoundError and `ServiceUnavailable`."""
    file = open_file(path, family)
    if file is None or isinstance(file, GzipLogFile):
        if file is not None:
            file.close()
        return None
    return _Followed(file)


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
