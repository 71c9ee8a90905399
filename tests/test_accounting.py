"""Every record is counted once as what became of it, and failures are told without logging."""

import gc
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog
from lines import Collector, logger_with, make_record, strict

from ginkgo_logging import accounting, stats
from ginkgo_logging.accounting import REPORT_INTERVAL, FailureReporter
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ProcessorFilter, ThrottleFilter
from ginkgo_logging.filters.masking import mask_text
from ginkgo_logging.filters.throttle import flush_all
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.handlers import LineHandler, RotatingFileHandler, StreamHandler

ROOT = str(Path(__file__).parents[1])


def law_holds(counts: accounting.Counts) -> bool:
    return counts.seen == counts.written + counts.suppressed + counts.sampled_out + counts.failed


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> FailureReporter:
    """A reporter that has reported nothing yet."""
    reporter = FailureReporter()
    reporter.mask = mask_text
    for module in (
        "accounting",
        "filters.context",
        "filters.masking",
        "filters.processor",
        "filters.throttle",
    ):
        monkeypatch.setattr(f"ginkgo_logging.{module}.reporter", reporter)
    return reporter


class Flaky(Collector):
    """Fails to write every third line."""

    def write_line(self, line: bytes) -> None:
        if random.random() < 0.33:
            raise OSError(28, "No space left on device")
        super().write_line(line)


class BrokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("broken filter")


class BrokenFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError("broken formatter")


class TestLaw:
    def test_sixteen_threads(self, tmp_path: Path, capsys: Any) -> None:
        """
        Seen is written + suppressed + sampled out + failed, on a file, a pipe and failing handlers at once.
        """
        sampled_out = []

        def sample(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
            if "more like this" not in event["event"] and random.random() < 0.3:
                sampled_out.append(1)
                raise structlog.DropEvent
            return event

        read, write = os.pipe()
        piped: list[bytes] = []
        with os.fdopen(read, "rb") as reader, os.fdopen(write, "w") as pipe:
            throttle = ThrottleFilter(limit=3, seconds=0.05)
            chain = (ContextFilter(), ProcessorFilter(processors=[sample]), throttle, MaskingFilter())
            file = RotatingFileHandler(filename=tmp_path / "law.log", max_bytes=50_000, backup_count=1000)
            stream, flaky = StreamHandler(stream=pipe), Flaky()
            handlers: list[LineHandler] = [file, stream, flaky, Collector()]
            for handler in handlers:
                handler.setFormatter(JsonFormatter(max_bytes=1024))
                for one in chain:
                    handler.addFilter(one)
            handlers[-1].addFilter(BrokenFilter())
            collecting = threading.Thread(target=lambda: piped.extend(reader))
            collecting.start()
            logger = logger_with(*handlers)

            def work(number: int) -> None:
                for i in range(150):
                    logger.error("pattern %d", number % 3)
                    logger.info("password=%s", i, extra={"dump": "x" * (i * 20)})

            threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            flush_all()
            pipe.close()
            collecting.join()
            file.close()

        filed = [line for path in tmp_path.glob("law.log*") for line in path.read_bytes().splitlines()]
        assert [True] * 4 == [law_holds(handler.counts) for handler in handlers]
        assert (file.counts.written, stream.counts.written) == (len(filed), len(piped))
        assert flaky.counts.written == len(flaky.lines)
        assert (len(sampled_out), len(sampled_out)) == (file.counts.sampled_out, flaky.counts.sampled_out)
        rows = [strict(line) for line in [*filed, *piped, *flaky.lines]]
        told = sum(row.get("suppressed_count", 0) for row in rows[: len(filed)])
        assert (file.counts.suppressed, True) == (told, told > 0)
        assert (
            sum(row["message"].startswith("password=***") for row in rows[: len(filed)]) == file.counts.masked
        )
        assert sum("...[truncated]" in str(row) for row in rows[: len(filed)]) == file.counts.truncated
        summaries = sum("suppressed_count" in row for row in rows[: len(filed)])
        assert 16 * 300 + summaries == file.counts.seen

    @pytest.mark.parametrize(
        "handler",
        [
            pytest.param(lambda: Collector(BrokenFilter()), id="filter"),
            pytest.param(lambda: Collector(formatter=BrokenFormatter()), id="formatter"),
        ],
    )
    def test_failure_of_a_part(self, handler: Any, capsys: Any) -> None:
        """
        A filter or formatter that raises costs its handler the record, and never the caller.
        """
        broken, sound = handler(), Collector()

        logger_with(broken, sound).info("hi")

        assert ((1, 1), (0, 1)) == (
            (broken.counts.failed, broken.counts.seen),
            (sound.counts.failed, sound.counts.written),
        )

    def test_refused_by_a_foreign_filter(self) -> None:
        """
        A record that a filter of the user's refuses is none of the handler's.
        """
        handler = Collector(logging.Filter("other"))

        logger_with(handler).info("hi")

        assert 0 == handler.counts.seen

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="a filter may replace the record from 3.12 on")
    def test_replaced_by_a_filter(self) -> None:
        """
        A filter may put another record in the place of the first.
        """
        handler = Collector()
        handler.addFilter(lambda record: make_record(f"instead of {record.msg}"))  # type: ignore[arg-type]

        logger_with(handler).info("hi")

        assert b"instead of hi\n" == handler.lines[0]

    def test_truncated_line_that_fails(self, capsys: Any) -> None:
        """
        A cut line that could not be written does not count as cut on the next handler.
        """

        class Full(Collector):
            def write_line(self, line: bytes) -> None:
                raise OSError(28, "full")

        full, sound = Full(formatter=JsonFormatter(max_bytes=1024)), Collector(formatter=PlainFormatter())

        logger_with(full, sound).info("x" * 5000)

        assert (0, 0, 1) == (full.counts.truncated, sound.counts.truncated, sound.counts.written)


