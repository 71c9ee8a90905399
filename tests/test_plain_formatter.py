"""One readable line a record, which no message can break or forge."""

import logging
import time
from typing import Any

import pytest
from lines import make_record, raised

from ginkgo_logging.formatters import PlainFormatter
from ginkgo_logging.formatters.plain import LAYOUT
from ginkgo_logging.records import attach_state, state_of

CONTROLS = {
    "newline": ("\n", "\\n"),
    "carriage return": ("\r", "\\r"),
    "tab": ("\t", "\\t"),
    "nul": ("\0", "\\x00"),
    "escape": ("\x1b[2J", "\\x1b[2J"),
    "delete": ("\x7f", "\\x7f"),
    "c1 csi": ("\x9b", "\\x9b"),
    "next line": ("\x85", "\\x85"),
    "vertical tab": ("\v", "\\x0b"),
    "form feed": ("\f", "\\x0c"),
    "file separator": ("\x1c", "\\x1c"),
    "line separator": ("\u2028", "\\u2028"),
    "paragraph separator": ("\u2029", "\\u2029"),
    "bidi override": ("\u202e", "\\u202e"),
    "bidi isolate": ("\u2066", "\\u2066"),
    "bidi mark": ("\u200f", "\\u200f"),
    "arabic mark": ("\u061c", "\\u061c"),
    "surrogate": ("\udce4", "\\udce4"),
}


def formatted(record: logging.LogRecord, *args: Any, **options: Any) -> str:
    return PlainFormatter(*args, **options).format(record)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local time is UTC."""
    monkeypatch.setattr(logging.Formatter, "converter", time.gmtime)


@pytest.mark.parametrize("fmt", [None, "%(message)s (%(filename)s)", "%(message)s\t(%(filename)s)"])
def test_newline_at_the_end(fmt: str | None) -> None:
    """
    A newline that ends the message, as uvicorn's `Exception in ASGI application`, is not shown; one within is.
    """
    text = formatted(make_record("two\nlines\n"), fmt)

    assert "two\\nlines (" in text.replace("\t", " ")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.usefixtures("utc")
class TestDefaultLayout:
    def test_bare(self) -> None:
        """
        A record with nothing bound is time, level, logger, message and source.
        """
        record = make_record("hi %s", ("ann",))
        record.created, record.msecs = 1772101800.25, 250.0

        assert "2026-02-26 10:30:00.250 INFO     app.orders hi ann (orders.py:42)" == formatted(record)

    def test_whole(self) -> None:
        """
        Category and trace come before the message, fields after it.
        """
        record = make_record("filled")
        record.created, record.msecs = 1772101800.0, 0.0
        attach_state(record, ("t-1", "s-1", "risk", {"portfolio_id": "p-1", "amount": 5}))

        assert (
            "2026-02-26 10:30:00.000 INFO     app.orders [risk t-1] filled portfolio_id=p-1 amount=5 "
            "(orders.py:42)"
        ) == formatted(record)

    @pytest.mark.parametrize(
        ("trace_id", "category", "expected"),
        [(None, None, ""), ("t", None, "[t] "), (None, "risk", "[risk] "), ("t", "risk", "[risk t] ")],
    )
    def test_ids(self, trace_id: str | None, category: str | None, expected: str) -> None:
        """
        The default category is not shown, and no brackets without content.
        """
        record = make_record("hi")
        attach_state(record, (trace_id, None, category, {}))

        assert f"app.orders {expected}hi (orders.py:42)" == formatted(record)[33:]

    def test_same_as_its_format(self) -> None:
        """
        The fast path for the default layout gives what the layout itself gives.
        """
        for created in (0.0, 1772101800.999, 1772101801.0, 1772101800.5):
            record = make_record("hi", extra={"a": [1]}, exc_info=raised(ValueError("x")), level=33)
            attach_state(record, ("t", None, "risk", {"b": None}))
            record.created, record.msecs = created, created % 1 * 1000

            assert formatted(record, LAYOUT) == formatted(record)

    def test_field_that_does_not_print(self) -> None:
        """
        A field that does not print is named by its class.
        """
        assert " bad=<unprintable Unprintable> " in formatted(make_record(extra={"bad": Unprintable()}))


def test_converter_of_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Setting Formatter.converter, as programs that log in UTC do, changes the time.
    """
    record = make_record()
    record.created = 0.0
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        local = formatted(record)
        formatter = PlainFormatter()
        formatter.converter = time.gmtime
        assert ("1970-01-01 08:00:00", "1970-01-01 00:00:00") == (local[:19], formatter.format(record)[:19])
    finally:
        monkeypatch.undo()
        time.tzset()


def test_subclass_with_a_time_of_its_own() -> None:
    """
    A subclass that overrides formatTime is asked for the time.
    """

    class Fixed(PlainFormatter):
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
            return "NOW"

    assert Fixed().format(make_record("hi")).startswith("NOW INFO ")


