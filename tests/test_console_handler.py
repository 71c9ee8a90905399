"""Colours and columns on a real terminal, one plain line a record anywhere else."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lines import logger_with, make_record
from rich.cells import cell_len

from ginkgo_logging import context, uncaught
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.handlers import ConsoleHandler
from ginkgo_logging.handlers.console import TerminalFormatter

ROOT = str(Path(__file__).parents[1])
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A pseudo-terminal: what a program writes to `stream`, a person would see in `shown`."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._data = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other end is closed
                return
            self._data += data

    def close(self) -> str:
        """Close the terminal and return what was written to it."""
        self.stream.close()
        self._reader.join()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        return self._data.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("COLORTERM", raising=False)
    made = Terminal()
    yield made
    made.close()


def console(stream: Any, **options: Any) -> ConsoleHandler:
    handler = ConsoleHandler(stream=stream, **options)
    for one in (ContextFilter(), MaskingFilter()):
        handler.addFilter(one)
    return handler


def shown(terminal: Terminal, act: Callable[[logging.Logger], object], **options: Any) -> str:
    """Return what a terminal got when *act* logged."""
    act(logger_with(console(terminal.stream, **options)))
    return terminal.close()


def plain(text: str) -> str:
    return ESCAPE.sub("", text)


def log_failure(logger: logging.Logger) -> None:
    local_secret = "value of a local variable"  # noqa: F841 - it must not be shown
    try:
        raise ValueError("[red]markup[/red] [node_modules]")
    except ValueError:
        logger.exception("failed")


class TestTerminal:
    def test_levels_have_colours(self, terminal: Terminal) -> None:
        """
        Each level has a style of its own, and all styles are switched off again.
        """
        levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)

        text = shown(terminal, lambda logger: [logger.log(level, "hi") for level in levels])

        styles = [
            re.search(r"(\x1b\[[0-9;]+m)(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)", s) for s in text.splitlines()
        ]
        assert 5 == len({style[1] for style in styles if style})
        assert text.count("\x1b[0m") == len(ESCAPE.findall(text)) - text.count("\x1b[0m")

    def test_ids_are_visible(self, terminal: Terminal) -> None:
        """
        Category, trace and fields are on the line, with the source.
        """
        context.bind(trace_id="t-1", log_category="risk", portfolio_id="p-1")

        text = plain(shown(terminal, lambda logger: logger.info("filled")))

        assert re.fullmatch(
            r"\d\d:\d\d:\d\d\.\d{3} INFO     tests\.pipe       \[risk t-1\] filled +portfolio_id=p-1 "
            r"\(test_console_handler\.py:\d+\)\n",
            text,
        )

    def test_markup_is_text(self, terminal: Terminal) -> None:
        """
        What looks like Rich's markup is printed as it is.
        """
        text = shown(terminal, lambda logger: logger.info("[red]x[/red] [node_modules] [/] :smile:"))

        assert "[red]x[/red] [node_modules] [/] :smile:" in text

    def test_controls_are_escaped(self, terminal: Terminal) -> None:
        """
        A message, a field, an id or a level cannot drive the terminal.
        """
        evil = "\x1b[2J\n\r\x9b\u202e\u2028"
        record = make_record(f"m{evil}", name=f"n{evil}", extra={f"k{evil}": evil, "trace_id": f"t{evil}"})
        record.levelname = f"L{evil}"
        console(terminal.stream).handle(record)

        text = terminal.close()

        assert "\\x1b[2J\\n\\r\\x9b\\u202e\\u2028" in text
        assert "" == re.sub(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", "", plain(text))
        assert 1 == len(text.splitlines())

    def test_chinese_is_aligned(self, terminal: Terminal) -> None:
        """
        After messages in any script the next column begins in the same cell.
        """
        messages = ("order filled", "订单已成交", "混合 mixed 文本", "😀", "e\u0301")

        text = plain(shown(terminal, lambda logger: [logger.info(message) for message in messages]))

        columns = {cell_len(line[: line.index("(test_console")]) for line in text.splitlines()}
        assert (1, 5) == (len(columns), len(text.splitlines()))

    def test_newline_at_the_end(self, terminal: Terminal) -> None:
        """
        A newline that ends the message is not shown, one within is.
        """
        text = plain(shown(terminal, lambda logger: logger.info("two\nlines\n")))

        assert re.search(r" two\\nlines +\(", text)

    def test_source_is_aligned(self, terminal: Terminal) -> None:
        """
        With a trace or without, the source begins in the same cell, and a short line fits 120 cells.
        """

        def act(logger: logging.Logger) -> None:
            logger.info("Engine started")
            with context.with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736"):
                logger.info("Engine started")
                logger.info("订单已成交")

        lines = plain(shown(terminal, act)).splitlines()

        columns = {cell_len(line[: line.index("(test_console")]) for line in lines}
        assert (1, 3) == (len(columns), len(lines))
        assert all(cell_len(line.replace("test_console_handler", "strategy")) <= 120 for line in lines)

    def test_traceback_without_local_variables(self, terminal: Terminal) -> None:
        """
        A traceback is drawn by Rich, shows the failing line and no variables, and takes markup as text.
        """
        text = plain(shown(terminal, log_failure))

        assert "Traceback (most recent call last)" in text
        assert "╭" in text
        assert "[red]markup[/red] [node_modules]" in text
        assert "value of a local variable" not in text.replace(
            'local_secret = "value of a local variable"', ""
        )

    def test_traceback_with_a_secret(self, terminal: Terminal) -> None:
        """
        A traceback with a secret is shown masked.
        """

        def act(logger: logging.Logger) -> None:
            try:
                raise ValueError("password=hunter2")
            except ValueError:
                logger.exception("failed")

        text = shown(terminal, act)

        assert ("password=***" in text, "hunter2" in text) == (True, False)

    @pytest.mark.parametrize("control", ["\x1b[2J", "\u202e", "\r", "\x9b"])
    def test_traceback_with_controls(self, terminal: Terminal, control: str) -> None:
        """
        An exception's text cannot drive the terminal either.
        """
        text = shown(terminal, lambda logger: logger.error("x", exc_info=ValueError(f"a{control}b")))

        assert control not in plain(text)
        assert "ValueError: a\\" in plain(text)

    def test_chain_notes_and_group(self, terminal: Terminal) -> None:
        """
        Causes, notes and the members of a group are shown.
        """

        def act(logger: logging.Logger) -> None:
            group = ExceptionGroup("several", [ValueError("one"), TypeError("two")])
            group.add_note("a note")
            try:
                raise group from KeyError("cause")
            except ExceptionGroup:
                logger.exception("failed")

        text = plain(shown(terminal, act))

        assert [] == [part for part in ("several", "one", "two", "a note", "cause") if part not in text]

    def test_stack_info(self, terminal: Terminal) -> None:
        """
        A stack that was asked for is shown below the line, indented.
        """
        text = plain(shown(terminal, lambda logger: logger.info("x", stack_info=True)))

        assert "\n  Stack (most recent call last):\n" in text

    def test_exception_that_rich_cannot_draw(self, terminal: Terminal) -> None:
        """
        Where the picture fails, the text is shown.
        """

        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

            __repr__ = __str__

        text = plain(shown(terminal, lambda logger: logger.error("failed", exc_info=MuteError())))

        assert "failed" in text
        assert "MuteError" in text

    @pytest.mark.parametrize("kind", ["wide", "deep", "note", "changing"])
    def test_picture_shows_what_masking_saw(self, terminal: Terminal, kind: str) -> None:
        """
        Rich draws all of an exception group, and asks again for a text; the text form has what was examined.
        """

        class ChangingError(Exception):
            asked = 0

            def __str__(self) -> str:
                self.asked += 1
                return "fine" if self.asked < 3 else "password=hunter2"

        error: Exception = ValueError("password=hunter2")
        if kind == "wide":
            error = ExceptionGroup("many", [*(ValueError(str(n)) for n in range(19)), error])
        elif kind == "deep":
            for depth in range(14):
                error = ExceptionGroup(f"depth {depth}", [error])
        elif kind == "note":
            error.add_note("token: hunter2")
        else:
            error = ChangingError()

        def act(logger: logging.Logger) -> None:
            logger.handlers[0].addFilter(MaskingFilter())
            logger.error("failed", exc_info=error)

        text = plain(shown(terminal, act))

        assert "failed" in text
        assert "hunter2" not in text.replace("\n", "")

    @pytest.mark.parametrize("kind", ["message", "lines", "chain", "circle"])
    def test_long_exception_is_shown_as_text(self, terminal: Terminal, kind: str) -> None:
        """
        Rich takes a time that grows with the square of a message, and does not end for a circle of causes.
        """
        error: Exception = ValueError("x" * 40_000 if kind == "message" else "line\n" * 40_000)
        if kind == "chain":
            error = ValueError("x")
            for _ in range(300):
                cause, error = error, ValueError("x")
                error.__cause__ = cause
        elif kind == "circle":
            error, other = ValueError("x"), KeyError("y")
            error.__cause__, other.__cause__ = other, error
        formatter = TerminalFormatter(terminal.stream)
        record = make_record("failed", exc_info=(type(error), error, None))

        started = time.process_time()
        text = formatter.format(record)

        assert time.process_time() - started < 5
        assert ("ValueError: " in text, "╭" in text) == (True, False)

    def test_formatter_of_the_file_is_not_used(self, terminal: Terminal) -> None:
        """
        On a terminal the formatter of the dictConfig file is kept but not used.
        """
        handler = console(terminal.stream)
        handler.setFormatter(JsonFormatter())

        logger_with(handler).info("hi")

        assert terminal.close()[:1] != "{"

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_environment_without_colour(
        self, terminal: Terminal, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        With NO_COLOR or a dumb terminal the plain line is written.
        """
        monkeypatch.setenv(name, value)

        text = shown(terminal, log_failure)

        assert ("\x1b" in text, " ERROR    tests.pipe failed (" in text) == (False, True)

    def test_empty_no_color(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        An empty NO_COLOR counts as not set, as no-color.org says.
        """
        monkeypatch.setenv("NO_COLOR", "")

        assert "\x1b[" in shown(terminal, lambda logger: logger.info("hi"))

    @pytest.mark.parametrize("color", [True, False])
    def test_forced(self, terminal: Terminal, color: bool) -> None:
        """
        The option decides, whatever the stream is.
        """
        text = shown(terminal, lambda logger: logger.info("hi"), color=color)

        assert color == ("\x1b[" in text)

    def test_many_threads(self, terminal: Terminal) -> None:
        """
        Lines and tracebacks of many threads do not mix.
        """
        logger = logger_with(console(terminal.stream))

        def work(number: int) -> None:
            for _number in range(10):
                try:
                    raise ValueError(f"error-{number}")
                except ValueError:
                    logger.exception("thread-%d", number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        blocks = re.split(r"(?m)^(?=\d\d:\d\d:\d\d\.)", plain(terminal.close()))[1:]
        assert 40 == len(blocks)
        assert [] == [
            b
            for b in blocks
            if set(re.findall(r"(?:thread|ValueError: error)-(\d)", b)) != {b[b.index("thread-") + 7]}
        ]


class TestElsewhere:
    def test_single_plain_line(self) -> None:
        """
        Off a terminal a record, however long, is one plain line.
        """
        target = io.StringIO()

        logger_with(console(target)).info("组合 " + "x" * 500)

        text = target.getvalue()
        assert (1, False) == (text.count("\n"), "\x1b" in text)

    def test_stderr_by_default(self, capfd: Any) -> None:
        """
        Without a stream the console is stderr; stdout stays the program's.
        """
        logger_with(ConsoleHandler()).info("hi")

        captured = capfd.readouterr()
        assert ("", True) == (captured.out, "hi (test_console_handler.py" in captured.err)

    def test_formatter_of_the_file(self) -> None:
        """
        Off a terminal the formatter of the dictConfig file gives the line.
        """
        target = io.StringIO()
        handler = console(target)
        handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))

        logger_with(handler).info("hi")

        assert "INFO hi\n" == target.getvalue()

    def test_traceback_is_indented(self) -> None:
        """
        Off a terminal a traceback follows indented.
        """
        target = io.StringIO()

        log_failure(logger_with(console(target)))

        first, *below = target.getvalue().splitlines()
        assert ("failed", True) == (first.split()[4], all(line.startswith("  ") for line in below))
        assert "  ValueError: [red]markup[/red] [node_modules]" == below[-1]

    def test_what_the_interpreter_prints_itself(self) -> None:
        """
        The traceback of an uncaught exception is left to the interpreter.
        """
        target = io.StringIO()
        logger = logger_with(console(target))
        record = make_record("uncaught exception", exc_info=(ValueError, ValueError("x"), None))
        from ginkgo_logging.records import state_of

        state_of(record).printed_elsewhere = True

        logger.handle(record)

        assert 1 == target.getvalue().count("\n")
        assert "main" in uncaught.HOOKS

    @pytest.mark.parametrize("stream", [None, "closed", "no isatty"])
    def test_streams_that_are_none(
        self, stream: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
    ) -> None:
        """
        Without a stderr, or with one that is closed or no stream, making the handler and logging do not raise.
        """
        if stream == "closed":
            broken: Any = (tmp_path / "x").open("w")
            broken.close()
        else:
            broken = None if stream is None else object()
        monkeypatch.setattr(sys, "stderr", broken)
        handler = ConsoleHandler()

        logger_with(handler).error("lost")

        assert (1, 1) == (handler.counts.seen, handler.counts.failed)

    def test_rich_is_not_imported(self) -> None:
        """
        A program whose output nobody watches does not pay for importing Rich.
        """
        program = (
            "import logging, sys; from ginkgo_logging import setup; setup(mode='local'); "
            "logging.error('x', exc_info=ValueError('y')); print([m for m in sys.modules if m[:4] == 'rich'])"
        )

        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

        assert "[]\n" == result.stdout


def test_wrong_color_is_refused() -> None:
    """
    A text is neither true nor false, whatever it says.
    """
    wrong: Any = "never"

    with pytest.raises(ValueError, match="color must be true or false, got 'never'"):
        ConsoleHandler(color=wrong)
