"""FastPath: one function does what three filters and a formatter do, and leaves the same on the record."""

import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch
from uuid import UUID

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines import Collector, strict

from ginkgo_logging import context
from ginkgo_logging.accounting import reporter
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import QueueHandler
from ginkgo_logging.handlers.fast_path import FastPath
from ginkgo_logging.masking import Masker
from ginkgo_logging.record_factory import Record, make_record
from ginkgo_logging.record_state import ATTRIBUTES
from ginkgo_logging.records import known_state, state_of


class Hours(tzinfo):
    """Runs code of the program's when a time is printed."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=8)


class SteppedMasking(MaskingFilter):
    """A filter of another class: a handler that has it takes the slow path."""


def stepwise() -> Collector:
    formatter = JsonFormatter()
    formatter.parts = None
    return Collector(ContextFilter(), ThrottleFilter(), SteppedMasking(), formatter=formatter)


def at_once() -> Collector:
    return Collector(ContextFilter(), ThrottleFilter(), MaskingFilter(), formatter=JsonFormatter())


def record_of(msg: object, args: Any = (), level: int = logging.INFO, **options: Any) -> Record:
    return make_record(
        "app.orders", level, "/srv/app/orders.py", 7, msg, args, options.get("exc_info"), "f", None
    )


def through_a_queue() -> tuple[QueueHandler, Collector]:
    target = Collector(formatter=JsonFormatter())
    queue = QueueHandler(target=target)
    queue.filters = [ContextFilter(), ThrottleFilter(), MaskingFilter()]
    return queue, target


def made_of(message: object, args: Any, level: int, extra: dict[str, Any]) -> Record:
    record = record_of(message, args, level)
    record.__dict__.update(created=1.5, msecs=500.0, relativeCreated=1.0)
    record.__dict__.update(extra)
    return record


def with_extra(record: Record, **extra: Any) -> Record:
    record.__dict__.update(extra)
    return record


def took_the_fast_path(collector: Collector, record: logging.LogRecord) -> bool:
    """Tell whether *collector* would write *record* at once; the record is used up."""
    collector.handle(record_of("the handler looks at its filters when a record comes"))
    *_, path = collector._fast
    assert path is not None
    return path.line(record) is not None


def what_is_left(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a later handler finds on *record*."""
    state = known_state(record)
    kept = {name: getattr(state, name) for name in ("fields", "message", "error", "verdict", "masked")}
    return {**{name: value for name, value in record.__dict__.items() if name != "_ginkgo"}, **kept}


_words = st.sampled_from(
    [
        "BUY %s",
        "password=%s",
        "token: abc",
        "100%",
        "%d orders",
        "Bearer abcdefgh12345678",
        "%.3s",
        "买入 %s",
        "\ud800",
    ]
)
_values = st.sampled_from(
    [
        Decimal("1.10"),
        Decimal("NaN"),
        UUID(int=7),
        datetime(2026, 2, 26, 10, 30, tzinfo=UTC),
        datetime(2026, 2, 26, tzinfo=Hours()),
        time(10, 30),
        timedelta(days=1),
        Path("/srv/token=abc"),
    ]
)
_errors = st.sampled_from([ValueError("token=abc"), KeyError("x", 1), OSError(2, "gone"), RuntimeError()])
_texts = st.text(max_size=12) | _words | st.lists(_words, max_size=3).map(" ".join)
_plain = _texts | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
_names = st.sampled_from(["portfolio_id", "password", "order", "策略"]) | st.text(min_size=1, max_size=8)
ODD_NAMES = ["level", "trace_id", "seq", "message", "asctime", "color_message", "taskName"]


