"""A log file that many threads and processes share and that rolls over by size; POSIX, local file systems.

One record is one ``write`` to an ``O_APPEND`` descriptor, which the kernel keeps whole. No writer ever waits
for another one:

- The writer that finds the file full locks the *directory* (so no lock file can be lost), renames and opens a new
  file. If the lock is taken, somebody else is rolling over; the line then goes to the file at hand.
- A line may thus land in a file that has just become a backup. That is harmless because each writer holds a
  shared lock on the file that it has open, and only a backup that nobody holds is deleted (`backups`).
"""

import contextlib
import errno
import fcntl
import logging
import os
import stat
import sys
from pathlib import Path
from time import monotonic, sleep

from ginkgo_logging.arguments import boolean, whole_number
from ginkgo_logging.handlers.backups import locked, shift, trim
from ginkgo_logging.handlers.base import LineHandler
from ginkgo_logging.handlers.file_write import FileWrite

LOOK_SECONDS = 1.0
"""Seconds for which a file that another program moved or deleted may go unnoticed."""

CREDIT_SHARE = 256
"""A writer looks at the file's size each time it has filled this part of the room that was left."""

_TORN_LOOKS = 20
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_TO_ROLL_OVER = os.R_OK | os.W_OK | os.X_OK
# These lead to whatever file the shell has opened for us, and that is the shell's to rename.
_STREAM_PATHS = ("/dev/fd/", "/dev/stderr", "/dev/stdout", "/proc/")


