"""The rotating file against real files, processes, threads, signals and full disks."""

import contextlib
import errno
import gc
import logging
import logging.config
import multiprocessing
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ginkgo_logging.handlers import rotating
from ginkgo_logging.handlers.backups import locked
from ginkgo_logging.handlers.rotating import RotatingFileHandler

NOBODY = 65534
PADDING = "x" * 80


def emit(handler: logging.Handler, message: str) -> None:
    """Send one record through *handler*."""
    handler.handle(logging.LogRecord("test", logging.INFO, __file__, 1, message, (), None))


def backups(path: Path) -> list[Path]:
    """Return the backups of *path*, the newest first."""
    found = [one for one in path.parent.iterdir() if one.name.startswith(f"{path.name}.")]
    return sorted(found, key=lambda one: int(one.suffix[1:]))


def lines(path: Path) -> list[str]:
    """Return the lines of *path* and its backups, the oldest first, without the blank ones."""
    text = "".join(one.read_text() for one in [*reversed(backups(path)), path] if one.exists())
    return [line for line in text.split("\n") if line]


def write_many(path: Path, worker: int, count: int, options: dict[str, Any]) -> None:
    """Be one of several processes that write to *path*."""
    handler = RotatingFileHandler(filename=path, **options)
    for number in range(count):
        emit(handler, f"{worker} {number} {PADDING} end")


def write_until_killed(path: Path, length: int) -> None:
    """Write lines of *length* characters for ever."""
    handler = RotatingFileHandler(filename=path)
    while True:
        emit(handler, "k" * length)


def expected(workers: int, count: int) -> set[str]:
    """Return what *workers* processes write by `write_many`."""
    return {f"{worker} {number} {PADDING} end" for worker in range(workers) for number in range(count)}


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log goes."""
    return tmp_path / "logs" / "app.log"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the handlers of this test."""
    clock = Clock()
    monkeypatch.setattr(rotating, "monotonic", clock)
    return clock


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., RotatingFileHandler]]:
    """Make handlers that are closed after the test."""
    made = []

    def make(**options: Any) -> RotatingFileHandler:
        handler = RotatingFileHandler(**{"filename": path, **options})
        made.append(handler)
        return handler

    yield make
    for handler in made:
        handler.close()


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory of a user who is not root, while this process is that user."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        if user == 0:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            Path(name).chmod(0o700)
            os.seteuid(user)


