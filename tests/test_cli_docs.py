"""docs/command-line.md shows what the commands print."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_store import command, row, write

from ginkgo_logging.cli import _COMMANDS

PAGE = (Path(__file__).parent.parent / "docs" / "command-line.md").read_text(encoding="utf-8")
TRACE = "9f2c41d07ab84e55"
TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/feed.py", line 88, in bars
    raise LookupError(symbol)
LookupError: AAPL"""


def sample() -> Iterator[dict[str, Any]]:
    """Yield the log of the page's examples: some minutes of two services."""
    for n in range(220):
        common = {"logger_name": "app.engine", "log_category": "backtest", "portfolio_id": f"p-{n % 3 + 1}"}
        yield row(n * 6.5, message=f"bar {n}", **common, level="debug" if n % 4 else "info")
    for n in range(18):
        yield row(
            400 + n * 7, level="error", logger_name="app.broker", message=f"order {7000 + n} rejected: margin"
        )
    yield row(700, level="warning", logger_name="app.broker", message="reconnecting")
    ids = {"trace_id": TRACE, "portfolio_id": "p-7"}
    web = {**ids, "hostname": "web-1", "pid": 10, "span_id": "a1"}
    worker = {**ids, "hostname": "worker-3", "pid": 77, "span_id": "b1", "log_category": "backtest"}
    start = 1320.0
    yield row(start, message="POST /backtests", logger_name="app.web", **web, source="web.py:31")
    yield row(start + 0.0123, message="queued", logger_name="app.web", **web, source="web.py:40")
    yield row(
        start + 0.52,
        message="回测开始",
        logger_name="app.engine",
        **worker,
        parent_span_id="a1",
        symbol="AAPL",
    )
    yield row(
        start + 0.61,
        level="error",
        message="no bars for AAPL",
        logger_name="app.feed",
        **worker,
        symbol="AAPL",
        stack_trace=TRACEBACK,
        source="feed.py:88",
    )
    yield row(start + 0.613, message="200 in 613 ms", logger_name="app.web", **web, source="web.py:52")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The sample as app.log in the current directory, in Shanghai."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    time.tzset()
    yield write(tmp_path / "app.log", sample())
    monkeypatch.undo()
    time.tzset()


EXAMPLES = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("line", "shown"), EXAMPLES, ids=[line for line, _ in EXAMPLES])
def test_examples_are_what_is_printed(
    log: Path, capsys: pytest.CaptureFixture[str], line: str, shown: str
) -> None:
    """
    Each console example prints what the page shows.
    """
    program, *arguments = shlex.split(line)

    done = command(capsys)(*arguments)

    assert ("ginkgo-logging", shown) == (program, done.out)


def test_every_command_has_its_section() -> None:
    """
    Each sub-command is described, and no other.
    """
    assert list(_COMMANDS) == re.findall(r"^## `(\w+)`", PAGE, re.MULTILINE)


def test_every_flag_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Each flag of the commands that read is on the page.
    """
    helps = "".join(
        command(capsys)(name, "--help").out for name in ("query", "trace", "tail", "count", "stats")
    )

    assert [] == [
        flag for flag in sorted(set(re.findall(r"--[a-z-]+", helps)) - {"--help"}) if f"`{flag}" not in PAGE
    ]
