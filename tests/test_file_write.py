"""FileWrite, and how threads take turns: many of them write one file."""

import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import RotatingFileHandler
from ginkgo_logging.handlers.file_write import FileWrite
from ginkgo_logging.record_factory import make_record


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """An open file."""
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield number
    os.close(number)


@pytest.fixture
def contended() -> FileWrite:
    """One that keeps the interpreter's lock."""
    file = FileWrite()
    file.is_regular = True
    file.contended()
    return file


def write(file: FileWrite, descriptor: int, line: bytes) -> int:
    """Write as a handler does."""
    keeping = file.keeping
    return (
        os.write(descriptor, line) if keeping is None else file.keep(keeping, descriptor, line, monotonic())
    )


@pytest.fixture
def _long_intervals() -> Iterator[None]:
    """No write is a slow one."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_long_intervals")
@pytest.mark.parametrize("line", [b"", b"a\0b\n", b"x" * 64 * 1024, b"y" * 65 * 1024], ids=len)
def test_it_writes_what_os_write_does(descriptor: int, line: bytes) -> None:
    """
    Short lines and long ones, and bytes of every kind.
    """
    file = FileWrite()
    file.is_regular = True
    file.contended()

    written = write(file, descriptor, line)

    assert len(line) == written
    assert line == os.pread(descriptor, 1 << 20, 0)


def test_an_error_has_its_name(contended: FileWrite) -> None:
    """
    What goes wrong is raised as `os.write` raises it.
    """
    with open(os.devnull) as readable, pytest.raises(OSError, match="Bad file descriptor"):
        write(contended, readable.fileno(), b"x")


def test_the_lock_is_kept_only_while_threads_meet(contended: FileWrite) -> None:
    """
    A program of one thread writes by `os.write`.
    """
    ways = [FileWrite().keeping, contended.keeping]
    contended.uncontended()

    assert [True, False, True] == [way is None for way in [*ways, contended.keeping]]


def test_a_slow_write_gives_the_lock_up_for_a_while(descriptor: int) -> None:
    """
    A write that keeps the lock for longer than threads may is the last of its kind for some seconds.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    file = FileWrite()
    file.is_regular = True
    file.contended()
    sys.setswitchinterval(before)
    written = write(file, descriptor, b"x" * 64 * 1024)
    file.contended()

    assert 64 * 1024 == written
    assert file.keeping is None


def test_an_interpreter_without_ctypes_writes() -> None:
    """
    `ctypes` is an optional part of an interpreter.
    """
    program = (
        "import os, sys; sys.modules['ctypes'] = None\n"
        "from ginkgo_logging.handlers.file_write import FileWrite\n"
        "file = FileWrite(); file.is_regular = True; file.contended(); print(file.keeping is None)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "True\n" == done.stdout


def test_a_child_forked_while_ctypes_is_loaded_writes() -> None:
    """
    The thread that loads it holds the lock of that module, and is not there in the child.
    """
    program = """
        import importlib.machinery, os, signal, sys, threading, types
        from ginkgo_logging.handlers.file_write import libc_write

        begun, forked = threading.Event(), threading.Event()

        class Slow:
            def find_spec(self, name, path=None, target=None):
                return importlib.machinery.ModuleSpec(name, self) if name == "ctypes" else None

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                begun.set()
                forked.wait()
                module.c_ssize_t = int
                module.PyDLL = lambda _: types.SimpleNamespace(write=types.SimpleNamespace())

        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=libc_write)
        thread.start()
        begun.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            os._exit(libc_write() is not None)
        _, status = os.waitpid(child, 0)
        forked.set()
        thread.join()
        assert status == 0, status
        assert libc_write() is not None
    """

    subprocess.run([sys.executable, "-c", inspect.cleandoc(program)], check=True, timeout=30)


def test_a_fifo_in_the_place_of_the_file_does_not_stop_its_reader() -> None:
    """
    The path may come to lead to a FIFO just when a thread has asked, and the reader be another thread.
    """
    program = (
        "import os, threading\n"
        "from test_file_write import FileWrite, write\n"
        "file = FileWrite(); file.is_regular = True; file.contended()\n"
        "reader, writer = os.pipe(); file.is_regular = False\n"
        "threading.Timer(0.05, lambda: [os.read(reader, 65536) for _ in range(2)]).start()\n"
        "print(write(file, writer, b'x' * 65536) + write(file, writer, b'y'))\n"
    )

    command = [sys.executable, "-c", program]
    path = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)

    assert "65537\n" == done.stdout


def test_threads_that_meet_keep_the_lock(tmp_path: Path) -> None:
    """
    A thread that finds another one inside a write waits; from then on writes keep the lock.
    """
    handler = RotatingFileHandler(filename=tmp_path / "x.log")
    inside, leave = threading.Event(), threading.Event()
    write_line = handler.write_line

    def slow(line: bytes) -> None:
        inside.set()
        leave.wait(10)
        write_line(line)

    handler.write_line = slow  # type: ignore[method-assign]
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "x", (), None)
    first, second = (threading.Thread(target=handler.handle, args=(record,)) for _ in range(2))
    first.start()
    assert inside.wait(10)
    del handler.write_line
    second.start()
    while handler._file.keeping is None and second.is_alive():
        pass
    kept = handler._file.keeping is not None
    leave.set()
    first.join()
    second.join()

    assert kept
    assert 2 == handler.counts.written == (tmp_path / "x.log").read_text().count("\n")
    handler.close()


def test_what_a_fork_has_left_behind_holds_up_nobody_for_long(tmp_path: Path) -> None:
    """
    A child forked while a thread was inside a write believes it to be there still, until its first line.
    """
    handler = RotatingFileHandler(filename=tmp_path / "x.log")
    handler._writing = threading.get_ident() + 1

    handler.handle(logging.LogRecord("test", logging.INFO, __file__, 1, "x", (), None))

    assert (1, 0) == (handler.counts.written, handler._writing)
    handler.close()


@pytest.mark.parametrize("filters", [[], [ContextFilter(), MaskingFilter()]], ids=["slow path", "fast path"])
def test_a_signal_handler_that_logs_does_not_wait_for_the_line_it_interrupts(
    tmp_path: Path, filters: list[logging.Filter]
) -> None:
    """
    Its own thread is inside that write, and goes on when the signal handler returns.
    """

    class Interrupted(RotatingFileHandler):
        waits = 0

        def _wait_for_turn(self) -> None:
            self.waits += 1

        def write_line(self, line: bytes) -> None:
            if b"outer" in line:
                signal.raise_signal(signal.SIGUSR1)
            super().write_line(line)

    def log(message: str) -> None:
        handler.handle(make_record("test", logging.INFO, __file__, 1, message, (), None))

    handler = Interrupted(filename=tmp_path / "x.log")
    handler.setFormatter(JsonFormatter())
    handler.filters = [*filters]
    before = signal.signal(signal.SIGUSR1, lambda *_: log("inner"))
    log("outer")
    signal.signal(signal.SIGUSR1, before)

    assert (2, 0) == (handler.counts.written, handler.waits)
    handler.close()
