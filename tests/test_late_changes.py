"""What another filter adds or changes between two handlers, or after our context filter, is masked, too."""

import copy
import json
import logging
import logging.handlers
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from lines import Collector, logger_with, make_record, raised

from ginkgo_logging.filters import ContextFilter, MaskingFilter, ProcessorFilter
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.handlers import QueueHandler
from ginkgo_logging.handlers.console import TerminalFormatter
from ginkgo_logging.records import state_of

SECRET = "hunter2"


def add_password(
    _logger: Any, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor."""
    return {**event_dict, "password": SECRET, "event": f"{event_dict['event']} token={SECRET}"}


def edit(record: logging.LogRecord) -> bool:
    """A filter of another package."""
    record.msg = f"{record.msg} password={SECRET}"
    record.__dict__["api_token"] = SECRET
    return True


def add(record: logging.LogRecord) -> bool:
    record.__dict__["api_token"] = SECRET
    return True


def fail(record: logging.LogRecord) -> bool:
    record.exc_info = raised(ValueError(f"password={SECRET}"))
    return True


LOGS: dict[str, Callable[[logging.Logger], None]] = {
    "plain": lambda logger: logger.info("hello"),
    "arguments": lambda logger: logger.info("hello %s", "ann"),
    "extra": lambda logger: logger.info("hello", extra={"x": 1}),
    "error": lambda logger: logger.error("hello %d", 5, exc_info=raised(OSError("x"))),
}
FORMATS: dict[str, Callable[[], logging.Formatter]] = {
    "json": JsonFormatter,
    "plain": lambda: PlainFormatter("%(message)s %(fields)s %(exc_text)s"),
    "standard": lambda: logging.Formatter("%(message)s"),
}


@pytest.mark.parametrize("formatter", FORMATS)
@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("other", [edit, add, fail, ProcessorFilter(processors=[add_password])])
@pytest.mark.parametrize("with_first", [True, False], ids=["second handler", "only handler"])
def test_filter_before_masking(other: Any, log: str, formatter: str, with_first: bool) -> None:
    """
    Whatever a filter before the masking filter adds, the handler before had masked the record already.
    """
    masking = MaskingFilter()
    first = Collector(ContextFilter(), masking, formatter=JsonFormatter())
    second = Collector(ContextFilter(), other, masking, formatter=FORMATS[formatter]())

    LOGS[log](logger_with(*([first] if with_first else []), second))

    assert (1, False) == (second.counts.written, SECRET in first.text + second.text)
    if other is edit:
        assert "password=***" in second.text


def test_late_attribute_in_a_format_of_another_package() -> None:
    """
    An attribute that a filter added after ours is masked by its name; another prints as itself.
    """
    kept = object()
    handler = Collector(
        ContextFilter(), MaskingFilter(), formatter=logging.Formatter("%(api_token)s %(kept)s")
    )
    handler.filters.insert(1, add)

    def keep(record: logging.LogRecord) -> bool:
        record.__dict__["kept"] = kept
        return True

    handler.filters.insert(2, keep)
    logger_with(handler).info("x")

    assert f"*** {kept}\n" == handler.text


CHANGES: dict[str, Callable[[logging.LogRecord], object]] = {
    "trace": lambda record: record.__dict__.update(trace_id=f"token={SECRET}"),
    "category": lambda record: record.__dict__.update(log_category=f"token={SECRET}"),
    "field": lambda record: record.__dict__.update(order=f"token={SECRET}"),
    "field for field": lambda record: (
        record.__dict__.update(api_token=SECRET) or record.__dict__.pop("order")
    ),
    "message": lambda record: record.__dict__.update(msg=f"%s password={SECRET}"),
    "arguments": lambda record: record.__dict__.update(args=(f"password={SECRET}",)),
    "copy": lambda record: record.__dict__.update(copy.copy(record).__dict__, msg=f"%s password={SECRET}"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("extra", [{"order": "o-1"}, {"order": [1]}], ids=["fast path", "slow path"])
def test_what_changes_between_two_handlers_is_masked_again(
    change: Callable[[logging.LogRecord], object], extra: dict[str, Any]
) -> None:
    """
    Neither our line of the next handler nor a foreign one behind it has what another filter set in between.
    """
    masking = MaskingFilter()
    ours = [Collector(ContextFilter(), masking, formatter=JsonFormatter()) for _ in range(2)]
    foreign = Collector(formatter=logging.Formatter("%(message)s"))
    attributes: list[str] = []

    def look(record: logging.LogRecord) -> bool:
        attributes.append(repr({name: one for name, one in record.__dict__.items() if name != "_ginkgo"}))
        return True

    between = logging.NullHandler()
    between.handle = lambda record: change(record) is None  # type: ignore[method-assign]
    foreign.addFilter(look)
    for _ in range(2):  # the handlers look at their filters when the first record comes
        logger_with(ours[0], between, ours[1], foreign).info("hello %s", "ann", extra=extra)

    everything = [*attributes, foreign.text, *(handler.text for handler in ours)]
    assert [] == [text for text in everything if SECRET in text]
    assert (2, 2) == (len(ours[1].rows), len(attributes))


def test_an_attribute_in_the_place_of_another_is_masked() -> None:
    """
    A filter that takes an attribute of logging's away and adds one does not hide that from us by their number.
    """
    first, second = (Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter()) for _ in range(2))
    second.setFormatter(logging.Formatter("%(api_token)s"))

    def replace(record: logging.LogRecord) -> bool:
        del record.processName
        return add(record)

    second.filters.insert(1, replace)
    for message in ("fast path", None):
        logger_with(first, second).info(message)

    assert "***\n***\n" == second.text


def test_a_redaction_between_two_handlers_is_kept() -> None:
    """
    What a program's own filter takes out of a message does not come back on the next handler's line.
    """
    masking = MaskingFilter()
    first, second = (Collector(ContextFilter(), masking, formatter=JsonFormatter()) for _ in range(2))
    between = logging.NullHandler()

    def redact(record: logging.LogRecord) -> bool:
        record.msg, record.args = "card [card]", ()
        return True

    between.handle = redact  # type: ignore[method-assign]
    for _ in range(2):
        logger_with(first, between, second).info("card %s", "4111")

    assert ["card 4111"] * 2 == [row["message"] for row in first.rows]
    assert ["card [card]"] * 2 == [row["message"] for row in second.rows]


def test_an_object_that_masking_does_not_know_is_a_text_for_those_behind() -> None:
    """
    A formatter of another package that looks into an object would find what nobody has masked.
    """

    class User:
        def __init__(self) -> None:
            self.password = SECRET

    class Inside(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps([record.user, record.path], default=vars)  # type: ignore[attr-defined]

    first = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
    second = Collector(formatter=Inside())

    logger_with(first, second).info("x", extra={"user": {"it": User()}, "path": User()})

    assert (1, False) == (second.counts.written, SECRET in second.text)
    assert 0 == first.counts.masked


def test_a_change_is_printed() -> None:
    """
    Our formatters print the message as another package's filter left it, not as an earlier handler printed it.
    """

    def redact(record: logging.LogRecord) -> bool:
        record.args = ("(name)",)
        return True

    first = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
    second = Collector(ContextFilter(), redact, formatter=JsonFormatter())
    third = Collector(formatter=PlainFormatter("%(message)s"))

    logger_with(first, second, third).warning("hello %s", "ann", extra={"x": 1})

    assert "hello ann" == first.rows[0]["message"]
    assert ("hello (name)", "hello (name)\n") == (second.rows[0]["message"], third.text)


def test_queue_of_the_standard_library_after_masking() -> None:
    """
    The text into which it folds message and traceback does not take the message's place.
    """
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    before = logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]
    before.addFilter(ContextFilter())
    before.addFilter(MaskingFilter())
    behind = Collector(MaskingFilter(), formatter=JsonFormatter())
    foreign = Collector(MaskingFilter(), formatter=logging.Formatter("%(message)s"))

    logger_with(before).error("hello %s", "ann", exc_info=raised(ValueError(f"password={SECRET}")))
    record = waiting.get()
    behind.handle(record)
    record.msg = record.message = f"{record.msg} token={SECRET}"
    foreign.handle(record)

    assert ("hello ann", "password=***") == (behind.rows[0]["message"], behind.rows[0]["error_message"])
    assert ("token=***" in foreign.text, False) == (True, SECRET in foreign.text)


class TestLoggerName:
    NAME = f"client.postgres://ann:{SECRET}@db"

    @pytest.mark.parametrize("log", LOGS)
    @pytest.mark.parametrize("formatter", ["json", "plain"])
    def test_masked_on_every_path(self, formatter: str, log: str) -> None:
        """
        The name of a logger is masked, on the fast path, after it, and where no masking filter follows.
        """
        masking = MaskingFilter()
        formats = {"json": JsonFormatter, "plain": PlainFormatter}
        first = Collector(ContextFilter(), masking, formatter=JsonFormatter())
        second = Collector(ContextFilter(), masking, formatter=formats[formatter]())

        LOGS[log](logger_with(first, second, name=self.NAME))
        LOGS[log](logger_with(first, second, name=self.NAME))

        assert (2, False) == (first.counts.masked, SECRET in first.text + second.text)
        assert ":***@db" in first.rows[0]["logger_name"]

    def test_shared_formatter(self) -> None:
        """
        A handler without masking that uses the same formatter does not make the name known to the other.
        """
        formatter = JsonFormatter()
        open_one = Collector(ContextFilter(), formatter=formatter)
        masked = Collector(ContextFilter(), MaskingFilter(), formatter=formatter)

        logger_with(open_one, name=self.NAME).info("x")
        logger_with(masked, name=self.NAME).info("x")

        assert (True, False) == (SECRET in open_one.text, SECRET in masked.text)

    def test_queue(self) -> None:
        """
        A record that waits in a queue has the masked name already.
        """
        target = Collector(formatter=JsonFormatter())
        handler = QueueHandler(target=target)
        handler.addFilter(ContextFilter())
        handler.addFilter(MaskingFilter())

        logger_with(handler, name=self.NAME).info("x")
        handler.close()

        assert (1, False) == (len(target.rows), SECRET in target.text)

    def test_class_of_an_exception(self) -> None:
        """
        So is the name of an exception's class.
        """
        handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
        error = type(f"password={SECRET}", (Exception,), {})("x")

        logger_with(handler).error("x", exc_info=error)

        assert "password=***" in handler.rows[0]["error_type"]


@pytest.mark.parametrize("template", ["hello %.0s", "hello %5.0s", "hello %.*s", "hello %-4.2s"])
def test_argument_that_is_printed_in_part(template: str) -> None:
    """
    What a precision cuts off does not stay in the record's arguments.
    """
    args = (0, f"password={SECRET}") if "*" in template else (f"password={SECRET}",)
    first = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())
    second = Collector(ContextFilter(), MaskingFilter(), formatter=PlainFormatter("%(message)s %(args)s"))

    logger_with(first, second).info(template, *args)

    assert (1, False) == (second.counts.written, SECRET in second.text)


def test_text_of_a_class_of_its_own() -> None:
    """
    An object whose text is of a class that fails is printed.
    """

    class Odd(str):  # noqa: SLOT000
        def __hash__(self) -> int:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

    class Shown:
        def __str__(self) -> str:
            return Odd(f"password={SECRET}")

    handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())

    logger_with(handler).info(Shown())
    logger_with(handler).info(Odd("x"), extra={"shown": Shown()})

    assert ["password=***", "x"] == [row["message"] for row in handler.rows]


def test_record_pickles_to_plain_data() -> None:
    """
    A program without this package can read the record; one with it finds what our filters found out.
    """
    record = make_record("password=%s", (SECRET,), extra={"x": 1}, exc_info=raised(OSError("gone")))
    Collector(ContextFilter(), MaskingFilter()).handle(record)
    sent = pickle.dumps(record.__dict__ | {"exc_info": None})
    program = (
        "import pickle, sys; state = pickle.load(sys.stdin.buffer)['_ginkgo']; "
        "print(sorted(state), 'ginkgo_logging' in sys.modules)"
    )

    read = subprocess.run(
        [sys.executable, "-I", "-c", program], input=sent, capture_output=True, check=True
    ).stdout
    state = state_of(logging.makeLogRecord(pickle.loads(sent)))

    assert b"['error', 'fields', 'message', 'seq', 'suppressed_count'] False\n" == read
    assert ("password=***", {"x": 1}, "OSError") == (
        state.message,
        state.fields,
        state.error and state.error.type,
    )
    assert json.loads(json.dumps(state.seq)) == state_of(record).seq


@pytest.mark.parametrize("formatter", [JsonFormatter, PlainFormatter, lambda: TerminalFormatter(None)])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("created", "msecs")
        for value in (float("nan"), None, -1e18, "x", float("inf"))
    ]
    + [
        ("levelname", None),
        ("levelname", 5),
        ("name", None),
        ("name", 5),
        ("lineno", None),
        ("filename", None),
    ],
)
def test_record_made_by_hand(formatter: Callable[[], logging.Formatter], name: str, value: Any) -> None:
    """
    A record whose attributes are of the wrong kind is a line all the same.
    """
    handler = Collector(ContextFilter(), MaskingFilter(), formatter=formatter())
    record = make_record("hello")
    record.__dict__[name] = value

    handler.handle(record)

    assert (1, 0) == (handler.counts.written, handler.counts.failed)
    assert "hello" in handler.text