@settings(max_examples=examples(400), deadline=None)
@given(
    message=_texts | st.integers(),
    args=st.lists(_plain | _values | _errors, max_size=3).map(tuple),
    level=st.sampled_from([5, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]),
    ids=st.tuples(*[st.none() | _texts] * 3),
    bound=st.dictionaries(_names, _plain | _values | st.lists(_plain, max_size=2), max_size=4),
    extra=st.dictionaries(
        _names | st.sampled_from(ODD_NAMES), _plain | _values | st.lists(_plain, max_size=2), max_size=4
    ),
)
@example("x", (), logging.INFO, ("password=abc", None, None), {}, {})
@example("x", (), logging.INFO, (None, None, None), {"password": "abc"}, {})
@example("x=%s", ("password=abc",), logging.INFO, (None, None, None), {}, {})
@example("x", (), logging.INFO, (None, None, None), {}, {"order": "password=abc", "策略": 1})
@example("x", (), logging.INFO, (None, None, None), {"order": 1}, {"portfolio_id": "p", "order": "o"})
@example("x", (), logging.INFO, (None, None, None), {}, {"order": "token", "策略": "=abc"})
@example("x", (), logging.INFO, (None, None, None), {}, {"order": 2**70})
def test_both_ways_write_and_leave_the_same(
    message: object,
    args: tuple[Any, ...],
    level: int,
    ids: tuple[str | None, ...],
    bound: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    """
    Whatever is logged, the line is the same but for its number, and so is what other handlers find.
    """
    bound = {name: value for name, value in bound.items() if name not in context.fields.CORE}
    extra = {name: value for name, value in extra.items() if name not in ATTRIBUTES or name in ODD_NAMES}
    records, lines = [], []
    token = context._current.set(context.Context(*ids, fields=bound))
    for collector in (stepwise(), at_once(), at_once()):
        record = made_of(message, args, level, extra)
        collector.handle(record)
        records.append(what_is_left(record))
        lines.append(re.sub(rb'"seq":\d+', b'"seq":0', collector.lines[0]))
    queue, target = through_a_queue()
    queue.handle(made_of(message, args, level, extra))
    context._current.reset(token)
    queue.close()
    lines.append(re.sub(rb'"seq":\d+', b'"seq":0', target.lines[0]))

    assert lines[0] == lines[1] == lines[2] == lines[3]
    assert records[0] == records[1] == records[2]


@pytest.mark.parametrize(
    "record",
    [
        record_of("a plain line"),
        record_of("with %s and %d and %.2f.", ("text", 5, 1.5)),
        record_of("colon: and 100%", ()),
        record_of("a warning", (), logging.WARNING),
        record_of("策略 %s", ("买入",)),
        record_of("values that print themselves: %s %s", (Decimal("1.5"), datetime(2026, 2, 26, tzinfo=UTC))),
        record_of("an error of Python's: %r", (KeyError("x"),)),
        with_extra(
            record_of("extra: values"), price=Decimal("1.5"), order=UUID(int=7), at=datetime(2026, 2, 26)
        ),
        with_extra(record_of("extra: plain"), order_id="o-1", quantity=100, price=12.5, open=True, note=None),
    ],
    ids=lambda record: record.msg,
)
def test_what_takes_the_fast_path(record: Record) -> None:
    """
    A text with plain arguments and without a secret is written at once.
    """
    assert took_the_fast_path(at_once(), record)


def test_a_queue_takes_what_never_changes() -> None:
    """
    Values that print themselves wait as plain ones do; an error waits as text, for it may change.
    """
    queue, _ = through_a_queue()
    path = queue._renewed_fast_path()
    assert path is not None

    values = [
        5,
        Decimal("1.5"),
        UUID(int=7),
        datetime(2026, 2, 26, tzinfo=UTC),
        Path("/srv"),
        ValueError("x"),
    ]
    taken = [path.take(record_of("%s", (value,))) is not None for value in values]

    assert [True, True, True, True, True, False] == taken


@pytest.mark.parametrize(
    "record",
    [
        record_of("password=hunter2"),
        record_of("an object: %s", (ValueError(object()),)),
        record_of("a time in a zone of its own: %s", (datetime(2026, 2, 26, tzinfo=Hours()),)),
        record_of("%d", ("no number",)),
        record_of("a part of its argument: %.3s", ("password=hunter2",)),
        record_of("%(name)s", ({"name": "x"},)),
        record_of({"event": "fill"}),
        record_of("an error", (), logging.ERROR),
        record_of("failed", (), exc_info=(ValueError, ValueError("x"), None)),
        record_of("\ud800"),
        logging.makeLogRecord({"msg": "of another class"}),
        with_extra(record_of("extra: an object"), order=ValueError("x")),
        with_extra(record_of("extra: a secret name"), password="hunter2"),
        with_extra(record_of("extra: a secret value"), order="token=abc"),
        with_extra(record_of("extra: a core name"), level="gold"),
        with_extra(record_of("extra: no extra"), color_message="x"),
    ],
    ids=lambda record: str(record.msg),
)
def test_what_takes_the_slow_path(record: logging.LogRecord) -> None:
    """
    What may hold a secret, runs code of the caller's, is counted by the throttle or has more to say is not.
    """
    assert not took_the_fast_path(at_once(), record)


def two_that_share_filters() -> tuple[Collector, Collector]:
    """Return two handlers that have met a record, as a dictConfig file makes them."""
    first = at_once()
    second = Collector(*first.filters, formatter=JsonFormatter())  # type: ignore[arg-type]
    for collector in (first, second):
        collector.handle(record_of("the handler looks at its filters when a record comes"))
    return first, second


def test_the_second_handler_writes_at_once_too() -> None:
    """
    What the first handler found out is enough for the second one, which writes the same line.
    """
    first, second = two_that_share_filters()
    record = with_extra(record_of("a plain line with %s", ("text",)), order="o-1")
    first.handle(record)

    line = second._fast[-1].line(record)  # type: ignore[union-attr]

    assert first.lines[-1] == line


def test_the_second_handler_uses_a_line_of_its_own_formatter_again() -> None:
    """
    Two handlers with one formatter write one line, which is made once.
    """
    formatter = JsonFormatter()
    first = Collector(ContextFilter(), MaskingFilter(), formatter=formatter)
    second = Collector(*first.filters, formatter=formatter)  # type: ignore[arg-type]
    for _ in range(2):
        record = with_extra(record_of("a plain line"), order="o-1")
        first.handle(record)
        second.handle(record)

    assert first.lines[1] is second.lines[1]


def _named(record: logging.LogRecord) -> None:
    record.trace_id = "of the program"


def _failed(record: logging.LogRecord) -> None:
    record.exc_info = (ValueError, ValueError("x"), None)


def _added(record: logging.LogRecord) -> None:
    record.api_token = "hunter2"


def _changed(record: logging.LogRecord) -> None:
    record.order = "password=hunter2"


def _reworded(record: logging.LogRecord) -> None:
    record.msg = "another line"


def _argued(record: logging.LogRecord) -> None:
    record.args = ("another",)


def _asked(record: logging.LogRecord) -> None:
    state_of(record).truncated = True


@pytest.mark.parametrize(
    "change",
    [_named, _failed, _added, _changed, _reworded, _argued, _asked],
    ids=["id", "exception", "new field", "changed field", "message", "arguments", "whole state"],
)
def test_the_second_handler_sees_what_happened_in_between(change: Any) -> None:
    """
    A record that a filter of another package has changed, or asked for its state, is looked at again.
    """
    first, second = two_that_share_filters()
    record = with_extra(record_of("a plain line: %s", ("text",)), order="o-1")
    first.handle(record)
    change(record)

    assert second._fast[-1].line(record) is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("levelname", "NOTICE", "level", "notice"),
        ("name", "renamed", "logger_name", "renamed"),
        ("filename", "moved.py", "source", "moved.py:7"),
        ("lineno", 8, "source", "orders.py:8"),
        ("created", 1.5, "timestamp", "1970-01-01T00:00:01.500000Z"),
        ("process", 4711, "pid", 4711),
    ],
)
def test_a_line_is_not_used_again_for_another_record(
    name: str, value: object, key: str, expected: object
) -> None:
    """
    What another package's filter or formatter changes between two handlers is on the second one's line.
    """
    formatter = JsonFormatter()
    first = Collector(ContextFilter(), MaskingFilter(), formatter=formatter)
    second = Collector(*first.filters, formatter=formatter)  # type: ignore[arg-type]
    for change in (False, True):
        record = record_of("a plain line")
        first.handle(record)
        if change:
            setattr(record, name, value)
        second.handle(record)

    assert expected == second.rows[1][key]


