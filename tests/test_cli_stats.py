"""`ginkgo-logging count` and `stats`: exact numbers, and a picture that tells the truth."""

import io
import json
import os
import pty
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_store import Command, command, row, write
from hypothesis import given
from hypothesis import strategies as st
from lines import Collector, logger_with

from ginkgo_logging.cli import charts, stats
from ginkgo_logging.cli.progress import ScanProgress
from ginkgo_logging.cli.terminal import Terminal, cells, cut
from ginkgo_logging.filters import ThrottleFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.query.model import NANOSECONDS

pytestmark = pytest.mark.usefixtures("shanghai")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process, as on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return command(capsys)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Seven lines of two minutes."""
    error = {"level": "error", "trace_id": "t-1", "log_category": "backtest"}
    return write(
        tmp_path / "app.log",
        [
            row(1, level="debug", log_category=None),
            row(2),
            row(3),
            row(62, **error, message="order 17 rejected: price 7.25"),
            row(63, **error, message="order 18 rejected: price 9.5"),
            row(64, **error, message="no data for 'AAPL'"),
            row(65, level="warning"),
        ],
    )


# --- count --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], (0, "7\n", "")),
        (["--level", "error"], (0, "3\n", "")),
        (["--level", "critical"], (1, "0\n", "")),
        (["--json", "--regex", "order [0-9]+"], (0, '{"count":2}\n', "")),
        (["--by", "level"], (0, "3 error\n2 info\n1 debug\n1 warning\n", "")),
        (["--by", "trace_id"], (0, "4 -\n3 t-1\n", "")),
        (["--by", "trace_id", "--json"], (0, '{"value":null,"count":4}\n{"value":"t-1","count":3}\n', "")),
        (["--by", "level", "--level", "critical"], (1, "", "")),
        (
            ["--by", "a b"],
            (2, "", "ginkgo-logging: --by: 'a b' is not the name of a field: letters, digits and _\n"),
        ),
    ],
)
def test_count(run: Command, log: Path, flags: list[str], expected: tuple[int, str, str]) -> None:
    """
    The number of lines, or a table of numbers, the greatest first; exit code 1 when there is none.
    """
    assert expected == run("count", "--file", log, *flags)


def test_counts_are_aligned(run: Command, tmp_path: Path) -> None:
    """
    A table of numbers has them right-aligned.
    """
    log = write(tmp_path / "app.log", [*(row(n) for n in range(10)), row(11, level="error")])

    assert ["10 info", " 1 error"] == run("count", "--by", "level", "--file", log).lines


# --- stats --------------------------------------------------------------------------------------------------


def test_picture(run: Command, log: Path) -> None:
    """
    Bars by time and level, what each character stands for, categories, and errors by pattern.
    """
    done = run("stats", "--file", log)

    head, *body = done.lines
    shown = [line for line in body if line]
    drawn = [line for line in shown if line.startswith("18:")]
    assert "7 lines from 2026-02-26 18:30:00 to 2026-02-26 18:31:05, 5 s a bar" == head
    assert 14 == len(drawn)
    assert drawn[0].startswith("18:30:00 ░░░")
    assert drawn[0].endswith("·  3") or drawn[0].split()[-1] == "3"
    assert drawn[1].split() == ["18:30:05", "0"]
    assert drawn[-1].split()[0] == "18:31:05"
    assert drawn[-2].endswith(" 3  3 errors")
    assert [
        "▓ error 3  ▒ warning 1  ░ info 2  · debug 1",
        "by category: backtest 3, system 3, - 1",
        "errors: 3 in 2 patterns",
        "2 app.orders: order <n> rejected: price <n>",
        "  2026-02-26 18:31:02.000 to 2026-02-26 18:31:03.000, last in trace t-1",
        "1 app.orders: no data for <str>",
        "  2026-02-26 18:31:04.000, last in trace t-1",
    ] == shown[14:]
    assert max(map(cells, done.lines)) <= 80


def test_document(run: Command, log: Path) -> None:
    """
    ``--json`` says the same as one object, with times in UTC.
    """
    (document,) = run("stats", "--json", "--file", log, "--top", 1).rows

    assert {
        "start": "2026-02-26T10:30:00.000000Z",
        "end": "2026-02-26T10:31:05.000001Z",
        "step_seconds": 5.0,
        "count": 7,
        "levels": {"error": 3, "warning": 1, "info": 2, "debug": 1},
        "categories": {"backtest": 3, "system": 3, "": 1},
        "histogram": [
            {"start": "2026-02-26T10:30:00.000000Z", "debug": 1, "info": 2},
            {"start": "2026-02-26T10:31:00.000000Z", "error": 3},
            {"start": "2026-02-26T10:31:05.000000Z", "warning": 1},
        ],
        "error_patterns": [
            {
                "logger_name": "app.orders",
                "level": "error",
                "pattern": "order <n> rejected: price <n>",
                "count": 2,
                "suppressed": 0,
                "first": "2026-02-26T10:31:02.000000Z",
                "last": "2026-02-26T10:31:03.000000Z",
                "trace_id": "t-1",
            }
        ],
    } == document


@pytest.mark.parametrize(
    ("flags", "start", "end", "count"),
    [
        (["--since", "2026-02-26T10:30:02Z"], "2026-02-26T10:30:02", None, 6),
        (["--until", "2026-02-26T10:30:03Z"], "2026-02-26T10:30:01", "2026-02-26T10:30:03", 2),
        (
            ["--since", "2026-02-26T10:30:01.5Z", "--until", "2026-02-26T10:31:02.5Z"],
            "2026-02-26T10:30:01.5",
            "2026-02-26T10:31:02.5",
            3,
        ),
    ],
)
def test_a_range_is_kept(
    run: Command, log: Path, flags: list[str], start: str, end: str | None, count: int
) -> None:
    """
    The bars are of the range that was asked for and of no line outside it; without an end, it is now.
    """
    (document,) = run("stats", "--json", "--file", log, *flags).rows

    begins, ends = document["start"], document["end"]
    assert (count, count) == (document["count"], sum(document["levels"].values()))
    assert begins.startswith(start)
    if end is None:
        assert abs(time.time() - datetime.fromisoformat(ends).astimezone(UTC).timestamp()) < 60
    else:
        assert ends.startswith(end)


def test_nothing_to_show(run: Command, log: Path) -> None:
    """
    Exit code 1 and no picture.
    """
    assert (1, "", "") == run("stats", "--file", log, "--level", "critical")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"])
def test_times_beyond_the_calendar(run: Command, tmp_path: Path, time: str) -> None:
    """
    A line whose offset leads out of the years that date-times have is counted like any other.
    """
    log = write(tmp_path / "app.log", [{**row(), "timestamp": time, "level": "error"}])

    done = run("stats", "--json", "--file", log)

    assert (0, 1) == (done.code, json.loads(done.out)["count"])


def test_levels_without_errors(run: Command, log: Path) -> None:
    """
    Who asks for warnings is not shown error patterns.
    """
    assert "pattern" not in run("stats", "--file", log, "--level", "warning").out


def test_what_the_flow_control_held_back_counts(run: Command, tmp_path: Path) -> None:
    """
    A summary line counts for the errors that it stands for, under their own pattern.
    """
    collector = Collector(ThrottleFilter(limit=2), formatter=JsonFormatter())
    logger = logger_with(collector)
    for n in range(40):
        logger.error(f"order {n} rejected")
    collector.filters[0].flush()
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(collector.lines))

    done = run("stats", "--file", log)

    assert "errors: 40 in 1 pattern, 38 of them held back by the error flow control" in done.lines
    assert "40 tests.pipe: order <n> rejected" in done.lines


def test_patterns_are_bounded(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Beyond a bound, errors that have no pattern in common are counted together.
    """
    monkeypatch.setattr(stats, "_MOST_PATTERNS", 2)
    messages = ["alpha", "beta", "gamma", "delta", "alpha"]
    log = write(tmp_path / "app.log", (row(n, level="error", message=m) for n, m in enumerate(messages)))

    done = run("stats", "--file", log, "--top", 2)

    assert ["2 app.orders: alpha", "2 other patterns"] == [
        line for line in done.lines if line.startswith("2 ")
    ]
    assert "1 more patterns: --top 3" == done.lines[-1]


