"""Log what nobody caught as one line with its thread's context; then the default behaviour follows.

Covers `sys.excepthook`, `threading.excepthook`, `sys.unraisablehook` and asyncio's default exception handler.
"""

import contextvars
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ginkgo_logging import context
from ginkgo_logging.accounting import reporter
from ginkgo_logging.filters.masking import WITHHELD, mask_text
from ginkgo_logging.importing import forget, when_imported
from ginkgo_logging.record_text import printable
from ginkgo_logging.records import attach_state

HOOKS = ("main", "threads", "unraisable", "asyncio")
"""What can be watched: the main thread, other threads, ``__del__`` and callbacks, tasks and event loops."""

_EVENT_LOOPS = "asyncio.base_events"
_logger = logging.getLogger("ginkgo_logging.uncaught")
_installed: "list[_Hook]" = []

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_Report = Callable[..., "str | contextvars.Context | None"]
"""Logs what a hook was called with. Returns what Python prints with its secrets masked, the context in which
the hook before ours belongs, or None."""


def install(hooks: tuple[str, ...] = HOOKS) -> None:
    """Watch *hooks*, and no others. The hooks that were there before are called after ours."""
    uninstall()
    if "main" in hooks:
        _installed.append(_Hook(sys, "excepthook", sys.__excepthook__, _report_main))
    if "threads" in hooks:
        _installed.append(_Hook(threading, "excepthook", threading.__excepthook__, _report_thread))
    if "unraisable" in hooks:
        _installed.append(_Hook(sys, "unraisablehook", sys.__unraisablehook__, _report_unraisable))
    if "asyncio" in hooks:
        # Importing asyncio takes a quarter of the time that setting up takes.
        when_imported(_EVENT_LOOPS, _install_asyncio)


def _install_asyncio() -> None:
    owner = sys.modules[_EVENT_LOOPS].BaseEventLoop
    _installed.append(_Hook(owner, "default_exception_handler", None, _report_asyncio))


def uninstall() -> None:
    """Put back the hooks that were there before.

    Where somebody else has replaced ours since, theirs stays; if it calls ours, that only passes on.
    """
    forget(_EVENT_LOOPS)
    while _installed:
        _installed.pop().retire()


class _Hook:
    """A function of ours in the place of another one, which it calls in the end."""

    def __init__(self, owner: Any, name: str, default: object, report: _Report) -> None:
        self._owner, self._name = owner, name
        self._previous: Callable[..., object] = getattr(owner, name)
        self._is_default = self._previous is default
        self._report: _Report | None = report
        # A function, not a bound method: asyncio's place is a method of a class.
        self._function = lambda *args: self._call(*args)
        setattr(owner, name, self._function)

    def retire(self) -> None:
        """Leave the place if it is still ours; report nothing more in any case."""
        self._report = None
        if getattr(self._owner, self._name, None) is self._function:
            setattr(self._owner, self._name, self._previous)

    def _call(self, *args: Any) -> None:
        follow: str | contextvars.Context | None = None
        if self._report is not None:
            try:
                follow = self._report(*args)
            except Exception as exc:  # noqa: BLE001 - whatever is broken here, the traceback must come out
                reporter.report("uncaught exceptions", exc)
        if isinstance(follow, contextvars.Context):
            follow.run(self._previous, *args)
        elif follow is not None and self._is_default and sys.stderr is not None:
            sys.stderr.write(follow)
        else:
            self._previous(*args)


# --- the reports -------------------------------------------------------------------------------------------


def _report_main(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> str | None:
    if not issubclass(kind, KeyboardInterrupt):
        _log("uncaught exception: %s", kind.__name__, exc_info=(kind, value, trace))
    return _masked("", (kind, value, trace))


def _report_thread(args: threading.ExceptHookArgs) -> str | None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return None
    info = (args.exc_type, args.exc_value, args.exc_traceback)
    name = args.thread.name if args.thread is not None else str(threading.get_ident())
    if not issubclass(args.exc_type, KeyboardInterrupt):
        _log("uncaught exception in thread %s: %s", name, args.exc_type.__name__, exc_info=info)
    return _masked(f"Exception in thread {name}:\n", info)


def _report_unraisable(unraisable: "sys.UnraisableHookArgs") -> str | None:
    if unraisable.exc_value is None:
        return None
    info = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
    what, thing = unraisable.err_msg or "Exception ignored in", unraisable.object
    place = getattr(thing, "__qualname__", type(thing).__name__)
    _log("%s %s: %s", what, place, unraisable.exc_type.__name__, exc_info=info, level=logging.ERROR)
    return _masked(f"{what}: {_represented(thing)}\n", info)


def _report_asyncio(_: object, details: dict[str, Any]) -> contextvars.Context | None:
    # asyncio logs an exception nobody awaited through the logger "asyncio", which is in the pipe already, but
    # from wherever the task is collected. The task knows its own context from CPython 3.12 on.
    get_context = getattr(details.get("task") or details.get("future"), "get_context", None)
    if get_context is None:
        return None
    own_context: contextvars.Context = get_context()
    return own_context.copy()


# --- how ---------------------------------------------------------------------------------------------------


def _log(message: str, *args: object, exc_info: _ExcInfo, level: int = logging.CRITICAL) -> None:
    try:
        if not _logger.isEnabledFor(level):
            return
        filename, line = _raised_at(exc_info)
        make = logging.getLogRecordFactory()
        record = make(_logger.name, level, filename, line, message, args, exc_info)
        attach_state(record, context.current()).printed_elsewhere = True
        _logger.handle(record)
    except Exception as exc:  # noqa: BLE001 - a foreign handler or a broken configuration
        reporter.report("uncaught exceptions", exc)


def _raised_at(exc_info: _ExcInfo) -> tuple[str, int]:
    _, value, trace = exc_info
    filename, line = "(unknown file)", 0
    while trace is not None:
        filename, line, trace = trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_next
    # What does not compile has no frame of its own: there is none, or the last one is of the import system.
    is_nobodys = exc_info[2] is None or filename.startswith("<frozen ")
    if is_nobodys and isinstance(value, SyntaxError) and value.filename:
        return value.filename, value.lineno or 0
    return filename, line


def _masked(heading: str, exc_info: _ExcInfo) -> str | None:
    """Return what Python prints with the secrets masked; None if it holds none, and may be printed as ever."""
    text = heading + "".join(traceback.format_exception(*exc_info))
    masked = mask_text(text)
    if masked != WITHHELD:
        return None if masked == text else masked
    # Masking failed. The texts may hold secrets, but the way to the fault must not be lost with them.
    frames = traceback.extract_tb(exc_info[2])
    way = "".join(f'  File "{f.filename}", line {f.lineno}, in {f.name}\n' for f in frames)
    return f"Traceback (most recent call last):\n{way}{exc_info[0].__name__}: {WITHHELD}\n"


def _represented(thing: object) -> str:
    try:
        return repr(thing)
    except Exception:  # noqa: BLE001 - any object may be the place of an unraisable exception
        return printable(type(thing))
