"""capture_logs: rows as the JSON lines would be, whatever handlers there are."""

import contextlib
import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from lines import Collector

from ginkgo_logging import GLOG, setup, shutdown
from ginkgo_logging.config_files import shipped
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.handlers import JsonStreamHandler
from ginkgo_logging.testing import LogRows, capture_logs

_log = logging.getLogger("tests.captured")


@pytest.fixture(autouse=True)
def bare_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root logger as in a program that has configured nothing: pytest's handlers count as handlers."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_rows_are_the_lines_of_the_file(
    home: Path, read_rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """With logging set up, each row equals the line that is written to the file, in order, number and all."""
    setup()
    with capture_logs() as rows:
        with GLOG.with_trace_id("trace-1"), GLOG.context(portfolio_id="p-1", password="hunter2"):
            _log.warning("login with password=%s", "hunter2", extra={"attempt": 2})
            structlog.get_logger("orders").info("accepted", order=4711)
            with contextlib.suppress(ZeroDivisionError):
                try:
                    _ = 1 / 0
                except ZeroDivisionError:
                    _log.exception("no quotient")
                    raise
    shutdown()

    assert read_rows(home / ".ginkgo" / "logs" / "ginkgo.log") == rows
    assert 3 == len(rows)


def test_rows_without_any_configuration_are_complete_and_masked() -> None:
    """Where nothing is configured, the row has context and fields, and no secret."""
    with capture_logs() as rows, GLOG.context(portfolio_id="p-1"):
        _log.debug("password=%s", "hunter2")

    (row,) = rows
    assert {"level": "debug", "message": "password=***", "portfolio_id": "p-1"}.items() <= row.items()
    assert row["source"].startswith("test_testing.py:")


def test_a_record_is_left_as_it_is() -> None:
    """A handler of the program finds in the record what it would find without the capture."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    _log.addHandler(handler)

    with capture_logs():
        _log.warning("password=%s", "hunter2")

    (record,) = records
    assert ("password=%s", ("hunter2",)) == (record.msg, record.args)
    assert not hasattr(record, "_ginkgo")


def test_every_logger_and_thread_counts() -> None:
    """Loggers that do not propagate, other threads and any level of any handler: all are in the rows."""
    setup(console_level="CRITICAL", file_level="CRITICAL")
    closed = logging.getLogger("tests.captured.closed")
    closed.propagate = False

    with capture_logs() as rows:
        closed.error("not propagated")
        thread = threading.Thread(target=_log.debug, args=("in a thread",))
        thread.start()
        thread.join()

    assert ["not propagated", "in a thread"] == [row["message"] for row in rows]


def test_what_flow_control_holds_back_is_there() -> None:
    """Each of a hundred equal errors is a row."""
    setup()

    with capture_logs() as rows:
        for _ in range(100):
            _log.error("again")

    assert 100 == len(rows.filter(message="again"))


def test_levels_are_put_back() -> None:
    """The root logger's level is lowered for the block only, and never raised."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    with capture_logs("INFO"):
        lowered = root.level
        with capture_logs(logging.ERROR):
            still = root.level

    assert (logging.INFO, logging.INFO, logging.WARNING) == (lowered, still, root.level)


def test_a_configuration_made_meanwhile_stays() -> None:
    """A level that the program sets in the block is its own."""
    with capture_logs():
        setup("container")

    assert logging.INFO == logging.getLogger().level


def test_levels_of_loggers_count() -> None:
    """What a logger does not let pass is logged by nobody."""
    _log.setLevel(logging.ERROR)

    with capture_logs() as rows:
        _log.warning("not logged")

    assert [] == rows


