"""One record, one strict JSON line with the keys of the contract."""

import datetime
import logging
import os
import re
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hostile import VALUES
from lines import Collector, logger_with, make_record, raised, strict

from ginkgo_logging import GLOG, context, fields
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.json_line import MARKER, TRUNCATED_FIELDS
from ginkgo_logging.record_state import ATTRIBUTES
from ginkgo_logging.records import attach_state, state_of

CONTAINER_KEYS = {"container_id", "pod_name", "namespace"}


def row_of(record: logging.LogRecord, **options: Any) -> dict[str, Any]:
    return strict(JsonFormatter(**options).format_bytes(record))


@pytest.fixture
def pipe() -> Collector:
    """A handler of ours with the filters of the shipped files."""
    return Collector(ContextFilter(), ThrottleFilter(), MaskingFilter(), formatter=JsonFormatter())


class TestContract:
    def test_key_order(self) -> None:
        """
        The keys come in the order of the contract.
        """
        record = make_record(
            "failed",
            level=logging.ERROR,
            exc_info=raised(KeyError("k")),
            sinfo="Stack ...",
            extra={"order_id": 7},
        )
        state = attach_state(record, ("t-1", "s-1", "risk", {"portfolio_id": "p-1"}))
        state.suppressed_count = 3

        keys = [key for key in row_of(record) if key not in CONTAINER_KEYS]

        assert [
            "timestamp",
            "level",
            "logger_name",
            "message",
            "log_category",
            "trace_id",
            "span_id",
            "portfolio_id",
            "order_id",
            "source",
            "seq",
            "hostname",
            "pid",
            "error_type",
            "error_message",
            "stack_trace",
            "stack_info",
            "suppressed_count",
        ] == keys

    def test_smallest_line(self) -> None:
        """
        A record with nothing around it has the keys that every line has, and no others.
        """
        record = make_record("hi")
        record.created = 1772101800.123456

        row = {key: value for key, value in row_of(record).items() if key not in CONTAINER_KEYS}

        assert {
            "timestamp": "2026-02-26T10:30:00.123456Z",
            "level": "info",
            "logger_name": "app.orders",
            "message": "hi",
            "log_category": "system",
            "source": "orders.py:42",
            "seq": state_of(record).seq,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
        } == row

    def test_every_key_is_a_core_field(self) -> None:
        """
        The pipe writes no key of its own that is not listed in `fields`.
        """
        record = make_record("x", exc_info=raised(KeyError("k")), sinfo="s")
        attach_state(record, ("t", "s", "c", {})).suppressed_count = 1

        assert set(row_of(record)) <= fields.CORE

    @pytest.mark.parametrize("created", [0.0, 1.0, 1772101800.0, 1772101800.000001, 4e9])
    def test_timestamp(self, created: float) -> None:
        """
        A timestamp is RFC 3339 in UTC with six decimals, and never later than the record.
        """
        record = make_record()
        record.created = created

        text = row_of(record)["timestamp"]

        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
        late = created - datetime.datetime.fromisoformat(text).timestamp()
        assert 0 <= late < 2e-6

    def test_timestamps_of_one_formatter(self) -> None:
        """
        One formatter gives each record its own time, also when seconds alternate.
        """
        formatter = JsonFormatter()
        records = [make_record() for _ in range(4)]
        for record, created in zip(records, (10.5, 11.25, 10.75, 11.5), strict=True):
            record.created = created

        texts = [strict(formatter.format(record))["timestamp"][17:] for record in records]

        assert ["10.500000Z", "11.250000Z", "10.750000Z", "11.500000Z"] == texts

    def test_levels(self) -> None:
        """
        A level is its name in lower case, a custom one too, and one without a name is numbered.
        """
        logging.addLevelName(25, "NOTICE")
        try:
            levels = [row_of(make_record(level=level))["level"] for level in (10, 20, 25, 30, 40, 50, 33)]
        finally:
            del logging._levelToName[25], logging._nameToLevel["NOTICE"]

        assert ["debug", "info", "notice", "warning", "error", "critical", "level 33"] == levels

    def test_seq_grows(self) -> None:
        """
        Of two records the later has the greater number, whatever their times say.
        """
        formatter = JsonFormatter()
        first, second = make_record(), make_record()
        second.created = first.created

        assert strict(formatter.format(first))["seq"] < strict(formatter.format(second))["seq"]

    def test_seq_is_the_records(self) -> None:
        """
        Two handlers write the same number for one record.
        """
        record = make_record()

        assert row_of(record)["seq"] == row_of(record)["seq"]

    def test_source_of_a_call(self, pipe: Collector) -> None:
        """
        The source is file and line of the call.
        """
        logger_with(pipe).info("here")
        line = sys._getframe().f_lineno - 1

        assert [f"{Path(__file__).name}:{line}"] == [row["source"] for row in pipe.rows]

    def test_text_is_not_ascii_escaped(self) -> None:
        """
        Text is written as UTF-8.
        """
        assert "组合 é 😀".encode() in JsonFormatter().format_bytes(make_record("组合 é 😀"))

    def test_format_and_format_bytes_agree(self) -> None:
        """
        A handler of the standard library gets the same line as text.
        """
        record, formatter = make_record("组合"), JsonFormatter()

        assert formatter.format_bytes(record).decode() == formatter.format(record) + "\n"