class RotatingFileHandler(LineHandler):
    """Append lines to *filename*; when it is full, rename it to ``NAME.1``, that to ``NAME.2`` and so on.

    Threads, forked and spawned processes and unrelated programs may share one file: no line is lost, doubled
    or torn. They should agree on *max_bytes*. Not for NFS. A process killed by SIGKILL within its write leaves
    a torn line; the next line of another one may follow it directly.

    *max_bytes* (0: never roll over) bounds a file, save for a longer single line and, with several processes,
    for what they write while one of them rolls over. *backup_count* files are kept (0: full files are
    deleted), and others for as long as an idle process has them open. *mode* is an integer or, as YAML dialects
    differ, an octal string (``"0640"``); the umask may take more away. With *delay* the first line opens.

    Missing directories are created, the last one for the owner only. A symbolic link is followed, and the
    backups are kept beside the file that it leads to; but where anyone may create files (``/tmp``) links and
    files of other users are refused. FIFOs, devices and ``/dev/stdout`` are written to and never rolled over.
    External rotation by rename, deletion or truncation is noticed within a second. While a rollover is
    impossible (`rollover_error` says why), lines go on into the full file.

    Wrong values raise ValueError; a file that cannot be opened raises OSError, here or from `open`.
    """

    # Class attributes, because __del__ also runs when the constructor has refused its arguments.
    _fd = -1
    rollover_error: OSError | None = None

    def __init__(
        self,
        *,
        filename: str | os.PathLike[str],
        max_bytes: int = 50 * 1024 * 1024,
        backup_count: int = 10,
        mode: int | str = 0o600,
        delay: bool = False,
        level: int | str = logging.NOTSET,
    ) -> None:
        self._path = _absolute_path(filename)
        self.filename = str(self._path)
        self.max_bytes = whole_number("max_bytes", max_bytes, least=0)
        self.backup_count = whole_number("backup_count", backup_count, least=0)
        self.mode = _file_mode(mode)
        boolean("delay", delay)
        self._limit = 0  # max_bytes while the open file is one that rolls over
        self._credit = 0  # bytes that may be written before looking at the file's size
        self._look_at = 0.0  # when to look whether the path still leads to the open file
        self._file = FileWrite()
        self._is_torn = False  # the last write failed, perhaps half-way
        super().__init__(level=level)
        if not delay:
            self.open()

    def open(self) -> None:
        """Open the file unless it is open; raise OSError if it cannot be written to or rolled over."""
        with self.lock:  # type: ignore[union-attr] # see LineHandler
            if self._fd < 0:
                self._reopen()
            directory = str(self._path.resolve().parent)
            effective = os.access in os.supports_effective_ids
            if self._limit and not os.access(directory, _TO_ROLL_OVER, effective_ids=effective):
                self._close_file()
                why = "rollover needs to create files here; max_bytes 0 does without"
                raise PermissionError(errno.EACCES, why, directory)

    def close(self) -> None:
        """Close the file. A line that comes later, at interpreter exit say, opens it again."""
        with self.lock:  # type: ignore[union-attr]
            self._close_file()
        super().close()

    def write_line(self, line: bytes) -> None:
        """Write *line* whole or raise OSError; after an error the next line begins on a line of its own."""
        self._credit = credit = self._credit - len(line)
        try:
            now = monotonic()
            if credit < 0 or now >= self._look_at:
                line, now = self._prepare(line, now), monotonic()  # a rollover is no slow write
            keeping = self._file.keeping
            if keeping is None:
                written = os.write(self._fd, line)
            else:
                written = self._file.keep(keeping, self._fd, line, now)
        except OSError as exc:
            self._note_failure(exc)
            raise
        if written != len(line):
            short = OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes written", self.filename)
            self._note_failure(short)
            raise short

    def _wait_for_turn(self) -> None:
        """Wait until no other thread is writing, and keep the interpreter's lock in the writes that follow."""
        self._file.contended()
        super()._wait_for_turn()

    def __del__(self) -> None:
        # Not close(): a finalizer must not wait for a lock.
        with contextlib.suppress(OSError):
            self._close_file()

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        self._credit, self._look_at = 0, 0.0
        if fd >= 0:
            os.close(fd)

    def _note_failure(self, error: OSError) -> None:
        self._is_torn = True
        self._look_at = 0.0
        if error.errno == errno.EBADF:  # somebody closed all descriptors, as daemons do when they start
            self._fd = -1

    def _prepare(self, line: bytes, now: float) -> bytes:
        """Have the right file open for *line*, and return what to write."""
        try:
            if now >= self._look_at:
                self._look_at = now + LOOK_SECONDS
                if not self._is_live():
                    self._reopen()
                if self._ends_torn():
                    line = b"\n" + line
                self._is_torn = False
                self._file.uncontended()
            self._credit = self._make_room(len(line))
            self.rollover_error = None
        except OSError as exc:
            if self._fd < 0 or os.fstat(self._fd).st_nlink == 0:
                raise
            self.rollover_error = exc
            self._credit = sys.maxsize
        return line

    def _make_room(self, length: int) -> int:
        """Roll over if *length* bytes do not fit, and return how many more may follow them unseen."""
        if not self._limit:
            return sys.maxsize
        size = os.lseek(self._fd, 0, os.SEEK_END)
        if size and size + length > self._limit:
            self._roll_over()
            size = os.lseek(self._fd, 0, os.SEEK_END)
        # A part of the room only: the other writers do not see our bytes either until they look.
        return (self._limit - size) // CREDIT_SHARE - length

    def _is_live(self) -> bool:
        """Return whether the path leads to the file that is open."""
        if self._fd < 0:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _ends_torn(self) -> bool:
        """Return whether the file ends within a line: its writer was killed, or the disk was full."""
        if not self._file.is_regular:
            return self._is_torn
        try:
            # Another process may be in the middle of its write; one that was killed there will not go on.
            for _ in range(_TORN_LOOKS):
                if _last_byte(self._path) == b"\n":
                    return False
                sleep(0.001)
        except OSError:  # we may be allowed to write and not to read
            return self._is_torn
        return True

    def _reopen(self) -> None:
        """Open the live file, hold it, and put it in the place of the one that is open."""
        for _ in range(100):
            fd = self._open_path()
            try:
                is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
                if is_regular:
                    # Refused only while somebody deletes the file, and then it is not live.
                    with contextlib.suppress(OSError):
                        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                else:
                    os.set_blocking(fd, True)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(self._path.stat(), os.fstat(fd)):
                        self._install(fd, is_regular=is_regular)
                        return
            finally:
                if fd != self._fd:
                    os.close(fd)
        raise OSError(errno.EAGAIN, "the file is replaced faster than it can be opened", self.filename)

    def _install(self, fd: int, *, is_regular: bool) -> None:
        self._file.is_regular = False  # first, for a signal handler that logs here
        if self._fd < 0:
            self._fd = fd
        else:
            # In one step, for a child that is forked at this moment or a signal handler that logs here.
            os.dup2(fd, self._fd, inheritable=False)
        self._file.is_regular = is_regular
        self._limit = self.max_bytes if is_regular and not self.filename.startswith(_STREAM_PATHS) else 0

    def _open_path(self) -> int:
        directory = self._path.parent
        try:
            folder = directory.stat()
        except FileNotFoundError:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = directory.stat()
        if not folder.st_mode & stat.S_IWOTH:
            return os.open(self._path, _OPEN_FLAGS, self.mode)
        # A stranger may have put a file here to read our lines, or a link to have them spoil its target.
        refusal = PermissionError(
            errno.EPERM, "a link or another's file, where anyone may write", self.filename
        )
        if self._path.is_symlink():
            raise refusal
        fd = os.open(self._path, _OPEN_FLAGS | os.O_NOFOLLOW, self.mode)
        if os.fstat(fd).st_uid not in {0, os.geteuid(), folder.st_uid}:
            os.close(fd)
            raise refusal
        return fd

    def _roll_over(self) -> None:
        """Make the open file backup 1, unless another process did so, or is doing so now."""
        target = self._path.resolve()
        with locked(target.parent) as folder:
            if not self._is_live():
                self._reopen()
            elif folder is not None:
                count = shift(folder, target.name)
                self._reopen()
                trim(folder, target.name, first=self.backup_count + 1, last=count)


def _last_byte(path: Path) -> bytes:
    """Return the last byte of a file; a newline for an empty one."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        return os.pread(fd, 1, size - 1) if size else b"\n"
    finally:
        os.close(fd)


def _absolute_path(filename: object) -> Path:
    path = os.fspath(filename) if isinstance(filename, os.PathLike) else filename
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"filename must be the path of a file, got {filename!r}")
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as exc:
        raise ValueError(f"filename must be a path whose ~ has a home directory, got {filename!r}") from exc


def _file_mode(mode: object) -> int:
    bits = mode
    if isinstance(mode, str):
        with contextlib.suppress(ValueError):
            bits = int(mode, 8)
    if not isinstance(bits, int) or isinstance(bits, bool) or bits & ~0o777 or not bits & stat.S_IWUSR:
        raise ValueError(
            f"mode must be file permissions that let the owner write, such as '0640', got {mode!r}"
        )
    return bits