class TestStats:
    def test_by_name(self) -> None:
        """
        Each handler is listed by its name, those without one by class and number, none twice.
        """
        handlers = [Collector() for _ in range(4)]
        handlers[0].name = "tests-a"
        handlers[1].name = "tests-b"
        for handler in handlers:
            handler.counts.written = 77

        mine = {name: numbers for name, numbers in stats().items() if numbers["seen"] == 77}

        assert {"tests-a", "tests-b"} < set(mine)
        assert (4, True) == (len(mine), all(name.startswith(("tests", "Collector-")) for name in mine))

    def test_two_of_one_name(self) -> None:
        """
        Two handlers of one name are both listed.
        """
        handlers = [Collector(), Collector()]
        for handler in handlers:
            handler.set_name("tests-same")

        assert {"tests-same", "tests-same'"} <= set(stats())

    def test_handler_that_is_gone(self) -> None:
        """
        A handler that nobody holds any more is not listed.
        """
        handler = Collector()
        handler.name = "tests-gone"
        del handler
        gc.collect()

        assert "tests-gone" not in stats()

    def test_while_handlers_are_made(self) -> None:
        """
        Statistics can be read while other threads make handlers.
        """
        # So many and no more: the longer statistics take, the more handlers would be made meanwhile.
        thread = threading.Thread(target=lambda: [Collector() for _ in range(1000)])
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        read = 0
        thread.start()
        try:
            while thread.is_alive():
                read += len(stats()) > 0
        finally:
            thread.join()
            sys.setswitchinterval(interval)

        assert read > 0


