"""Give a server's own lines the trace of the request that they are about, though the request is over.

An exception that left a request takes along what was bound in it; a filter on the loggers that servers use
finds it there. gunicorn's access lines show the response's headers, and the trace is one of them.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

from ginkgo_logging import context, propagation, trace_headers
from ginkgo_logging.context import Context
from ginkgo_logging.records import attach_state
from ginkgo_logging.trace_headers import Trace

LOGGERS = (
    "daphne.server",
    "django.server",
    "gunicorn.access",
    "gunicorn.error",
    "hypercorn.error",
    "uvicorn.error",
    "waitress",
    "werkzeug",
)
"""The loggers of the common servers, on which `install` puts the filter."""

_ATTRIBUTE = "_ginkgo_request"
_GUNICORN_HEADER = f"{{{trace_headers.TRACE_ID.lower()}}}o"

_outermost: ContextVar[object | None] = ContextVar("ginkgo_logging_outermost", default=None)
"""Stands for the request that runs here, and for those within it."""


class _Request:
    """What was bound in a request, and which one it was; not pickled with its exception."""

    __slots__ = ("bound", "outermost")

    def __init__(self, bound: Context | None = None, outermost: object | None = None) -> None:
        self.bound = bound
        self.outermost = outermost

    def __reduce__(self) -> tuple[type["_Request"], tuple[()]]:
        return _Request, ()


class RequestFilter(logging.Filter):
    """Put on a server's record what was bound in the request that failed, or that it answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete *record* before any handler's filter does; it always passes."""
        if "_ginkgo" not in record.__dict__:
            bound = _of_exception(record) or _of_response(record)
            if bound is not None:
                attach_state(record, bound)
        return True


_filter = RequestFilter()


def install() -> None:
    """Put the filter on the servers' loggers; doing so again changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_filter)


@contextlib.contextmanager
def request(caller: Trace | None, *, log_category: str | None = None) -> Iterator[str]:
    """Do what `propagation.bound_to` does, for one request, whose errors `remember` knows as its own."""
    token = _outermost.set(_outermost.get() or object())
    try:
        with propagation.bound_to(caller, log_category=log_category) as trace_id:
            yield trace_id
    finally:
        with contextlib.suppress(ValueError):  # as in bound_to
            _outermost.reset(token)


def remember(error: BaseException) -> None:
    """Let *error* take along what is bound now, unless it has crossed the edge of a request within this one.

    One object may be raised in many requests; what it took along from another one is replaced.
    """
    outermost = _outermost.get()
    before = getattr(error, _ATTRIBUTE, None)
    if isinstance(before, _Request) and before.bound is not None and before.outermost is outermost:
        return
    with contextlib.suppress(Exception):  # an exception's class may forbid it; then its line has no trace
        setattr(error, _ATTRIBUTE, _Request(context.current(), outermost))


def _of_exception(record: logging.LogRecord) -> Context | None:
    # werkzeug logs the traceback as text, while it handles the exception.
    info = record.exc_info if isinstance(record.exc_info, tuple) else sys.exc_info()
    request = getattr(info[1], _ATTRIBUTE, None) if len(info) == 3 else None
    return request.bound if isinstance(request, _Request) else None


def _of_response(record: logging.LogRecord) -> Context | None:
    if record.name != "gunicorn.access" or not isinstance(record.args, Mapping):
        return None
    trace_id = record.args.get(_GUNICORN_HEADER)
    bound = context.current()
    if not isinstance(trace_id, str) or trace_id == bound.trace_id or not trace_headers.is_trace_id(trace_id):
        return None
    return Context(trace_id, None, bound.log_category, bound.fields)