class TestErrors:
    def test_exception(self) -> None:
        """
        An exception is split into type, message and traceback.
        """
        row = row_of(make_record(exc_info=raised(ValueError("bad price"))))

        assert ("ValueError", "bad price") == (row["error_type"], row["error_message"])
        assert row["stack_trace"].endswith("ValueError: bad price")

    def test_failing_str(self) -> None:
        """
        An exception that does not print still has its type and traceback.
        """

        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        row = row_of(make_record(exc_info=raised(MuteError())))

        assert "<unprintable MuteError>" == row["error_message"]
        assert row["error_type"].endswith("MuteError")

    def test_outside_an_except_block(self, pipe: Collector) -> None:
        """
        `logger.exception` without an exception gives a line without error fields.
        """
        logger_with(pipe).exception("nothing wrong")

        assert "error_type" not in pipe.rows[0]

    def test_exception_with_surrogates_and_nul(self) -> None:
        """
        Text that no encoding takes is escaped.
        """
        row = row_of(make_record(exc_info=raised(ValueError("\udce4\0"))))

        assert "\\udce4\0" == row["error_message"]

    def test_stack_info(self, pipe: Collector) -> None:
        """
        The stack that `stack_info=True` asks for is in the line.
        """
        logger_with(pipe).info("where", stack_info=True)

        assert "test_stack_info" in pipe.rows[0]["stack_info"]

    def test_as_arrays(self) -> None:
        """
        With python-json-logger's options traceback and stack are lists of lines.
        """
        record = make_record(exc_info=raised(ValueError("x")), sinfo="a\nb")

        row = row_of(record, exc_info_as_array=True, stack_info_as_array=True)

        assert ("ValueError: x", ["a", "b"]) == (row["stack_trace"][-1], row["stack_info"])

    def test_behind_the_standard_queue(self) -> None:
        """
        Behind a QueueHandler, whose prepare() removes the exception, masked error fields are still there.
        """
        from logging.handlers import QueueHandler

        record = make_record("m", level=logging.ERROR, exc_info=raised(ValueError("password=hunter2")))
        ContextFilter().filter(record)
        MaskingFilter().filter(record)

        row = row_of(QueueHandler(None).prepare(record))  # type: ignore[arg-type]

        assert ("m", "ValueError", "password=***") == (
            row["message"],
            row["error_type"],
            row["error_message"],
        )
        assert "hunter2" not in str(row)


