"""Tell whether a file is what it was."""

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

Stamp = tuple[int, ...] | None
"""What tells one state of a file from the next; None if it is not there.

Its mtime, inode and size; mode and owner, its own and those of the directories above it: a file that was refused
because others might write to it, or put another one in its place, may have been made safe.
"""


def stamps_of(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """Return the stamp of each file, or of what a link leads to."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp:
    try:
        status = os.stat(path)
        above = {*_above(os.path.abspath(path)), *_above(os.path.realpath(path))}
        safety = [(one.st_mode, one.st_uid) for one in (status, *map(os.stat, sorted(above)))]
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size, *itertools.chain(*safety)


def _above(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:  # a Path takes twice as long, twice a second
        yield parent
        path = parent


def is_empty(stamp: Stamp) -> bool:
    """Return whether there is a file with nothing in it."""
    return stamp is not None and stamp[2] == 0
