"""Who and what a log line is about: trace_id, span_id, log_category and business fields.

One context variable holds one immutable `Context`: threads and tasks are isolated, awaited coroutines and
new tasks inherit, and a look-up costs the same however many other context variables a process has. What
`structlog.contextvars.bind_contextvars` binds is seen here too; `merge_context` gives structlog events what
is bound here.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from contextvars import Token as ContextToken
from typing import Any, Literal

from ginkgo_logging import fields
from ginkgo_logging.record_text import printable
from ginkgo_logging.records import rename_taken

_BOUND_BY_NAME = (fields.TRACE_ID, fields.SPAN_ID, fields.LOG_CATEGORY)
_PARTS = (*_BOUND_BY_NAME, "fields")
_NO_FIELDS: dict[str, Any] = {}


# A plain tuple, which is read faster than a named one.
Found = tuple[object, bytes | Literal[False], str, str, str]
"""A masker, what it left of the part of a JSON line (False if there is a secret), and the ids and the category as
a record has them."""


class Context:
    """What is bound at one moment; never changed, only replaced.

    ``fields`` holds the business fields, none of which has a core name. What is bound seldom changes from line
    to line; those who read it keep here what they found out about it: ``json_part`` is its part of a JSON line
    (False if that has to be made for every line), ``found`` what a masker found in it, and ``in_span`` what it
    is within a tracing library's span, so that the lines of a span share all this.
    """

    # Not a named tuple: a subclass of one has no slots, and each line reads ``found``.
    __slots__ = ("fields", "found", "in_span", "json_part", "log_category", "span_id", "trace_id")

    def __init__(
        self,
        trace_id: str | None = None,
        span_id: str | None = None,
        log_category: str | None = None,
        fields: Mapping[str, Any] = _NO_FIELDS,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.log_category = log_category
        self.fields = fields
        self.json_part: bytes | Literal[False] | None = None
        self.found: Found | None = None
        self.in_span: tuple[tuple[str, str, int], Context] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.trace_id, self.span_id, self.log_category, self.fields))

    def replaced(self, **changes: Any) -> "Context":
        """Return a context in which the parts that *changes* names are others."""
        parts = dict(zip(_PARTS, self, strict=True))
        return Context(**{**parts, **changes})


span_source: Callable[[], tuple[str, str, int] | None] | None = None
"""Returns trace_id, span_id and W3C flags of a tracing library's active span, for where no other is bound."""

_EMPTY = Context()
_current: ContextVar[Context] = ContextVar("ginkgo_logging_context", default=_EMPTY)


class Token:
    """What a set function returns: lets the matching clear function restore what was there before."""

    __slots__ = ("_context_token", "_name", "_previous")

    def __init__(self, name: str, previous: str | None, context_token: ContextToken[Context]) -> None:
        self._name = name
        self._previous = previous
        self._context_token = context_token

    def previous(self, name: str) -> str | None:
        """Return the value to restore for *name*; None where the token does not apply.

        It does not apply when it was used before, is of another field, or comes from another thread or task.
        """
        return self._previous if self.is_of_here() and name == self._name else None

    def is_of_here(self) -> bool:
        """Use the token up; tell whether it was fresh, and made in the running thread or task."""
        state = _current.get()
        try:
            _current.reset(self._context_token)
        except (ValueError, RuntimeError):
            return False
        _current.set(state)
        return True


def current() -> Context:
    """Return what is bound for the running thread or task, what was bound through structlog included.

    A name bound in both places has the value bound here.
    """
    own = _current.get()
    # Importing structlog takes longer than everything else here; a program that binds through it has imported it.
    module = sys.modules.get("structlog.contextvars")
    # structlog's own table of variables is empty in most programs.
    if module is not None and getattr(module, "_CONTEXT_VARS", True):
        own = _merged(own, module)
    return own if span_source is None else _with_span(own, span_source())


def _with_span(own: Context, span: tuple[str, str, int] | None) -> Context:
    # With the same trace_id too: what was bound at the service's edge is one span for all that it does.
    if span is None or own.trace_id not in (None, span[0]):
        return own
    if own.in_span is None or own.in_span[0] != span:
        own.in_span = span, own.replaced(trace_id=span[0], span_id=span[1])
    return own.in_span[1]


def _merged(own: Context, structlog_contextvars: Any) -> Context:
    # get_contextvars() walks every context variable of the process; structlog's own table is short.
    variables = getattr(structlog_contextvars, "_CONTEXT_VARS", None)
    if variables is None:
        foreign = structlog_contextvars.get_contextvars()
    else:
        prefix = len(structlog_contextvars.STRUCTLOG_KEY_PREFIX)
        foreign = {
            name[prefix:]: value
            for name, variable in tuple(variables.items())
            if (value := variable.get(...)) is not ...
        }
    if not foreign:
        return own
    ids = [foreign.pop(name, None) for name in _BOUND_BY_NAME]
    trace_id, span_id, log_category = (None if value is None else printable(value) for value in ids)
    return Context(
        own.trace_id or trace_id,
        own.span_id or span_id,
        own.log_category or log_category,
        {**rename_taken(foreign, fields.CORE), **own.fields},
    )