class TestOptions:
    """What python-json-logger's options do, and that a core key wins."""

    def test_fmt(self) -> None:
        """
        Attributes named in the format are added, whatever the style; core names among them change nothing.
        """
        record = make_record("hi")
        plain = row_of(record)
        added = {"processName": record.processName, "levelno": 20}

        assert plain | added == row_of(record, fmt="%(processName)s %(levelno)d %(message)s")
        assert plain | added == row_of(record, fmt=["processName", "levelno", "message"])
        assert plain | added == row_of(record, fmt="{processName} {levelno}", style="{")
        assert plain | added == row_of(record, fmt="${processName} ${levelno}", style="$")

    def test_asctime(self) -> None:
        """
        The attribute asctime follows datefmt.
        """
        record = make_record()

        assert (
            str(datetime.datetime.fromtimestamp(record.created).year)
            == (row_of(record, fmt=["asctime"], datefmt="%Y")["asctime"])
        )

    def test_rename(self) -> None:
        """
        Renamed keys keep their place and value.
        """
        row = row_of(make_record("hi", extra={"user": "u"}), rename_fields={"message": "msg", "user": "who"})

        assert ("hi", "u", False) == (row["msg"], row["who"], "message" in row)
        assert list(row).index("msg") == 3

    def test_rename_to_a_core_name(self) -> None:
        """
        A field renamed to a core name does not take its place.
        """
        row = row_of(
            make_record("hi", extra={"user": "u"}), rename_fields={"user": "level", "message": "source"}
        )

        assert ("info", "u", "orders.py:42", "hi") == (
            row["level"],
            row["level_"],
            row["source"],
            row["source_"],
        )

    def test_rename_to_a_name_in_use(self) -> None:
        """
        Of two fields with one name after renaming both are kept.
        """
        row = row_of(make_record("hi", extra={"text": "user's"}), rename_fields={"message": "text"})

        assert ("hi", "user's") == (row["text"], row["text_"])

    def test_static_fields_and_defaults(self) -> None:
        """
        Static fields and defaults are added where the record has nothing under their name.
        """
        record = make_record(extra={"region": "cn"})

        row = row_of(
            record, static_fields={"app": "ginkgo", "level": "x"}, defaults={"region": "?", "zone": "a"}
        )

        assert ("ginkgo", "x", "info", "cn", "a") == (
            row["app"],
            row["level_"],
            row["level"],
            row["region"],
            row["zone"],
        )

    def test_default_of_a_named_attribute(self) -> None:
        """
        A default serves an attribute named in the format only where the record has none.
        """
        options: dict[str, Any] = {
            "fmt": ["processName", "job"],
            "defaults": {"processName": "?", "job": "none"},
        }

        row = row_of(make_record(), **options)

        assert ("MainProcess", "none") == (row["processName"], row["job"])

    def test_options_keep_the_order(self) -> None:
        """
        Added keys come after those of the contract.
        """
        row = row_of(make_record(), static_fields={"app": "g"}, defaults={"zone": "a"}, fmt=["thread"])

        assert ("timestamp", {"app", "zone", "thread"}) == (next(iter(row)), set(list(row)[-3:]))

    def test_reserved_attrs(self) -> None:
        """
        Keys that are listed as reserved are left out.
        """
        row = row_of(make_record(extra={"noise": 1}), reserved_attrs=["hostname", "pid", "noise", "args"])

        assert set() == {"hostname", "pid", "noise"} & set(row)

    def test_prefix(self) -> None:
        """
        The prefix comes before the line, which is no longer than allowed all the same.
        """
        data = JsonFormatter(prefix="@cee: ", max_bytes=2048).format_bytes(make_record("组" * 5000))

        assert (b"@cee: {", True) == (data[:7], len(data) <= 2048)

    def test_json_default(self) -> None:
        """
        The function json_default gives the form of what JSON has none for.
        """
        row = row_of(make_record(extra={"path": Path("/a")}), json_default=lambda value: f"<{value}>")

        assert "</a>" == row["path"]

    @pytest.mark.parametrize("max_bytes", [1023, 0, -1, "16k", None, 1e6, True])
    def test_max_bytes_refused(self, max_bytes: Any) -> None:
        """
        A limit too small for a line, or no number, is refused at once.
        """
        with pytest.raises(ValueError, match="max_bytes must be a whole number from 1024"):
            JsonFormatter(max_bytes=max_bytes)

    def test_unknown_style_refused(self) -> None:
        """
        A style that does not exist is refused at once.
        """
        with pytest.raises(ValueError, match=r"[Ss]tyle"):
            JsonFormatter("%(message)s", style="!")