def test_other_packages_find_nothing_in_our_place_that_they_would_write_out() -> None:
    """
    A formatter that writes all attributes of a record as JSON does not write the line a second time.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    record = record_of("a plain line")
    collector.handle(record)

    everything = json.loads(json.dumps(record.__dict__, default=lambda _: "an object"))

    assert "an object" == everything["_ginkgo"]


def test_the_second_handler_masks_by_its_own_rules() -> None:
    """
    What one masking filter lets pass is no pass for the next handler's.
    """
    lax = at_once()
    careful = Collector(ContextFilter(), MaskingFilter(fields=["order"]), formatter=JsonFormatter())
    for _ in range(2):
        record = record_of("order=%d", (5,))
        lax.handle(record)
        careful.handle(record)

    assert ["order=5", "order=***"] == [lax.rows[1]["message"], careful.rows[1]["message"]]
    assert lax.rows[1]["seq"] == careful.rows[1]["seq"]


def test_the_second_handler_masks_what_is_bound_by_rules_that_it_knows_already() -> None:
    """
    That a handler has seen what is bound, with a record of another thread, says nothing of this record.
    """
    lax = at_once()
    careful = Collector(ContextFilter(), MaskingFilter(fields=["order"]), formatter=JsonFormatter())
    for _ in range(2):
        record = record_of("order=%d", (5,))
        lax.handle(record)
        careful.handle(record_of("of another thread"))
        careful.handle(record)

    assert "order=***" == careful.rows[3]["message"]


def test_a_record_can_be_sent_to_another_process() -> None:
    """
    A socket handler after ours pickles the record's attributes; the other side masks by its own rules.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    token = context._current.set(context.Context("trace-1", fields={"order": "o-1"}))
    record = record_of("order=%d", (5,))
    collector.handle(record)
    context._current.reset(token)
    other_side = Collector(ContextFilter(), MaskingFilter(fields=["order"]), formatter=JsonFormatter())

    other_side.handle(logging.makeLogRecord(pickle.loads(pickle.dumps(record.__dict__))))

    row, sent = collector.rows[1], other_side.rows[0]
    assert ("order=5", "order=***", "***") == (row["message"], sent["message"], sent["order"])
    assert ("trace-1", row["seq"]) == (sent["trace_id"], sent["seq"])


