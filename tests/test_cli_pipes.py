"""The commands that read logs as a shell runs them: pipes that close, terminals, locales, Ctrl-C, start-up."""

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_store import TRACE, row, write
from loki_server import JSON, Reply, running
from waiting import until

EMPTY = '{"status":"success","data":{"resultType":"streams","result":[]}}'
ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-W", "error", "-m", "ginkgo_logging"]


def environment(**variables: str) -> dict[str, str]:
    """Return an environment in which the command is found."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TZ": "UTC", **variables}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Lines enough to fill a pipe."""
    error = {
        "level": "error",
        "message": "价格 missing",
        "trace_id": TRACE,
        "stack_trace": "Traceback:\n  boom()",
    }
    return write(tmp_path / "app.log", [*(row(n) for n in range(3000)), row(3000, **error)])


def shell(line: str, log: Path, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run *line* in bash, where ``$C`` is the command, ``$F`` names the log and the last command decides."""
    return subprocess.run(
        ["bash", "-c", line],
        env=environment(C=" ".join(COMMAND), F=f"--file {log}", **variables),
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("$C query $F --limit all | head -n 1", 1),
        ("$C query $F --limit all --json | head -n 1", 1),
        ("$C query $F --limit 1 | true", 0),
        ("$C tail $F -f -n 2 | head -n 1", 1),
        ("$C stats $F | true", 0),
    ],
)
def test_a_reader_that_leaves(log: Path, line: str, lines: int) -> None:
    """
    ``| head`` ends the command as it ends any other: quickly, quietly, and as by SIGPIPE.
    """
    done = shell(line + '; echo "${PIPESTATUS[0]}" >&2', log)

    assert (lines, b"141\n") == (done.stdout.count(b"\n"), done.stderr)


@pytest.mark.parametrize(
    "line", ["$C --help | true", "$C query --help | true", "$C query --level loud 2>&1 | true"]
)
def test_a_reader_that_leaves_help(log: Path, line: str) -> None:
    """
    Help and complaints that nobody reads make no noise either.
    """
    assert (b"", b"") == ((done := shell(line, log)).stdout, done.stderr)


def test_a_full_disk_is_said(log: Path) -> None:
    """
    What could not be written is no success.
    """
    done = shell("$C query $F > /dev/full", log)

    assert (3, b"ginkgo-logging: [Errno 28] No space left on device\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("line", ["$C query $F >&-", "$C query $F --json >&-", "$C query $F >&- 2>&-"])
def test_no_stdout(log: Path, line: str) -> None:
    """
    A closed stdout takes nothing and breaks nothing, least of all the log that is read.
    """
    before = log.read_bytes()

    done = shell(line, log)

    assert (0, b"", before) == (done.returncode, done.stderr, log.read_bytes())


def test_no_stderr(log: Path) -> None:
    """
    A message that has nowhere to go does not end up among the lines.
    """
    done = shell("$C query $F --level loud 2>&-", log)

    assert (2, b"") == (done.returncode, done.stdout)


@pytest.mark.parametrize("command", ["query --limit 1", f"trace {TRACE}", "tail -n 1", "stats --level error"])
def test_a_locale_without_utf_8(log: Path, command: str) -> None:
    """
    Where the locale has only ASCII, other characters are shown escaped and drawings are in ASCII.
    """
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    done = shell(f"$C {command} $F", log, **ascii_only)

    assert (0, b"") == (done.returncode, done.stderr)
    assert rb"\u4ef7\u683c missing" in done.stdout
    assert done.stdout.isascii()


def test_json_is_utf_8_in_any_locale(log: Path) -> None:
    """
    JSON is UTF-8, whatever the locale, and jq may follow.
    """
    done = shell("$C query $F --limit 1 --json", log, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")

    assert "价格 missing" == json.loads(done.stdout)["message"]


def test_a_path_that_is_no_text(log: Path) -> None:
    """
    A file name of any bytes can be named and is told.
    """
    done = shell("$C query --file $'/nowhere/\\xff.log'", log)

    assert (1, rb"ginkgo-logging: /nowhere/\udcff.log does not exist") == (
        done.returncode,
        done.stderr.strip(),
    )


# --- on a terminal ------------------------------------------------------------------------------------------


class Session:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: object, **variables: str) -> None:
        self.shown = b""
        environ = environment(**{"TERM": "xterm-256color", **variables})
        command = [*COMMAND, *map(str, arguments)]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environ)

    def until(self, condition: Callable[[bytes], bool]) -> bytes:
        """Read until *condition* holds of what was shown; return that."""
        end = time.monotonic() + 20
        while not condition(self.shown):
            assert time.monotonic() < end, self.shown
            if select.select([self.terminal], [], [], 1)[0]:
                self.shown += os.read(self.terminal, 65536)
        return self.shown

    def end(self) -> int:
        """Read the rest; return the exit code."""
        while True:
            try:
                self.shown += os.read(self.terminal, 65536)
            except OSError as error:
                assert errno.EIO == error.errno  # noqa: PT017 - how a terminal says that nobody writes any more
                break
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[\d;]*m", "", self.shown.decode()).replace("\r\n", "\n")


def test_colours_on_a_terminal(log: Path) -> None:
    """
    Levels are painted as on the console of a program, the text stays, and the next step is named.
    """
    session = Session("query", "--file", log, "--limit", "2")

    code = session.end()

    assert 0 == code
    assert b"\x1b[1;31mERROR   \x1b[0m" in session.shown
    assert b"\x1b[34mINFO    \x1b[0m" in session.shown
    assert f"ginkgo-logging trace {TRACE} --file {log}\n" in session.plain
    assert "2026-02-26 11:20:00.000 ERROR    app.orders       价格 missing" in session.plain


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_colours_when_unwanted(log: Path, variables: dict[str, str]) -> None:
    """
    NO_COLOR and a dumb terminal are respected.
    """
    session = Session("query", "--file", log, "--limit", "2", **variables)

    assert (0, False) == (session.end(), b"\x1b" in session.shown)


@pytest.mark.parametrize("command", ["query", "stats"])
def test_nothing_found_on_a_terminal(log: Path, command: str) -> None:
    """
    A person is told that nothing was found; a script has the exit code.
    """
    session = Session(command, "--file", log, "--level", "critical")

    assert (1, "ginkgo-logging: no line fulfils these conditions\n") == (session.end(), session.plain)


def test_ctrl_c_ends_a_tail(log: Path) -> None:
    """
    Ctrl-C ends ``tail -f`` with 130 and without a word.
    """
    session = Session("tail", "-f", "-n", "1", "--file", log)
    session.until(lambda shown: b"missing" in shown)
    write(log, [row(4000, message="one more")])
    session.until(lambda shown: b"one more" in shown)

    os.write(session.terminal, b"\x03")
    code = session.end()

    assert (130, "") == (code, session.plain.rpartition("one more\n")[2].replace("^C", "").strip())


def test_ctrl_c_ends_a_tail_while_loki_hangs(log: Path) -> None:
    """
    Ctrl-C ends a tail at once, although a question to Loki has no answer yet.
    """
    with running() as server:
        command = [*COMMAND, "tail", "-f", "-n", "0", "--loki", server.url]
        # What it asks before it follows is answered.
        server.replies = [Reply(EMPTY, content_type=JSON)] * 2
        server.always = Reply(EMPTY, content_type=JSON, delay=15)
        with subprocess.Popen(command, env=environment(LOKI_TIMEOUT="30"), stderr=subprocess.PIPE) as process:
            until(lambda: len(server.requests) >= 3, "it follows")
            began = time.monotonic()
            process.send_signal(signal.SIGINT)

            assert (130, b"") == (process.wait(), process.stderr and process.stderr.read())
    assert time.monotonic() - began < 10


def test_following_through_a_pipe(log: Path) -> None:
    """
    Each line is handed on at once, and SIGTERM ends it as it ends any program.
    """
    with subprocess.Popen(
        [*COMMAND, "tail", "-f", "-n", "0", "--json", "--file", str(log)],
        env=environment(),
        stdout=subprocess.PIPE,
    ) as tail:
        assert tail.stdout is not None
        end = time.monotonic() + 20
        seen = b""
        number = 0
        while not seen:
            # When it stands at the end of the file nobody can see: write until it does.
            assert time.monotonic() < end
            write(log, [row(5000 + number, message="followed")])
            number += 1
            if select.select([tail.stdout], [], [], 0.2)[0]:
                seen = os.read(tail.stdout.fileno(), 65536)
        tail.send_signal(signal.SIGTERM)

    assert "followed" == json.loads(seen.splitlines()[0])["message"]
    assert -signal.SIGTERM == tail.returncode


# --- start-up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["query", "--help"],
        ["query", "--json", "--color", "always"],
        ["query"],
        ["count"],
        ["tail"],
    ],
    ids=" ".join,
)
def test_only_what_is_needed_is_imported(log: Path, arguments: list[str]) -> None:
    """
    Rich, httpx, structlog and FastAPI take their time to import, and none of them is needed here.
    """
    code = (
        "import atexit, sys\n"
        "heavy = {'rich', 'httpx', 'structlog', 'fastapi', 'uvicorn', 'sqlalchemy'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "from ginkgo_logging.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    given = [
        *arguments,
        *([] if "--help" in arguments else ["--file", str(write(log.with_name("x.log"), [row()]))]),
    ]

    done = subprocess.run(
        [sys.executable, "-c", code, *given], env=environment(), capture_output=True, timeout=60, check=False
    )

    assert (0, b"[]\n") == (done.returncode, done.stderr)
