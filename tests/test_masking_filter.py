"""No secret reaches a formatter, ours or another's; what cannot be masked is withheld."""

import copy
import dataclasses
import io
import json
import logging
import logging.handlers
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lines import Collector, logger_with, make_record, raised
from pythonjsonlogger.json import JsonFormatter as TheirJsonFormatter

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.filters.masking import WITHHELD, mask_text
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.masking import Masker
from ginkgo_logging.records import state_of

SECRET = "hunter2"


class EverythingFormatter(logging.Formatter):
    """A foreign formatter that prints all that a record holds, and the message as others left it."""

    def format(self, record: logging.LogRecord) -> str:
        cached = record.__dict__.get("message")
        parts = [cached, record.msg, record.args, record.exc_text, record.stack_info, super().format(record)]
        others = {key: value for key, value in record.__dict__.items() if key != "_ginkgo"}
        return json.dumps([*parts, others], default=_everything)


def _everything(value: object) -> object:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else repr(value)  # type: ignore[arg-type]


FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "json": JsonFormatter,
    "plain": PlainFormatter,
    "plain, own format": lambda: PlainFormatter("%(message)s %(fields)s %(args)s %(msg)s"),
    "json, all attributes": lambda: JsonFormatter(["args", "msg", "exc_info", "exc_text"]),
    "standard": lambda: logging.Formatter("%(message)s %(args)s"),
    "python-json-logger": lambda: TheirJsonFormatter("%(message)s %(args)s"),
    "everything": EverythingFormatter,
}


@dataclasses.dataclass
class Account:
    user: str
    password: str = dataclasses.field(repr=False)


def log_extra(logger: logging.Logger) -> None:
    logger.error("x", extra={"user": "ann", "password": SECRET, "nested": [{"api_key": SECRET}]})


def log_core_named_extra(logger: logging.Logger) -> None:
    logger.error("x", extra={"source": {"password": SECRET}, "level": f"password={SECRET}", "level_": "x"})


def log_context(logger: logging.Logger) -> None:
    with context.bound(password=SECRET, config={"token": SECRET}):
        logger.error("x")


def log_exception(logger: logging.Logger) -> None:
    try:
        raise ValueError(f"cannot log in: password={SECRET}")
    except ValueError:
        logger.exception("x")


def log_chain(logger: logging.Logger) -> None:
    try:
        try:
            raise KeyError(f"token={SECRET}")
        except KeyError as exc:
            error = RuntimeError("outer")
            error.add_note(f"password: {SECRET}")
            raise error from exc
    except RuntimeError:
        logger.exception("x")


def log_group(logger: logging.Logger) -> None:
    group = ExceptionGroup("several", [ValueError(f"password={SECRET}"), TypeError("y")])
    logger.error("x", exc_info=group)


def log_stack(logger: logging.Logger) -> None:
    logger.error("x", stack_info=True)  # password=hunter2 is in this line of the stack


PLACES: dict[str, Callable[[logging.Logger], object]] = {
    "message": lambda logger: logger.error(f"password={SECRET}"),
    "argument": lambda logger: logger.error("password=%s user=%s", SECRET, "ann"),
    "named argument": lambda logger: logger.error("password=%(p)s", {"p": SECRET}),
    "named argument not shown": lambda logger: logger.error(
        "user %(user)s", {"user": "a", "password": SECRET}
    ),
    "argument too many": lambda logger: logger.error("password=%s", SECRET, "left over"),
    "argument too few": lambda logger: logger.error("password=%s and %s", SECRET),
    "dict argument": lambda logger: logger.error("%s %s", {"password": SECRET}, 1),
    "dict message": lambda logger: logger.error({"event": "login", "password": SECRET}),
    "dict message, hidden": lambda logger: logger.error({"account": Account("ann", SECRET)}),
    "exception as message": lambda logger: logger.error(ValueError(f"password={SECRET}")),
    "extra": log_extra,
    "extra with core names": log_core_named_extra,
    "context": log_context,
    "exception": log_exception,
    "chain and note": log_chain,
    "group": log_group,
    "stack": log_stack,
}


