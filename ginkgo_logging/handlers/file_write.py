"""FileWrite: get lines into a regular file while many threads log.

`os.write` gives up the interpreter's lock. Threads that all log then hand that lock on with every line, which
takes longer than the line: eight of them write a third of the lines that one alone does. A write into the page
cache is short, so the lock is kept where threads meet. Eight then write more than nine tenths of what one does.
"""

import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

_LibcWrite = Callable[[int, bytes, int], int]

_SLOW_INTERVALS = 4
"""A write that keeps the lock for more switch intervals than this is one too many."""

_PAUSE_SECONDS = 10.0
"""How long the lock is then given up again."""

_MOST_KEPT = 64 * 1024
"""A line of more bytes than this always gives it up."""


class FileWrite:
    """Says how to write: by `os.write` while ``keeping`` is None, else by `keep`.

    Where a write that keeps the interpreter's lock takes long, as on a slow disk, all threads of the program
    wait: once in ten seconds, and no more. Only while ``is_regular``: a FIFO's reader may be a thread that needs
    the lock. Thread-safe if one thread at a time writes or sets that.
    """

    def __init__(self) -> None:
        self.keeping: _LibcWrite | None = None
        self.is_regular = False
        self._longest = 0.0  # seconds
        self._keep_from = 0.0  # on the clock of `monotonic`

    def contended(self) -> None:
        """Keep the lock from now on: a thread waits for another one's write.

        To be called without a lock, for the first call imports `ctypes`.
        """
        if self.is_regular and monotonic() >= self._keep_from and (keeping := libc_write()) is not None:
            self._longest = sys.getswitchinterval() * _SLOW_INTERVALS
            self.keeping = keeping

    def uncontended(self) -> None:
        """Give the lock up again, until `contended`."""
        self.keeping = None

    def keep(self, keeping: _LibcWrite, descriptor: int, line: bytes, now: float) -> int:
        """Write *line* as `os.write` does, by *keeping* if it is short; *now* is the time of `monotonic`.

        *keeping* is what the caller found in ``keeping``, which another thread may have changed since.
        """
        length = len(line)
        # Once more: since `contended` asked, the path may lead to a FIFO.
        if not self.is_regular or length > _MOST_KEPT:
            return os.write(descriptor, line)
        written = keeping(descriptor, line, length)
        if monotonic() - now > self._longest:
            self._keep_from, self.keeping = now + _PAUSE_SECONDS, None
        # After an error once more: os.write raises it by its name.
        return written if written >= 0 else os.write(descriptor, line)


_libc_write: _LibcWrite | None = None
_is_asked_for = False


def libc_write() -> _LibcWrite | None:
    """Return the system's ``write``, called with the interpreter's lock held; None if there is none, or not yet.

    Whoever asks first loads it, and nobody waits for that: it may be a thread of the parent's, which held the
    lock of the module `ctypes` when this child was forked, and is not here to give it back.
    """
    global _libc_write, _is_asked_for
    if not _is_asked_for:
        _is_asked_for = True
        _libc_write = _load_libc_write()
    return _libc_write


def _load_libc_write() -> _LibcWrite | None:
    try:
        import ctypes

        write: Any = ctypes.PyDLL(None).write
        write.restype = ctypes.c_ssize_t
    except Exception:  # noqa: BLE001 - an interpreter without ctypes, or a hook that forbids it
        return None
    # Without argtypes, which would take as long as the write: libffi widens a length that fits an int.
    return write  # type: ignore[no-any-return]
