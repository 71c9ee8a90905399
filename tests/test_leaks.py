"""No secret leaves: every way in, through every way out.

Ways in: message, args, a dict as message, extra, bound context, exception, chained and grouped exceptions, notes,
stack text, warnings, structlog. Ways out: JSON, plain, a terminal, and formatters of others on handlers that list
the filter.
"""

import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from pythonjsonlogger.json import JsonFormatter as ForeignJsonFormatter

from ginkgo_logging import context, setup
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter
from ginkgo_logging.handlers import ConsoleHandler, LineHandler

SECRET = "hunter2-Zq9"

logger = logging.getLogger("tests.leaks")


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Give each test a logger without handlers."""
    logger.propagate = False
    yield
    logger.handlers.clear()
    logging.getLogger("py.warnings").handlers.clear()


class RecordDump(logging.Formatter):
    """A formatter of another package that prints whatever a record holds."""

    def format(self, record: logging.LogRecord) -> str:
        text = " ".join(f"{name}={value!r}" for name, value in record.__dict__.items() if name != "_ginkgo")
        return f"{text} {super().format(record)}"


def _text(formatter: logging.Formatter) -> tuple[logging.Handler, Callable[[], str]]:
    class Out(LineHandler):
        def write_line(self, line: bytes) -> None:
            out.write(line)

    out = io.BytesIO()
    handler = Out()
    handler.setFormatter(formatter)
    return handler, lambda: out.getvalue().decode()


def _foreign(formatter: logging.Formatter) -> tuple[logging.Handler, Callable[[], str]]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    return handler, out.getvalue


def _terminal() -> tuple[logging.Handler, Callable[[], str]]:
    out = io.StringIO()
    return ConsoleHandler(stream=out, color=True), out.getvalue


WAYS_OUT: dict[str, Callable[[], tuple[logging.Handler, Callable[[], str]]]] = {
    "json": lambda: _text(JsonFormatter()),
    "plain": lambda: _text(PlainFormatter()),
    "terminal": _terminal,
    "foreign text": lambda: _foreign(logging.Formatter("%(asctime)s %(message)s")),
    "foreign json": lambda: _foreign(ForeignJsonFormatter("%(message)s")),
    "foreign dump": lambda: _foreign(RecordDump("%(message)s")),
}


def _message() -> None:
    logger.warning(f"login with password={SECRET} refused")


def _args() -> None:
    logger.warning("login %s with %s", "ann", {"password": SECRET})


def _named_args() -> None:
    logger.warning("login with password=%(password)s", {"password": SECRET})


def _args_that_do_not_fit() -> None:
    logger.warning("password=%s %d", SECRET, "x")


def _dict_message() -> None:
    logger.warning({"user": "ann", "db": {"password": SECRET}})


def _extra() -> None:
    logger.warning("login", extra={"api_token": SECRET, "request": {"headers": [("Authorization", SECRET)]}})


def _context() -> None:
    with context.bound(password=SECRET, url=f"postgres://ann:{SECRET}@db/x"):
        logger.warning("login")


def _exception() -> None:
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        logger.exception("login failed")


def _chain() -> None:
    try:
        try:
            raise KeyError(f"token: {SECRET}")
        except KeyError as exc:
            raise RuntimeError("outer") from exc
    except RuntimeError:
        logger.exception("login failed")


def _group() -> None:
    try:
        raise ExceptionGroup("many", [ValueError(f"password={SECRET}"), TypeError("harmless")])
    except ExceptionGroup:
        logger.exception("login failed")


def _note() -> None:
    error = ValueError("login")
    error.add_note(f"sent Authorization: Bearer {SECRET}")
    logger.warning("login failed", exc_info=error)


def _stack() -> None:
    eval(compile(f"logger.warning('here', stack_info=True) # password={SECRET}", __file__, "eval"))
    record = logger.makeRecord(
        logger.name, logging.WARNING, "f", 1, "m", (), None, sinfo=f"password={SECRET}"
    )
    logger.handle(record)


def _warning() -> None:
    logging.captureWarnings(True)
    try:
        for handler in logger.handlers:
            logging.getLogger("py.warnings").addHandler(handler)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"password={SECRET}", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)


def _structlog() -> None:
    from ginkgo_logging.integrations.structlog import configure

    structlog.reset_defaults()
    configure()
    with structlog.contextvars.bound_contextvars(session_token=SECRET):
        structlog.get_logger("tests.leaks").warning("login", password=SECRET, nested={"api_key": SECRET})


WAYS_IN = [
    _message,
    _args,
    _named_args,
    _args_that_do_not_fit,
    _dict_message,
    _extra,
    _context,
    _exception,
    _chain,
    _group,
    _note,
    _stack,
    _warning,
    _structlog,
]


@pytest.mark.parametrize("way_out", WAYS_OUT)
@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way: way.__name__.strip("_"))
def test_no_secret_leaves(way_in: Callable[[], None], way_out: str) -> None:
    """
    A secret that comes in one way does not leave another way, and the line is written.
    """
    handler, written = WAYS_OUT[way_out]()
    for one in (ContextFilter(), ThrottleFilter(), MaskingFilter()):
        handler.addFilter(one)
    logger.handlers[:] = [handler]  # pytest's own handler raises where arguments do not fit

    way_in()

    assert SECRET not in written()
    assert written().strip()
    if way_out == "json":
        assert "***" in written()


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_without_the_filter_the_suite_would_see_the_secret(way_out: str) -> None:
    """
    The same message without the masking filter shows its secret, so the tests above can fail.
    """
    handler, written = WAYS_OUT[way_out]()
    logger.addHandler(handler)

    _message()

    assert SECRET in written()


@pytest.mark.parametrize("first", ["foreign text", "foreign dump"])
def test_a_handler_before_ours_cannot_spoil_masking(first: str) -> None:
    """
    A formatter that caches message or traceback on the record, unmasked, does not make the next handler leak.
    """
    raw, _ = WAYS_OUT[first]()
    masked, written = WAYS_OUT["foreign text"]()
    masked.addFilter(MaskingFilter())
    logger.addHandler(raw)
    logger.addHandler(masked)

    _exception()

    assert SECRET not in written()


def test_objects_of_the_caller_stay_as_they_are() -> None:
    """
    Masking changes a copy: the caller's dicts, lists and exceptions are untouched.
    """
    handler, _ = WAYS_OUT["json"]()
    handler.addFilter(ContextFilter())
    handler.addFilter(MaskingFilter())
    logger.addHandler(handler)
    mine: dict[str, Any] = {"password": SECRET, "list": [{"token": SECRET}]}
    error = ValueError(f"password={SECRET}")

    logger.warning("%s", mine, extra={"mine": mine}, exc_info=error)

    assert {"password": SECRET, "list": [{"token": SECRET}]} == mine
    assert (f"password={SECRET}",) == error.args


def test_uncaught_exception_leaves_masked(capfd: pytest.CaptureFixture[str]) -> None:
    """
    Both our line and the interpreter's own traceback of an uncaught exception are masked.
    """
    setup("test")
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError as exc:
        sys.excepthook(type(exc), exc, exc.__traceback__)

    assert SECRET not in capfd.readouterr().err


@pytest.mark.parametrize("way_out", ["json", "plain", "terminal", "foreign dump"])
def test_ids_are_masked(way_out: str) -> None:
    """
    A trace_id, span_id or category may come from a request's header, and is masked as any text.
    """
    handler, written = WAYS_OUT[way_out]()
    handler.addFilter(ContextFilter())
    handler.addFilter(MaskingFilter())
    logger.handlers[:] = [handler]

    with context.with_trace_id(f"password={SECRET}"), context.with_span_id(f"token={SECRET}"):
        context.set_log_category(f"https://u:{SECRET}@h/")
        logger.warning("line")
        logger.warning("the same again")

    assert SECRET not in written()
    assert "line" in written()