def test_many_categories(run: Command, tmp_path: Path) -> None:
    """
    The most frequent are named, of the others how many there are.
    """
    log = write(tmp_path / "app.log", (row(n, log_category=f"c{n:02}") for n in range(13)))

    assert "c09 1, 3 more" in run("stats", "--file", log).out


# --- bars ---------------------------------------------------------------------------------------------------


LEVELS = st.sampled_from([*charts.LEVELS, "notice", ""])


@given(
    counts=st.lists(st.dictionaries(LEVELS, st.integers(0, 10**6), max_size=7), min_size=1, max_size=30),
    columns=st.integers(40, 200),
)
def test_bars_tell_the_truth(counts: list[dict[str, int]], columns: int) -> None:
    """
    Whatever the numbers: a bar for each step, none wider than the terminal, an error always seen, and none
    where there is none.
    """
    axis = charts.Axis(0, len(counts) * NANOSECONDS, NANOSECONDS)
    histogram = {n * NANOSECONDS: levels for n, levels in enumerate(counts)}
    terminal = Terminal("never")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setattr(terminal, "can_draw", True)
        drawn = list(charts.bars(histogram, axis, terminal))

    assert len(counts) == len(drawn)
    assert max(map(len, drawn)) <= max(columns, 47)
    for levels, bar in zip(counts, drawn, strict=True):
        errors = levels.get("error", 0) + levels.get("critical", 0)
        assert bool(errors) == any(mark in bar for mark in "█▓") == ("error" in bar)
        assert bool(sum(levels.values())) == any(mark in bar for mark in "█▓▒░·-")