class TestCoreWins:
    @pytest.mark.parametrize("name", sorted(fields.CORE - {"trace_id", "span_id", "log_category"}))
    def test_extra_with_a_core_name(self, name: str, pipe: Collector) -> None:
        """
        A user's field with the name of a core key is kept under another name, the core key has its value.
        """
        if name in ATTRIBUTES:
            record = make_record("hi")
            context.bind(**{name: "user's"})
        else:
            record = make_record("hi", extra={name: "user's"})

        logger_with(pipe).handle(record)

        row = pipe.rows[0]
        assert ("user's", "info", "hi") == (row[f"{name}_"], row["level"], row["message"])
        assert "user's" != row.get(name)

    @pytest.mark.parametrize("name", sorted(ATTRIBUTES))
    def test_extra_with_a_record_attribute_through_glog(self, name: str, pipe: Collector) -> None:
        """
        GLOG takes `extra` with the name of any attribute of a record, which the standard library refuses.
        """
        GLOG.logger.addHandler(pipe)
        GLOG.logger.propagate = False

        GLOG.ERROR("hi", extra={name: "user's"})

        assert ("user's", "hi", "error") == tuple(
            pipe.rows[0][key] for key in (f"{name}_", "message", "level")
        )

    def test_ids_in_extra(self, pipe: Collector) -> None:
        """
        Ids given in `extra` are the line's ids where none are bound.
        """
        logger_with(pipe).info("x", extra={"trace_id": "t", "span_id": 5, "log_category": "risk"})

        assert ("t", "5", "risk") == tuple(
            pipe.rows[0][key] for key in ("trace_id", "span_id", "log_category")
        )

    def test_dict_as_message(self, pipe: Collector) -> None:
        """
        A dict logged as message is the message, and its fields are fields.
        """
        logger_with(pipe).info({"event": "fill", "seq": "user's", 1: "x"})

        row = pipe.rows[0]
        assert ("fill", "user's", "x") == (row["event"], row["seq_"], row["1"])
        assert "'event': 'fill'" in row["message"]


PLACES = ("message", "arg", "extra", "context", "dict message", "dict key", "exception")


def log_hostile(logger: logging.Logger, place: str, value: Any) -> str:
    """Log *value* in *place*; return how the message must begin."""
    if place == "message":
        logger.error(value)
        return ""
    if place == "arg":
        logger.error("arg %s!", value)
        return "arg "
    if place == "extra":
        logger.error("extra", extra={"value": value, "after": 1})
        return "extra"
    if place == "context":
        with context.bound(value=value, after=1):
            logger.error("context")
        return "context"
    if place == "dict message":
        logger.error({"value": value, "after": 1})
        return ""
    if place == "dict key":
        try:
            hash(value)
        except Exception:
            value = id(value)
        logger.error("key", extra={"value": {value: 1}, "after": 1})
        return "key"
    try:
        raise ValueError(value)
    except ValueError:
        logger.exception("exception")
    return "exception"