def collector(formatter: logging.Formatter, *filters: logging.Filter) -> Collector:
    return Collector(*(filters or (ContextFilter(), ThrottleFilter(), MaskingFilter())), formatter=formatter)


class TestNothingLeaks:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("formatter", FORMATTERS)
    def test_one_handler(self, place: str, formatter: str) -> None:
        """
        A secret logged anywhere is in no formatter's line.
        """
        handler = collector(FORMATTERS[formatter]())

        PLACES[place](logger_with(handler))

        assert (1, False) == (handler.counts.written, SECRET in handler.text)

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("formatter", FORMATTERS)
    def test_after_a_handler_without_masking(self, place: str, formatter: str) -> None:
        """
        What an unmasked handler's formatter left on the record, message and traceback, is masked too.
        """
        before = logging.StreamHandler(io.StringIO())
        before.setFormatter(logging.Formatter("%(message)s"))
        handler = collector(FORMATTERS[formatter]())

        PLACES[place](logger_with(before, handler))

        assert (1, False) == (handler.counts.written, SECRET in handler.text)

    @pytest.mark.parametrize("place", PLACES)
    def test_through_a_queue(self, place: str) -> None:
        """
        Behind a standard queue that masks before it, nothing is left to leak.
        """
        import queue

        waiting: queue.Queue[Any] = queue.Queue()
        before = logging.handlers.QueueHandler(waiting)
        for one in (ContextFilter(), MaskingFilter()):
            before.addFilter(one)
        PLACES[place](logger_with(before))
        handler = collector(EverythingFormatter(), logging.Filter())

        handler.handle(waiting.get())

        assert (1, False) == (handler.counts.written, SECRET in handler.text)

    def test_second_filter_of_another_configuration(self) -> None:
        """
        A second masking filter with fields of its own masks what the first one let pass.
        """
        first = collector(JsonFormatter(), MaskingFilter(fields=["password"]))
        second = collector(JsonFormatter(), MaskingFilter(fields=["pin"]))

        logger_with(first, second).info("password=a pin=1234")

        assert ["password=*** pin=1234", "password=*** pin=***"] == [
            handler.rows[0]["message"] for handler in (first, second)
        ]

    def test_another_masker_in_a_filter_in_use(self) -> None:
        """
        What one masker found clean, bound fields and ids too, is looked at again by the one that takes its place.
        """
        masking = MaskingFilter()
        handler = collector(JsonFormatter(), ContextFilter(), masking)
        logger = logger_with(handler)

        with context.bound(order="o-1", trace_id="order=5"):
            logger.error("an error")
            masking.masker = Masker(["order"])
            logger.error("an error")

        assert [("o-1", "order=5"), ("***", "order=***")] == [
            (row["order"], row["trace_id"]) for row in handler.rows
        ]

    def test_a_copied_filter_with_another_masker(self) -> None:
        """
        What one filter let pass is looked at by a copy of it that has a masker of its own.
        """
        lax = MaskingFilter()
        careful = copy.copy(lax)
        careful.masker = Masker(["order"])
        handler = collector(JsonFormatter(), ContextFilter(), careful)

        logger_with(collector(JsonFormatter(), ContextFilter(), lax), handler).info("order=5")

        assert "order=***" == handler.rows[0]["message"]


