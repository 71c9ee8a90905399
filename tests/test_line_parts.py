"""LineParts: the quick way gives the very line that the general way gives, or none."""

import logging
import re
from typing import Any

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines import make_record, strict

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.records import state_of

TIMESTAMP = rb'{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"'

_values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
)


@settings(max_examples=examples(300), deadline=None)
@given(
    message=st.text(max_size=40) | st.integers(),
    name=st.text(min_size=1, max_size=20),
    bound=st.dictionaries(st.text(max_size=10), _values, max_size=5),
    ids=st.tuples(*[st.none() | st.text(max_size=12)] * 3),
    created=st.floats(min_value=-2, max_value=4e9),
)
@example("x", "x", {}, (None, None, None), 1_700_000_000.123456)
@example("x", "x", {}, (None, None, None), 1.9999999)
@example("x", "x", {}, (None, None, None), -0.5)
def test_both_ways_give_one_line(
    message: object, name: str, bound: dict[str, Any], ids: tuple[str | None, ...], created: float
) -> None:
    """
    A record formatted again, now from remembered parts, gives the bytes of the first time and of the general way.
    """
    formatter = JsonFormatter()
    record = make_record(message, name=name)
    record.created = created
    own = {name: value for name, value in bound.items() if name not in context.fields.CORE}
    token = context._current.set(context.Context(*ids, fields=own))
    ContextFilter().filter(record)
    context._current.reset(token)

    first = formatter.format_bytes(record)

    assert first == formatter.format_bytes(record) == formatter.format_bytes(record) == _of_dict(record)
    assert re.match(TIMESTAMP, first)


def test_a_line_of_the_second_before() -> None:
    """
    A thread that comes late, with a record of just before the second that another one has begun, keeps its time.
    """
    formatter = JsonFormatter()
    record = _bound_record()
    for record.created in (1_700_000_006.0, 1_700_000_005.999999):
        line = formatter.format_bytes(record)

    assert "2023-11-14T22:13:25.999999Z" == strict(line)["timestamp"]


def _bound_record(**options: Any) -> logging.LogRecord:
    record = make_record(**options)
    token = context._current.set(context.Context("trace-1", fields={"portfolio_id": "p-1"}))
    ContextFilter().filter(record)
    context._current.reset(token)
    return record


def _of_parts(record: logging.LogRecord) -> bytes | None:
    parts = JsonFormatter().parts
    assert parts is not None
    return parts.of_record(record, state_of(record))


def _of_dict(record: logging.LogRecord) -> bytes:
    formatter = JsonFormatter()
    formatter.parts = None
    return formatter.format_bytes(record)


def test_a_plain_record_is_put_together() -> None:
    """
    The parts give the line of a record with the same things bound, whatever its message and level.
    """
    record = _bound_record(msg="other", level=logging.ERROR, name="app.other")

    assert _of_dict(record) == _of_parts(record)


@pytest.mark.parametrize(
    "options",
    [
        {"exc_info": (ValueError, ValueError("x"), None)},
        {"sinfo": "Stack"},
        {"extra": {"order": 4711}},
        {"msg": "\ud800"},
        {"msg": {"a": 1}},
        {"msg": "x" * 300_000},
    ],
    ids=lambda options: str(options)[:30],
)
def test_a_record_with_more_to_say_takes_the_general_way(options: dict[str, Any]) -> None:
    """
    Exceptions, stacks, extra, text that is not UTF-8 and text that is too long are no plain parts.
    """
    record = _bound_record(**options)

    assert _of_parts(record) is None
    assert _of_dict(record) == JsonFormatter().format_bytes(record)


@pytest.mark.parametrize("name", ["trace_id", "span_id", "log_category"])
def test_an_id_that_a_filter_changed_is_on_the_line(name: str) -> None:
    """
    What is remembered of the context does not hide what another filter has put on the record since.
    """
    record = _bound_record()
    JsonFormatter().format_bytes(record)
    setattr(record, name, "changed")

    assert "changed" == strict(JsonFormatter().format_bytes(record))[name]


def test_values_that_may_change_are_not_remembered() -> None:
    """
    A list that is bound and grows is on each line as it is at the time.
    """
    formatter, orders = JsonFormatter(), [1]
    bound = {"orders": orders}
    rows = []

    for number in (2, 3, 4):
        record = make_record()
        token = context._current.set(context.Context(fields=bound))
        ContextFilter().filter(record)
        context._current.reset(token)
        rows.append(strict(formatter.format_bytes(record))["orders"])
        orders.append(number)

    assert [[1], [1, 2], [1, 2, 3]] == rows