def test_what_cannot_be_pickled_does_not_keep_a_record_from_another_process() -> None:
    """
    A time in a zone that cannot be pickled travels as text.
    """

    class Zone(tzinfo):
        def utcoffset(self, _: datetime | None) -> timedelta:
            return timedelta(hours=8)

        def __reduce__(self) -> NoReturn:
            raise TypeError("stays here")

    collector = at_once()
    collector.handle(record_of("before"))
    record = record_of("a plain line")
    with context.bound(at=datetime(2026, 2, 26, 10, tzinfo=Zone())):
        collector.handle(record)

    sent = logging.makeLogRecord(pickle.loads(pickle.dumps(record.__dict__)))

    assert {"at": "2026-02-26 10:00:00+08:00"} == state_of(sent).fields


class Named(logging.Filter):
    """A filter of the program's own."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = "of the program"
        return True


@pytest.mark.parametrize(
    "change",
    [
        lambda collector: collector.filters.insert(1, Named()),
        lambda collector: collector.filters.append(Named()),
        lambda collector: collector.addFilter(Named()),
        lambda collector: setattr(collector, "filters", [*collector.filters, Named()]),
    ],
    ids=["insert", "append", "addFilter", "assignment"],
)
def test_a_filter_that_comes_later_is_asked(change: Any) -> None:
    """
    However a program adds a filter to a handler that has written already, the next record meets it.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    change(collector)

    collector.handle(record_of("after"))

    assert ["before", "after"] == [row["message"] for row in collector.rows]
    assert [None, "of the program"] == [row.get("trace_id") for row in collector.rows]


