"""The same question on the same lines gets the same rows from local files and from Loki."""

import json
import os
import random
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loki_server import push, running

from ginkgo_logging.query import FilesBackend, LogService
from ginkgo_logging.query.loki import Access, LokiBackend
from ginkgo_logging.query.model import rfc3339, timestamp_ns

LIVE = os.environ.get("LOKI_URL")
MICROSECOND, SECOND = 1_000, 1_000_000_000
NOW = time.time_ns() // SECOND * SECOND

Line = dict[str, Any] | str


class Store:
    """A service, and a way to give it lines."""

    def __init__(self, service: LogService, write: Callable[[list[Line]], None]) -> None:
        self.ask, self.write = service, write
        # A store that others use too: our lines, and what we ask for, have this mark.
        self.mark = {"run_id": f"run-{uuid.uuid4()}"}

    def fill(self, *lines: Line) -> None:
        self.write([line if isinstance(line, str) else line | self.mark for line in lines])

    def messages(self, **asked: Any) -> list[Any]:
        return [row["message"] for row in self.ask.query_logs(**self.mark, **asked)]


def row(
    message: str = "hello", *, at: int = NOW, level: str = "info", seq: int = 0, **more: Any
) -> dict[str, Any]:
    """Return a row as `JsonFormatter` writes it."""
    core = {"timestamp": rfc3339(at), "level": level, "logger_name": "app", "message": message}
    return core | {"log_category": "system"} | more | {"seq": seq}


def _text(line: Line) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False, separators=(",", ":"))


