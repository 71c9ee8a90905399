"""`ginkgo-logging demo` shows in two seconds what the layer does, on any machine."""

import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).parent.parent
DEMO = [sys.executable, "-m", "ginkgo_logging", "demo"]


def demo(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the demo with these options and environment variables."""
    return subprocess.run(
        [*DEMO, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, command: Path) -> "subprocess.CompletedProcess[str]":
    """What the demo prints in local mode."""
    home = tmp_path_factory.mktemp("home")
    return demo(
        "--directory", str(home / "demo"), HOME=str(home), PATH=f"{command.parent}:{os.environ['PATH']}"
    )


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command as pip installs it."""
    path = tmp_path_factory.mktemp("bin") / "ginkgo-logging"
    lines = f"#!{sys.executable}", "import sys", "from ginkgo_logging.cli import main", "sys.exit(main())", ""
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def test_it_works(shown: "subprocess.CompletedProcess[str]") -> None:
    """
    It ends well, says its four things in order, and shows no failure.
    """
    parts = re.findall(r"^(\d\.|Every record|Read them all|Your program)", shown.stdout, re.MULTILINE)

    assert 0 == shown.returncode
    assert ["1.", "2.", "3.", "Every record", "Read them all", "Your program"] == parts
    assert "failures since" not in shown.stderr


def test_it_takes_less_than_ten_seconds(tmp_path: Path) -> None:
    """
    A person who waits is not kept waiting.
    """
    start = time.monotonic()

    demo("--directory", str(tmp_path / "demo"))

    assert time.monotonic() - start < 10


def test_what_it_says_is_true(
    shown: "subprocess.CompletedProcess[str]", read_rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """
    File, number of lines, trace and counts that it prints are those of the file.
    """
    count, name = re.findall(r"(\d+) lines in (\S+)$", shown.stdout, re.MULTILINE)[0]
    trace, of_trace = re.findall(r"One trace, ([0-9a-f]{32}), .*: (\d+) lines", shown.stdout)[0]
    written = re.findall(r"^ +file .* written (\d+) ", shown.stdout, re.MULTILINE)
    rows = read_rows(Path(name))

    own = [row for row in rows if row.get("trace_id") == trace]
    assert (int(count), int(of_trace)) == (len(rows), len(own))
    # The counts were taken before the end, which brings the summary of what was held back.
    assert [str(len(rows) - 1)] == written
    assert f"ginkgo-logging trace {trace} --file {name}" in shown.stdout


def test_every_capability_is_shown(shown: "subprocess.CompletedProcess[str]") -> None:
    """
    Context, a library, structlog, an exception, a warning and the error flow control each have their line.
    """
    shown_rows = [orjson.loads(line) for line in shown.stdout.splitlines() if line.startswith("   {")]

    names = [row["logger_name"] for row in shown_rows]
    assert ["ginkgo", "urllib3.connectionpool", "ginkgo.broker", "ginkgo", "py.warnings", "ginkgo"] == names
    assert "portfolio_id" in shown_rows[0]
    assert "token=***" in shown_rows[1]["message"]
    assert 4711 == shown_rows[2]["order"]
    assert "ValueError" == shown_rows[3]["error_type"]
    assert 35 == shown_rows[5]["suppressed_count"]
    assert re.fullmatch("[0-9a-f]{32}", shown_rows[5].get("trace_id", "0" * 32))


def test_no_secret_is_shown(shown: "subprocess.CompletedProcess[str]") -> None:
    """
    The password and the token of the workload are nowhere.
    """
    (name,) = set(re.findall(r"lines in (\S+)$", shown.stdout, re.MULTILINE))
    everything = shown.stdout + shown.stderr + Path(name).read_text()

    assert "password=***" in everything
    assert not re.search("hunter2|abc123", everything)


def test_container_mode(tmp_path: Path) -> None:
    """
    In container mode the records are JSON lines on stdout, and nothing goes to stderr.
    """
    done = demo("--mode", "container", "--directory", str(tmp_path / "d"))

    rows = [orjson.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert (0, "") == (done.returncode, done.stderr)
    assert {"ginkgo", "ginkgo.broker", "broker.client"} <= {row["logger_name"] for row in rows}
    assert re.search(r"^ +stdout +seen \d+ ", done.stdout, re.MULTILINE)
    assert not (tmp_path / "d").exists()


def test_without_the_libraries(tmp_path: Path) -> None:
    """
    Where urllib3 and SQLAlchemy are not installed it says so, and works.
    """
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(
            """
            import importlib.machinery
            class PathFinder(importlib.machinery.PathFinder):
                @classmethod
                def find_spec(cls, name, path=None, target=None):
                    if name.partition(".")[0] not in ("urllib3", "sqlalchemy"):
                        return super().find_spec(name, path, target)
            import sys
            sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = PathFinder
            """
        )
    )

    done = demo(PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert 0 == done.returncode, done.stderr
    assert "urllib3 is not installed" in done.stderr
    assert "sqlalchemy is not installed" in done.stderr
    assert "Your program" in done.stdout


def test_what_the_user_has_configured_is_not_used(tmp_path: Path, home: Path) -> None:
    """
    A configuration of the user's, broken or not, does not change the demo.
    """
    (home / ".ginkgo").mkdir(mode=0o700)
    (home / ".ginkgo" / "config.yaml").write_text("logging: {mode: moon, local: {file_enabled: false}}")

    done = demo("--directory", str(tmp_path / "d"), LOGGING_FORMAT="plain", LOGGING_LEVEL_CONSOLE="CRITICAL")

    assert 0 == done.returncode, done.stderr
    assert "Engine started" in done.stderr
    assert (tmp_path / "d" / "demo.log").exists()


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_warnings_of_the_user(tmp_path: Path, action: str) -> None:
    """
    What Python is told to do with warnings neither ends the demo nor hides its own.
    """
    done = demo("--directory", str(tmp_path / "d"), PYTHONWARNINGS=action)

    assert 0 == done.returncode, done.stderr
    assert "A warning is a line too" in done.stdout


def test_run_again_in_one_directory(tmp_path: Path) -> None:
    """
    A second run adds to the file and speaks of its own lines.
    """
    first, second = (demo("--directory", str(tmp_path / "d")) for _ in range(2))

    counts = [re.findall(r"(\d+) lines in ", done.stdout) for done in (first, second)]
    assert counts[0] == counts[1]


def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """
    A wrong directory is one clear line.
    """
    (tmp_path / "file").write_text("")

    done = demo("--directory", str(tmp_path / "file" / "d"))

    assert (2, "") == (done.returncode, done.stdout)
    assert re.fullmatch(r"ginkgo-logging: .*/file/d.*\n", done.stderr)


@pytest.mark.parametrize("mode", ["local", "container"])
@pytest.mark.parametrize("lines", [0, 3])
def test_reader_that_leaves(tmp_path: Path, mode: str, lines: int) -> None:
    """
    `| head -3` prints no traceback, and ends as programs do whose reader has left.
    """
    process = subprocess.Popen(
        [*DEMO, "--mode", mode, "--directory", str(tmp_path / "d")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(lines):
        process.stdout.readline()

    process.stdout.close()

    error = process.stderr.read().decode()
    process.stderr.close()
    # With three lines read, all the rest may have been in the pipe before it was closed.
    assert process.wait(timeout=30) in ({128 + signal.SIGPIPE} if lines == 0 else {0, 128 + signal.SIGPIPE})
    assert not re.search("^(Traceback|Exception)", error, re.MULTILINE)


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    """
    Without stdout, stderr or either it still does its work.
    """
    command = " ".join([*DEMO, "--directory", str(tmp_path / "d"), closed])

    done = subprocess.run(
        ["sh", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = (tmp_path / "d" / "demo.log").read_bytes().splitlines()
    assert 0 == done.returncode, done.stderr
    assert "Engine completed" in [orjson.loads(line)["message"] for line in lines]
    assert not re.search("^Traceback", done.stderr, re.MULTILINE)


def test_on_a_terminal(tmp_path: Path) -> None:
    """
    On a terminal the lines are in colour.
    """
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--directory", str(tmp_path / "d")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)

    output = b""
    try:
        while chunk := os.read(terminal, 4096):
            output += chunk
    except OSError:  # Linux reports the closed terminal as EIO
        pass

    os.close(terminal)
    assert 0 == process.wait(timeout=30)
    assert re.search(rb"\x1b\[[\d;]*mERROR ", output)
    assert b"Your program:" in output


def test_hints_can_be_pasted_where_the_command_is_not_on_the_path(tmp_path: Path, command: Path) -> None:
    """
    Then they name it as it was called.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": "/nowhere"}

    for called, shown_as in (
        ([str(command)], str(command)),
        (DEMO[:-1], f"{sys.executable} -m ginkgo_logging"),
    ):
        done = subprocess.run(
            [*called, "demo", "--directory", str(tmp_path / "my demo")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        (hint,) = re.findall("^Read them all:  (.*)$", done.stdout, re.MULTILINE)
        pasted = subprocess.run(
            ["/bin/sh", "-c", hint], env=environment, capture_output=True, text=True, timeout=60, check=True
        )

        assert hint.startswith(f"{shown_as} trace ")
        assert "Engine completed" in pasted.stdout
