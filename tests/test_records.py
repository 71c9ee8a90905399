"""What the pipe keeps on a record: fields, ids, number, message and error as text."""

import copy
import dataclasses
import logging
import logging.handlers
import os
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from lines import make_record, raised

from ginkgo_logging import records
from ginkgo_logging.context import Context
from ginkgo_logging.record_state import ATTRIBUTES, CompactState, RecordState
from ginkgo_logging.record_text import ErrorText, error_of, message_of, printable
from ginkgo_logging.records import attach_state, known_state, rename_taken, state_of


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class FailingMapping(Mapping[str, Any]):
    """A mapping that raises in everything but its truth."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no item")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("msg", "args", "expected"),
    [
        ("plain", (), "plain"),
        ("100% sure", (), "100% sure"),
        ("%d of %s", (1, "x"), "1 of x"),
        ("%(a)s", {"a": 1}, "1"),
        (None, (), "None"),
        (ValueError("boom"), (), "boom"),
        ({"a": 1}, (), "{'a': 1}"),
        ("%d items", ("many",), "many items"),
        ("%d of %d", (1,), "1 of %d"),
        ("none", ("left", 2), "none [args: left, 2]"),
        ("100% %s", ("x", "y"), "100% x [args: y]"),
        ("100% sure of %s", ("x",), "100% sure of x"),
        ("%(a)s %(b)s", {"a": 1}, "1 %(b)s"),
        ("a=%(a)s", ("x", "y"), "a=x [args: y]"),
        ("%s and %s", ("good", Unprintable()), "good and <unprintable Unprintable>"),
        (Unprintable(), (), "<unprintable Unprintable>"),
        (Unprintable(), ("x",), "<unprintable Unprintable> [args: x]"),
        ("%5.2f%% done", ("x",), "x% done"),
        ("%(a)s", FailingMapping(), "%(a)s"),
    ],
)
def test_message(msg: object, args: Any, expected: str) -> None:
    """
    A message is formatted as far as its arguments allow, and never raises.
    """
    record = make_record(msg)
    record.args = args

    assert expected == message_of(record)


def test_message_of_huge_integer() -> None:
    """
    An integer too long for str() leaves the rest of the message intact.
    """
    assert "<unprintable int> and b" == message_of(make_record("%s and %s", (10**5000, "b")))


def test_message_of_deep_nesting() -> None:
    """
    An argument nested too deeply for repr() leaves the rest of the message intact.
    """
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert "a <unprintable list>" == message_of(make_record("%s %s", ("a", deep)))


def test_message_asked_again_by_itself() -> None:
    """
    An object that formats a message of itself and then fails is asked a bounded number of times.
    """
    calls = 0

    class Recursive:
        def __str__(self) -> str:
            nonlocal calls
            calls += 1
            message_of(make_record("inner %s %s", (self, 1)))
            raise RuntimeError("no text")

    text = message_of(make_record("outer %s", (Recursive(),)))

    assert "outer <unprintable Recursive>" == text
    assert calls < 100_000


@pytest.mark.parametrize("value", [Unprintable(), 10**5000], ids=["object", "integer"])
def test_printable(value: object) -> None:
    """
    What does not print is named by its class.
    """
    assert f"<unprintable {type(value).__name__}>" == printable(value)


class TestRenameTaken:
    def test_appends_until_free(self) -> None:
        """
        A taken name gets underscores until no other field has it.
        """
        renamed = rename_taken({"a": 1, "a_": 2, "b": 3}, frozenset({"a", "a__"}))

        assert {"a_": 2, "b": 3, "a___": 1} == renamed

    def test_leaves_the_original(self) -> None:
        """
        The fields handed in stay as they are.
        """
        own = {"a": 1}

        rename_taken(own, frozenset({"a"}))

        assert {"a": 1} == own


class TestAdopt:
    def test_sets_ids_when_nothing_is_set(self) -> None:
        """
        Without anything bound the ids are empty texts and the category is the default.
        """
        record = make_record()

        state = attach_state(record, (None, None, None, {}))

        assert ("", "", "system", {}) == (
            record.trace_id,  # type: ignore[attr-defined]
            record.span_id,  # type: ignore[attr-defined]
            record.log_category,  # type: ignore[attr-defined]
            state.fields,
        )

    def test_extra_over_bound(self) -> None:
        """
        A field in `extra` takes the place of the bound one.
        """
        state = attach_state(make_record(extra={"a": "extra"}), (None, None, None, {"a": "bound", "b": 1}))

        assert {"a": "extra", "b": 1} == state.fields

    def test_dict_as_message(self) -> None:
        """
        The fields of a dict logged as message become fields; core names are renamed.
        """
        state = attach_state(make_record({"event": "fill", "level": "gold", 1: 2}), (None, None, None, {}))

        assert {"event": "fill", 1: 2, "level_": "gold"} == state.fields

    @pytest.mark.parametrize(
        ("bound", "given", "expected"),
        [
            (None, "x", ("x", {})),
            (None, 7, ("7", {})),
            (None, "", ("", {})),
            (None, None, ("", {})),
            ("b", "x", ("b", {"trace_id_": "x"})),
            ("b", "b", ("b", {})),
            ("b", "", ("b", {})),
            (None, Unprintable(), ("<unprintable Unprintable>", {})),
        ],
    )
    def test_id_in_extra(self, bound: str | None, given: object, expected: object) -> None:
        """
        An id in `extra` counts if none is bound; a different one is kept under another name.
        """
        record = make_record(extra={"trace_id": given})

        state = attach_state(record, (bound, None, None, {}))

        assert expected == (record.trace_id, state.fields)  # type: ignore[attr-defined]

    def test_id_in_extra_beside_its_other_name(self) -> None:
        """
        A user's field trace_id_ is not taken for the trace_id.
        """
        record = make_record(extra={"trace_id": "t", "trace_id_": "mine"})

        state = attach_state(record, (None, None, None, {}))

        assert ("t", {"trace_id_": "mine"}) == (record.trace_id, state.fields)  # type: ignore[attr-defined]

    def test_key_that_refuses_comparison(self) -> None:
        """
        A key that raises when it is hashed again costs its fields and not the line.
        """

        class Moody:
            hashed = 0

            def __hash__(self) -> int:
                self.hashed += 1
                if self.hashed > 1:
                    raise RuntimeError("no more")
                return 1

        state = attach_state(make_record({Moody(): 1}), ("t", None, None, {"a": 1}))

        assert {"a": 1} == state.fields

    def test_color_message_is_no_field(self) -> None:
        """
        The coloured copy of the message that uvicorn adds is left out.
        """
        assert {} == state_of(make_record(extra={"color_message": "\x1b[1mhi"})).fields

    def test_attribute_of_a_record_factory(self) -> None:
        """
        What a record factory of the user's adds becomes a field.
        """
        previous = logging.getLogRecordFactory()

        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = previous(*args, **kwargs)
            record.build = "b-17"
            return record

        record = factory("n", logging.INFO, "p", 1, "m", (), None)

        assert {"build": "b-17"} == state_of(record).fields

    def test_attributes_of_earlier_formatters_are_no_fields(self) -> None:
        """
        The attributes that formatters leave on a record, message and asctime, are not taken for fields.
        """
        record = make_record()
        logging.Formatter("%(asctime)s %(message)s").format(record)

        assert {} == state_of(record).fields

    def test_attribute_names_cover_this_python(self) -> None:
        """
        No attribute that this Python's records have is taken for `extra`.
        """
        assert set(make_record().__dict__) <= ATTRIBUTES

    def test_seq_grows(self) -> None:
        """
        Each record's number is greater than the one before.
        """
        numbers = [state_of(make_record()).seq for _ in range(100)]

        assert sorted(set(numbers)) == numbers


class TestError:
    def test_plain(self) -> None:
        """
        An exception is its qualified name, its text and its traceback.
        """
        error = error_of(make_record(exc_info=raised(KeyError("k"))))

        assert error is not None
        assert ("KeyError", "'k'") == (error.type, error.message)
        assert error.stack_trace.startswith("Traceback (most recent call last):\n")
        assert error.stack_trace.endswith("\nKeyError: 'k'")

    def test_class_of_a_module(self) -> None:
        """
        The class of an exception that is not built in is named with its module.
        """
        error = error_of(make_record(exc_info=raised(pickle.PicklingError("x"))))

        assert error is not None
        assert "_pickle.PicklingError" == error.type

    def test_failing_str(self) -> None:
        """
        An exception that does not print is logged all the same.
        """

        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        error = error_of(make_record(exc_info=raised(MuteError())))

        assert error is not None
        assert "<unprintable MuteError>" == error.message
        assert "Traceback" in error.stack_trace

    def test_chain_notes_and_group(self) -> None:
        """
        Causes, notes and the members of a group are in the traceback.
        """
        inner = ValueError("inner")
        inner.add_note("a note")
        group = ExceptionGroup("several", [inner, TypeError("second")])
        group.__cause__ = KeyError("cause")

        error = error_of(make_record(exc_info=raised(group)))

        assert error is not None
        assert [] == [
            part
            for part in ("inner", "a note", "TypeError: second", "KeyError: 'cause'", "direct cause")
            if part not in error.stack_trace
        ]

    def test_syntax_error(self) -> None:
        """
        The traceback of a syntax error shows the line.
        """
        try:
            compile("a b", "given.py", "exec")
        except SyntaxError:
            error = error_of(make_record(exc_info=sys.exc_info()))

        assert error is not None
        assert "a b" in error.stack_trace

    @pytest.mark.parametrize("exc_info", [None, True, (), (None, None, None), "text"])
    def test_none(self, exc_info: Any) -> None:
        """
        Without an exception there is no error.
        """
        assert error_of(make_record(exc_info=exc_info)) is None

    @pytest.mark.parametrize("exc_info", [(1, 2), (1, 2, 3), (ValueError, None, None)])
    def test_not_an_exception(self, exc_info: Any) -> None:
        """
        A tuple that is no exception is shown as it is.
        """
        assert ErrorText("", "", str(exc_info)) == error_of(make_record(exc_info=exc_info))

    def test_text_only(self) -> None:
        """
        A record that came over a wire has its traceback as text only.
        """
        record = make_record()
        record.exc_text = "Traceback ..."

        assert ErrorText("", "", "Traceback ...") == error_of(record)


class TestTravel:
    """A record that leaves the process keeps what the pipe knows about it."""

    def made(self) -> logging.LogRecord:
        record = make_record("hi %s", ("ann",), extra={"amount": 5})
        attach_state(record, ("t-1", "s-1", "risk", {"bound": [1, 2], "call": lambda: 1}))
        return record

    def known(self, record: logging.LogRecord) -> tuple[Any, ...]:
        state = state_of(record)
        fields = {name: value for name, value in state.fields.items() if name != "call"}
        ids = [record.__dict__[name] for name in ("trace_id", "span_id", "log_category")]
        return message_of(record), ids, state.seq, fields

    def test_socket_handler(self) -> None:
        """
        Pickled as SocketHandler does and rebuilt by makeLogRecord, fields, number and ids are the same.
        """
        record = self.made()
        sent = logging.handlers.SocketHandler("localhost", 1).makePickle(record)

        received = logging.makeLogRecord(pickle.loads(sent[4:]))

        assert self.known(record) == self.known(received)

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_any_protocol(self, protocol: int) -> None:
        """
        The record itself can be pickled with any protocol, as a process queue does.
        """
        record = self.made()

        received = pickle.loads(pickle.dumps(record, protocol))

        assert self.known(record) == self.known(received)

    def test_what_cannot_be_pickled_travels_as_text(self) -> None:
        """
        A bound value that cannot be pickled does not keep the record from travelling.
        """
        received = pickle.loads(pickle.dumps(self.made()))

        assert state_of(received).fields["call"].startswith("<function")

    def test_queue_handler(self) -> None:
        """
        What the standard QueueHandler prepares keeps fields, number and ids.
        """
        record = self.made()

        prepared = logging.handlers.QueueHandler(None).prepare(record)  # type: ignore[arg-type]

        assert self.known(record) == self.known(prepared)

    def test_copy(self) -> None:
        """
        A copied record knows the same, and renaming its fields leaves the original alone.
        """
        record = self.made()

        copied = copy.copy(record)
        copied.msg = "other %s"

        assert self.known(record)[1:] == self.known(copied)[1:]
        assert "hi ann" == message_of(record)

    def test_deep_copy(self) -> None:
        """
        A deep copy has fields of its own.
        """
        record = self.made()

        copied = copy.deepcopy(record)
        state_of(copied).fields["bound"].append(3)

        assert [1, 2] == state_of(record).fields["bound"]

    def test_message_and_error_text_travel(self) -> None:
        """
        The masked message and error travel, not only what they were made from.
        """
        record = self.made()
        state = state_of(record)
        state.message, state.error = "masked", ErrorText("E", "m", "trace")
        state.suppressed_count = 3

        received = state_of(pickle.loads(pickle.dumps(record)))

        assert ("masked", ErrorText("E", "m", "trace"), 3) == (
            received.message,
            received.error,
            received.suppressed_count,
        )


def test_threads_that_ask_for_the_whole_state_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What one thread masks cannot be lost to another one that asks for the state of the same record.
    """
    record = make_record("order=5")
    brief = record.__dict__["_ginkgo"] = CompactState()
    brief.context, brief.extra, brief.seq = Context(), None, 1
    brief.msg, brief.args, brief.message, brief.masked_by = record.msg, record.args, "order=5", None
    build = CompactState.expand
    others: list[Future[RecordState | None]] = []

    def interrupted(state: CompactState) -> RecordState:
        """Let the other thread in before the state that is built here is on the record."""
        monkeypatch.setattr(CompactState, "expand", build)
        built = build(state)
        others.append(pool.submit(known_state, record))
        wait(others, timeout=0.2)  # the other one has to wait for this one, and gets what is built here
        return built

    monkeypatch.setattr(CompactState, "expand", interrupted)
    with ThreadPoolExecutor(1) as pool:
        state = known_state(record)

    assert state is others[0].result() is known_state(record)


def test_a_forked_child_can_ask_for_the_whole_state() -> None:
    """
    A child that is forked while a thread of the parent builds a state does not wait for that thread.
    """
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with records._expanding:
            locked.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(20)
    child = os.fork()
    if child == 0:
        os._exit(0 if records._expanding.acquire(blocking=False) else 1)
    _, status = os.waitpid(child, 0)
    done.set()
    thread.join()

    assert 0 == os.waitstatus_to_exitcode(status)


def test_dataclass_field_travels_as_itself() -> None:
    """
    A value that can be pickled arrives as what it was.
    """
    record = make_record()
    attach_state(record, (None, None, None, {"order": Order(7)}))

    received = pickle.loads(pickle.dumps(record))

    assert {"order": Order(7)} == state_of(received).fields


@dataclasses.dataclass
class Order:
    number: int