def test_a_formatter_that_comes_later_is_used() -> None:
    """
    A handler that has written already writes in the format that it is given now.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    collector.setFormatter(logging.Formatter("%(message)s"))

    collector.handle(record_of("after"))

    assert b"after\n" == collector.lines[1]


def test_without_the_masking_filter_nothing_is_taken_for_granted() -> None:
    """
    A handler whose masking filter was removed does not mask, and one that gets it back does.
    """
    collector = at_once()
    masking = collector.filters[-1]
    for one in (None, masking):
        collector.handle(record_of("password=hunter2"))
        collector.removeFilter(masking)
        if one is None:
            collector.handle(record_of("password=hunter2"))
        collector.addFilter(masking)

    assert ["password=***", "password=hunter2", "password=***"] == [row["message"] for row in collector.rows]


def test_two_maskers_do_not_share_a_verdict() -> None:
    """
    What is bound and clean for one handler's masking filter may be a secret for another's.
    """
    strict_masking = MaskingFilter(fields=["portfolio_id"])
    lax = at_once()
    other = Collector(ContextFilter(), strict_masking, formatter=JsonFormatter())
    token = context._current.set(context.Context(fields={"portfolio_id": "p-1"}))
    for collector in (lax, other, lax):
        collector.handle(record_of("x"))
    context._current.reset(token)

    assert ["p-1", "***", "p-1"] == [row["portfolio_id"] for row in (lax.rows[0], other.rows[0], lax.rows[1])]


def test_a_write_that_fails_is_counted_and_does_not_raise() -> None:
    """
    A full disk costs the line, not the program, and `stats` tells.
    """

    class Full(Collector):
        def write_line(self, line: bytes) -> None:
            raise OSError("no space left on device")

    full = Full(ContextFilter(), ThrottleFilter(), MaskingFilter(), formatter=JsonFormatter())

    full.handle(record_of("x"))

    counts = full.counts.as_dict()
    assert (1, 0, 1) == (counts["seen"], counts["written"], counts["failed"])


def test_a_handler_with_an_emit_of_its_own_keeps_it() -> None:
    """
    A subclass that overrides `emit` gets every record there.
    """
    seen = []

    class Own(Collector):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    Own(ContextFilter(), ThrottleFilter(), MaskingFilter(), formatter=JsonFormatter()).handle(record_of("x"))

    assert ["x"] == seen


def test_patterns_of_the_user_are_looked_for() -> None:
    """
    With patterns of the user's own no text takes the fast path.
    """
    collector = Collector(ContextFilter(), MaskingFilter(patterns=[r"\bsk_\w+"]), formatter=JsonFormatter())

    collector.handle(record_of("key sk_live"))

    assert "key ***" == strict(collector.lines[0])["message"]


def test_a_formatter_that_is_assigned_later_is_used() -> None:
    """
    A formatter that a program assigns to a handler in use writes the next line.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    collector.formatter = logging.Formatter("%(message)s")

    collector.handle(record_of("after"))

    assert b"after\n" == collector.lines[1]


@pytest.mark.parametrize("method", ["emit", "filter"])
def test_methods_of_the_handler_itself_are_asked(method: str) -> None:
    """
    A mock in the place of a handler's `filter` or `emit` is called from the next change of its formatter on.
    """
    collector = at_once()
    with patch.object(collector, method, return_value=False) as mock:
        collector.setFormatter(JsonFormatter())
        collector.handle(record_of("mocked"))
    collector.setFormatter(JsonFormatter())

    collector.handle(record_of("written"))

    assert ["mocked"] == [call.args[0].msg for call in mock.call_args_list]
    assert ["written"] == [row["message"] for row in collector.rows]


def test_another_masker_counts_from_the_next_record() -> None:
    """
    A masking filter that is given another masker hides what that one hides.
    """
    masking = MaskingFilter()
    collector = Collector(ContextFilter(), masking, formatter=JsonFormatter())
    collector.handle(record_of("order=5"))
    masking.masker = Masker(["order"])

    collector.handle(record_of("order=5"))

    assert ["order=5", "order=***"] == [row["message"] for row in collector.rows]


def test_another_masker_counts_from_the_next_handler() -> None:
    """
    What a filter's masker let pass is no secret kept from the one that takes its place before the next handler.
    """
    first, second = two_that_share_filters()
    record = record_of("order=5")
    first.handle(record)
    first.filters[-1].masker = Masker(["order"])  # type: ignore[union-attr]

    second.handle(record)

    assert "order=***" == second.rows[1]["message"]