class TestCallersObjects:
    def test_are_not_changed(self) -> None:
        """
        Dicts, lists and exceptions of the caller are what they were.
        """
        config = {"password": SECRET, "hosts": [{"token": SECRET}]}
        before = copy.deepcopy(config)
        error = ValueError(f"password={SECRET}")
        logger = logger_with(collector(JsonFormatter()))

        with context.bound(config=config):
            logger.error("x %s", config, extra={"config": config}, exc_info=error)
            logger.error(config)
            logger.error("%(hosts)s", config)

        assert (before, f"password={SECRET}") == (config, str(error))

    def test_record_without_secrets_is_untouched(self) -> None:
        """
        Where nothing is secret, message, arguments, exception and extra are the caller's own objects.
        """
        amount, error = [1, 2], ValueError("x")
        record = make_record("hi %s", (amount,), exc_info=raised(error), extra={"order": amount}, sinfo="s")
        before = dict(record.__dict__)
        ContextFilter().filter(record)

        MaskingFilter().filter(record)

        added = {"_ginkgo", "trace_id", "span_id", "log_category"}
        after = {name: value for name, value in record.__dict__.items() if name not in added}
        assert before == after
        assert [] == [name for name in before if before[name] is not after[name]]
        assert not state_of(record).masked

    @pytest.mark.parametrize(
        ("msg", "args"),
        [({"a": 1}, ()), (ValueError("x"), ()), ("%(a)s", {"a": 1}), ("%s", (object(),)), (None, ())],
    )
    def test_message_objects_without_secrets_stay(self, msg: object, args: Any) -> None:
        """
        A message that is no text stays the caller's object.
        """
        record = make_record(msg)
        record.args = args

        MaskingFilter().filter(record)

        assert (True, True) == (record.msg is msg, record.args is args)

    def test_foreign_dict_message_stays_a_dict(self) -> None:
        """
        python-json-logger's formatter still gets a dict with a hidden secret as a dict.
        """
        handler = collector(TheirJsonFormatter())

        logger_with(handler).info({"event": "login", "account": Account("ann", SECRET)})

        assert ("login", "ann") == (handler.rows[0]["event"], handler.rows[0]["account"]["user"])


class BrokenMasker(Masker):
    """Raises in the place named by *where*."""

    where = ""

    def text(self, text: str) -> str:
        if self.where in ("text", "everything") or (self.where == "second" and "Traceback" in text):
            raise UnicodeDecodeError("utf-8", text.encode(), 0, 1, text)
        return super().text(text)

    def examined(self, fields: Any) -> Any:  # which `mapping` asks, too
        if self.where in ("mapping", "everything"):
            raise RuntimeError(str(fields))
        return super().examined(fields)


@pytest.fixture(params=["text", "mapping", "second", "everything"])
def broken(request: pytest.FixtureRequest) -> Iterator[MaskingFilter]:
    """A masking filter whose masker fails."""
    masking = MaskingFilter()
    masking.masker = masker = BrokenMasker()
    masker.where = request.param
    yield masking
    masker.where = ""


def log_everything(logger: logging.Logger) -> None:
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        with context.bound(token=SECRET):
            extra = {"password": SECRET, "level": SECRET, "trace_id": "t-1"}
            logger.exception("password=%s", SECRET, extra=extra, stack_info=True)


