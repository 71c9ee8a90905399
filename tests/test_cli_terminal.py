"""Standard output as the commands use it: terminals, pipes, narrow encodings, none at all; and odd rows."""

import io
import json
import os
import pty
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import pytest
from cli_store import Command, command, row, write
from loki_server import push, running

from ginkgo_logging.cli import main
from ginkgo_logging.cli.lines import line_of
from ginkgo_logging.cli.terminal import Terminal, complain, cut, pad
from ginkgo_logging.query.model import rfc3339


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""
    return command(capsys)


@contextmanager
def screen() -> Iterator[int]:
    """Put a terminal in the place of stdout; yield the descriptor from which it can be read what it shows."""
    # Not a fixture: pytest puts its own stdout there again when the test itself begins.
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setenv("TERM", "xterm")
        yield ours
    os.close(ours)


def test_a_terminal_is_given_colours_and_advice(run: Command, tmp_path: Path) -> None:
    """
    On a terminal levels are painted, and the command for the last error's trace is named, ready for a shell.
    """
    rows = [
        row(0, level="error", trace_id="t-1"),
        row(1, level="error", trace_id="it's"),
        row(2, trace_id="t-3"),
    ]
    log = write(tmp_path / "a b.log", rows)

    with screen() as shown:
        done = run("query", "--file", log)

        assert 0 == done.code
        assert b"\x1b[1;31mERROR   \x1b[0m" in os.read(shown, 65536)
    assert f"ginkgo-logging trace 'it'\"'\"'s' --file '{log}'" in done.err


def test_advice_names_the_loki_that_was_asked(run: Command) -> None:
    """
    The command for a trace asks the same Loki, and shows no password.
    """
    now = time.time_ns()
    text = json.dumps(row(timestamp=rfc3339(now), level="error", trace_id="t-1"))
    with running() as server, screen():
        push(server.url, [{"stream": {"service_name": "app"}, "values": [[str(now), text]]}])
        done = run("query", "--loki", server.url.replace("//", "//ann:s3cret@"))

    assert f"ginkgo-logging trace t-1 --loki {server.url}\n" in done.err


@pytest.mark.parametrize("trace_id", [5, "\x1b[2J", None], ids=repr)
def test_no_advice_about_odd_traces(run: Command, tmp_path: Path, trace_id: object) -> None:
    """
    An id that cannot be typed is not advised.
    """
    log = write(tmp_path / "app.log", [row(0, level="error", trace_id=trace_id)])

    with screen():
        assert (0, "", "") == run("query", "--file", log)


@pytest.mark.parametrize("name", ["query", "stats"])
def test_a_person_is_told_that_nothing_was_found(run: Command, tmp_path: Path, name: str) -> None:
    """
    On a terminal an empty answer says that it is one.
    """
    log = write(tmp_path / "app.log", [row(0)])

    with screen():
        done = run(name, "--file", log, "--level", "error")

    assert "no line fulfils these conditions" in done.err


def test_what_the_encoding_lacks_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A character that the encoding does not have costs itself, and not the lines around it.
    """
    with (tmp_path / "out").open("w", encoding="gb2312") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal = Terminal()
        for text in ("价格", "naïve", "end"):
            terminal.say(text)

    assert "价格\nna\\xefve\nend\n" == (tmp_path / "out").read_text(encoding="gb2312")
    assert "|" == terminal.draw("│", "|")


def test_an_encoding_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stream that names an unknown encoding is drawn on in ASCII.
    """
    monkeypatch.setattr(sys, "stdout", type("Stream", (io.StringIO,), {"encoding": "x-unknown"})())

    assert not Terminal().can_draw


def test_a_stream_of_text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there are no bytes below the text, as under `contextlib.redirect_stdout`, JSON is text.
    """
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    terminal = Terminal()

    terminal.say_json({"message": "价格\x9b"})
    terminal.check_reader()
    terminal.flush()

    assert '{"message":"价格\\u009b"}\n' == stream.getvalue()


def test_no_stdout_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Everything goes nowhere, quietly.
    """
    monkeypatch.setattr(sys, "stdout", None)
    terminal = Terminal()

    terminal.say("x")
    terminal.say_json({})
    terminal.check_reader()
    terminal.flush()

    assert not terminal.is_terminal


def closed() -> TextIO:
    """Return a stream that was closed."""
    stream = io.StringIO()
    stream.close()
    return stream


def unread() -> TextIO:
    """Return a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


@pytest.mark.parametrize("stderr", [lambda: None, closed, unread], ids=["none", "closed", "unread"])
def test_complaints_nobody_can_hear(stderr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A message that has nowhere to go is no failure.
    """
    stream = stderr()
    monkeypatch.setattr(sys, "stderr", stream)

    complain("x")

    if isinstance(stream, io.TextIOWrapper):
        with pytest.raises(BrokenPipeError):  # so that its end is not complained about either
            stream.close()


def test_a_closed_stdout_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is not asked what it is.
    """
    monkeypatch.setattr(sys, "stdout", closed())

    assert not Terminal().is_terminal


def test_a_reader_that_has_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Also when there is nothing to write, which would tell.
    """
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal = Terminal()
        terminal.check_reader()
        os.close(reader)

        with pytest.raises(BrokenPipeError):
            terminal.check_reader()


@pytest.mark.parametrize("odd", [None, 5, "yesterday", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+12:00"])
def test_a_row_with_an_odd_time(odd: object) -> None:
    """
    A row of another store whose time is none is shown with what it has.
    """
    assert " x" in line_of({"timestamp": odd, "message": "x", "stack_info": {"a": 1}}, Terminal())


@pytest.mark.parametrize("text", ["", "a", "中", "é", "e\u0301", "👩‍👩‍👧"])
def test_columns_line_up(text: str) -> None:
    """
    Whatever the characters, padding reaches the same cell.
    """
    from rich.cells import cell_len

    assert 10 == cell_len(pad(text, 10))
    assert cell_len(cut(text * 20, 10)) <= 10


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The command tells the version that is installed.
    """
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert f"ginkgo-logging {version('ginkgo-logging')}\n" == capsys.readouterr().out
