"""Write log lines for the commands that read them, and run these commands in this process."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ginkgo_logging.cli import main

START = datetime(2026, 2, 26, 10, 30, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def row(seconds: float = 0.0, **more: Any) -> dict[str, Any]:
    """Return a row written so many seconds after `START`."""
    moment = START + timedelta(seconds=seconds)
    return {
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "level": "info",
        "logger_name": "app.orders",
        "message": f"line {seconds:g}",
        "log_category": "system",
        **more,
    }


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write *rows* as lines of *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=True) + "\n" for one in rows)
    return path


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def plain(self) -> list[str]:
        """The lines without colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.out).splitlines()


Command = Callable[..., Done]


def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command line with its arguments."""

    def run(*arguments: object) -> Done:
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as exit_:  # argparse's way of a wrong command line
            code = exit_.code if isinstance(exit_.code, int) else -1
        return Done(code, *capsys.readouterr())

    return run
