"""Lines on a stream: whole, in order, and a stream that fails costs no more than its lines."""

import contextlib
import fcntl
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from lines import logger_with, strict

from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.handlers import JsonStreamHandler, StreamHandler, stream

ROOT = str(Path(__file__).parents[1])
F_SETPIPE_SZ = 1031


class Pipe:
    """A pipe whose reader reads when it is told to."""

    def __init__(self, *, blocking: bool = True) -> None:
        self.read_end, write_end = os.pipe()
        os.set_blocking(write_end, blocking)
        self.stream: TextIO = os.fdopen(write_end, "w", encoding="utf-8")
        self.capacity = fcntl.fcntl(write_end, F_SETPIPE_SZ, 4096) if sys.platform == "linux" else 65536

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := os.read(self.read_end, size - len(data))):
            data += more
        return data

    def drain(self) -> list[bytes]:
        """Close the writing end and return the lines that are left."""
        with_rest = []
        reader = threading.Thread(target=lambda: with_rest.append(self.read(10_000_000)))
        reader.start()
        self.stream.close()
        reader.join()
        return with_rest[0].splitlines()

    def close(self) -> None:
        for closing in (self.stream.close, lambda: os.close(self.read_end)):
            with contextlib.suppress(OSError):
                closing()


@pytest.fixture
def make_pipe() -> Iterator[Callable[..., Pipe]]:
    pipes: list[Pipe] = []

    def make(**options: Any) -> Pipe:
        pipes.append(Pipe(**options))
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.close()


def handler_on(target: Any) -> StreamHandler:
    handler = StreamHandler(stream=target)
    handler.setFormatter(JsonFormatter())
    return handler


class TestWriting:
    def test_json_by_default(self, capfd: Any) -> None:
        """
        JsonStreamHandler without arguments writes JSON lines to stdout.
        """
        handler = JsonStreamHandler(stream=sys.__stdout__)

        logger_with(handler).info("组合 %s", "x")

        assert "组合 x" == strict(capfd.readouterr().out)["message"]

    def test_after_what_was_printed(self, tmp_path: Path) -> None:
        """
        Text that the program has printed comes before the line that it logs afterwards.
        """
        with (tmp_path / "out").open("w", encoding="utf-8") as target:
            handler = StreamHandler(stream=target)
            handler.setFormatter(PlainFormatter("%(message)s"))
            logger = logger_with(handler)

            print("printed", file=target)
            logger.info("logged")
            print("again", file=target)
            logger.info("at last")

        assert ["printed", "logged", "again", "at last"] == (tmp_path / "out").read_text().splitlines()

    def test_one_system_call_a_line(self, make_pipe: Callable[..., Pipe]) -> None:
        """
        A line arrives whole: what a datagram socket receives at once is one line.
        """
        import socket

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs, ours.makefile("w") as target:
            logger = logger_with(handler_on(target))
            for number in range(5):
                logger.info("line %d %s", number, "x" * 2000)

            received = [strict(theirs.recv(10_000))["message"][:6] for _ in range(5)]

        assert [f"line {number}" for number in range(5)] == received

    def test_without_a_descriptor(self) -> None:
        """
        A stream without a descriptor is written to as text.
        """
        target = io.StringIO()

        logger_with(handler_on(target)).info("组合 \udce4")

        assert "组合 \\udce4" == strict(target.getvalue())["message"]

    def test_write_that_logs(self) -> None:
        """
        A stream whose `write` logs to itself twice ends; what is too deep in it is counted as failed.
        """

        class Chatty(io.StringIO):
            def write(self, text: str) -> int:
                logger.info("one")
                logger.info("two")
                return super().write(text)

        handler = StreamHandler(stream=Chatty())
        handler.setFormatter(JsonFormatter())
        for one in (ContextFilter(), MaskingFilter()):
            handler.addFilter(one)
        logger = logger_with(handler)

        logger.info("ordinary")

        counts = handler.counts.as_dict()
        assert (31, 32) == (counts["written"], counts["failed"])

    def test_object_with_write_only(self) -> None:
        """
        Anything that has write and flush serves as a stream.
        """

        class Writer:
            text = ""

            def write(self, text: str) -> None:
                self.text += text

            def flush(self) -> None:
                pass

        target = Writer()

        logger_with(handler_on(target)).info("hi")

        assert "hi" == strict(target.text)["message"]

    def test_several_processes_on_one_pipe(self, make_pipe: Callable[..., Pipe]) -> None:
        """
        Lines up to PIPE_BUF that forked processes write to one pipe stay whole.
        """
        pipe = make_pipe()
        logger = logger_with(handler_on(pipe.stream))
        children = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                for number in range(200):
                    logger.info("%d-%d %s", child, number, "x" * (number * 10))
                os._exit(0)
            children.append(pid)

        lines = pipe.drain()
        for pid in children:
            os.waitpid(pid, 0)

        assert {f"{child}-{number}" for child in range(4) for number in range(200)} == {
            strict(line)["message"].split()[0] for line in lines
        }