class TestHostileValues:
    @pytest.mark.parametrize("place", PLACES)
    # A message's only argument is asked for its class by logging.LogRecord itself.
    @pytest.mark.parametrize("kind", [kind for kind in VALUES if kind not in {"failing class"}])
    def test_one_valid_line(self, place: str, kind: str, pipe: Collector) -> None:
        """
        Whatever is logged wherever, it gives one strict line with message and level intact.
        """
        begin = log_hostile(logger_with(pipe), place, VALUES[kind][0])

        (row,) = pipe.rows
        assert ("error", "tests.pipe", True) == (
            row["level"],
            row["logger_name"],
            row["message"].startswith(begin),
        )
        assert {"seen": 1, "written": 1, "failed": 0}.items() <= pipe.counts.as_dict().items()

    @pytest.mark.parametrize("place", PLACES)
    def test_deep_nesting(self, place: str, pipe: Collector) -> None:
        """
        A value nested a hundred thousand deep gives one valid line, wherever it is logged.
        """
        deep: Any = ()
        for _ in range(100_000):
            deep = [deep]

        begin = log_hostile(logger_with(pipe), place, deep)

        (row,) = pipe.rows
        assert ("error", True) == (row["level"], row["message"].startswith(begin))

    def test_keyword_arguments_of_any_type(self, pipe: Collector) -> None:
        """
        Names in `extra` that are no texts become texts.
        """
        logger_with(pipe).info("x", extra={1: "a", (2,): "b", None: "c"})  # type: ignore[dict-item]

        assert ("a", "b", "c") == tuple(pipe.rows[0][key] for key in ("1", "(2,)", "None"))

    def test_generator_is_not_consumed(self, pipe: Collector) -> None:
        """
        A generator that is logged can still be walked afterwards.
        """
        generator = iter(number for number in [1, 2])

        logger_with(pipe).info("g %s", generator, extra={"g": generator})

        assert ([1, 2], 1) == (list(generator), len(pipe.rows))

    def test_arguments_that_do_not_fit(self, pipe: Collector) -> None:
        """
        Arguments that do not fit the template are in the line all the same.
        """
        logger_with(pipe).info("%d of %d", "x", 2, 3)

        assert ["x of 2 [args: 3]"] == [row["message"] for row in pipe.rows]


class TestCap:
    @pytest.mark.parametrize("max_bytes", [1024, 16_000, 256 * 1024])
    @pytest.mark.parametrize(
        "what",
        [
            {"msg": "组合" * 200_000},
            {"msg": "m", "extra": {"dump": "\x1b" * 300_000}},
            {"msg": "m", "extra": {f"field{n}": "v" * 100 for n in range(4000)}},
            {"msg": "m", "sinfo": "File x\n" * 60_000},
            {"msg": "m", "extra": {"rows": [{"n": n} for n in range(60_000)]}},
        ],
        ids=["message", "field", "many fields", "stack", "nested"],
    )
    def test_line_fits(self, what: dict[str, Any], max_bytes: int) -> None:
        """
        No line is longer than allowed; message, level and time are there.
        """
        record = make_record(**what)

        data = JsonFormatter(max_bytes=max_bytes).format_bytes(record)

        row = strict(data)
        assert len(data) <= max_bytes
        assert ("info", what["msg"][:50]) == (row["level"], row["message"][:50])
        assert state_of(record).truncated
        assert MARKER in str(row) or TRUNCATED_FIELDS in row

    def test_huge_traceback(self) -> None:
        """
        A traceback of a megabyte is cut; type and message of the error are whole.
        """
        error: BaseException = ValueError("first")
        for number in range(3000):
            error.__context__, error = None, RuntimeError(f"wrapped {number}")
            error.__cause__ = ValueError("x" * 300)

        row = row_of(make_record(exc_info=raised(error)), max_bytes=2048)

        assert ("RuntimeError", "wrapped 2999") == (row["error_type"], row["error_message"])

    def test_renamed_core_keys_are_kept(self) -> None:
        """
        A core key under another name is still one of those that are not dropped.
        """
        many = {f"field{n}": "v" * 100 for n in range(500)}

        row = row_of(make_record("hi", extra=many), max_bytes=1024, rename_fields={"source": "code.location"})

        assert "orders.py:42" == row["code.location"]

    def test_counted_once_per_line(self) -> None:
        """
        A cut line counts as truncated for the handler that cut it, and for no other.
        """
        small = Collector(formatter=JsonFormatter(max_bytes=1024))
        large, plain = Collector(formatter=JsonFormatter()), Collector()
        logger = logger_with(small, large, plain)

        logger.info("x" * 5000)
        logger.info("short")

        assert [1, 0, 0] == [handler.counts.truncated for handler in (small, large, plain)]


def test_many_threads_one_formatter() -> None:
    """
    Lines that many threads format at once are whole, with one number each.
    """
    formatter = JsonFormatter()
    rows: list[dict[str, Any]] = []

    def work(number: int) -> None:
        mine = [strict(formatter.format(make_record("n %d", (number,)))) for _ in range(200)]
        rows.extend(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (1600, 1600) == (len(rows), len({row["seq"] for row in rows}))