def test_json_options_of_the_configuration_count() -> None:
    """Keys that the dictConfig file adds or renames, and its masking, count; a prefix is no part of the row."""
    document = dict(shipped("test").document)
    document["formatters"] = {
        "json": {
            "()": "ginkgo_logging.formatters.JsonFormatter",
            "static_fields": {"service": "x"},
            "prefix": "@cee: ",
        }
    }
    document["filters"] = document["filters"] | {
        "masking": {"()": "ginkgo_logging.filters.MaskingFilter", "fields": ["colour"]}
    }
    setup(document)
    logging.getLogger().setLevel(logging.CRITICAL)
    handler = logging.getLogger().handlers[0]
    handler.setLevel(logging.CRITICAL)  # its filters do not run, and yet are the ones

    with capture_logs() as rows:
        _log.info("colour=%s", "blue")

    assert ("x", "colour=***") == (rows[0]["service"], rows[0]["message"])


def test_a_pipe_without_masking_is_shown_as_it_is() -> None:
    """Where the line is written unmasked, the row tells so."""
    collector = Collector(ContextFilter(), formatter=JsonStreamHandler().formatter)
    logging.getLogger().addHandler(collector)

    with capture_logs() as rows:
        _log.warning("password=%s", "hunter2")

    assert collector.rows == rows
    assert "password=hunter2" == rows[0]["message"]


def test_a_handler_that_raises_raises_as_ever() -> None:
    """An exception of a foreign handler reaches the caller, and the line is a row all the same."""
    handler = logging.Handler()

    def fail(_: logging.LogRecord) -> None:
        raise RuntimeError("broken handler")

    handler.handle = fail  # type: ignore[assignment, method-assign]
    _log.addHandler(handler)

    with capture_logs() as rows, pytest.raises(RuntimeError, match="broken handler"):
        _log.warning("still a line")

    assert "still a line" == rows[0]["message"]


def test_a_formatter_that_raises_costs_the_row_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be made a row is reported on stderr; the log call goes on."""
    monkeypatch.setattr("ginkgo_logging.testing.json.loads", lambda _: 1 / 0)
    monkeypatch.setattr("ginkgo_logging.accounting.reporter._next", float("-inf"))  # whatever failed before

    with capture_logs() as rows:
        _log.warning("a line")

    assert [] == rows
    assert "capture_logs" in capsys.readouterr().err


def test_filter_finds_by_fields() -> None:
    """A row is found by all of the given fields, equal or matching; an unknown field finds nothing."""
    rows = LogRows(
        [{"level": "error", "message": "order 1 failed", "n": 1}, {"level": "info", "message": "ok"}]
    )

    assert rows[:1] == rows.filter(level="error", message=re.compile(r"order \d"))
    assert [] == rows.filter(level="error", message="order 1")
    assert rows[:1] == rows.filter(n=1).filter(level="error")
    assert [] == rows.filter(unknown=None)


def test_captures_may_end_in_any_order() -> None:
    """Of two captures that overlap, as of concurrent tasks, each has its own lines, and nothing stays behind."""
    logger, root = logging.getLogger("overlapping"), logging.getLogger()
    before = logging.Logger.callHandlers, root.level
    first, second = capture_logs(), capture_logs()
    rows_of_first = first.__enter__()
    logger.info("one")
    rows_of_second = second.__enter__()
    logger.info("two")
    first.__exit__(None, None, None)
    logger.info("three")

    second.__exit__(None, None, None)

    assert ["one", "two"] == [row["message"] for row in rows_of_first]
    assert ["two", "three"] == [row["message"] for row in rows_of_second]
    assert before == (logging.Logger.callHandlers, root.level)


def test_a_library_that_wraps_what_captures_use_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another library puts around `callHandlers` stays, and later lines are captured once."""
    seen: list[object] = []
    monkeypatch.setattr(logging.Logger, "callHandlers", logging.Logger.callHandlers)  # put back at the end
    with capture_logs():
        call_handlers = logging.Logger.callHandlers

        def wrapper(logger: logging.Logger, record: logging.LogRecord) -> None:
            seen.append(record.msg)
            call_handlers(logger, record)

        monkeypatch.setattr(logging.Logger, "callHandlers", wrapper)

    with capture_logs() as rows:
        logging.getLogger("wrapped").info("x")

    assert ["x"] == [row["message"] for row in rows]
    assert ["x"] == seen