@given(
    start=st.integers(0, 4 * 10**18),
    length=st.one_of(st.integers(1, 10**9), st.integers(1, 10**18)),
    rounded=st.booleans(),
)
def test_axis_covers_the_range(start: int, length: int, rounded: bool) -> None:
    """
    Every moment of the range has its step, there are at most as many as fit, and only a rounded axis begins
    earlier than asked.
    """
    axis = charts.axis_of(start, start + length, rounded=rounded)

    assert axis.start <= start < axis.start + axis.step
    assert rounded or axis.start == start
    assert 1 <= len(axis.steps) <= charts.BARS
    assert axis.steps[-1] + axis.step >= start + length


@pytest.mark.parametrize(
    ("first", "seconds", "expected"),
    [
        (0.0, 0.02, "18:30:00.000"),
        (0.0, 20, "18:30:00"),
        (0.0, 2 * 3600, "18:30"),
        (5 * 3600, 2 * 3600, "02-26 23:30"),
        (0.0, 20 * 86400, "2026-02-26"),
    ],
)
def test_labels(run: Command, tmp_path: Path, first: float, seconds: float, expected: str) -> None:
    """
    A bar is named by the local time at which it begins, as exactly as its length asks for.
    """
    log = write(tmp_path / "app.log", [row(first), row(first + seconds)])

    bars = run("stats", "--file", log).lines[2:]

    assert expected == bars[0].partition(" ░")[0]


def test_steps_begin_at_round_local_times(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A day of India begins at half past six in the evening of UTC.
    """
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    log = write(tmp_path / "app.log", [row(0), row(20 * 86400)])

    (document,) = run("stats", "--json", "--file", log).rows

    assert "2026-02-25T18:30:00.000000Z" == document["start"]


# --- progress -----------------------------------------------------------------------------------------------


def shown_by(
    act: "threading.Event | None", monkeypatch: pytest.MonkeyPatch, share: float | None = 0.5
) -> bytes:
    """Return what a scan shows on a stderr that is a terminal; *act*: wait until the bar is there."""
    ours, theirs = pty.openpty()
    data = bytearray()
    seen = threading.Event()

    def read() -> None:
        while True:
            try:
                chunk = os.read(ours, 1000)
            except OSError:
                return
            data.extend(chunk)
            if b"errors" in data:
                seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with ScanProgress(delay=0.0 if act else 1000.0) as progress:
            progress.at("errors [red]", share)
            if act:
                assert seen.wait(10)
                progress.at("errors", share and 0.9)
    reader.join()
    os.close(ours)
    return bytes(data)


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A long scan shows how far it is, and removes that at its end: the line is erased, the cursor is back.
    """
    shown = shown_by(threading.Event(), monkeypatch)

    assert b"errors [red]" in shown
    assert b"\x1b[2K" in shown[shown.rindex(b"errors") :]
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_a_step_of_unknown_length_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While nobody knows how far a step is, the bar pulses instead of standing still: its colours change along it.
    """
    shown = shown_by(threading.Event(), monkeypatch, None)

    assert b"errors [red]" in shown
    assert shown.count("━\x1b[0m".encode()) > 10


def test_no_progress_of_short_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is done at once does not flicker.
    """
    assert b"" == shown_by(None, monkeypatch)


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_no_progress_into_a_pipe(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stderr that nobody looks at stays empty.
    """
    stream = io.StringIO()
    stream.isatty = lambda: term == "dumb"  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)

    with ScanProgress(delay=0.0) as progress:
        progress.at("errors", 0.5)

    assert "" == stream.getvalue()


# --- width --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("中文字", 6, "中文字"),
        ("中文字", 5, "中文…"),
        ("中文字", 4, "中…"),
    ],
)
def test_cut_counts_cells(text: str, width: int, expected: str) -> None:
    """
    A Chinese character is two cells wide.
    """
    assert expected == cut(text, width)


def test_json_of_stats_is_for_jq(run: Command, log: Path) -> None:
    """
    One object on one line.
    """
    assert isinstance(json.loads(run("stats", "--json", "--file", log).out), dict)
