"""Run a real program in a process of its own, and divide what it wrote by the handler that wrote it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
_PLAIN_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* (DEBUG|INFO|WARNING|ERROR|CRITICAL) |  ")

Row = dict[str, Any]
_T = TypeVar("_T")


def documented(heading: str, starts: str, language: str = "python") -> str:
    """Return the block of docs/frameworks.md under *heading* whose text starts with *starts*."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None, f"no section {heading!r}"
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE)
    (block,) = [text for text in blocks if text.startswith(starts)]
    # The same command, where the package is on the path only.
    return block.replace("ginkgo-logging ", "python -m ginkgo_logging ") if language == "bash" else block


def get(address: str, trace_id: str) -> int:
    """Return the status of a GET request that carries *trace_id*."""
    request = urllib.request.Request(address, headers={"X-Trace-ID": trace_id})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@dataclass(frozen=True)
class Output:
    """What a program wrote.

    ``rows`` are the JSON lines of our file or stdout handler, ``console`` the lines of our console,
    ``stray`` those that no handler of ours wrote; ``text`` is all of it.
    """

    rows: list[Row]
    console: list[str]
    stray: list[str]
    text: str

    def of(self, logger: str) -> list[Row]:
        """Return the rows of *logger* and its children."""
        return [row for row in self.rows if f"{row['logger_name']}.".startswith(f"{logger}.")]

    def one(self, pattern: str) -> Row:
        """Return the only row whose message matches *pattern*; a line that came twice fails here."""
        found = [row for row in self.rows if re.search(pattern, row["message"])]
        assert 1 == len(found), f"{len(found)} lines match {pattern!r} in:\n{self.text}"
        return found[0]


@dataclass(frozen=True)
class Wiring:
    """One way to put a shipped file in force: in which *mode*, by which *code*."""

    mode: str
    code: str


_SETUP = "from ginkgo_logging import GLOG, setup\nsetup()\n"
_PLAIN = (
    "import logging.config, yaml\n"
    "from pathlib import Path\n"
    "logging.config.dictConfig(yaml.safe_load(Path({path!r}).read_text()))\n"
    "from ginkgo_logging import GLOG\n"
)
WIRINGS = {
    f"{how}-{mode}": Wiring(mode, code)
    for mode in ("local", "container")
    for how, code in (
        ("setup", _SETUP),
        ("dictConfig", _PLAIN.format(path=str(ROOT / "logging.d" / f"{mode}.yaml"))),
    )
}


@dataclass
class Project:
    """A directory with a program's files, and a home of its own; every level is written."""

    directory: Path
    mode: str = "local"
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def _home(self) -> Path:
        return self.directory / "home"

    def write(self, name: str, *parts: str) -> None:
        """Write the file *name*."""
        self.directory.mkdir(exist_ok=True, parents=True)
        (self.directory / name).write_text("\n".join(parts), encoding="utf-8")

    def run(self, *parts: str) -> Output:
        """Run a script made of *parts* to its end."""
        self.write("main.py", *parts)
        with self.start(sys.executable, "main.py") as process:
            code = process.wait(PATIENCE)
        assert 0 == code, self.output().text
        return self.finished()

    @contextlib.contextmanager
    def start(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run *command* inside the block; at its end, ask it to stop and wait until it has."""
        self._home.mkdir(mode=0o700, exist_ok=True, parents=True)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        ours = ("LOGGING_", "LOKI_", "GINKGO_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment = {
            **inherited,
            "HOME": str(self._home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "LOGGING_MODE": self.mode,
            "LOGGING_LEVEL_CONSOLE": "DEBUG",
            **self.environment,
        }
        with (self.directory / "stdout").open("wb") as out, (self.directory / "stderr").open("wb") as err:
            self._process = process = subprocess.Popen(
                command, cwd=self.directory, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()

    def wait_for(self, pattern: str, *, count: int = 1) -> Row:
        """Return the *count*-th row whose message matches *pattern*, as soon as it is written."""

        def find() -> Row | None:
            found = [row for row in self.output().rows if re.search(pattern, row["message"])]
            return found[count - 1] if len(found) >= count else None

        return self._poll(find, pattern)

    def wait_for_stdout(self, pattern: str) -> str:
        """Return the first group of *pattern*, as soon as it is found in what went to stdout."""

        def find() -> str | None:
            found = re.search(pattern, (self.directory / "stdout").read_text(encoding="utf-8"))
            return found[1] if found else None

        return self._poll(find, pattern)

    def _poll(self, find: Callable[[], _T | None], wanted: str) -> _T:
        def look() -> _T | None:
            # Asked first: what it wrote before its end is then there to be found.
            is_running = self._process is not None and self._process.poll() is None
            found = find()
            assert is_running or found is not None, missing()
            return found

        def missing() -> str:
            return f"{wanted!r} was not written, but:\n{self.output().text}"

        return until(look, missing)

    def finished(self) -> Output:
        """Return what was written, after the program's end: each row stands on the console once, too."""
        output = self.output()
        if self.mode == "local":
            assert len(output.rows) == sum(not line.startswith(" ") for line in output.console)
        return output

    def output(self) -> Output:
        """Return what was written so far."""
        stdout, stderr = (_lines(self.directory / name) for name in ("stdout", "stderr"))
        if self.mode == "container":
            rows = [line for line in stdout if line.startswith('{"timestamp":')]
            console: list[str] = []
            stray = [line for line in stdout if not line.startswith('{"timestamp":')] + stderr
        else:
            logs = self._home.joinpath(".ginkgo", "logs").glob("ginkgo.log*")
            rows = [line for log in logs for line in _lines(log)]
            console = [line for line in stderr if _PLAIN_LINE.match(line)]
            stray = stdout + [line for line in stderr if not _PLAIN_LINE.match(line)]
        text = "\n".join([*rows, *console, *stray])
        return Output([orjson.loads(row) for row in rows], console, stray, text)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, without a row at its end that is being written at this moment."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    if lines and lines[-1].startswith("{") and not lines[-1].endswith("\n"):
        del lines[-1]
    return [line.removesuffix("\n") for line in lines]
