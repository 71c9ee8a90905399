"""What a caller gives becomes a `Query`, or a `QueryError` that names the argument."""

import enum
import math
import time
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any
from uuid import UUID

import pytest

from ginkgo_logging.errors import QueryError
from ginkgo_logging.query import LogService, Query, arguments
from ginkgo_logging.query.model import nanoseconds, order_of, rfc3339, text_of, timestamp_ns

SECOND = 1_000_000_000


class Nothing:
    """A store that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        def asked(*_: object) -> None:
            raise AssertionError(f"{name} was asked")

        return asked


@pytest.fixture
def service() -> LogService:
    """A service that answers malformed questions only."""
    return LogService(Nothing())


# --- malformed questions ------------------------------------------------------------------------------------

NOON = datetime(2026, 2, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"limit": True}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": None}, "offset"),
        ({"order": "newest"}, "order"),
        ({"order": "DESC"}, "order"),
        ({"level": "loud"}, "level"),
        ({"level": ""}, "level"),
        ({"level": []}, "level"),
        ({"level": ["error", 3]}, "level"),
        ({"level": 40}, "level"),
        ({"trace_id": ""}, "trace_id"),
        ({"portfolio_id": ""}, "portfolio_id"),
        ({"strategy_id": ["s"]}, "strategy_id"),
        ({"task": b"bytes"}, "task"),
        ({"task": "\ud800"}, "task"),
        ({"contains": ""}, "contains"),
        ({"contains": 5}, "contains"),
        ({"price": math.nan}, "price"),
        ({"price": -math.inf}, "price"),
        ({"regex": "("}, "regex"),
        ({"regex": ""}, "regex"),
        ({"regex": "(?=a)"}, "regex"),
        ({"regex": 5}, "regex"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": 1795466227}, "start_time"),
        ({"end_time": "2026-02-30T00:00:00Z"}, "end_time"),
        ({"end_time": "2026-02-26T10:00:00"}, "end_time"),
        ({"start_time": datetime.min}, "start_time"),
        ({"start_time": NOON, "end_time": NOON - timedelta(microseconds=1)}, "end_time"),
        ({"a b": "c"}, "'a b'"),
        ({'x"} or {a': "c"}, "or"),
        ({"": "c"}, "''"),
        ({"é": "c"}, "'é'"),
    ],
)
def test_malformed_questions(service: LogService, asked: dict[str, Any], argument: str) -> None:
    """
    A malformed argument is named, before any store is asked.
    """
    with pytest.raises(QueryError, match=argument):
        service.query_logs(**asked)


@pytest.mark.parametrize("call", ["query_by_portfolio", "query_by_strategy", "query_by_trace_id"])
def test_ids_are_needed(service: LogService, call: str) -> None:
    """
    A question by an id that is None, as of a context without one, does not find everything.
    """
    with pytest.raises(QueryError, match="_id: is missing"):
        getattr(service, call)(None)


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        ({"step": timedelta(0)}, "step"),
        ({"step": 60}, "step"),
        ({"step": timedelta(seconds=1), "end_time": NOON}, "start_time"),
        ({"step": timedelta(seconds=1), "start_time": NOON}, "end_time"),
        ({"step": timedelta(seconds=1), "start_time": NOON, "end_time": NOON + timedelta(hours=3)}, "step"),
    ],
)
def test_malformed_histograms(service: LogService, asked: dict[str, Any], argument: str) -> None:
    """
    A histogram needs a step, both ends, and not too many steps between.
    """
    with pytest.raises(QueryError, match=argument):
        service.histogram(**asked)


def test_other_calls_refuse_too(service: LogService) -> None:
    """
    Counting, listing and following refuse what `query_logs` refuses, at the call and not later.
    """
    for call in (service.get_log_count, service.iter_logs, service.tail, service.follow):
        with pytest.raises(QueryError, match="level"):
            call(level="loud")
    with pytest.raises(QueryError, match="'a-b'"):
        service.count_by("a-b")


# --- well-formed ones ---------------------------------------------------------------------------------------


def test_none_is_no_condition() -> None:
    """
    An argument that is None is as if it were not given.
    """
    assert Query() == arguments.parse_query(
        level=None, contains=None, regex=None, start_time=None, trace_id=None
    )


def test_values_become_texts() -> None:
    """
    Numbers, truth values and UUIDs are asked for by the text that stands in a line.
    """
    text = "550e8400-e29b-41d4-a716-446655440000"

    asked = arguments.parse_query(a=1, b=1.0, c=True, d=UUID(text), e="x", f=2**70)

    assert (
        ("a", "1"),
        ("b", "1.0"),
        ("c", "true"),
        ("d", text),
        ("e", "x"),
        ("f", str(2**70)),
    ) == asked.equal


def test_levels() -> None:
    """
    Levels are lower-case, by either of their names, each once; a program's own levels are known.
    """
    import logging

    logging.addLevelName(25, "NOTICE")
    try:
        assert ("warning", "critical", "notice") == arguments.parse_levels(
            ["WARN", "Fatal", "warning", "notice"]
        )
    finally:
        logging._nameToLevel.pop("NOTICE")
        logging._levelToName.pop(25)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(1970, 1, 1, 0, 0, 1, 1, UTC), SECOND + 1000),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        ("1970-01-01T00:00:01.000001Z", SECOND + 1000),
        ("1970-01-01t00:00:00.123456789123z", 123456789),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1969-12-31T23:59:59Z", -SECOND),
    ],
)
def test_moments(value: Any, expected: int) -> None:
    """
    Times are exact: aware ones are honoured, a text is RFC 3339 to the nanosecond.
    """
    assert expected == arguments.parse_moment("start_time", value)


def test_naive_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A naive datetime is local time, as `datetime.now()` gives it.
    """
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert nanoseconds(datetime(2026, 2, 26, 4, tzinfo=UTC)) == arguments.parse_moment(
            "x", datetime(2026, 2, 26, 12)
        )
    finally:
        monkeypatch.undo()
        time.tzset()