def merge_context(
    _logger: object, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add to a structlog event what is bound here: a structlog processor, for chains that print by themselves.

    Keys that the event has already stay as they are. Events that go through a standard logger do not need it.
    """
    context = _current.get()
    for name in _BOUND_BY_NAME:
        if (value := getattr(context, name)) is not None:
            event_dict.setdefault(name, value)
    for name, value in context.fields.items():
        event_dict.setdefault(name, value)
    return event_dict


# --- trace and span ---------------------------------------------------------------------------------------


def new_trace_id() -> str:
    """Return a random trace id: 32 lower-case hex digits, not all zero (W3C Trace Context, section 3.2.2.3)."""
    return os.urandom(16).hex().replace("0" * 32, "1".rjust(32, "0"))


def new_span_id() -> str:
    """Return a random span id: 16 lower-case hex digits, not all zero (W3C Trace Context, section 3.2.2.4)."""
    return os.urandom(8).hex().replace("0" * 16, "1".rjust(16, "0"))


def get_trace_id() -> str | None:
    """Return the trace_id of the running thread or task, or None."""
    return current().trace_id


def set_trace_id(trace_id: object) -> Token:
    """Give every following line of this thread or task this trace_id (its text; None or "" means none).

    The token restores what was there before; see `clear_trace_id`.
    """
    return _set(fields.TRACE_ID, trace_id)


def clear_trace_id(token: Token | None = None) -> None:
    """Remove the trace_id, or with the token of `set_trace_id` restore the one before.

    A token that is used up, or comes from another thread or task, clears; it never raises.
    """
    _clear(fields.TRACE_ID, token)


@contextlib.contextmanager
def with_trace_id(trace_id: object = None) -> Iterator[str]:
    """Use *trace_id*, or a new random one, inside the block; afterwards the one before is back."""
    with _scoped(fields.TRACE_ID, trace_id or new_trace_id()) as value:
        yield value


def get_span_id() -> str | None:
    """Return the span_id of the running thread or task, or None."""
    return current().span_id


def set_span_id(span_id: object) -> Token:
    """Like `set_trace_id`, for the span_id."""
    return _set(fields.SPAN_ID, span_id)


def clear_span_id(token: Token | None = None) -> None:
    """Like `clear_trace_id`, for the span_id."""
    _clear(fields.SPAN_ID, token)


@contextlib.contextmanager
def with_span_id(span_id: object = None) -> Iterator[str]:
    """Like `with_trace_id`, for the span_id."""
    with _scoped(fields.SPAN_ID, span_id or new_span_id()) as value:
        yield value


def _set(name: str, value: object) -> Token:
    state = _current.get()
    text = None if value is None else printable(value) or None
    return Token(name, getattr(state, name), _current.set(state.replaced(**{name: text})))


def _clear(name: str, token: object) -> None:
    value = token.previous(name) if isinstance(token, Token) else None
    _current.set(_current.get().replaced(**{name: value}))


@contextlib.contextmanager
def _scoped(name: str, value: object) -> Iterator[str]:
    before = getattr(_current.get(), name)
    token = _set(name, value)
    try:
        yield printable(value)
    finally:
        # A generator may be closed by another task or thread than entered the block: that one has its own.
        if token.is_of_here():
            _current.set(_current.get().replaced(**{name: before}))


# --- category and business fields -------------------------------------------------------------------------


def get_log_category() -> str:
    """Return the category of the running thread or task; ``system`` unless one is set."""
    return current().log_category or fields.DEFAULT_CATEGORY


def set_log_category(category: object) -> None:
    """Give every following line of this thread or task this category; None brings ``system`` back."""
    bind(log_category=category)


def get_bound() -> dict[str, Any]:
    """Return a copy of the business fields bound for the running thread or task."""
    return dict(current().fields)


def bind(**bound: Any) -> None:
    """Add *bound* to every following line of this thread or task.

    ``trace_id``, ``span_id`` and ``log_category`` set those; any other core name is kept as ``<name>_``.
    """
    state = _current.get()
    for name in _BOUND_BY_NAME:
        if name in bound:
            value = bound.pop(name)
            state = state.replaced(**{name: None if value is None else printable(value) or None})
    if bound:
        if not fields.CORE.isdisjoint(bound):
            bound = rename_taken(bound, fields.CORE)
        state = state.replaced(fields={**state.fields, **bound})
    _current.set(state)


def unbind(*names: str) -> None:
    """Remove these fields; names that are not bound are ignored."""
    state = _current.get()
    ids: dict[str, Any] = {name: None for name in names if name in _BOUND_BY_NAME}
    gone = {f"{name}_" if name in fields.CORE else name for name in names}
    kept = {name: value for name, value in state.fields.items() if name not in gone}
    _current.set(state.replaced(fields=kept, **ids))


def clear() -> None:
    """Remove all business fields and the category; the trace stays."""
    _current.set(_current.get().replaced(log_category=None, fields={}))


@contextlib.contextmanager
def bound(**scoped: Any) -> Iterator[None]:
    """Bind inside the block; afterwards fields, category and ids are exactly what they were before it."""
    token = _current.set(_current.get())
    bind(**scoped)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # as in _scoped
            _current.reset(token)