@pytest.fixture(params=["files", "loki", "loki without labels", "live loki"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store without lines of ours."""
    if request.param == "files":
        path = tmp_path / "app.log"

        def append(lines: list[Line]) -> None:
            with path.open("a", encoding="utf-8") as file:
                file.writelines(_text(line) + "\n" for line in lines)

        yield Store(LogService(FilesBackend(path)), append)
    elif request.param == "live loki":
        if LIVE is None:
            pytest.skip("LOKI_URL is not set")
        with closing(LokiBackend(Access(LIVE, tenant=os.environ.get("LOKI_TENANT")))) as backend:
            yield Store(LogService(backend), _shipper(LIVE, labels=True))
    else:
        with running() as server, closing(LokiBackend(Access(server.url))) as backend:
            yield Store(LogService(backend), _shipper(server.url, labels=request.param == "loki"))


def _shipper(url: str, *, labels: bool) -> Callable[[list[Line]], None]:
    """Return a collector: it makes labels and structured metadata of a line, or leaves all in the line."""

    def ship(lines: list[Line]) -> None:
        streams = []
        for line in lines:
            stream, metadata, moment = {"service_name": "ginkgo-tests"}, {}, NOW
            try:
                fields = line if isinstance(line, dict) else json.loads(line)
                moment = timestamp_ns(fields["timestamp"])
            except (ValueError, TypeError, KeyError):
                fields = {}
            if labels:
                # Loki refuses a label that holds U+FFFD: "invalid UTF-8 rune".
                stream |= {
                    name: value
                    for name in ("level", "log_category")
                    if isinstance(value := fields.get(name), str) and "\ufffd" not in value
                }
                names = ("trace_id", "portfolio_id", "strategy_id", "logger_name")
                metadata = {k: fields[k] for k in names if isinstance(fields.get(k), str) and fields[k]}
            streams.append({"stream": stream, "values": [[str(moment), _text(line), metadata]]})
        push(url, streams)

    return ship


# --- what is found ------------------------------------------------------------------------------------------


def test_a_row_is_the_line(store: Store) -> None:
    """
    A row is the JSON line as a dict, key by key in the order of the line, and nothing more.
    """
    line = row(
        '引号 " 反斜杠 \\ 换行\n 🔥', trace_id='tricky"} or {x=~".+', nested={"a": [1, None]}, ratio=0.5
    )
    store.fill(line)

    (found,) = store.ask.query_logs(**store.mark)

    assert list((line | store.mark).items()) == list(found.items())


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"one", "two", "three", "four", "five"}),
    ({"level": "error"}, {"two", "three"}),
    ({"level": "ERROR"}, {"two", "three"}),
    ({"level": ["error", "critical"]}, {"two", "three", "four"}),
    ({"level": "WARN"}, {"five"}),
    ({"level": "debug"}, set()),
    ({"trace_id": "trace-1"}, {"one", "two"}),
    ({"trace_id": "trace-"}, set()),
    ({"trace_id": "TRACE-1"}, set()),
    ({"portfolio_id": "p-1"}, {"one"}),
    ({"portfolio_id": "p-1", "level": "info", "trace_id": "trace-1", "log_category": "backtest"}, {"one"}),
    ({"portfolio_id": "p-1", "level": "error"}, set()),
    ({"log_category": "backtest"}, {"one", "two"}),
    ({"log_category": "back.*"}, set()),
    ({"logger_name": "ginkgo.engine"}, {"three"}),
    ({"logger_name": "ginkgo-engine"}, set()),
    ({"strategy_id": "s-2"}, {"four"}),
    ({"task": "7"}, {"two", "three"}),
    ({"task": 7}, {"two", "three"}),
    ({"ratio": 1.5}, {"four"}),
    ({"ratio": 1e16}, {"five"}),
    ({"live": True}, {"five"}),
    ({"contains": "conn"}, {"two"}),
    ({"contains": "refused"}, {"three"}),
    ({"contains": "line 3"}, {"three"}),
    ({"contains": "trace-1"}, set()),
    ({"regex": "^(one|two)$"}, {"one"}),
    ({"regex": "(?i)ERROR.*REFUSED$"}, {"three"}),
    ({"contains": "o", "regex": r"\bone\b"}, {"one"}),
    ({"regex": "line 3.E: refused"}, set()),
    ({"regex": "(?s)line 3.E: refused"}, {"three"}),
    ({"absent": "x"}, set()),
]
MESSAGES = {"one": "one", "two": "two connections", "three": "three", "four": "four", "five": "five"}


def test_filters(store: Store) -> None:
    """
    Rows fulfil every condition; they are found and counted alike.
    """
    trace = {"trace_id": "trace-1", "log_category": "backtest"}
    failed = {
        "error_type": "E",
        "error_message": "Error: refused",
        "stack_trace": "File x\n  line 3\nE: refused",
    }
    store.fill(
        row(MESSAGES["one"], portfolio_id="p-1", seq=1, **trace),
        row(MESSAGES["two"], level="error", task="7", seq=2, **trace),
        row(MESSAGES["three"], level="error", task=7, seq=3, **failed) | {"logger_name": "ginkgo.engine"},
        row(MESSAGES["four"], level="critical", strategy_id="s-2", ratio=1.5, seq=4),
        row(MESSAGES["five"], level="warning", live=True, ratio=1e16, seq=5),
    )

    for asked, expected in FILTERS:
        found = store.messages(**asked)
        assert {MESSAGES[name] for name in expected} == set(found), asked
        assert len(expected) == len(found) == store.ask.get_log_count(**store.mark, **asked), asked


HOSTILE = [
    'a"b',
    "a\\",
    "\\",
    '"',
    "`",
    "'",
    "{}",
    '"} | x="',
    '"} or {service_name=~".+',
    "\n",
    "line\nbreak",
    "tab\t",
    "\x00",
    "\x7f\x85\u2028",
    "策略",
    "😀",
    "é",
    "e\u0301",
    "\ufffd",
    "a\ufffdb",
    "a b",
    "%",
    "$",
    "^a$",
    ".*",
    "(",
    "[a-",
    "</script>",
    "a/b",
    " ",
    "\\u0061",
    "\\n",
    "or",
    "[1h]",
    "-1",
    "1e5",
    "null",
    "true",
    "İ",
]


@pytest.mark.parametrize("way", ["field", "contains", "regex", "log_category", "service_name"])
def test_no_value_changes_the_question(store: Store, way: str) -> None:
    """
    Whatever a value holds, exactly the lines that hold it are found.
    """
    store.fill(
        *(row(f"<{value}>", value=value, seq=i) | {"log_category": value} for i, value in enumerate(HOSTILE))
    )

    for value in HOSTILE:
        if way in {"field", "log_category"}:
            asked, expected = {"value" if way == "field" else way: value}, [f"<{value}>"]
        elif way == "service_name":  # none has it: it is a label, or in no line
            asked, expected = {"service_name": value}, []
        else:
            asked = {"contains": value} if way == "contains" else {"regex": re.escape(value)}
            expected = [f"<{other}>" for other in HOSTILE if value in f"<{other}>"]
        assert sorted(expected) == sorted(store.messages(**asked)), value
        assert len(expected) == store.ask.get_log_count(**store.mark, **asked), value


@pytest.mark.parametrize("spelled", [{"ensure_ascii": True}, {"indent": None, "separators": (" , ", " : ")}])
def test_lines_of_other_writers(store: Store, spelled: dict[str, Any]) -> None:
    """
    A line is read whatever its spacing, its escapes and the order of its keys.
    """
    line = {"seq": 1, "message": "数据库 \U0001f525 <b>/", "trace_id": "策略-1", "n": 1e16} | store.mark
    text = json.dumps(line | {"level": "error", "timestamp": rfc3339(NOW)}, **spelled)
    store.fill(text)

    for asked in (
        {"trace_id": "策略-1"},
        {"contains": "数据库"},
        {"contains": "<b>/"},
        {"level": "error"},
        {"n": 1e16},
    ):
        assert 1 == len(store.messages(**asked)) == store.ask.get_log_count(**store.mark, **asked), asked


FOREIGN = [
    "Traceback (most recent call last): RUN",
    "",
    "{}",
    "[]",
    '"RUN"',
    "null",
    '{"run_id": "RUN", "message": "no time"}',
    '{"run_id": "RUN", "timestamp": "yesterday", "message": "no time"}',
    '{"run_id": "RUN", "timestamp": 1795466227, "message": "no time"}',
    '{"run_id": "RUN", "timestamp": "2026-11-23T20:37:07", "message": "no offset"}',
    '{"run_id": "RUN", "timestamp": "2026-11-23T20:37:07Z", "message": "cut of',
    '{"run_id": "RUN", "timestamp": "2026-11-23T20:37:07Z", "kind": NaN}',
    '[{"run_id": "RUN", "timestamp": "2026-11-23T20:37:07Z"}]',
    'INFO got event {"timestamp":"2026-11-23T20:37:07.000000Z","run_id":"RUN","message":"after a text"}',
    '{"run_id": "RUN", "outer": {"timestamp": "2026-11-23T20:37:07Z"}}',
]


def test_foreign_lines_are_no_rows(store: Store) -> None:
    """
    What is not a JSON object with a time is neither found nor counted.
    """
    store.fill(row("ours", kind="k", seq=1), *(line.replace("RUN", store.mark["run_id"]) for line in FOREIGN))

    assert ["ours"] == store.messages()
    assert {"k": 1} == store.ask.count_by("kind", **store.mark)
    assert 1 == store.ask.get_log_count(**store.mark)


@pytest.mark.parametrize("escape", ["\\ud83d", "\\uDE00", "\\ud83d\\ud83d\\ude00", "\\\\\\ud800"])
def test_half_of_a_surrogate_pair(store: Store, escape: str) -> None:
    """
    A line with half of a surrogate pair, escaped as Python's json does, is a row; the half is U+FFFD.
    """
    text = json.loads(f'"{escape}"')
    half = json.dumps(row("HALF") | store.mark).replace("HALF", f"half {escape} of it")
    store.fill(half, row("whole"))

    expected = f"half {text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')} of it"
    assert {expected, "whole"} == set(store.messages())
    assert {expected, "whole"} == set(store.messages(level="info"))
    assert 2 == store.ask.get_log_count(**store.mark)


# --- order, pages, time -------------------------------------------------------------------------------------


def test_order(store: Store) -> None:
    """
    Rows come by time, then by seq; the newest first unless asked otherwise.
    """
    moments = [(NOW + t * MICROSECOND, s) for t in (0, 1, 5) for s in (3, 20, 100)]
    lines = [
        row(f"{at} {seq}", at=at, level=random.choice(["info", "error"]), seq=seq) for at, seq in moments
    ]
    store.fill(*random.sample(lines, len(lines)))

    assert [f"{at} {seq}" for at, seq in moments] == store.messages(order="asc")
    assert [f"{at} {seq}" for at, seq in reversed(moments)] == store.messages()


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_neither_lose_nor_repeat(store: Store, order: str) -> None:
    """
    Pages by limit and offset are together what one page of everything is, through many equal times.
    """
    chance = random.Random(7)
    lines = [
        row(
            str(i), at=NOW + chance.randrange(20) * MICROSECOND, seq=i, level=chance.choice(["info", "error"])
        )
        for i in range(450)
    ]
    store.fill(*lines)

    whole = store.messages(limit=None, order=order)

    expected = [line["message"] for line in sorted(lines, key=lambda r: (r["timestamp"], r["seq"]))]
    assert (expected if order == "asc" else expected[::-1]) == whole
    pages = [store.messages(limit=99, offset=at, order=order) for at in range(0, 500, 99)]
    assert whole == [message for page in pages for message in page]
    assert [] == store.messages(limit=0)


def test_start_is_inclusive_and_end_exclusive(store: Store) -> None:
    """
    A time range holds its start and not its end, to the microsecond; an empty one holds nothing.
    """
    store.fill(*(row(str(i), at=NOW + i * MICROSECOND, seq=i) for i in range(5)))

    def between(first: int, behind: int) -> dict[str, Any]:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        start, end = (NOW // MICROSECOND + i for i in (first, behind))
        return {
            "start_time": epoch + timedelta(microseconds=start),
            "end_time": epoch + timedelta(microseconds=end),
        }

    for first, behind in [(0, 5), (1, 3), (2, 2), (4, 9), (-3, 1), (5, 9)]:
        expected = [str(i) for i in range(5) if first <= i < behind]
        assert expected == store.messages(order="asc", **between(first, behind))
        assert len(expected) == store.ask.get_log_count(**store.mark, **between(first, behind))


def test_open_ends(store: Store) -> None:
    """
    Without a start or an end there is no bound on that side.
    """
    store.fill(*(row(str(i), at=NOW + i * SECOND, seq=i) for i in (-2, -1, 0)))
    middle = rfc3339(NOW - SECOND)

    assert ["-2"] == store.messages(end_time=middle)
    assert ["0", "-1"] == store.messages(start_time=middle)


# --- counts -------------------------------------------------------------------------------------------------


def test_counts_are_exact(store: Store) -> None:
    """
    A count is not limited to a page, nor thrown off by where its range begins and ends.
    """
    chance = random.Random(3)
    times = sorted(NOW - chance.randrange(3_000_000) * MICROSECOND for _ in range(1500))
    store.fill(*(row(at=at, seq=i, level="error" if i % 3 else "info") for i, at in enumerate(times)))

    assert 1500 == store.ask.get_log_count(**store.mark)
    assert 1000 == store.ask.get_log_count(level="error", **store.mark)
    for _ in range(5):
        start, end = sorted(chance.sample(times, 2))
        expected = sum(start <= at < end for at in times)
        asked = {"start_time": rfc3339(start), "end_time": rfc3339(end)}
        assert expected == store.ask.get_log_count(**store.mark, **asked)


def test_count_by(store: Store) -> None:
    """
    Counts by a field have its values as text, the most frequent first, and rows without it under "".
    """
    values = ["a", "a", "a", 7, 7.5, True, "", None, "策略", "x y", {"a": 1}]
    store.fill(*(row(seq=i, kind=value) for i, value in enumerate(values)), row(seq=99))

    counts = store.ask.count_by("kind", **store.mark)

    assert {"": 4, "a": 3, "7": 1, "7.5": 1, "true": 1, "策略": 1, "x y": 1} == counts
    assert ["", "a"] == list(counts)[:2]
    assert {"info": 12} == store.ask.count_by("level", **store.mark)


def test_count_by_a_field_of_many_values(store: Store) -> None:
    """
    There is no limit to how many values a field may have.
    """
    store.fill(*(row(seq=i, kind=f"k{i % 600}") for i in range(700)))

    counts = store.ask.count_by("kind", **store.mark)

    assert Counter(f"k{i % 600}" for i in range(700)) == counts


@pytest.mark.parametrize(
    "step", [timedelta(seconds=1), timedelta(milliseconds=250), timedelta(microseconds=333_333)]
)
def test_histogram(store: Store, step: timedelta) -> None:
    """
    Steps begin at the start of the range, hold what is in them, and are together the count.
    """
    chance = random.Random(5)
    start, end = NOW - 3 * SECOND + 1000, NOW
    rows = [
        row(
            at=start + chance.randrange(-100, 3100) * 1_000_000, seq=i, level=chance.choice(["info", "error"])
        )
        for i in range(300)
    ]
    store.fill(*rows)

    found = store.ask.histogram(step, start_time=rfc3339(start), end_time=rfc3339(end), **store.mark)

    length = step // timedelta(microseconds=1) * 1000
    expected: dict[int, Counter[str]] = {}
    for one in rows:
        at = timestamp_ns(one["timestamp"])
        if start <= at < end:
            expected.setdefault(start + (at - start) // length * length, Counter())[one["level"]] += 1
    assert expected == {at: counts for at, counts in found.items() if counts}


# --- chance -------------------------------------------------------------------------------------------------

VALUES = st.sampled_from(["a", "b", "A", "ab", "策略", 'q"', "\\", "1", "1.0", "a b", "\n"])
ROWS = st.fixed_dictionaries(
    {"message": st.one_of(VALUES, st.text(st.characters(exclude_categories=["Cs"]), max_size=6))},
    optional={
        "level": st.sampled_from(["debug", "info", "error"]),
        "log_category": VALUES,
        "trace_id": VALUES,
        "error_message": VALUES,
        "x": st.one_of(VALUES, st.integers(-3, 3), st.booleans(), st.none(), st.floats(-2, 2)),
    },
)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "level": st.sampled_from(["info", "error", ["debug", "error"]]),
        "log_category": VALUES,
        "trace_id": VALUES,
        "x": st.one_of(VALUES, st.integers(-3, 3), st.booleans()),
        "contains": st.one_of(
            VALUES, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=2)
        ),
        "regex": st.sampled_from(["^a", "b$", "[ab]+", r"\d", r"\s", "(?i)A", "a|策", "x*", r"^\W", "."]),
    },
)


@settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ROWS, max_size=12), st.lists(QUESTIONS, min_size=1, max_size=4))
def test_both_stores_answer_alike(
    tmp_path: Path, rows: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    """
    Any question on any lines has the same rows, counts and groups from both stores.
    """
    lines: list[Line] = [
        {"timestamp": rfc3339(NOW + i // 3 * MICROSECOND)} | one | {"seq": i} for i, one in enumerate(rows)
    ]
    path = tmp_path / "app.log"
    path.write_text("".join(_text(line) + "\n" for line in lines), encoding="utf-8")
    files = LogService(FilesBackend(path))
    with running() as server, closing(LokiBackend(Access(server.url))) as backend:
        _shipper(server.url, labels=True)(lines)
        loki = LogService(backend)
        for question in asked:
            assert files.query_logs(**question) == loki.query_logs(**question)
            assert files.get_log_count(**question) == loki.get_log_count(**question)
            assert files.count_by("x", **question) == loki.count_by("x", **question)


# --- following ----------------------------------------------------------------------------------------------


def test_tail(store: Store) -> None:
    """
    Tail gives what is written from now on, once each, filtered, and lets the caller breathe meanwhile.
    """
    store.fill(row("before", at=NOW))
    with closing(store.ask.follow(level="error", **store.mark)) as rows:
        assert next(rows) is None
        for number in range(3):
            now = time.time_ns()
            store.fill(row("other", at=now), row(f"new {number}", at=now, level="error", seq=number))
            assert f"new {number}" == next(found for found in rows if found)["message"]
        assert next(rows) is None
