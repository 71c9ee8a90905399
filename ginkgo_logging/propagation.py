"""Take a trace over the edge of a process: out of what is bound into headers, and in again.

`inject` and `received` serve every carrier; the modules in `ginkgo_logging.integrations` know some of them.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from ginkgo_logging import context, trace_headers
from ginkgo_logging.trace_headers import Trace

PARENT_SPAN_ID = "parent_span_id"
"""The field that names the caller's span, by which the spans of several services become one tree."""

_received: ContextVar[Trace | None] = ContextVar("ginkgo_logging_received", default=None)


def inject() -> dict[str, str]:
    """Return the headers that hand on the trace of the running thread or task; {} if it has none.

    The caller's flags and ``tracestate`` are handed on with its trace. Where no W3C span_id is bound, each call
    has a new one.
    """
    bound = context.current()
    if bound.trace_id is None:
        return {}
    caller = _received.get()
    if caller is None or caller.trace_id != bound.trace_id:
        caller = Trace(bound.trace_id)
    span = context.span_source() if context.span_source is not None else None
    if span is not None and span[0] == bound.trace_id:
        caller = caller._replace(flags=span[2])
    own_id = bound.span_id or ""
    parent_id = own_id if trace_headers.is_w3c_span_id(own_id) else context.new_span_id()
    return trace_headers.write(caller._replace(parent_id=parent_id))


@contextlib.contextmanager
def received(get: Callable[[str], str | None], *, log_category: str | None = None) -> Iterator[str]:
    """Bind inside the block the trace that headers name, else a new one; yield its trace_id.

    *get* returns the value of a header, or None; see `trace_headers.read` for what counts as valid. What the
    work does gets a span_id of its own; the caller's, if known, is the field ``parent_span_id``. Afterwards all
    that is bound is exactly as it was before.
    """
    with bound_to(trace_headers.read(get), log_category=log_category) as trace_id:
        yield trace_id


@contextlib.contextmanager
def bound_to(caller: Trace | None, *, log_category: str | None = None) -> Iterator[str]:
    """Do what `received` does, for a trace that was read already; None is for work that begins here."""
    span = context.span_source() if context.span_source is not None else None
    # A tracing library that is further out has begun a trace for this work already.
    begun = context.new_trace_id() if span is None else span[0]
    ids = {"trace_id": begun if caller is None else caller.trace_id, "span_id": context.new_span_id()}
    # Its spans have other parents than this one within the work.
    if caller is not None and caller.parent_id and span is None:
        ids[PARENT_SPAN_ID] = caller.parent_id
    token = _received.set(caller)
    try:
        with context.bound(**ids, **({"log_category": log_category} if log_category else {})):
            yield ids["trace_id"]
    finally:
        with contextlib.suppress(ValueError):  # another thread or task closes it, which has its own context
            _received.reset(token)