class TestFailsClosed:
    @pytest.mark.parametrize("formatter", FORMATTERS)
    def test_nothing_raw_is_printed(self, formatter: str, broken: MaskingFilter, capsys: Any) -> None:
        """
        Where masking raises, neither the line nor the report on stderr holds anything raw.
        """
        handler = collector(FORMATTERS[formatter](), ContextFilter(), broken)

        log_everything(logger_with(handler))

        assert (1, False) == (handler.counts.written, SECRET in handler.text)
        assert SECRET not in capsys.readouterr().err

    def test_what_is_left(self, broken: MaskingFilter, capsys: Any) -> None:
        """
        The line still tells when, where, how bad and of which trace; it counts as masked.
        """
        handler = collector(JsonFormatter(), ContextFilter(), broken)

        log_everything(logger_with(handler))

        row = handler.rows[0]
        assert ("error", "tests.pipe", WITHHELD, "t-1", WITHHELD, WITHHELD) == tuple(
            row[key] for key in ("level", "logger_name", "message", "trace_id", "stack_trace", "stack_info")
        )
        assert (1, 1) == (handler.counts.masked, handler.counts.written)

    def test_two_handlers(self, broken: MaskingFilter, capsys: Any) -> None:
        """
        The second handler finds nothing raw either, and the flow control counts once.
        """
        throttle = ThrottleFilter()
        handlers = [collector(EverythingFormatter(), ContextFilter(), throttle, broken) for _ in range(2)]

        log_everything(logger_with(*handlers))

        assert [False, False] == [SECRET in handler.text for handler in handlers]
        assert 1 == throttle.throttle.stats().total_count

    def test_caller_of_a_foreign_handler_is_not_hurt(self, broken: MaskingFilter, capsys: Any) -> None:
        """
        On a handler of the standard library nothing raises and nothing raw is printed.
        """
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(EverythingFormatter())
        handler.addFilter(broken)

        log_everything(logger_with(handler))

        assert (True, False) == (WITHHELD in stream.getvalue(), SECRET in stream.getvalue())

    def test_state_that_is_not_ours(self, capsys: Any) -> None:
        """
        A record with something else in our place is withheld and written.
        """
        handler = collector(JsonFormatter())

        logger_with(handler).info("password=x", extra={"_ginkgo": SECRET})

        assert WITHHELD == handler.rows[0]["message"]

    def test_state_that_is_not_ours_without_masking(self, capsys: Any) -> None:
        """
        Where nobody withholds such a record, it counts once.
        """
        handler = Collector(formatter=logging.Formatter("%(message)s"))

        logger_with(handler).info("x", extra={"_ginkgo": SECRET})

        counts = handler.counts.as_dict()
        assert (1, 0, 1) == (counts["seen"], counts["written"], counts["failed"])

    def test_filter_without_a_masker(self, capsys: Any) -> None:
        """
        A filter whose masker was taken away withholds; it does not let pass what nobody has masked.
        """
        handler = collector(JsonFormatter())
        handler.filters[-1].masker = None  # type: ignore[union-attr]

        logger_with(handler).info("password=%s", SECRET)

        assert WITHHELD == handler.rows[0]["message"]

    def test_at_the_end_of_the_stack(self) -> None:
        """
        Wherever the stack ends during a log call, no line has the secret.
        """
        handler = collector(EverythingFormatter(), ContextFilter(), MaskingFilter())
        logger = logger_with(handler)

        def descend() -> None:
            try:
                descend()
            except RecursionError:
                logger.info("password=%s", SECRET, extra={"token": SECRET})
                raise

        with pytest.raises(RecursionError):
            descend()

        assert (True, False) == (handler.counts.written > 0, SECRET in handler.text)
        counts = handler.counts
        assert counts.seen == counts.written + counts.failed

    def test_mask_text(self, broken: MaskingFilter) -> None:
        """
        Text that takes another way out is withheld where masking raises.
        """
        assert SECRET not in mask_text(f"Traceback password={SECRET}")


def test_report_on_stderr_is_masked(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The report of a failing handler does not quote secrets that its error quotes.
    """
    from ginkgo_logging import accounting

    monkeypatch.setattr(accounting.reporter, "_next", float("-inf"))

    class Quoting(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise ValueError(f"bad record: password={SECRET}\n\x1b[2J")

    logger_with(collector(Quoting())).info("x")

    err = capsys.readouterr().err
    assert (True, 1, False) == ("password=***" in err, len(err.splitlines()), SECRET in err or "\x1b" in err)


def test_report_of_failing_masking(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The report of failing masking tells what kind of error it was, and nothing that the error says.
    """
    from ginkgo_logging import accounting

    monkeypatch.setattr(accounting.reporter, "_next", float("-inf"))
    monkeypatch.setattr(accounting.reporter, "mask", str)
    masking = MaskingFilter()
    masking.masker = BrokenMasker()
    monkeypatch.setattr(BrokenMasker, "where", "mapping")

    logger_with(collector(JsonFormatter(), masking)).info("x", extra={"password": SECRET})

    assert "RuntimeError (details withheld)" in (err := capsys.readouterr().err)
    assert SECRET not in err


def test_masked_is_counted_per_handler() -> None:
    """
    A line with a secret counts as masked on each handler that wrote it.
    """
    masking = MaskingFilter()
    handlers = [collector(JsonFormatter(), ContextFilter(), masking) for _ in range(2)]
    logger = logger_with(*handlers)

    logger.info("password=x")
    logger.info("nothing here")

    assert [(2, 1), (2, 1)] == [(handler.counts.written, handler.counts.masked) for handler in handlers]


@pytest.mark.parametrize("options", [{"fields": "password"}, {"patterns": ["("]}, {"replacement": ""}])
def test_wrong_configuration(options: dict[str, Any]) -> None:
    """
    A wrong value is refused when the filter is made.
    """
    with pytest.raises(ValueError, match=r".+"):
        MaskingFilter(**options)
