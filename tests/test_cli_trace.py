"""`ginkgo-logging trace`: the chain as a tree."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_store import TRACE, Command, command, row, write

from ginkgo_logging.cli.chains import Entry, Node, chain_of
from ginkgo_logging.cli.trace import duration

pytestmark = pytest.mark.usefixtures("shanghai")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""
    return command(capsys)


def of(
    process: str, seconds: float, span: str | None = None, parent: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return a row of trace t-1, written by a process."""
    host, _, pid = process.partition(":")
    ids = {"hostname": host, "pid": int(pid), "span_id": span, "parent_span_id": parent}
    return row(seconds, trace_id="t-1", **{k: v for k, v in ids.items() if v is not None}, **more)


def test_a_chain_through_services(run: Command, tmp_path: Path) -> None:
    """
    Processes and spans are branches in the order of time, offsets count from the first line, errors and long
    silences are marked, a traceback stands below its line, and what all lines share is said once.
    """
    log = write(
        tmp_path / "app.log",
        [
            of("web-1:10", 0.0, "a1", portfolio_id="p-1", source="http.py:7"),
            row(0.1, trace_id="t-2"),
            of("web-1:10", 0.0021, "a2", "a1", portfolio_id="p-1", message="select"),
            of("worker-3:77", 0.512, "b1", "a1", portfolio_id="p-1", log_category="backtest", symbol="AAPL"),
            of(
                "worker-3:77",
                0.6,
                "b1",
                portfolio_id="p-1",
                level="error",
                message="no data",
                stack_trace="T:\n  x",
            ),
            of("web-1:10", 0.6004, "a1", portfolio_id="p-1", level="critical", message="500"),
            of("web-2:10", 1.5, portfolio_id="p-1", message="late"),
        ],
    )

    done = run("trace", "t-1", "--file", log)

    assert [
        "trace t-1: 6 lines, 3 processes, 2 errors, 1.500 s from 2026-02-26 18:30:00.000",
        "portfolio_id=p-1",
        "                ├─ web-1, pid 10, span a1",
        "       +0.0 ms  │  ├─ INFO     app.orders       line 0 (http.py:7)",
        "                │  ├─ span a2",
        "       +2.1 ms  │  │  └─ INFO     app.orders       select",
        "                │  ├─ worker-3, pid 77, span b1",
        "                │  │  │  ⋯ 509.9 ms without a line",
        "     +512.0 ms  │  │  ├─ INFO     app.orders       [backtest] line 0.512 symbol=AAPL",
        "✗    +600.0 ms  │  │  └─ ERROR    app.orders       no data",
        "                │  │         T:",
        "                │  │           x",
        "✗    +600.4 ms  │  └─ CRITICAL app.orders       500",
        "                └─ web-2, pid 10",
        "                   │  ⋯ 899.6 ms without a line",
        "      +1.500 s     └─ INFO     app.orders       late",
    ] == [line.rstrip() for line in done.lines]
    assert (0, "") == (done.code, done.err)


def test_one_line(run: Command, tmp_path: Path) -> None:
    """
    A trace of one line is a tree of one line, with all its fields.
    """
    log = write(tmp_path / "app.log", [row(0, trace_id="t-1", symbol="AAPL")])

    done = run("trace", "t-1", "--file", log)

    assert [
        "trace t-1: 1 line, 1 process, 0.0 ms from 2026-02-26 18:30:00.000",
        "                └─ unknown host",
        "       +0.0 ms     └─ INFO     app.orders       line 0 symbol=AAPL",
    ] == done.lines


def test_an_unknown_trace_is_a_hint(run: Command, tmp_path: Path) -> None:
    """
    Exit code 1, nothing on stdout, and on stderr what was not found.
    """
    log = write(tmp_path / "app.log", [row(0, trace_id="t-10")])

    done = run("trace", "t-1", "--file", log)

    assert (1, "", True) == (done.code, done.out, "no line has the trace_id t-1;" in done.err)


def test_an_empty_id_is_refused(run: Command) -> None:
    """
    An unset variable of a shell is a mistake, not a question.
    """
    assert (2, "", "ginkgo-logging: ID: is empty\n") == run("trace", "")


def test_json_is_the_chain_in_order(run: Command, tmp_path: Path) -> None:
    """
    ``--json`` gives the lines in the order of time, and other filters hold too.
    """
    rows = [of("h:1", 2), of("h:2", 1, level="error"), of("h:1", 0, level="error")]
    log = write(tmp_path / "app.log", rows)

    everything = run("trace", "t-1", "--json", "--file", log).rows
    errors = run("trace", "t-1", "--json", "--file", log, "--level", "error").rows

    assert (rows[::-1], rows[:0:-1]) == (everything, errors)


