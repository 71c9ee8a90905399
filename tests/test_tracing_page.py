"""docs/tracing.md: its two services and their worker run as they stand there, and their lines are one trace."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from third_parties.program import ROOT, Project, Row

from ginkgo_logging import trace_headers

_PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")


def _file(name: str) -> str:
    """Return the block of the page that is the file *name*."""
    (block,) = re.findall(rf"^```python\n(# {re.escape(name)}\n.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)
    return str(block)


class _Process(Project):
    """One of several programs of one user, in one directory."""

    @property
    def _home(self) -> Path:
        return self.directory.parent / "home"


@contextlib.contextmanager
def _running(directory: Path) -> Iterator[str]:
    """Start the programs as the page says, on free ports, and yield the shop's address."""
    (queue := directory / "worker" / "queue").mkdir(parents=True)
    stock, worker, shop = (_Process(directory / name) for name in ("stock", "worker", "shop"))
    for program, file in ((stock, "stock.py"), (worker, "stock.py"), (shop, "shop.py")):
        program.write(file, _file(file))
    (directory / "stock" / "queue").symlink_to(queue)
    alone = ("--without-mingle", "--without-gossip", "--without-heartbeat")
    with (
        worker.start("celery", "--quiet", "-A", "stock:tasks", "worker", "-P", "solo", *alone) as celery,
        stock.start("uvicorn", "stock:app", "--port", "0"),
    ):
        shop.environment["STOCK"] = str(stock.wait_for("^Uvicorn running on")["message"]).split()[3]
        with shop.start("uvicorn", "shop:app", "--port", "0"):
            yield str(shop.wait_for("^Uvicorn running on", count=2)["message"]).split()[3]
            worker.wait_for(r"^Task stock\.refill\[.* succeeded", count=2)
            celery.kill()  # asked to stop, it spends seconds on it


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Row], str]:
    """The trace that the response names, its lines, and what ``ginkgo-logging trace`` shows of it."""
    directory = tmp_path_factory.mktemp("services")
    with _running(directory) as address:
        response = httpx.post(f"{address}/orders", json=["tea", "rice"], timeout=20)
    assert [{"item": "tea"}, {"item": "rice"}] == response.json()
    trace_id = response.headers["x-trace-id"]
    log = directory / "home" / ".ginkgo" / "logs" / "ginkgo.log"
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    shown = subprocess.run(
        [sys.executable, "-m", "ginkgo_logging", "trace", trace_id],
        env={"HOME": str(directory / "home"), "PYTHONPATH": str(ROOT), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == shown.returncode, shown.stderr
    return trace_id, [row for row in rows if row.get("trace_id") == trace_id], shown.stdout


def test_one_trace_is_on_every_line_of_both_services(told: tuple[str, list[Row], str]) -> None:
    """Endpoints, threads, httpx, access lines and the worker's task: each line once, all in one trace."""
    trace_id, rows, _ = told
    expected = [
        ("ginkgo", "order of 2 items"),
        *(
            ("ginkgo", f"{what} {item}")
            for what in ("reserving", "reserved", "refilling")
            for item in ("rice", "tea")
        ),
        ("ginkgo_logging.requests", "POST /orders 200"),
        *[("ginkgo_logging.requests", "POST /items/{item}/reservations 200")] * 2,
    ]
    ours = [(row["logger_name"], row["message"]) for row in rows if row["logger_name"].startswith("ginkgo")]

    assert trace_headers.is_w3c_trace_id(trace_id)
    assert sorted(expected) == sorted(ours)
    others = [row["logger_name"] for row in rows]
    assert (3, 2, 2) == tuple(map(others.count, ("uvicorn.access", "httpx", "celery.app.trace")))
    assert 3 == len({row["pid"] for row in rows})


def test_spans_tell_who_called_whom(told: tuple[str, list[Row], str]) -> None:
    """The stock service's parent is the shop's span, and the worker's that of the reservation of its item."""
    _, rows, _ = told
    by_message = {row["message"]: row for row in rows}
    order = by_message["order of 2 items"]

    assert "parent_span_id" not in order
    for item in ("tea", "rice"):
        reserved, refilling = by_message[f"reserved {item}"], by_message[f"refilling {item}"]
        assert order["span_id"] == by_message[f"reserving {item}"]["span_id"] == reserved["parent_span_id"]
        assert reserved["span_id"] == refilling["parent_span_id"]


def test_the_trace_command_finds_every_line(told: tuple[str, list[Row], str]) -> None:
    """``ginkgo-logging trace`` shows the lines of all three processes."""
    _, rows, shown = told

    messages = [row["message"] for row in rows if "\n" not in row["message"]]
    assert [] == [message for message in messages if message[:40] not in shown]
