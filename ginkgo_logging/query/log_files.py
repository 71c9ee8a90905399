"""Find the log files of a path, and hold them open while a question is answered."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ginkgo_logging.errors import ServiceUnavailable
from ginkgo_logging.query.file_text import PIECE, GzipLogFile, LogFile, head_of, unavailable

_ROTATED: Final = r"(?:[.-]\d[\d_-]*)?(?:\.gz)?"
_OF_A_DIRECTORY: Final = re.compile(rf"(.+\.(?:log|jsonl?)){_ROTATED}", re.ASCII)
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_GZIP: Final = b"\x1f\x8b"
_TRIES: Final = 100

Identity = tuple[int, int]


def families(path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each live file of *path*, which may be absent, with all files of its family that exist.

    Raises `ServiceUnavailable` when a directory cannot be listed.
    """
    try:
        if path.is_dir():
            named = [
                (match[1], match[0])
                for name in os.listdir(path)
                if (match := _OF_A_DIRECTORY.fullmatch(name))
            ]
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
    """Open all files of *paths* as they are at one moment, even if they are renamed meanwhile.

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
        for at in range(0, shorter.size, PIECE)
        if (size := min(PIECE, shorter.size - at))
    )
