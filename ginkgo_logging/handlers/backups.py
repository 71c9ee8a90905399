"""The backups of a log file, ``NAME.1`` the newest: renamed and deleted in a directory that is locked meanwhile.

Renames go to free numbers only and deletion comes last, so a process killed in between loses no file.
"""

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int | None]:
    """Give a descriptor of *directory*, locked against other processes; None if another has the lock.

    Never waits: a stopped process, or a signal handler that logs during a rollover, would otherwise block us.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        try:
            yield folder
        finally:
            # A child forked in between has a copy of the descriptor; closing ours would leave it locked.
            fcntl.flock(folder, fcntl.LOCK_UN)
    finally:
        os.close(folder)


def shift(folder: int, name: str) -> int:
    """Rename *name* to backup 1, 1 to 2, ... up to the first gap; return how many backups there are then."""
    taken = set(os.listdir(folder))
    gaps = (number for number in itertools.count(1) if f"{name}.{number}" not in taken)
    gap = next(gaps)
    for number in range(gap, 0, -1):
        _rename(folder, f"{name}.{number - 1}" if number > 1 else name, f"{name}.{number}")
    return next(gaps) - 1


def trim(folder: int, name: str, *, first: int, last: int) -> None:
    """Delete the backups from *first* to *last* except those that a process has open, and close the gaps."""
    free = first
    for number in range(first, last + 1):
        backup = f"{name}.{number}"
        if not _delete_unheld(folder, backup):
            if number != free:
                _rename(folder, backup, f"{name}.{free}")
            free += 1


def _delete_unheld(folder: int, name: str) -> bool:
    """Delete *name* and return True, or return False if a writer has it open."""
    fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _rename(folder: int, old: str, new: str) -> None:
    os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