def test_times_are_written_as_lines_write_them() -> None:
    """
    A time in nanoseconds and its text are each other's, before the epoch too.
    """
    for text in ("2026-02-26T10:30:00.123456Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"):
        assert text == rfc3339(timestamp_ns(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.5-12:00", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_beyond_the_calendar(text: str, expected: str) -> None:
    """
    An offset may lead out of the years that date-times have: the nearest moment within is written.
    """
    assert expected == rfc3339(timestamp_ns(text))


def test_enums_are_their_values() -> None:
    """
    A text that is also a member of an enum is asked for as the text that lines have.
    """

    class Symbol(str, enum.Enum):  # noqa: UP042 - as users write it
        APPLE = "AAPL"

    asked = arguments.parse_query(symbol=Symbol.APPLE, contains=Symbol.APPLE)

    assert ((("symbol", "AAPL"),), "AAPL") == (asked.equal, asked.contains)


@pytest.mark.parametrize("regex", [r"\ud800", r"\uD83D\uDE00", r"[\ud800-\udfff]", r"\U0000dfff"])
def test_halves_of_surrogate_pairs_in_a_regex(regex: str) -> None:
    """
    A regular expression cannot look for what no text contains, and says so.
    """
    with pytest.raises(QueryError, match=r"^regex: .*half of a surrogate pair"):
        arguments.parse_query(regex=regex)


def test_a_number_of_too_many_digits() -> None:
    """
    A number that Python does not write out is refused by name.
    """
    with pytest.raises(QueryError, match=r"^n: "):
        arguments.parse_query(n=10**5000)


def test_pages_beyond_all_counting() -> None:
    """
    A limit and an offset beyond what a machine counts with are as good as all rows, and none.
    """
    first, behind = arguments.parse_window(10**30, 10**30)

    assert [] == list(islice([1, 2, 3], first, behind))


def test_what_nobody_can_ask_for() -> None:
    """
    Lists, mappings and null have no text by which they could be asked for.
    """
    assert [None, None, None] == [text_of(value) for value in ([1], {"a": 1}, None)]


def test_a_row_without_seq_is_first_of_its_time() -> None:
    """
    Lines of other writers have no seq, or one that is no number; they have a place all the same.
    """
    lines = [{"timestamp": "1970-01-01T00:00:01Z"} | more for more in ({}, {"seq": "9"}, {"seq": 1})]

    assert [(SECOND, 0), (SECOND, 0), (SECOND, 1)] == [order_of(line, b"")[:2] for line in lines]


def test_fields_that_are_named_like_arguments() -> None:
    """
    Any field can be asked for, whatever the arguments of the call are named.
    """
    asked = arguments.parse_query(where={"order": 4711, "contains": "x"}, contains="y", portfolio_id="p-1")

    assert (("order", "4711"), ("contains", "x"), ("portfolio_id", "p-1")) == asked.equal
    assert "y" == asked.contains


def test_where_is_a_mapping() -> None:
    """
    Anything else is refused by the argument's name.
    """
    with pytest.raises(QueryError, match=r"^where: "):
        arguments.parse_query(where=["order"])  # type: ignore[arg-type]