def shape(nodes: list[Node]) -> list[Any]:
    """Return a tree as nested lists: a span's name and its entries; a row is its message."""
    return [
        [
            node.span_id or node.process.host,
            *(
                entry.row["message"] if isinstance(entry, Entry) else shape([entry])[0]
                for _, entry in node.entries
            ),
        ]
        for node in nodes
    ]


def test_children_before_their_parents() -> None:
    """
    A span belongs to its parent wherever in time the parent's first line is.
    """
    rows = [
        of("h:1", 0, "c", "p", message="1"),
        of("h:1", 1, "p", message="2"),
        of("h:2", 2, "d", "p", message="3"),
    ]

    assert [["h", ["p", ["c", "1"], "2", ["d", "3"]]]] == shape(chain_of(rows))


@pytest.mark.parametrize(
    "parents",
    [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}, {"a": "b", "b": "c", "c": "b"}],
    ids=str,
)
def test_circles_lose_empty_line(parents: dict[str, str]) -> None:
    """
    Spans that are each other's parents are shown all the same, each line once.
    """
    rows = [of("h:1", n, span, parents.get(span), message=span) for n, span in enumerate("abc")]

    shown = str(shape(chain_of(rows)))

    assert [2, 2, 2] == [shown.count(f"'{span}'") for span in "abc"]


def test_an_unknown_parent_is_none() -> None:
    """
    A span whose parent logged nothing hangs on its process.
    """
    assert [["h", ["a", "1"]]] == shape(chain_of([of("h:1", 0, "a", "nowhere", message="1")]))


def test_deep_nesting(run: Command, tmp_path: Path) -> None:
    """
    Ten thousand spans, each in the one before it, neither fail nor run off the screen.
    """
    count = 10_000
    log = write(
        tmp_path / "app.log",
        (of("h:1", n / 1000, f"s{n}", f"s{n - 1}", message=f"m{n};") for n in range(count)),
    )

    done = run("trace", "t-1", "--file", log)

    assert (0, count) == (done.code, done.out.count(";"))
    assert max(map(len, done.lines)) < 120


@pytest.mark.parametrize("name", ["pid", "hostname", "span_id", "parent_span_id", "symbol", "stack_trace"])
def test_lists_in_lists(run: Command, tmp_path: Path, name: str) -> None:
    """
    A line may hold as many lists in each other as its parser takes: it is shown like any other.
    """
    path = tmp_path / "app.log"
    lines = [json.dumps(row(n, trace_id=TRACE, **{name: "HERE"})) + "\n" for n in range(2)]
    path.write_text("".join(lines).replace('"HERE"', "[" * 1020 + "]" * 1020), encoding="utf-8")

    done = run("trace", TRACE, "--file", path)

    assert (0, 2) == (done.code, sum(f"line {n}" in done.out for n in range(2)))


def test_ascii(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the encoding has no lines to draw with, the tree is drawn in ASCII.
    """
    log = write(tmp_path / "app.log", [of("h:1", 0), of("h:1", 2, level="error"), of("h:2", 3)])
    out = (tmp_path / "out").open("w", encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)

    run("trace", "t-1", "--file", log)

    out.close()
    assert [
        "trace t-1: 3 lines, 2 processes, 1 error, 3.000 s from 2026-02-26 18:30:00.000",
        "                |- h, pid 1",
        "       +0.0 ms  |  |- INFO     app.orders       line 0",
        "                |  |  ... 2.000 s without a line",
        "!     +2.000 s  |  `- ERROR    app.orders       line 2",
        "                `- h, pid 2",
        "                   |  ... 1.000 s without a line",
        "      +3.000 s     `- INFO     app.orders       line 3",
    ] == (tmp_path / "out").read_text().splitlines()


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0.0 ms"),
        (12_345_678, "12.3 ms"),
        (999_940_000, "999.9 ms"),
        (1_000_000_000, "1.000 s"),
        (59_999_000_000, "59.999 s"),
        (61_500_000_000, "1 m 01 s"),
        (3_600_000_000_000, "1 h 00 m 00 s"),
        (90_061_000_000_000, "25 h 01 m 01 s"),
    ],
)
def test_durations(nanoseconds: int, expected: str) -> None:
    """
    A length of time has the unit that a person would take.
    """
    assert expected == duration(nanoseconds)
