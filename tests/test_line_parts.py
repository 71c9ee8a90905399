"""LineParts: the quick way gives the very line that the general way gives, or none."""

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import make_record, strict

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter

_values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
)


@settings(max_examples=300, deadline=None)
@given(
    message=st.text(max_size=40) | st.integers(),
    name=st.text(min_size=1, max_size=20),
    bound=st.dictionaries(st.text(max_size=10), _values, max_size=5),
    ids=st.tuples(*[st.none() | st.text(max_size=12)] * 3),
    created=st.floats(min_value=0, max_value=4e9),
)
def test_both_ways_give_one_line(
    message: object, name: str, bound: dict[str, Any], ids: tuple[str | None, ...], created: float
) -> None:
    """
    A record formatted again, now from remembered parts, gives the bytes of the first time.
    """
    formatter = JsonFormatter()
    record = make_record(message, name=name)
    record.created = created
    token = context._current.set(context.Context(*ids, fields=bound))
    ContextFilter().filter(record)
    context._current.reset(token)

    first = formatter.format_bytes(record)

    assert first == formatter.format_bytes(record) == formatter.format_bytes(record)


@pytest.fixture
def formatter() -> JsonFormatter:
    """A formatter that has seen one line with what is bound here."""
    formatter = JsonFormatter()
    formatter.format_bytes(_bound_record())
    return formatter


FIELDS = {"portfolio_id": "p-1"}


def _bound_record(**options: Any) -> logging.LogRecord:
    record = make_record(**options)
    token = context._current.set(context.Context("trace-1", fields=FIELDS))
    ContextFilter().filter(record)
    context._current.reset(token)
    return record


def test_an_ordinary_record_takes_the_quick_way(formatter: JsonFormatter) -> None:
    """
    The parts serve the second record with the same things bound, whatever its message and level.
    """
    record = _bound_record(msg="other", level=logging.ERROR, name="app.other")

    assert formatter._parts is not None
    assert formatter._parts.assemble(record, record._ginkgo) == formatter.format_bytes(record)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "options",
    [
        {"exc_info": (ValueError, ValueError("x"), None)},
        {"sinfo": "Stack"},
        {"extra": {"order": 4711}},
        {"msg": "\ud800"},
        {"msg": {"a": 1}},
    ],
    ids=str,
)
def test_a_record_with_more_to_say_takes_the_general_way(
    formatter: JsonFormatter, options: dict[str, Any]
) -> None:
    """
    Exceptions, stacks, extra, and text that is not UTF-8 are on the line as always.
    """
    record = _bound_record(**options)

    assert formatter._parts is not None
    assert formatter._parts.assemble(record, record._ginkgo) is None or "a" in str(options)  # type: ignore[attr-defined]
    assert strict(formatter.format_bytes(record)) == strict(JsonFormatter().format_bytes(record))


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
