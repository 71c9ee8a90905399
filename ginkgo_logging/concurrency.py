"""Context and configuration follow the work into threads, pools and processes.

A thread's work runs in a copy of the context of the code that handed it over (PEP 567): what is bound there is
seen by it, what it binds is seen by nobody else. A process has no access to that; it gets what is bound in
`ginkgo_logging.context` and the arguments of `ginkgo_logging.setup`.
"""

import contextlib
import inspect
import logging
import pickle  # what multiprocessing itself sends to its children
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, update_wrapper
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from ginkgo_logging import config, context
from ginkgo_logging.record_state import PLAIN_TYPES
from ginkgo_logging.record_text import printable

_P = ParamSpec("_P")
_T = TypeVar("_T")
_logger = logging.getLogger(__name__)

_RUN_LATER = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A `concurrent.futures.ThreadPoolExecutor` whose every task runs in a copy of its submitter's context.

    So do those of ``map`` and of ``loop.run_in_executor``. What one task binds, no other task sees. Functions
    of ``add_done_callback`` run where the standard library runs them.
    """

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Schedule ``fn(*args, **kwargs)``, to run in a copy of the context of this call."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


class propagate(Generic[_P, _T]):  # noqa: N801 - called like a function
    """Return *function* bound to the context of this call, in which each call of it runs, wherever that is.

    For ``Thread(target=propagate(work))``, ``Timer``, any executor, pool, callback or `multiprocessing.Process`.
    Each call has a copy of its own, so that calls neither see what another one binds nor wait for each other.
    Pickled, on the way to another process, it takes along what is bound and, if ``setup`` was called, its
    arguments: a child that has no configuration (one that was spawned or came from a fork server) configures
    itself. What cannot be pickled of the context is text there.

    A coroutine or generator function is refused: to call it runs nothing yet. An asyncio task inherits what is
    bound where it is made.
    """

    def __init__(self, function: Callable[_P, _T]) -> None:
        if any(test(function) for test in _RUN_LATER):
            raise TypeError(
                f"propagate() is for functions that run when they are called, got {function!r}; asyncio tasks"
                " inherit what is bound, and asyncio.create_task(..., context=...) is for another context"
            )
        self._function = function
        self._context = copy_context()
        self._carried: _Carried | None = None  # instead of a context: this came from another process
        with contextlib.suppress(AttributeError, TypeError):
            update_wrapper(self, function, updated=())

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the function in a copy of the context."""
        if self._carried is not None:
            return _run_with(self._carried, self._function, *args, **kwargs)
        return self._context.copy().run(self._function, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        carried = self._carried or _Carried(self._context.copy().run(context.current), config.last_setup())
        return _arrive, (self._function, carried)


def _arrive(function: Callable[_P, _T], carried: "_Carried") -> propagate[_P, _T]:
    carried.configure()
    arrived = propagate(function)
    arrived._carried = carried
    return arrived


class ContextProcessPoolExecutor(ProcessPoolExecutor):
    """A `concurrent.futures.ProcessPoolExecutor` whose children log as their parent, for every start method.

    Children are configured by the arguments of the `setup` in force when the pool was made. Each task runs with
    what was bound in `ginkgo_logging.context` where it was submitted; what it binds ends with it. All processes
    may write to one `RotatingFileHandler`.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        begin = child_initializer(initializer, *initargs)
        super().__init__(max_workers, mp_context, begin, (), **options)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Schedule ``fn(*args, **kwargs)``, to run with what is bound now."""
        # The initializer has configured the child.
        return super().submit(partial(_run_with, _Carried(context.current(), None), fn, *args, **kwargs))


def child_initializer(then: Callable[..., object] | None = None, *arguments: Any) -> Callable[[], None]:
    """Return an ``initializer`` for a pool of processes, which calls *then* with *arguments* at its end.

    It configures a child that has no configuration as its parent was by `setup`, and binds for good what is
    bound now. Never fails for a reason of its own: a child that cannot be configured like its parent says so in
    a warning, and logs with its settings.
    """
    return partial(_begin_child, _Carried(context.current(), config.last_setup()), then, arguments)


def _begin_child(carried: "_Carried", then: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    carried.configure()
    carried.restore()
    if then is not None:
        then(*arguments)


def _run_with(carried: "_Carried", function: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T:
    inherited = copy_context()
    inherited.run(carried.restore)
    return inherited.run(function, *args, **kwargs)


# --- what a process can carry to another one ---------------------------------------------------------------


class _Pickled(NamedTuple):
    """A value that may turn out not to load in the other process, and its text."""

    data: bytes
    text: str

    def value(self) -> object:
        try:
            return pickle.loads(self.data)  # noqa: S301 - made by `_portable`, in the process that started this one
        except Exception:  # noqa: BLE001 - the class may not be there, its __setstate__ may raise anything
            return self.text


def _portable(value: object) -> object:
    if type(value) in PLAIN_TYPES:
        return value
    text = printable(value)
    try:
        return _Pickled(pickle.dumps(value), text)
    except Exception:  # noqa: BLE001 - a __reduce__ may raise anything
        return text


class _Carried:
    """What is bound, and the arguments of `setup`, in a form that can be pickled whatever they are."""

    def __init__(self, bound: context.Context, given: config.SetupCall | None) -> None:
        ids = {"trace_id": bound.trace_id, "span_id": bound.span_id, "log_category": bound.log_category}
        self._bound = {name: _portable(value) for name, value in (ids | dict(bound.fields)).items()}
        if given is not None:
            portable = {name: _portable(value) for name, value in given.arguments.items()}
            given = config.SetupCall(given.directory, portable)
        self._given = given

    def restore(self) -> None:
        """Bind what was bound, and nothing else."""
        context.clear()
        context.bind(**_loaded(self._bound))
        # A forked child has what the one had bound that happened to start it.
        structlog_contextvars = sys.modules.get("structlog.contextvars")
        if structlog_contextvars is not None:
            structlog_contextvars.clear_contextvars()

    def configure(self) -> None:
        """Call `setup` as it was called, unless this process was configured by a fork or by its main module."""
        if self._given is None or config.last_setup() is not None:
            return
        directory, arguments = self._given
        try:
            with _working_in(directory):
                config.setup(**_loaded(arguments))
        except Exception as exc:  # noqa: BLE001 - the work is worth more
            config.setup_or_defaults()
            _logger.warning("this process is not configured for logging as its parent was: %s", exc)


@contextlib.contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    """Look relative paths up where the parent did, if that directory is still there."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(contextlib.chdir(directory))
        yield


def _loaded(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: value.value() if isinstance(value, _Pickled) else value for name, value in values.items()}