FAILING: dict[str, Callable[[Path], Any]] = {
    "none": lambda _: None,
    "closed": lambda path: _closed(path.open("w")),
    "full": lambda _: open("/dev/full", "w"),  # noqa: SIM115
    "broken pipe": lambda _: _broken_pipe(),
    "read only": lambda path: path.open(),
    "no methods": lambda _: object(),
}


def _closed(target: TextIO) -> TextIO:
    target.close()
    return target


def _broken_pipe() -> TextIO:
    read_end, write_end = os.pipe()
    os.close(read_end)
    return os.fdopen(write_end, "w")


class TestFailing:
    @pytest.mark.parametrize("kind", FAILING)
    def test_is_counted(self, kind: str, tmp_path: Path, capsys: Any) -> None:
        """
        A stream that cannot be written to costs its lines, which are counted, and nothing raises.
        """
        path = tmp_path / "out"
        path.touch()
        target = FAILING[kind](path)
        handler = handler_on(target)
        if kind == "none":
            handler.stream = None

        logger = logger_with(handler)
        logger.info("one")
        logger.error("two", exc_info=ValueError("x"))

        assert (2, 2, 0) == (handler.counts.seen, handler.counts.failed, handler.counts.written)
        if hasattr(target, "close"):
            target.close()

    def test_recovers(self, tmp_path: Path, capsys: Any) -> None:
        """
        When the stream works again, so does the handler.
        """
        with (tmp_path / "out").open("w") as target:
            handler = handler_on(target)
            logger = logger_with(handler)
            handler.stream = None
            logger.info("lost")
            handler.stream = target
            logger.info("back")

        assert ["back"] == [strict(line)["message"] for line in (tmp_path / "out").read_bytes().splitlines()]

    @pytest.mark.parametrize("where", ["stdout", "stderr"])
    def test_closed_by_the_shell(self, where: str) -> None:
        """
        A program whose stdout or stderr is closed from the start runs to its end.
        """
        closing = ">&-" if where == "stdout" else "2>&-"
        program = (
            "import logging; from ginkgo_logging import setup, stats; setup(mode='container' if '>&-' == "
            f"'{closing}' else 'local'); logging.error('x'); open('done', 'w').write('yes')"
        )

        result = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -c "{program}" {closing}', sys.executable],
            env={**os.environ, "PYTHONPATH": ROOT},
            timeout=60,
            capture_output=True,
        )

        assert (0, "yes") == (result.returncode, Path("done").read_text())

    def test_reader_that_leaves(self) -> None:
        """
        A program whose reader leaves, as `| head -1` does, runs to its end and says once what was lost.
        """
        program = (
            "import logging, sys\n"
            "from ginkgo_logging import setup, stats\n"
            "setup(mode='container')\n"
            "logging.info('first')\n"
            "sys.stdin.readline()\n"
            "for _ in range(100): logging.info('lost')\n"
            "sys.stderr.write(f\"failed {stats()['stdout']['failed']}\\n\")\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": ROOT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.stdout.close()
            process.stdout = None
            _, err = process.communicate("go\n", timeout=60)

        assert ("first", 0) == (strict(first)["message"], process.returncode)
        report, failed = err.splitlines()
        assert ("failed 100", True) == (
            failed,
            report.startswith("ginkgo_logging: handler 'stdout': BrokenPipeError"),
        )


class TestFullPipe:
    def test_slow_reader_gets_every_line(self, make_pipe: Callable[..., Pipe]) -> None:
        """
        A reader that is slow makes the caller wait; every line arrives whole, longer ones than the pipe too.
        """
        pipe = make_pipe()
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        writer = threading.Thread(
            target=lambda: [logger.info("%d %s", number, "x" * number * 3000) for number in range(20)]
        )
        writer.start()
        received = pipe.read(20_000)
        lines = (received + b"\n".join(_rest(pipe, writer))).splitlines()

        assert list(range(20)) == [int(strict(line)["message"].split()[0]) for line in lines]

    def test_non_blocking_pipe_waits_for_its_reader(self, make_pipe: Callable[..., Pipe]) -> None:
        """
        On a non-blocking pipe a line longer than the pipe arrives whole once its reader reads.
        """
        pipe = make_pipe(blocking=False)
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        writer = threading.Thread(target=lambda: [logger.info("%d %s", n, "x" * 30_000) for n in range(5)])
        writer.start()

        lines = b"\n".join(_rest(pipe, writer)).splitlines()

        assert (5, 5) == (len([strict(line) for line in lines]), handler.counts.written)

    def test_reader_that_stops(
        self, make_pipe: Callable[..., Pipe], monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        """
        On a non-blocking pipe whose reader stops, the first line waits, the following fail at once; when the
        reader goes on, so do the lines, each of them on a line of its own.
        """
        monkeypatch.setattr(stream, "_FULL_PIPE_SECONDS", 0.2)
        pipe = make_pipe(blocking=False)
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        logger.info("torn %s", "x" * 20_000)
        began = time.monotonic()
        for _number in range(100):
            logger.info("lost")
        took = time.monotonic() - began

        first = os.read(pipe.read_end, 100_000)
        logger.info("back")
        logger.info("again")

        lines = (first + b"\n".join(pipe.drain())).splitlines()
        assert (101, 2, True) == (handler.counts.failed, handler.counts.written, took < 10)
        assert ["back", "again"] == [strict(line)["message"] for line in lines[1:]]
        assert lines[0].startswith(b'{"timestamp"')

    def test_signal_handler_that_logs_during_a_write(self, make_pipe: Callable[..., Pipe]) -> None:
        """
        A signal handler that logs while a long line is half-way out does not tear it.
        """
        pipe = make_pipe()
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        received: list[bytes] = []

        def read_slowly() -> None:
            received.append(pipe.read(2000))
            for _number in range(3):
                os.kill(os.getpid(), signal.SIGUSR1)
                received.append(pipe.read(2000))
            while not ready.wait(0.01):
                received.append(os.read(pipe.read_end, 4096))

        ready = threading.Event()
        previous = signal.signal(signal.SIGUSR1, lambda *_: logger.warning("signal"))
        reader = threading.Thread(target=read_slowly)
        try:
            reader.start()
            logger.info("long %s", "x" * 50_000)
            while handler.counts.written < 4:
                logger.info("more")
        finally:
            ready.set()
            os.write(pipe.stream.fileno(), b"\n")
            reader.join()
            signal.signal(signal.SIGUSR1, previous)

        lines = [line for line in (b"".join(received) + b"\n".join(pipe.drain())).splitlines() if line]
        messages = [strict(line)["message"][:6] for line in lines]
        assert ("long x", handler.counts.written) == (messages[0], len(lines))
        assert messages.count("signal") in (1, 2, 3)

    def test_signal_handler_whose_outer_write_fails(
        self, make_pipe: Callable[..., Pipe], capsys: Any
    ) -> None:
        """
        Lines put off during a write that then fails count as failed.
        """
        pipe = make_pipe()
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)

        def leave() -> None:
            pipe.read(2000)
            os.kill(os.getpid(), signal.SIGUSR1)
            logged.wait(10)
            os.close(pipe.read_end)

        logged = threading.Event()

        def on_signal(*_: object) -> None:
            logger.warning("signal")
            logged.set()

        previous = signal.signal(signal.SIGUSR1, on_signal)
        reader = threading.Thread(target=leave)
        try:
            reader.start()
            logger.info("long %s", "x" * 50_000)
        finally:
            reader.join()
            signal.signal(signal.SIGUSR1, previous)
            pipe.read_end = os.open(os.devnull, os.O_RDONLY)

        assert (2, 0, 2) == (handler.counts.seen, handler.counts.written, handler.counts.failed)

    def test_fork_during_a_write(self, make_pipe: Callable[..., Pipe], tmp_path: Path) -> None:
        """
        A child forked while another thread is inside a write can log.
        """
        pipe = make_pipe()
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        writer = threading.Thread(target=logger.info, args=("long %s", "x" * 50_000))
        writer.start()
        pipe.read(2000)

        child = os.fork()
        if child == 0:
            signal.alarm(10)
            handler.stream = (tmp_path / "child").open("w")
            logger.info("child")
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _rest(pipe, writer)

        assert (0, "child") == (status, strict((tmp_path / "child").read_bytes())["message"])

    def test_fork_in_a_signal_handler_during_a_write(
        self, make_pipe: Callable[..., Pipe], tmp_path: Path
    ) -> None:
        """
        A child forked by the thread that is inside a write, in a signal handler, can log.
        """
        pipe = make_pipe()
        handler = handler_on(pipe.stream)
        logger = logger_with(handler)
        children: list[int] = []
        forked = threading.Event()

        def on_signal(*_: object) -> None:
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                handler.stream = (tmp_path / "child").open("w")
                logger.info("child")
                os._exit(0)
            children.append(child)
            forked.set()

        def interrupt() -> None:
            pipe.read(2000)
            os.kill(os.getpid(), signal.SIGUSR1)
            forked.wait(10)
            while not done.wait(0.01):
                os.read(pipe.read_end, 65536)

        done = threading.Event()
        previous = signal.signal(signal.SIGUSR1, on_signal)
        reader = threading.Thread(target=interrupt)
        try:
            reader.start()
            logger.info("long %s", "x" * 50_000)
        finally:
            done.set()
            os.write(pipe.stream.fileno(), b"\n")
            reader.join()
            signal.signal(signal.SIGUSR1, previous)

        status = os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1])
        assert (0, "child") == (status, strict((tmp_path / "child").read_bytes())["message"])


def _rest(pipe: Pipe, writer: threading.Thread) -> list[bytes]:
    """Read until *writer* has ended, and what is left then."""
    chunks: list[bytes] = []

    def read() -> None:
        while more := os.read(pipe.read_end, 65536):
            chunks.append(more)

    reader = threading.Thread(target=read)
    reader.start()
    writer.join()
    pipe.stream.close()
    reader.join()
    return b"".join(chunks).split(b"\n")


def test_level_by_name() -> None:
    """
    The level may be a name, and a wrong one is refused.
    """
    assert logging.ERROR == StreamHandler(stream=io.StringIO(), level="ERROR").level
    with pytest.raises(ValueError, match="Unknown level"):
        StreamHandler(stream=io.StringIO(), level="LOUD")