def test_a_filter_is_asked_whatever_other_threads_find_out() -> None:
    """
    No thread takes the fast path of the filters before, while another one chooses that of the new filters.
    """
    collector = at_once()
    collector.handle(record_of("before"))
    found = FastPath.of

    def find_slowly(*known: Any) -> Any:
        """Let a record of another thread in between."""
        with patch.object(FastPath, "of", found), ThreadPoolExecutor(1) as other:
            other.submit(collector.handle, record_of("in between")).result()
        return found(*known)

    collector.filters.append(Named())
    with patch.object(FastPath, "of", find_slowly):
        collector.handle(record_of("after"))

    assert [None, "of the program", "of the program"] == [row.get("trace_id") for row in collector.rows]


def test_a_field_in_the_place_of_a_deleted_attribute_is_one() -> None:
    """
    A record factory that deletes an attribute and adds one loses neither line nor field.
    """
    collector = at_once()
    record = record_of("x")
    del record.processName
    record.request_id = "r-1"  # type: ignore[attr-defined]

    collector.handle(record)

    assert "r-1" == collector.rows[0]["request_id"]


@pytest.mark.parametrize("ways", [at_once, stepwise])
def test_a_record_of_process_zero_is_a_whole_line(ways: Any) -> None:
    """
    A record made by hand with no process number has that of this process.
    """
    collector = ways()
    record = record_of("x")
    record.process = 0

    collector.handle(record)

    assert os.getpid() == collector.rows[0]["pid"]


def test_a_tracing_library_that_fails_does_not_cost_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What raises when the active span is asked for is told on stderr, and the line is written.
    """
    monkeypatch.setattr(reporter, "_next", float("-inf"))
    monkeypatch.setattr(context, "span_source", lambda: 1 / 0)
    collector = at_once()

    collector.handle(record_of("x"))

    assert ["x"] == [row["message"] for row in collector.rows]
    assert "context: ZeroDivisionError" in capsys.readouterr().err


class Nameless(type):
    """A class that tells nothing of itself."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize("ways", [at_once, stepwise])
def test_a_value_whose_class_tells_nothing_does_not_cost_the_line(ways: Any) -> None:
    """
    What is bound may be of a class that raises when asked for its name.
    """
    collector = ways()

    with context.bound(odd=Nameless("Odd", (), {})()):
        collector.handle(record_of("x"))

    assert ["x"] == [row["message"] for row in collector.rows]


# In a process of its own: what measures coverage here is interrupted too, and may keep a lock of its own.
_INTERRUPTED = """
import contextlib, signal
from test_fast_path import at_once, record_of

def interrupt(*_):
    raise KeyboardInterrupt

collector = at_once()
held = 0
signal.signal(signal.SIGALRM, interrupt)
for number in range(3_000):
    with contextlib.suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 2e-5 + number % 10 * 1e-6)
        while True:
            collector.handle(record_of("x"))
    held += collector.lock._is_owned()
    while collector.lock._is_owned():
        collector.lock.release()
print(held, len(collector.lines) > 0)
"""


def test_an_interrupt_leaves_no_lock_behind() -> None:
    """
    However often a signal handler raises inside a log call, as for Ctrl-C, other threads can log afterwards.
    """
    path = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "0 True\n" == done.stdout


@pytest.mark.parametrize("ways", [at_once, stepwise])
def test_an_interrupt_of_one_that_waits_for_the_lock_reaches_the_program(ways: Any) -> None:
    """
    Ctrl-C ends a log call that another thread's write holds up; that one's line is still whole.
    """
    collector = ways()
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with collector.lock:
            held.set()
            enough.wait(10)

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            collector.handle(record_of("interrupted"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        enough.set()
        holder.join()
    collector.handle(record_of("x"))

    assert ["x"] == [row["message"] for row in collector.rows]
    assert (1, 0) == (collector.counts.written, collector.counts.failed)


@pytest.mark.parametrize("ways", [at_once, stepwise])
def test_a_record_by_hand_without_a_level_is_a_line(ways: Any) -> None:
    """
    What `logging.makeLogRecord` makes of a message alone, such as one from a socket, is written.
    """
    collector = ways()

    collector.handle(logging.makeLogRecord({"msg": "from afar"}))

    assert ["from afar"] == [row["message"] for row in collector.rows]
