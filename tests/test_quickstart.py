"""The quickstart documents do what they say: every Python block about logging runs, unchanged."""

import json
import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

OURS = Path(__file__).parent.parent / "docs" / "quickstart.zh-CN.md"
ORIGINAL = Path(__file__).parent.parent.parent / "shared" / "quickstart.zh.md"

Blocks = list[dict[str, Any]]


def _run(document: Path, home: Path) -> Blocks:
    if not document.exists():
        pytest.skip(f"{document.name} is not beside this checkout")
    runner = Path(__file__).with_name("quickstart_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(document)],
        env={name: value for name, value in os.environ.items() if not name.startswith("LOKI_")}
        | {"HOME": str(home), "LOGGING_MODE": "local"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    report: Blocks = json.loads(done.stdout.rpartition("REPORT ")[2])
    return report


@pytest.fixture(scope="module", params=[OURS, ORIGINAL], ids=["ours", "original"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Blocks:
    """What each block of a document wrote."""
    return _run(request.param, tmp_path_factory.mktemp("home"))


def _rows(report: Blocks, mark: str) -> list[dict[str, Any]]:
    """Return the rows of the block whose code contains *mark*."""
    found = [block for block in report if mark in block["code"]]
    assert found, f"no block with {mark!r}"
    rows: list[dict[str, Any]] = found[0]["rows"]
    return rows


def _answers(report: Blocks, heading: str) -> dict[str, Any]:
    """Return what the block below *heading* got to its questions."""
    (found,) = [block["answers"] for block in report if block["heading"] == heading]
    return dict(found)


def test_levels(report: Blocks) -> None:
    """
    Each familiar call writes its level.
    """
    rows = _rows(report, 'GLOG.CRITICAL("System shutdown")')

    assert ["debug", "info", "warning", "error", "critical"] == [row["level"] for row in rows]


def test_business_context(report: Blocks) -> None:
    """
    Category and bound fields are on the line.
    """
    (row,) = _rows(report, "Signal generated")

    assert ("backtest", "strategy-1", "portfolio-1") == (
        row["log_category"],
        row["strategy_id"],
        row["portfolio_id"],
    )


def test_trace(report: Blocks) -> None:
    """
    A trace set by hand and one set by a block are on their own lines only.
    """
    rows = _rows(report, 'GLOG.set_trace_id("trace-123")')

    assert ["trace-123", "trace-456", "trace-456"] == [row.get("trace_id") for row in rows]


def test_services(report: Blocks) -> None:
    """
    Service A's trace goes out in the header, service B's comes in from it.
    """
    rows = _rows(report, "def process_request():\n    ")
    sent = report[-1]["rows"][0]["ids"]
    own = {row["message"]: row.get("trace_id") for row in rows if row["logger_name"] == "ginkgo"}

    assert sent == [own["Request started"]]
    assert own["Request started"] == own["Request completed"]
    assert "trace-from-a" == own["Processing in Service B"]


def test_libraries_of_the_services_carry_the_trace(report: Blocks) -> None:
    """
    What urllib3 logs below requests has the trace of the request.
    """
    rows = _rows(report, "def process_request():\n    ")
    ids = {row["message"]: row.get("trace_id") for row in rows if row["logger_name"] == "ginkgo"}
    library = [row for row in rows if row["logger_name"].startswith("urllib3")]

    assert library
    assert {ids["Request started"]} == {row.get("trace_id") for row in library}


def test_threads(report: Blocks) -> None:
    """
    Every thread's lines carry its own portfolio, both before and after the others ran.
    """
    rows = _rows(report, "def process_backtest")

    assert 6 == len(rows)
    assert all(row["message"].endswith(row["portfolio_id"]) for row in rows)
    assert {"backtest"} == {row["log_category"] for row in rows}


def test_thread_pool(report: Blocks) -> None:
    """
    Reused threads carry the field of the task at hand.
    """
    rows = _rows(report, "def process_task")

    assert {f"Processing task task-{i}": f"task-{i}" for i in range(10)} == {
        row["message"]: row["task_id"] for row in rows
    }


def test_processes(report: Blocks) -> None:
    """
    Each process has its own trace, and all write to one file.
    """
    rows = _rows(report, "def worker(trace_id)")

    assert {("Worker with trace-A", "trace-A"), ("Worker with trace-B", "trace-B")} == {
        (row["message"], row["trace_id"]) for row in rows
    }


def test_coroutines(report: Blocks) -> None:
    """
    Awaited coroutines have the trace of their caller.
    """
    rows = [row for row in _rows(report, "async def handle_request") if row["logger_name"] == "ginkgo"]

    assert rows
    assert all(row["message"].endswith(f"trace_id = {row['trace_id']}") for row in rows)


def test_engine(report: Blocks) -> None:
    """
    The engine's lines carry engine and portfolio.
    """
    rows = _rows(report, "class EngineHistoric")

    assert [
        ("Engine started", "engine-1", "portfolio-1"),
        ("Engine completed", "engine-1", "portfolio-1"),
    ] == [(row["message"], row["engine_id"], row["portfolio_id"]) for row in rows]


def test_local_mode(report: Blocks) -> None:
    """
    Local mode writes to the file.
    """
    assert ["Local log"] == [row["message"] for row in _rows(report, "Local log")][:1]


def test_custom_processor(report: Blocks) -> None:
    """
    A processor of the user's own adds its field to structlog's events.
    """
    rows = _rows(report, "def custom_processor")

    assert [("with app_name", "Ginkgo")] == [(row["message"], row["app_name"]) for row in rows]


def test_sampling(report: Blocks) -> None:
    """
    Sampling drops with DropEvent and never raises.
    """
    messages = [row["message"] for row in _rows(report, "def sampling_processor")]

    assert messages in ([], ["one in ten"], ["sampled at 1.1"])


def _of_portfolio(report: Blocks) -> int:
    """Return how many lines of the portfolio there are to find: those of earlier blocks and 152 of the runner."""
    before = takewhile(lambda block: block["heading"] != "1. 基本查询", report)
    rows = [row for block in before for row in block["rows"]]
    return 152 + sum(row.get("portfolio_id") == "portfolio-1" for row in rows)


def test_logs_of_a_portfolio(report: Blocks) -> None:
    """
    A portfolio's lines, and no others, come newest first.
    """
    logs = _answers(report, "1. 基本查询")["logs"]

    assert ["broker is gone", "order rejected", "order 149"] == [log["message"] for log in logs[:3]]
    assert _of_portfolio(report) == len(logs)
    assert {"portfolio-1"} == {log["portfolio_id"] for log in logs}


def test_conditions_and_pages(report: Blocks) -> None:
    """
    Conditions hold together; two pages are what is there, without a gap or a repetition.
    """
    answers = _answers(report, "2. 条件过滤查询")

    assert ["order rejected"] == [log["message"] for log in answers["errors"]]
    assert 100 == len(answers["logs"])
    pages = answers["page1"] + answers["page2"]
    assert (100, _of_portfolio(report) - 100) == (len(answers["page1"]), len(answers["page2"]))
    assert sorted((log["timestamp"], log["seq"]) for log in pages) == [
        (log["timestamp"], log["seq"]) for log in reversed(pages)
    ]


def test_chain_of_a_trace(report: Blocks) -> None:
    """
    A trace's lines are found by its id.
    """
    assert ["Processing request"] == [
        log["message"] for log in _answers(report, "3. 追踪链路查询")["trace_logs"]
    ]


def test_errors_and_their_number(report: Blocks) -> None:
    """
    Errors include critical ones; a count by level is exact.
    """
    answers = _answers(report, "4. 错误日志专用查询")

    assert ["broker is gone", "order rejected"] == [log["message"] for log in answers["errors"]]
    assert 1 == answers["error_count"]


def test_web_endpoint(report: Blocks) -> None:
    """
    The endpoint answers with the rows of a page.
    """
    answer = _answers(report, "5. Web UI 集成示例")["answer"]

    assert (True, ["broker is gone", "order rejected"]) == (
        answer["success"],
        [log["message"] for log in answer["data"]],
    )


def test_nothing_found(report: Blocks) -> None:
    """
    A portfolio that nobody logged has no lines, which is no error.
    """
    assert [] == _answers(report, "6. 错误处理")["logs"]