class TestOneLine:
    @pytest.mark.parametrize("kind", CONTROLS)
    @pytest.mark.parametrize(
        "fmt", [None, "%(levelname)s %(name)s %(ids)s%(message)s%(fields)s %(threadName)s"]
    )
    def test_controls_are_escaped_in_every_part(self, kind: str, fmt: str | None) -> None:
        """
        No part of a record can end the line or drive a terminal.
        """
        control, shown = CONTROLS[kind]
        record = make_record(f"m{control}m", name=f"n{control}n", extra={f"k{control}k": f"v{control}v"})
        record.levelname, record.threadName = f"L{control}L", f"T{control}T"
        record.filename = f"f{control}f.py"
        attach_state(record, (f"t{control}t", None, f"c{control}c", {"b": [f"{control}"]}))

        text = formatted(record, fmt)

        parts = ["mm", "nn", "kk", "vv", "LL", "cc", "tt", "ff" if fmt is None else "TT"]
        assert [] == [part for part in parts if part[0] + shown + part[1] not in text]
        assert control[0] not in text
        assert [text] == text.splitlines()
        assert text == text.encode().decode()

    def test_chinese_and_emoji_are_text(self) -> None:
        """
        Text of any language is shown as it is, the ideographic space too.
        """
        assert "组合\u3000收益 é 😀" in formatted(make_record("组合\u3000收益 é 😀"))

    def test_traceback_is_indented(self) -> None:
        """
        Below the line each line of the traceback is indented, whatever the exception says.
        """
        record = make_record(
            exc_info=raised(ValueError("a\n2026-02-26 forged\r\x1b[2J\u2028")), sinfo="Stack:\n  f"
        )

        _, *below = formatted(record).split("\n")

        assert [] == [line for line in below if not line.startswith("  ")]
        assert "  2026-02-26 forged\\r\\x1b[2J\\u2028" in below
        assert ["  Stack:", "    f"] == below[-2:]

    def test_error_text_of_a_queue(self) -> None:
        """
        Error text that is only in the state, as behind a queue, is shown.
        """
        record = make_record()
        from ginkgo_logging.record_text import ErrorText

        state_of(record).error = ErrorText("E", "m", "Traceback\nE: m")

        assert ["  Traceback", "  E: m"] == formatted(record).split("\n")[1:]


class TestCustomFormat:
    def test_fields_of_a_record(self) -> None:
        """
        A format may name attributes of the record, ids and fields, and any business field.
        """
        record = make_record("hi", extra={"user": "ann"})
        attach_state(record, ("t", "s", None, {"job": 7}))

        text = formatted(
            record, "%(levelno)d|%(trace_id)s|%(span_id)s|%(user)s|%(job)d|%(message)s|%(fields)s"
        )

        assert "20|t|s|ann|7|hi| job=7 user=ann" == text

    @pytest.mark.parametrize(
        ("fmt", "style"),
        [("{levelname:>8}|{message}|{lineno:04d}", "{"), ("    ${levelname}|$message|00$lineno", "$")],
    )
    def test_styles(self, fmt: str, style: Any) -> None:
        """
        The styles of the standard library work.
        """
        assert "    INFO|hi|0042" == formatted(make_record("hi"), fmt, None, style)

    def test_datefmt(self) -> None:
        """
        A date format holds for the default layout and for one's own.
        """
        record = make_record("hi")
        year = str(time.localtime(record.created).tm_year)

        assert (f"{year} INFO", f"{year} hi") == (
            formatted(record, None, "%Y")[:9],
            formatted(record, "%(asctime)s %(message)s", "%Y"),
        )

    def test_defaults(self) -> None:
        """
        A default stands for a name that the record does not have.
        """
        options = {"defaults": {"user": "nobody"}}

        assert ["nobody hi", "ann hi"] == [
            formatted(make_record("hi", extra=extra), "%(user)s %(message)s", **options)
            for extra in ({}, {"user": "ann"})
        ]

    def test_missing_name(self) -> None:
        """
        A record without a named attribute is written in the default layout, not lost.
        """
        text = formatted(make_record("hi"), "%(user)s %(message)s")

        assert text.endswith("INFO     app.orders hi (orders.py:42)")

    def test_value_that_does_not_print(self) -> None:
        """
        A named value that does not print costs the format and not the line.
        """
        text = formatted(make_record("hi", extra={"user": Unprintable()}), "%(user)s %(message)s")

        assert "hi user=<unprintable Unprintable> (orders.py:42)" in text

    def test_controls_of_the_format_are_meant(self) -> None:
        """
        A tab in the format is a tab; one in a value is escaped.
        """
        record = make_record("a\tb\nc", extra={"user": "x\ty"})

        assert "app.orders\ta\\tb\\nc\tx\\ty" == formatted(record, "%(name)s\t%(message)s\t%(user)s")

    def test_object_with_a_newline(self) -> None:
        """
        An object whose text has a newline cannot break the line either.
        """

        class Lines:
            def __str__(self) -> str:
                return "a\nb\x1b"

        record = make_record("hi", extra={"user": Lines()})

        assert "a\\nb\\x1b hi" == formatted(record, "%(user)s %(message)s")

    @pytest.mark.parametrize(("fmt", "style"), [("no field", "%"), ("{", "{"), ("%(message)s", "!")])
    def test_wrong_format_refused(self, fmt: str, style: Any) -> None:
        """
        A format that cannot work is refused at once.
        """
        with pytest.raises(ValueError, match=r".+"):
            PlainFormatter(fmt, None, style)


@pytest.mark.parametrize("fmt", [None, "%(asctime)s %(message)s %(fields)s"])
def test_record_stays_as_it_is(fmt: str | None) -> None:
    """
    Formatting adds and changes no attribute of the record.
    """
    record = make_record("a\nb %s", ("x",), extra={"user": "a\nb"}, exc_info=raised(ValueError("x")))
    state_of(record)
    before = dict(record.__dict__)

    formatted(record, fmt)

    assert before == record.__dict__


def test_handler_of_the_standard_library(tmp_path: Any) -> None:
    """
    Under a standard handler with a strict encoding no line is lost.
    """
    handler = logging.FileHandler(tmp_path / "x.log", encoding="utf-8")
    handler.setFormatter(PlainFormatter())

    handler.handle(make_record("bad \udce4 name"))
    handler.close()

    assert "bad \\udce4 name" in (tmp_path / "x.log").read_text(encoding="utf-8")