class TestReporter:
    def test_once_an_interval(self, capsys: Any) -> None:
        """
        Failures are reported at most once an interval; the next report tells how many there were.
        """
        now = [0.0]
        reporter = FailureReporter(clock=lambda: now[0])

        for seconds in (0.0, 1.0, REPORT_INTERVAL - 0.1, REPORT_INTERVAL, REPORT_INTERVAL + 1):
            now[0] = seconds
            reporter.report("handler 'file'", OSError(28, "No space left"))

        text = "ginkgo_logging: handler 'file': OSError: [Errno 28] No space left (failures since the last"
        assert f"{text} report: 1)\n{text} report: 3)\n" == capsys.readouterr().err

    @pytest.mark.parametrize("stderr", [None, "closed", "broken"])
    def test_without_stderr(self, stderr: object, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where stderr is missing, closed or broken, a report is lost and nothing raised.
        """
        if stderr == "closed":
            stream = open(os.devnull, "w")  # noqa: SIM115
            stream.close()
            monkeypatch.setattr(sys, "stderr", stream)
        else:
            monkeypatch.setattr(sys, "stderr", None if stderr is None else object())

        assert FailureReporter().report("x", ValueError("y")) is None

    def test_error_that_does_not_print(self, capsys: Any) -> None:
        """
        An error whose text cannot be had is no reason to raise.
        """

        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        assert FailureReporter().report("x", MuteError()) is None

    def test_stderr_that_logs(self, quiet: FailureReporter, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where stderr itself leads into logging, as in Celery's workers, a report does not go round in circles.
        """
        handler = Collector(formatter=BrokenFormatter())
        logger = logger_with(handler)

        class Redirected:
            def write(self, text: str) -> None:
                logger.warning(text)

            def flush(self) -> None:
                pass

        monkeypatch.setattr(sys, "stderr", Redirected())

        logger.info("hi")

        assert 2 == handler.counts.failed

    def test_clock_that_fails_again(self, capsys: Any) -> None:
        """
        A failure inside the report, from a signal handler say, does not lock the thread out.
        """

        def clock() -> float:
            if len(depth) < 3:
                depth.append(1)
                reporter.report("inner", ValueError("y"))
            return 0.0

        depth: list[int] = []
        reporter = FailureReporter(clock=clock)

        reporter.report("outer", ValueError("x"))

        assert 1 == len(capsys.readouterr().err.splitlines())


class TestRecursion:
    def test_str_that_logs(self) -> None:
        """
        An object that logs while it is printed gives its own line and the line it is in.
        """
        handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
        logger = logger_with(handler)

        class Chatty:
            def __str__(self) -> str:
                logger.info("inner")
                return "chatty"

        logger.info("outer %s", Chatty())

        assert {"inner", "outer chatty"} == {row["message"] for row in handler.rows}

    def test_str_that_logs_itself(self, capsys: Any) -> None:
        """
        An object that logs itself while it is printed, and then fails, comes to an end.
        """
        handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
        logger = logger_with(handler)

        class Endless:
            def __str__(self) -> str:
                logger.info("again %s", self, extra={"me": self})
                raise RuntimeError("no text")

        logger.info("outer %s", Endless())

        assert handler.rows[-1]["message"].startswith("outer <unprintable Endless>")
        assert law_holds(handler.counts)

    @pytest.mark.parametrize("formatter", [JsonFormatter(), PlainFormatter(), logging.Formatter()])
    def test_end_of_the_stack(self, formatter: logging.Formatter, capsys: Any) -> None:
        """
        Wherever the stack ends, a handler raises nothing of its own, and counts what it saw.
        """
        handler = Collector(ContextFilter(), ThrottleFilter(), MaskingFilter(), formatter=formatter)

        records = [make_record("deep", level=logging.ERROR) for _ in range(2000)]

        def descend() -> None:
            try:
                descend()
            except RecursionError:
                try:
                    handler.handle(records.pop())
                except RecursionError:
                    raised_by.append(sys.exc_info()[2])
                raise

        raised_by: list[Any] = []
        with pytest.raises(RecursionError):
            descend()
        handler.handle(make_record("sound"))

        assert law_holds(handler.counts)
        assert handler.lines[-1].count(b"sound") == 1
        # Only where not even handle() and what it begins with could be called; a tracer needs room of its own.
        assert len(raised_by) < (3 if sys.gettrace() is None else 4)

    def test_signal_handler_that_logs(self, tmp_path: Path) -> None:
        """
        Signals that log while the same thread logs lose, double and tear no line.
        """
        with (tmp_path / "out.log").open("w") as stream:
            handler = StreamHandler(stream=stream)
            handler.setFormatter(JsonFormatter())
            logger = logger_with(handler)
            signals = 0

            def on_signal(*_: object) -> None:
                nonlocal signals
                signals += 1
                logger.warning("signal %d", signals)
                # One after the other: on a slow machine they would come faster than they are handled.
                signal.setitimer(signal.ITIMER_REAL, 0.0005)

            previous = signal.signal(signal.SIGALRM, on_signal)
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            try:
                for number in range(3000):
                    logger.info("line %d", number)
            finally:
                signal.signal(signal.SIGALRM, signal.SIG_IGN)
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, previous)

        rows = [strict(line) for line in (tmp_path / "out.log").read_bytes().splitlines()]
        assert (3000 + signals, True) == (len({row["message"] for row in rows}), signals > 0)
        assert len(rows) == handler.counts.written == handler.counts.seen

    def test_logging_from_a_finalizer(self) -> None:
        """
        Objects that log when the garbage collector takes them, in the middle of a log call too, are no harm.
        """
        handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
        logger = logger_with(handler)

        class Last:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                logger.info("last words")

        threshold = gc.get_threshold()
        gc.set_threshold(1, 1, 1)
        try:
            for _number in range(50):
                Last()
                logger.info("line %s", [[]])
        finally:
            gc.set_threshold(*threshold)
        gc.collect()

        messages = [row["message"] for row in handler.rows]
        assert (50, 50) == (messages.count("last words"), messages.count("line [[]]"))

    PROGRAM = """
import atexit, logging
from ginkgo_logging import setup
atexit.register(logging.error, "from atexit, registered before")
setup(mode="container")
atexit.register(logging.error, "from atexit")
class Last:
    def __del__(self, logger=logging.getLogger("late")):
        logger.error("from the end")
kept = Last()
logging.error("from the program")
"""

    def test_at_interpreter_exit(self, tmp_path: Path) -> None:
        """
        Lines logged from atexit and from finalizers at exit are written, and nothing is complained about.
        """
        program = tmp_path / "program.py"
        program.write_text(self.PROGRAM)

        result = subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            timeout=60,
            check=True,
        )

        messages = [strict(line)["message"] for line in result.stdout.splitlines()]
        assert (b"", ["from the program", "from atexit", "from atexit, registered before"]) == (
            result.stderr,
            messages[:3],
        )
        assert {"from the end"} == set(messages[3:])


def test_report_in_a_forked_child() -> None:
    """
    A child forked while another thread holds the reporter's lock can report.
    """
    program = (
        "import os, threading\n"
        "from ginkgo_logging import accounting\n"
        "held = threading.Event()\n"
        "def hold():\n"
        "    with accounting.reporter._lock:\n"
        "        held.set()\n"
        "        threading.Event().wait(20)\n"
        "threading.Thread(target=hold, daemon=True).start()\n"
        "held.wait()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    accounting.reporter.report('child', ValueError('z'))\n"
        "os._exit(0) if child == 0 else os._exit(os.waitpid(child, 0)[1])\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        timeout=15,
        check=True,
    )

    assert b"ginkgo_logging: child: ValueError: z" in result.stderr
