"""Find the log files of a path, and hold them open while a question is answered."""

import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ginkgo_logging.errors import ServiceUnavailable

_ROTATED: Final = r"(?:[.-]\d[\d_-]*)?(?:\.gz)?"
_OF_A_DIRECTORY: Final = re.compile(rf"(.+\.(?:log|jsonl?)){_ROTATED}", re.ASCII)
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_HEAD: Final = 256
_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 256 * 1024
_FIRST_SPACING: Final = 4 * 1024 * 1024
_MOST_MARKS: Final = 64
_TRIES: Final = 100

Identity = tuple[int, int]


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
        """Say whether the file was truncated, even if it has grown since."""
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
            while state.take(_PIECE):
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
        while state.offset < offset and state.take(min(_PIECE, offset - state.offset)):
            pass
        done = 0
        while done < len(view) and (text := state.take(min(_PIECE, len(view) - done))):
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
                self._rest = os.pread(self._file.fd, _PIECE, self._read)
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


# --- which files there are -----------------------------------------------------------------------------------


def families(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each live file of *path*, which may be absent, with all files of its family that exist.

    Raises `ServiceUnavailable` when a directory cannot be listed.
    """
    try:
        if path.is_dir():
            named = [(match[1], match[0]) for name in os.listdir(path) if (match := _in_directory(name))]
            directory = path
        else:
            # The backups are beside the file that a symbolic link leads to.
            live = path.resolve()
            sibling = re.compile(re.escape(live.name) + _ROTATED, re.ASCII)
            directory = live.parent
            named = [(live.name, name) for name in os.listdir(directory) if sibling.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise unavailable(path, error) from error
    for family in sorted({family for family, _ in named}):
        names = {name for its, name in named if its == family}
        # A file that is just being compressed is there twice, and the compressed one is not complete.
        whole = sorted(name for name in names if name.removesuffix(".gz") not in names - {name})
        yield directory / family, [directory / name for name in whole]


@contextmanager
def opened(paths: Iterable[Path]) -> Iterator[list[LogFile]]:
    """Open all files of *paths* as they are at one moment, whoever renames them meanwhile.

    Raises `ServiceUnavailable` when there is one that cannot be read.
    """
    held: dict[Identity, LogFile] = {}
    try:
        for _ in range(_TRIES):
            before = _listed(paths)
            try:
                for path, (identity, family) in before.items():
                    file = None if identity in held else open_file(path, family)
                    if file and held.setdefault(_identity(os.fstat(file.fd)), file) is not file:
                        file.close()
            except FileNotFoundError:
                continue
            after = _listed(paths)
            if before == after and all(identity in held for identity, _ in after.values()):
                there = {identity for identity, _ in after.values()}
                files = [file for identity, file in held.items() if identity in there]
                for file in files:  # which may have grown since it was opened, before it was renamed
                    file.size = os.fstat(file.fd).st_size
                yield _without_copies(files)
                return
        raise ServiceUnavailable("the log files are renamed faster than they can be opened")
    finally:
        for file in held.values():
            file.close()


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


def _in_directory(name: str) -> re.Match[str] | None:
    return _OF_A_DIRECTORY.fullmatch(name)


def _listed(paths: Iterable[Path]) -> dict[Path, tuple[Identity, Path]]:
    found = {}
    for path in paths:
        for family, files in families(path):
            for file in files:
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise unavailable(file, error) from error
                if stat.S_ISREG(status.st_mode):
                    found[file] = _identity(status), family
    return found


def open_file(path: Path, family: Path) -> LogFile | None:
    """Open a file; None for what is no regular file. Raises FileNotFoundError and `ServiceUnavailable`."""
    try:
        fd = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unavailable(path, error) from error
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            kind = GzipLogFile if os.pread(fd, 2, 0) == _GZIP else LogFile
            file = kind(path, fd, status.st_size, family)
            fd = -1
            return file
    except OSError as error:
        raise unavailable(path, error) from error
    finally:
        if fd >= 0:
            os.close(fd)
    return None


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _without_copies(files: list[LogFile]) -> list[LogFile]:
    """Leave out each file that is the beginning of another one: it is being copied, to be truncated then."""
    by_head: dict[tuple[Path, bytes], list[LogFile]] = {}
    for file in sorted(files, key=lambda file: -file.size):
        head = b"" if isinstance(file, GzipLogFile) else head_of(file.fd)
        alike = by_head.setdefault((file.family, head), [])
        if not head or not any(_begins_with(other, file) for other in alike):
            alike.append(file)
    return [file for alike in by_head.values() for file in alike]


def _begins_with(longer: LogFile, shorter: LogFile) -> bool:
    return all(
        os.pread(longer.fd, size, at) == os.pread(shorter.fd, size, at)
        for at in range(0, shorter.size, _PIECE)
        if (size := min(_PIECE, shorter.size - at))
    )
