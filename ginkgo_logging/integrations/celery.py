"""Celery: a task runs in the trace of the code that sent it."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from celery import signals

from ginkgo_logging import context, propagation, trace_headers
from ginkgo_logging.trace_headers import Trace

_UID = "ginkgo_logging"

_Running = tuple[tuple[str, AbstractContextManager[Any]], ...]
_running: ContextVar[_Running] = ContextVar("ginkgo_logging_celery", default=())
"""The tasks that run now, the outermost first: an eager task runs within the one that sent it."""

_log_category: str | None = None


def instrument(*, log_category: str | None = None) -> None:
    """Let tasks that this process sends carry the trace, and those that it runs be bound to theirs.

    Call it in the module of the Celery app: senders and workers import that. While a task runs, its lines and
    Celery's about it have the sender's trace_id, a span_id of their own, ``task_id``, ``task_name`` and
    *log_category*; afterwards all that is bound is exactly as it was before. A task that came without a trace
    has its task_id as trace_id (without hyphens), in all of its retries. An eager task stays in the trace of
    its caller. Headers that the caller has set stay. May be called again.
    """
    global _log_category
    _log_category = log_category
    for signal, receiver in _RECEIVERS:
        signal.connect(receiver, weak=False, dispatch_uid=_UID)


def uninstrument() -> None:
    """Take `instrument` back. Not while tasks run: nobody would hear of their end."""
    for signal, receiver in _RECEIVERS:
        signal.disconnect(receiver, dispatch_uid=_UID)


def _send(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        there = {name.lower() for name in headers}
        ours = propagation.inject().items()
        headers.update((name, value) for name, value in ours if name.lower() not in there)


def _begin(task_id: str, task: Any, **_: Any) -> None:
    if not task.request.is_eager:
        _end_all()  # what a task left behind whose end was not announced
    bound = context.current()
    caller = _caller(task.request, task_id)
    if task.request.is_eager and bound.trace_id is not None:
        scope: AbstractContextManager[Any] = context.bound(log_category=_log_category or bound.log_category)
    else:
        scope = propagation.bound_to(caller, log_category=_log_category)
    scope.__enter__()
    _running.set((*_running.get(), (task_id, scope)))
    context.bind(task_id=task_id, task_name=task.name)


def _end(task_id: str, **_: Any) -> None:
    running = _running.get()
    if any(one == task_id for one, _ in running):
        while running:
            *rest, (last, scope) = running
            running = tuple(rest)
            scope.__exit__(None, None, None)
            if last == task_id:
                break
        _running.set(running)


def _end_all() -> None:
    if running := _running.get():
        _end(running[0][0])


def _caller(request: Any, task_id: str) -> Trace | None:
    headers = {str(name).lower(): value for name, value in (request.headers or {}).items()}

    def get(name: str) -> str | None:
        value = headers.get(name.lower())
        return value if isinstance(value, str) else None

    caller = trace_headers.read(get)
    if caller is None and trace_headers.is_w3c_trace_id(own := task_id.replace("-", "")):
        return Trace(own)
    return caller


_RECEIVERS = (
    (signals.before_task_publish, _send),
    (signals.task_prerun, _begin),
    (signals.task_postrun, _end),
)
