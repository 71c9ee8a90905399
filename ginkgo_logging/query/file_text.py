"""The text of one open log file, plain or gzipped, read from any offset on."""

import os
import zlib
from pathlib import Path
from typing import Final

from ginkgo_logging.errors import ServiceUnavailable

PIECE: Final = 256 * 1024
"""Bytes that are read or compared at once."""

_HEAD: Final = 256
_FIRST_SPACING: Final = 4 * 1024 * 1024
_MOST_MARKS: Final = 64


class FileChanged(Exception):  # noqa: N818 - the question is asked again; nobody outside sees it
    """A file was truncated while it was read."""


class LogFile:
    """An open file of *family*, the path of the live file; what is written to it later is not seen.

    A deleted or renamed file stays as it is, for it is open. Reading, not `mmap`: a file that is truncated
    while it is mapped kills the process.
    """

    def __init__(self, path: Path, fd: int, size: int, family: Path) -> None:
        self.path = path
        self.fd = fd
        self.size = size
        self.family = family
        self._head = head_of(fd)

    def length(self) -> int:
        """Return the number of bytes of text."""
        return self.size

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill *view* from *offset* on; return how many bytes there were, fewer only at the end.

        Raises `FileChanged`.
        """
        want = max(0, min(len(view), self.size - offset))
        done = 0
        while done < want:
            try:
                read = os.preadv(self.fd, [view[done:want]], offset + done)
            except OSError as error:
                raise unavailable(self.path, error) from error
            if read == 0:
                raise FileChanged(self.path)
            done += read
        if done and self._is_cut():
            raise FileChanged(self.path)
        return done

    def _is_cut(self) -> bool:
        """Return whether the file was truncated, even if it has grown since."""
        return os.fstat(self.fd).st_size < self.size or self._head not in (b"", head_of(self.fd))

    def forget(self) -> None:
        """Give back memory: nothing more will be read."""

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


class GzipLogFile(LogFile):
    """A gzipped file, read from any offset on.

    One pass notes the decompressor's state at some offsets, so that reading backwards need not begin at the
    start of the file each time.
    """

    def __init__(self, path: Path, fd: int, size: int, family: Path) -> None:
        super().__init__(path, fd, size, family)
        self._state = _Inflater(self)
        self._marks: list[_Inflater] = []
        self._length = -1

    def length(self) -> int:
        """Return the number of bytes of text, for which all of it must be decompressed once."""
        if self._length < 0:
            spacing, state = _FIRST_SPACING, _Inflater(self)
            self._marks = [state.copy()]
            while state.take(PIECE):
                if state.offset - self._marks[-1].offset >= spacing:
                    self._marks.append(state.copy())
                    if len(self._marks) > _MOST_MARKS:
                        spacing *= 2
                        del self._marks[1::2]
            self._length = state.offset
        return self._length

    def forget(self) -> None:
        """Give back memory: nothing more will be read."""
        self._marks.clear()

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill *view* as `LogFile.read_into` does; cheap from where the last call ended."""
        if offset < self._state.offset:
            before = [mark for mark in self._marks if mark.offset <= offset]
            self._state = before[-1].copy() if before else _Inflater(self)
        state = self._state
        while state.offset < offset and state.take(min(PIECE, offset - state.offset)):
            pass
        done = 0
        while done < len(view) and (text := state.take(min(PIECE, len(view) - done))):
            view[done : done + len(text)] = text
            done += len(text)
        return done


class _Inflater:
    """A decompressor and how far it is: *read* bytes of the file have become *offset* bytes of text."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._rest = b""
        self._read = 0
        self.offset = 0

    def copy(self) -> "_Inflater":
        other = _Inflater(self._file)
        other._zlib, other._rest, other._read = self._zlib.copy(), self._rest, self._read
        other.offset = self.offset
        return other

    def take(self, most: int) -> bytes:
        """Return the next bytes of text, at most *most*; none at the end."""
        while True:
            if not self._rest:
                self._rest = os.pread(self._file.fd, PIECE, self._read)
                self._read += len(self._rest)
            is_end = not self._rest
            if self._zlib.eof:
                self._rest = self._rest.lstrip(b"\0")  # padding that some tools leave
                if not self._rest:
                    if is_end:
                        return b""
                    continue
                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                text = self._zlib.decompress(self._rest, most)
            except zlib.error as error:
                raise ServiceUnavailable(f"cannot read {self._file.path}: {error}") from None
            self._rest = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if text:
                self.offset += len(text)
                return text
            if is_end and not self._zlib.eof:
                raise ServiceUnavailable(f"cannot read {self._file.path}: it ends within the compressed data")


def unavailable(path: Path, error: Exception) -> ServiceUnavailable:
    """Return what to raise for *error*, with the name of the file."""
    return ServiceUnavailable(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")


def head_of(fd: int) -> bytes:
    """Return the first line, or the beginning of it, by which a file is known; empty as long as it may change.

    An inode's number is given to a new file as soon as the old one is gone.
    """
    data = os.pread(fd, _HEAD, 0)
    end = data.find(b"\n")
    if end >= 0:
        return data[:end]
    return data if len(data) == _HEAD else b""
