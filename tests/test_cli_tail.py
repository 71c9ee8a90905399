"""`ginkgo-logging tail`: the last lines, and those that follow, each once."""

import _thread
import json
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from cli_store import Command, command, row, write
from loki_server import Reply, push, running
from waiting import until

from ginkgo_logging.cli import tail
from ginkgo_logging.errors import ServiceUnavailable
from ginkgo_logging.query import FilesBackend, Query
from ginkgo_logging.query.model import Order, Row, rfc3339


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""
    return command(capsys)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Twelve lines, every third an error."""
    return write(tmp_path / "app.log", (row(n, level="info" if n % 3 else "error") for n in range(12)))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (["-n", "3"], [9, 10, 11]),
        (["--lines", "2", "--level", "error"], [6, 9]),
        (["-n", "0"], []),
        (["--level", "debug"], []),
    ],
)
def test_last_lines(run: Command, log: Path, flags: list[str], expected: list[int]) -> None:
    """
    The newest lines that fulfil the conditions, ten unless told otherwise, in the order of time.
    """
    done = run("tail", "--json", "--file", log, *flags)

    assert (0 if expected else 1, expected) == (done.code, [int(r["message"][5:]) for r in done.rows])


@pytest.mark.parametrize("flags", [["-n", "all"], ["-n", "-1"], ["--since", "1h"]], ids=str)
def test_wrong_flags(run: Command, flags: list[str]) -> None:
    """
    Exit code 2 for a number that is none, and for time ranges: the last lines are the last lines.
    """
    assert (2, "") == run("tail", *flags)[:2]


def test_following(run: Command, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The last lines come at once, each new one as it is written, through a rotation too; Ctrl-C ends it with 130.
    """
    out = tmp_path / "out"
    seen: list[list[int]] = []

    def shown() -> list[int]:
        return [json.loads(line)["n"] for line in out.read_text().splitlines()]

    def work() -> None:
        try:
            until(lambda: shown() == [-1], "the last line is shown")
            write(log, [row(20, n=1), row(21, n=2, level="debug")])
            until(lambda: shown()[-1:] == [1], "line 1 is shown")
            log.rename(log.with_name("app.log.1"))
            write(log, [row(22, n=3)])
            until(lambda: shown()[-1:] == [3], "line 3 is shown")
            seen.append(shown())
        finally:
            _thread.interrupt_main()

    write(log, [row(15, n=-1)])
    worker = threading.Thread(target=work)
    with out.open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        worker.start()
        code = run("tail", "-f", "-n", 1, "--json", "--level", "info", "--file", log).code
    worker.join()

    assert (130, [[-1, 1, 3]]) == (code, seen)


def test_older_lines_of_one_time_are_not_news(log: Path) -> None:
    """
    Lines of other programs have whole seconds and no seq: those before the last ones shown are not taken for new.
    """
    write(log, [row(30, n=n) for n in range(20)])
    late: list[Callable[[], object]] = [lambda: write(log, [row(30, n=20)])]

    assert [5, 6, 7, 8, 9, 20] == (followed(Slow(log, *late), 5, 6))


class Slow(FilesBackend):
    """Local files that are written to at the worst moments."""

    def __init__(self, path: Path, *moments: Callable[[], object]) -> None:
        super().__init__(path)
        self.moments = list(moments)

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        try:
            yield from super().rows(query, order)
        finally:
            self.happen()

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        written = super().tail(query)
        self.happen()
        yield next(written)
        yield from written

    def happen(self) -> None:
        if self.moments:
            self.moments.pop(0)()


def followed(backend: FilesBackend, number: int, count: int) -> list[Any]:
    """Return the numbers of the first rows of a tail that follows."""
    rows = tail._followed(backend, Query(), number)
    found: list[Any] = []
    end = time.monotonic() + 10
    while len(found) < count and time.monotonic() < end:
        one = next(rows)
        if one is not None:
            found.append(one["n"])
    rows.close()
    return found


@pytest.mark.parametrize("number", [0, 1, 3, 100])
def test_no_line_is_lost_or_repeated(log: Path, number: int) -> None:
    """
    Lines written between the first answer and the beginning of the tail, and while it begins, come once.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    log.unlink()
    write(log, [row(n, n=n) for n in range(5)])

    def add(n: int) -> Callable[[], object]:
        return lambda: write(log, [row(n, timestamp=now, seq=n, n=n)])

    first = [add(10)] if number else []  # a tail that shows nothing asks once less
    backend = Slow(log, *first, add(11), add(12))

    expected = [*range(5 - min(number, 5), 5), *([10] if number else []), 11, 12]
    assert expected == followed(backend, number, len(expected))


def test_an_outage_of_loki(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A Loki that cannot answer for a while does not end a tail: that is said once, and no line is lost.
    """
    out = tmp_path / "out"

    def add(number: int) -> None:
        now = time.time_ns()
        text = json.dumps(row(timestamp=rfc3339(now), n=number))
        push(server.url, [{"stream": {"service_name": "app"}, "values": [[str(now), text]]}])

    def shown() -> list[int]:
        return [json.loads(line)["n"] for line in out.read_text().splitlines()]

    def work() -> None:
        try:
            until(lambda: shown() == [1], "line 1 is shown")
            asked = len(server.requests)
            until(lambda: len(server.requests) > asked + 4, "it follows")
            asked = len(server.requests)
            server.always = Reply("gone", 504)
            until(lambda: len(server.requests) > asked + 3, "it asks again")
            server.always = None
            add(2)
            until(lambda: shown() == [1, 2], "line 2 is shown")
        finally:
            _thread.interrupt_main()

    worker = threading.Thread(target=work)
    with running() as server, out.open("w") as stream:
        add(1)
        monkeypatch.setattr(sys, "stdout", stream)
        worker.start()
        done = run("tail", "-f", "--json", "--loki", server.url)
        worker.join()

    assert (130, [1, 2]) == (done.code, shown())
    assert [f"ginkgo-logging: {server.url}: 504 gone; trying again"] == done.err.splitlines()


def test_a_store_that_cannot_go_on() -> None:
    """
    An outage ends the tail of a store that does not come back.
    """

    def written() -> Generator[Row | None, None, None]:
        yield None
        raise ServiceUnavailable("the disk is gone")

    with pytest.raises(ServiceUnavailable, match="the disk is gone"):
        list(tail._patiently(written()))