class TestWriting:
    def test_one_record_is_one_line(self, make: Any, path: Path) -> None:
        """
        Each record becomes one line, in order.
        """
        handler = make()

        emit(handler, "one")
        emit(handler, "two")

        assert "one\ntwo\n" == path.read_text()
        assert 2 == handler.counts.written

    def test_dictconfig_file(self, path: Path) -> None:
        """
        A dictConfig file names the class and gives plain values.
        """
        handler = {
            "()": "ginkgo_logging.handlers.rotating.RotatingFileHandler",
            "filename": str(path),
            "mode": "0640",
            "level": "WARNING",
        }
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"file": handler},
                "root": {"handlers": ["file"]},
            }
        )

        logging.getLogger("a.b").warning("seen")
        logging.getLogger("a.b").info("not seen")

        assert ["seen"] == lines(path)

    def test_existing_file_is_kept(self, make: Any, path: Path) -> None:
        """
        Lines are appended to what is there.
        """
        path.parent.mkdir()
        path.write_text("old\n")

        emit(make(), "new")

        assert ["old", "new"] == lines(path)

    def test_threads_share_a_handler(self, make: Any, path: Path) -> None:
        """
        Threads lose, double and tear nothing while files roll over.
        """
        handler = make(max_bytes=20_000, backup_count=100)
        threads = [
            threading.Thread(
                target=lambda worker=worker: [
                    emit(handler, f"{worker} {number} {PADDING} end") for number in range(500)
                ]
            )
            for worker in range(8)
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        found = lines(path)
        assert 4000 == len(found)
        assert expected(8, 500) == set(found)
        assert 4000 == handler.counts.written
        assert 20_000 >= max(one.stat().st_size for one in backups(path))

    @pytest.mark.parametrize(
        ("method", "count", "max_bytes"),
        [("spawn", 8000, 100_000), ("fork", 8000, 100_000), ("fork", 1000, 1)],
    )
    def test_processes_share_a_file(self, path: Path, method: Any, count: int, max_bytes: int) -> None:
        """
        Processes lose, double and tear nothing, even when every line rolls over.
        """
        context = multiprocessing.get_context(method)
        options = {"max_bytes": max_bytes, "backup_count": 5000}
        workers = [context.Process(target=write_many, args=(path, n, count, options)) for n in range(4)]

        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        found = lines(path)
        assert [0, 0, 0, 0] == [worker.exitcode for worker in workers]
        assert 4 * count == len(found)
        assert expected(4, count) == set(found)

    def test_each_process_stays_in_order(self, path: Path) -> None:
        """
        Read from the oldest backup on, the lines of a process are in the order in which it wrote them.
        """
        context = multiprocessing.get_context("fork")
        options = {"max_bytes": 5000, "backup_count": 1000}
        workers = [context.Process(target=write_many, args=(path, n, 1000, options)) for n in range(3)]

        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        numbers = [int(line.split()[1]) for line in lines(path) if line.startswith("1 ")]
        assert list(range(1000)) == numbers


class TestRollover:
    def test_full_file_becomes_backup_one(self, make: Any, path: Path) -> None:
        """
        A line that does not fit begins a new file, and backups move up by one.
        """
        handler = make(max_bytes=10, backup_count=2)

        for message in ("11111111", "22222222", "33333333", "44444444"):
            emit(handler, message)

        assert ["44444444", "33333333", "22222222"] == [
            one.read_text().strip() for one in [path, *backups(path)]
        ]

    def test_line_that_fits_exactly_stays(self, make: Any, path: Path) -> None:
        """
        A file may be exactly as long as allowed.
        """
        handler = make(max_bytes=8)

        emit(handler, "abc")
        emit(handler, "def")

        assert "abc\ndef\n" == path.read_text()

    def test_line_longer_than_a_file(self, make: Any, path: Path) -> None:
        """
        A line longer than a whole file is written whole, into a file of its own.
        """
        handler = make(max_bytes=10)

        emit(handler, "small")
        emit(handler, "y" * 50)
        emit(handler, "after")

        assert ["after", "y" * 50, "small"] == [one.read_text().strip() for one in [path, *backups(path)]]

    def test_zero_bytes_never_rolls_over(self, make: Any, path: Path) -> None:
        """
        A maximum of 0 leaves rotation to others.
        """
        handler = make(max_bytes=0)

        for number in range(100):
            emit(handler, str(number))

        assert 100 == len(path.read_text().splitlines())
        assert [] == backups(path)

    def test_zero_backups_keeps_the_live_file_only(self, make: Any, path: Path) -> None:
        """
        Without backups a full file is deleted.
        """
        handler = make(max_bytes=10, backup_count=0)

        emit(handler, "11111111")
        emit(handler, "22222222")

        assert ["22222222"] == lines(path)
        assert [] == backups(path)

    def test_fewer_backups_than_before(self, make: Any, path: Path) -> None:
        """
        Backups beyond a lowered number are deleted.
        """
        path.parent.mkdir()
        for number in range(1, 6):
            path.with_name(f"app.log.{number}").write_text(f"{number}\n")
        handler = make(max_bytes=1, backup_count=2)

        emit(handler, "a")
        emit(handler, "b")

        assert ["1", "a", "b"] == lines(path)

    def test_file_that_was_full_before_the_start(self, make: Any, path: Path) -> None:
        """
        A file that an earlier program filled rolls over at the first line.
        """
        path.parent.mkdir()
        path.write_text("old and full\n")

        emit(make(max_bytes=10), "new")

        assert "new\n" == path.read_text()

    def test_backup_in_use_is_not_deleted(self, make: Any, path: Path, clock: Clock) -> None:
        """
        A line of a writer that slept through many rollovers is not lost with the file that it has open.
        """
        sleeper, busy = make(max_bytes=2000, backup_count=1), make(max_bytes=2000, backup_count=1)
        emit(sleeper, "before")
        for number in range(200):
            emit(busy, f"{number} {PADDING}")

        emit(sleeper, "late")

        assert {"before", "late"} < set(lines(path))

    def test_several_backups_in_use(self, make: Any, path: Path, clock: Clock) -> None:
        """
        Writers that sleep on different files keep one each.
        """
        busy = make(max_bytes=2000, backup_count=1)
        sleepers = []
        for number in range(300):
            emit(busy, f"{number} {PADDING}")
            if number % 100 == 0:
                sleepers.append(make(max_bytes=2000, backup_count=1))
                emit(sleepers[-1], f"early {number}")

        for number, sleeper in enumerate(sleepers):
            emit(sleeper, f"late {number}")

        kept = {line for line in lines(path) if line.startswith(("early", "late"))}
        assert {"early 0", "early 100", "early 200", "late 0", "late 1", "late 2"} == kept
        assert ["app.log.1", "app.log.2", "app.log.3", "app.log.4"] == [one.name for one in backups(path)]

    def test_backup_no_longer_in_use_is_deleted(self, make: Any, path: Path, clock: Clock) -> None:
        """
        Once the slow writer lets go of a file, the next rollover deletes it.
        """
        sleeper, busy = make(max_bytes=2000, backup_count=1), make(max_bytes=2000, backup_count=1)
        emit(sleeper, "before")
        for number in range(200):
            emit(busy, f"{number} {PADDING}")
        assert ["app.log.1", "app.log.2"] == [one.name for one in backups(path)]
        sleeper.close()

        for number in range(200):
            emit(busy, f"{number} {PADDING}")

        assert ["app.log.1"] == [one.name for one in backups(path)]

    @pytest.mark.parametrize("renames", range(4))
    def test_killed_within_a_rollover(self, make: Any, path: Path, renames: int) -> None:
        """
        A process killed between two renames loses no file, and the next one goes on.
        """
        written = make(max_bytes=1, backup_count=10)
        for message in "abcd":
            emit(written, message)
        child = os.fork()
        if child == 0:
            _kill_at_rename(renames)
            emit(RotatingFileHandler(filename=path, max_bytes=1, backup_count=10), "never written")

        assert signal.SIGKILL == os.WTERMSIG(os.waitpid(child, 0)[1])
        for message in "efg":
            emit(written, message)

        assert list("abcdefg") == lines(path)

    def test_lock_taken_by_another_process(self, make: Any, path: Path) -> None:
        """
        While another process rolls over, a line is written at once.
        """
        handler = make(max_bytes=1)
        emit(handler, "a")

        with locked(path.parent) as folder:
            assert folder is not None
            emit(handler, "b")
        emit(handler, "c")

        assert "c\n" == path.read_text()
        assert "a\nb\n" == backups(path)[0].read_text()

    def test_child_forked_within_a_rollover(
        self, make: Any, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A child forked during a rollover does not keep the others from the next one.
        """
        handler = make(max_bytes=1)
        emit(handler, "a")
        reader, writer = os.pipe()
        children = []

        def rename_and_fork(*args: Any, **options: Any) -> None:
            monkeypatch.undo()
            os.rename(*args, **options)
            child = os.fork()
            if child == 0:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            children.append(child)

        monkeypatch.setattr(os, "rename", rename_and_fork)
        for message in "bcd":
            emit(handler, message)
        os.close(writer)
        os.waitpid(children[0], 0)
        os.close(reader)

        assert 3 == len(backups(path))
        assert list("abcd") == lines(path)

    def test_signal_handler_logs_within_a_rollover(
        self, make: Any, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A signal handler that logs in the middle of a rollover neither blocks nor loses a line.
        """
        handler = make(max_bytes=1)
        emit(handler, "a")
        real = os.rename

        def rename_and_signal(*args: Any, **options: Any) -> None:
            signal.raise_signal(signal.SIGUSR1)
            real(*args, **options)
            signal.raise_signal(signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, lambda *_: emit(handler, "signal"))
        try:
            monkeypatch.setattr(os, "rename", rename_and_signal)
            emit(handler, "b")
        finally:
            signal.signal(signal.SIGUSR1, before)

        assert ["a", "b", "signal", "signal"] == sorted(lines(path))

    def test_impossible_rollover_loses_empty_line(
        self, make: Any, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        When the directory has become read-only, lines go on into the full file, until it is writable again.
        """
        handler = make(max_bytes=4)
        emit(handler, "a")
        refuse = _refuser(errno.EROFS)
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", refuse)
            emit(handler, "bbb")
            emit(handler, "ccc")
        assert "a\nbbb\nccc\n" == path.read_text()
        assert handler.rollover_error is refuse.error

        clock.now += rotating.LOOK_SECONDS
        emit(handler, "d")

        assert "d\n" == path.read_text()
        assert handler.rollover_error is None

    def test_new_file_cannot_be_opened(
        self, make: Any, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        When there is no descriptor left for the new file, lines go to the backup instead.
        """
        handler = make(max_bytes=1)
        emit(handler, "a")
        with monkeypatch.context() as patch:
            patch.setattr(handler, "_open_path", _refuser(errno.EMFILE))
            emit(handler, "b")
        clock.now += rotating.LOOK_SECONDS

        emit(handler, "c")

        assert list("abc") == lines(path)
        assert 0 == handler.counts.failed

    def test_symbolic_link_to_the_file(self, make: Any, path: Path, tmp_path: Path) -> None:
        """
        Through a link the file that it leads to rolls over, in its own directory, and the link stays.
        """
        target = tmp_path / "volume" / "real.log"
        for directory in (path.parent, target.parent):
            directory.mkdir()
        path.symlink_to(target)
        handler = make(max_bytes=1)

        emit(handler, "a")
        emit(handler, "b")

        assert path.is_symlink()
        assert ["a", "b"] == lines(target)


class TestExternalRotation:
    @pytest.mark.parametrize("max_bytes", [0, 1000])
    def test_rename(self, make: Any, path: Path, clock: Clock, max_bytes: int) -> None:
        """
        After an external rename the old file gets lines for a second at most, then a new one.
        """
        handler = make(max_bytes=max_bytes)
        emit(handler, "a")
        moved = path.rename(path.with_name("moved"))
        emit(handler, "b")
        clock.now += rotating.LOOK_SECONDS

        emit(handler, "c")

        assert "a\nb\n" == moved.read_text()
        assert "c\n" == path.read_text()

    def test_rename_and_create(self, make: Any, path: Path, clock: Clock) -> None:
        """
        A new file put in the place of the old one is taken up.
        """
        handler = make()
        emit(handler, "a")
        path.rename(path.with_name("moved"))
        path.touch()
        clock.now += rotating.LOOK_SECONDS

        emit(handler, "b")

        assert "b\n" == path.read_text()

    @pytest.mark.parametrize("what", ["file", "directory"])
    def test_deletion(self, make: Any, path: Path, clock: Clock, what: str) -> None:
        """
        A deleted file, or directory, is made again.
        """
        handler = make()
        emit(handler, "a")
        path.unlink()
        if what == "directory":
            path.parent.rmdir()
        clock.now += rotating.LOOK_SECONDS

        emit(handler, "b")

        assert "b\n" == path.read_text()

    def test_deleted_and_not_to_be_made_again(
        self, make: Any, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Lines for a deleted file that cannot be made again count as failed, not as written.
        """
        handler = make()
        path.unlink()
        clock.now += rotating.LOOK_SECONDS
        monkeypatch.setattr(handler, "_open_path", _refuser(errno.EROFS))

        emit(handler, "a")

        assert (1, 0) == (handler.counts.failed, handler.counts.written)

    def test_copytruncate(self, make: Any, path: Path) -> None:
        """
        After a truncation the file begins anew, without a hole.
        """
        handler = make()
        emit(handler, "a")
        os.truncate(path, 0)

        emit(handler, "b")

        assert "b\n" == path.read_text()

    def test_file_that_is_always_another(
        self, make: Any, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A path that never leads to the file just opened is an error and not an endless loop.
        """
        handler = make(delay=True)
        monkeypatch.setattr(os.path, "samestat", lambda *_: False)

        with pytest.raises(OSError, match="replaced faster"):
            handler.open()


class TestFaults:
    @pytest.mark.parametrize("limit", [10, 12])
    def test_full_disk_spoils_one_line(self, make: Any, path: Path, limit: int) -> None:
        """
        The line that a full disk cut is the only one that is spoiled, and later lines are written again.
        """
        handler = make()
        emit(handler, "12345")
        with _file_size_limit(limit):
            emit(handler, "abcdefgh")
            emit(handler, "lost")

        emit(handler, "space")
        emit(handler, "again")

        assert ["12345", "abcdefgh"[: limit - 6], "space", "again"] == lines(path)
        assert (3, 2) == (handler.counts.written, handler.counts.failed)

    def test_full_disk_at_a_line_end(self, make: Any, path: Path) -> None:
        """
        When the disk was full exactly at the end of a line, no blank line follows.
        """
        handler = make()
        emit(handler, "12345")
        with _file_size_limit(6):
            emit(handler, "lost")

        emit(handler, "space")

        assert "12345\nspace\n" == path.read_text()

    def test_full_disk_where_the_file_cannot_be_read(
        self, make: Any, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A writer that may not read the file goes by its own failure.
        """
        handler = make()
        emit(handler, "12345")
        monkeypatch.setattr(rotating, "_last_byte", _refuser(errno.EACCES))
        with _file_size_limit(10):
            emit(handler, "abcdefgh")

        emit(handler, "space")

        assert ["12345", "abcd", "space"] == lines(path)

    def test_full_device(self, make: Any) -> None:
        """
        A full device fails each record without an exception for the caller.
        """
        handler = make(filename="/dev/full")

        emit(handler, "a")
        emit(handler, "b")

        assert 2 == handler.counts.failed

    def test_torn_tail_of_an_earlier_program(self, make: Any, path: Path) -> None:
        """
        A line that a killed program left unfinished is not joined to ours.
        """
        path.parent.mkdir()
        path.write_text("whole\nto")

        emit(make(), "next")

        assert "whole\nto\nnext\n" == path.read_text()

    def test_killed_writer_spoils_its_own_line_only(self, make: Any, path: Path) -> None:
        """
        When a writer is killed while it writes, at most its last line is torn, and ours stay whole behind it.
        """
        handler = make()
        victim = multiprocessing.get_context("spawn").Process(target=write_until_killed, args=(path, 50_000))
        victim.start()
        count = 0
        while path.stat().st_size < 2_000_000:
            emit(handler, f"<{count}>")
            count += 1
        os.kill(victim.pid or 0, signal.SIGKILL)
        for number in range(count, count + 200):
            emit(handler, f"<{number}>")
        victim.join()

        text = path.read_text()
        assert [f"<{number}>" for number in range(count + 200)] == re.findall(r"<\d+>", text)
        assert 1 >= sum(length not in {0, 50_000} for length in map(len, re.findall("k*", text)))

    def test_descriptors_closed_by_a_daemon(self, make: Any, path: Path) -> None:
        """
        After somebody closed our descriptor one line is lost, counted, and the file is opened again.
        """
        handler = make()
        os.close(handler._fd)

        emit(handler, "lost")
        emit(handler, "a")

        assert ["a"] == lines(path)
        assert 1 == handler.counts.failed

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_fork_while_a_thread_logs(self, make: Any, path: Path) -> None:
        """
        A child forked while another thread logs can log, and the parent goes on.
        """
        handler = make(max_bytes=3000, backup_count=10_000)
        stop = threading.Event()
        logged = []

        def log() -> None:
            while not stop.is_set():
                emit(handler, f"parent {len(logged)}")
                logged.append(1)

        thread = threading.Thread(target=log)
        thread.start()
        statuses = []
        for number in range(30):
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                emit(handler, f"child {number}")
                os._exit(0)
            statuses.append(os.waitpid(child, 0)[1])
        stop.set()
        thread.join()

        assert [0] * 30 == statuses
        wanted = {f"child {n}" for n in range(30)} | {f"parent {n}" for n in range(len(logged))}
        assert wanted == set(lines(path))
        assert len(wanted) == len(lines(path))


class TestClosing:
    def test_line_after_close(self, make: Any, path: Path) -> None:
        """
        Closing twice is harmless, and a line that comes later opens the file again.
        """
        handler = make()
        emit(handler, "a")
        handler.close()
        handler.close()

        emit(handler, "b")

        assert ["a", "b"] == lines(path)

    def test_line_at_interpreter_exit(self, path: Path) -> None:
        """
        Lines from atexit functions and finalizers, after logging has shut down, are written, without a word.
        """
        program = (
            "import atexit, logging, sys\n"
            "from ginkgo_logging.handlers.rotating import RotatingFileHandler\n"
            "handler = RotatingFileHandler(filename=sys.argv[1])\n"
            "logging.basicConfig(handlers=[handler], level=logging.INFO, format='%(message)s')\n"
            "atexit._clear()\n"
            "atexit.register(logging.info, 'atexit')\n"
            "atexit.register(logging.shutdown)\n"
            "class Late:\n"
            "    def __del__(self, info=logging.info): info('del')\n"
            "late = Late()\n"
        )

        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, str(path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
            check=False,
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert ["atexit", "del"] == lines(path)

    def test_dropped_handler_closes_its_file(self, path: Path) -> None:
        """
        A handler that nobody refers to any more leaves no descriptor open.
        """
        handler = RotatingFileHandler(filename=path)
        fd = handler._fd

        del handler
        gc.collect()

        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


class TestOpening:
    def test_delay(self, make: Any, path: Path) -> None:
        """
        With delay the first line, or `open`, makes the file.
        """
        handler = make(delay=True)
        assert not path.exists()

        handler.open()

        assert path.exists()

    def test_permissions(self, make: Any, path: Path) -> None:
        """
        By default files and the directory are the owner's alone, backups too.
        """
        handler = make(max_bytes=1)
        emit(handler, "a")
        emit(handler, "b")

        assert [0o600, 0o600, 0o700] == [
            stat.S_IMODE(one.stat().st_mode) for one in [path, *backups(path), path.parent]
        ]

    @pytest.mark.parametrize("mode", [0o640, "0640", "0o640", "640"])
    def test_mode(self, make: Any, path: Path, mode: int | str) -> None:
        """
        The mode is a number, or the octal text that every YAML dialect reads alike.
        """
        make(mode=mode)

        assert 0o640 == stat.S_IMODE(path.stat().st_mode)

    def test_home(self, make: Any, home: Path) -> None:
        """
        A tilde is the home directory, and the path does not depend on the current one.
        """
        assert str(home / "app.log") == make(filename="~/app.log").filename

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("filename", ""),
            ("filename", None),
            ("filename", 7),
            ("filename", "a\0b"),
            ("filename", "~nobody-of-this-name/app.log"),
            ("max_bytes", -1),
            ("max_bytes", "50MB"),
            ("max_bytes", True),
            ("backup_count", 1.5),
            ("backup_count", None),
            ("mode", 640),
            ("mode", "0o999"),
            ("mode", "rw"),
            ("mode", "0444"),
            ("mode", None),
            ("delay", "yes"),
        ],
    )
    def test_bad_value(self, make: Any, name: str, value: object) -> None:
        """
        A wrong value is refused at once, by name and with what was given.
        """
        with pytest.raises(ValueError, match=rf"^{name} must be .*, got ") as caught:
            make(**{name: value})

        assert str(caught.value).endswith(repr(value))

    def test_directory_in_place_of_the_file(self, make: Any, tmp_path: Path) -> None:
        """
        A directory cannot be written to.
        """
        with pytest.raises(IsADirectoryError):
            make(filename=tmp_path)

    def test_unwritable_directory(self, make: Any, unprivileged: Path) -> None:
        """
        A directory in which no file can be made is an error at once, or when `open` is called.
        """
        unprivileged.chmod(0o500)

        with pytest.raises(PermissionError, match=r"app\.log"):
            make(filename=unprivileged / "app.log")
        with pytest.raises(PermissionError, match=r"app\.log"):
            make(filename=unprivileged / "app.log", delay=True).open()

    def test_file_that_could_not_roll_over(self, make: Any, unprivileged: Path) -> None:
        """
        A writable file in an unwritable directory is refused unless rotation is left to others.
        """
        path = unprivileged / "app.log"
        path.touch()
        unprivileged.chmod(0o500)

        with pytest.raises(PermissionError, match="max_bytes 0 does without"):
            make(filename=path)
        emit(make(filename=path, max_bytes=0), "a")

        assert "a\n" == path.read_text()

    def test_link_in_a_directory_open_to_anyone(self, make: Any, tmp_path: Path) -> None:
        """
        Where anyone may create files, a link is not followed.
        """
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (shared / "app.log").symlink_to(tmp_path / "victim")

        with pytest.raises(PermissionError, match="where anyone may write"):
            make(filename=shared / "app.log")

        assert not (tmp_path / "victim").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
    def test_file_of_another_user_in_a_directory_open_to_anyone(self, make: Any, tmp_path: Path) -> None:
        """
        Where anyone may create files, the file of another user is not written to.
        """
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        (shared / "app.log").touch()
        os.chown(shared / "app.log", NOBODY, -1)

        with pytest.raises(PermissionError, match="where anyone may write"):
            make(filename=shared / "app.log")

    def test_unreachable_path_in_a_directory_open_to_anyone(self, make: Any, tmp_path: Path) -> None:
        """
        Other errors in such a directory are told as they are.
        """
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o1777)

        with pytest.raises(OSError, match="name too long"):
            make(filename=shared / ("a" * 300))


class TestSpecialFiles:
    def test_device(self, make: Any) -> None:
        """
        A device is written to and never rolled over.
        """
        handler = make(filename=os.devnull, max_bytes=1)

        emit(handler, "a")
        emit(handler, "b")

        assert 2 == handler.counts.written
        assert not Path("/dev/null.1").exists()

    def test_fifo(self, make: Any, tmp_path: Path) -> None:
        """
        A FIFO gets whole lines; without a reader it is an error at once instead of a program that hangs.
        """
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with pytest.raises(OSError, match="No such device"):
            make(filename=fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        handler = make(filename=fifo, max_bytes=1)

        emit(handler, "a")
        emit(handler, "b")

        assert b"a\nb\n" == os.read(reader, 100)
        os.close(reader)
        emit(handler, "nobody reads")
        assert 1 == handler.counts.failed

    def test_fifo_that_threads_share(self, make: Any, tmp_path: Path) -> None:
        """
        A FIFO's reader may be a thread of the same program: a write that waits for it does not stop it.
        """
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        handler = make(filename=fifo)
        threads = [
            threading.Thread(target=lambda: [emit(handler, PADDING * 10) for _ in range(100)])
            for _ in range(4)
        ]

        for thread in threads:
            thread.start()
        left = 400 * (len(PADDING) * 10 + 1)
        while left:
            left -= len(os.read(reader, 1000))
        for thread in threads:
            thread.join()

        assert 400 == handler.counts.written
        os.close(reader)

    def test_standard_output_in_a_file(self, tmp_path: Path) -> None:
        """
        The file into which the shell sends standard output is not renamed.
        """
        program = (
            "import logging\n"
            "from ginkgo_logging.handlers.rotating import RotatingFileHandler\n"
            "handler = RotatingFileHandler(filename='/dev/stdout', max_bytes=1)\n"
            "logging.basicConfig(handlers=[handler], format='%(message)s')\n"
            "logging.warning('a')\n"
            "logging.warning('b')\n"
        )
        output = tmp_path / "out"

        with output.open("ab") as stream:
            subprocess.run(
                [sys.executable, "-c", program], stdout=stream, check=True, cwd=Path(__file__).parent.parent
            )

        assert "a\nb\n" == output.read_text()


class _Refuser:
    """A function that always fails with one error."""

    def __init__(self, number: int) -> None:
        self.error = OSError(number, os.strerror(number))

    def __call__(self, *args: object, **options: object) -> Any:
        raise self.error


def _refuser(number: int) -> _Refuser:
    return _Refuser(number)


def _kill_at_rename(number: int) -> None:
    real = os.rename
    left = [number]

    def rename(*args: Any, **options: Any) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        real(*args, **options)

    os.rename = rename  # type: ignore[assignment]


@contextlib.contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size* bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Lost lines are reported on stderr, which is a file while tests are captured.
    stderr, sys.stderr = sys.stderr, None  # type: ignore[assignment]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.stderr = stderr
        signal.signal(signal.SIGXFSZ, handler)
