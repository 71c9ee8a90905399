"""Log what nobody caught as one line with its thread's context; then the default behaviour follows.

Covers `sys.excepthook`, `threading.excepthook`, `sys.unraisablehook` and asyncio's default exception handler.
"""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ginkgo_logging import context
from ginkgo_logging.filters.masking import mask_text
from ginkgo_logging.records import adopt

HOOKS = ("main", "threads", "unraisable", "asyncio")
"""What can be watched: the main thread, other threads, ``__del__`` and callbacks, tasks and event loops."""

_logger = logging.getLogger("ginkgo_logging.uncaught")
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_restore: dict[str, Callable[[], None]] = {}


def install(hooks: tuple[str, ...] = HOOKS) -> None:
    """Watch *hooks*, and no others. The hooks that were there before are called after ours."""
    uninstall()
    for name in hooks:
        _restore[name] = _INSTALLERS[name]()


def uninstall() -> None:
    """Put back the hooks that were there before, except where somebody else has replaced ours since."""
    while _restore:
        _restore.popitem()[1]()


def _log(message: str, *args: object, exc_info: _ExcInfo, level: int = logging.CRITICAL) -> None:
    if not _logger.isEnabledFor(level):
        return
    trace, frame, line = exc_info[2], "(unknown file)", 0
    while trace is not None:
        frame, line, trace = trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_next
    make = logging.getLogRecordFactory()
    record = make(_logger.name, level, frame, line, message, args, exc_info)
    adopt(record, *context.current()).printed_elsewhere = True
    _logger.handle(record)


def _follow(
    previous: Callable[..., object], default: Callable[..., object], exc_info: _ExcInfo, *args: Any
) -> None:
    """Do what would have been done without us; a traceback that holds a secret is printed masked."""
    if previous is default and sys.stderr is not None:
        text = "".join(traceback.format_exception(*exc_info))
        masked = mask_text(text)
        if masked != text:
            sys.stderr.write(masked)
            return
    previous(*args)


def _install_main() -> Callable[[], None]:
    previous = sys.excepthook

    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _log("uncaught exception", exc_info=(kind, value, trace))
        _follow(previous, sys.__excepthook__, (kind, value, trace), kind, value, trace)

    sys.excepthook = hook

    def restore() -> None:
        if sys.excepthook is hook:
            sys.excepthook = previous

    return restore


def _install_threads() -> Callable[[], None]:
    previous = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            previous(args)
            return
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        _log("uncaught exception in thread %s", getattr(args.thread, "name", "?"), exc_info=info)
        _follow(previous, threading.__excepthook__, info, args)

    threading.excepthook = hook

    def restore() -> None:
        if threading.excepthook is hook:
            threading.excepthook = previous

    return restore


def _install_unraisable() -> Callable[[], None]:
    previous = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        value = unraisable.exc_value
        if value is not None:
            info = (unraisable.exc_type, value, unraisable.exc_traceback)
            place = getattr(unraisable.object, "__qualname__", type(unraisable.object).__name__)
            _log(
                "%s in %s",
                unraisable.err_msg or "exception ignored",
                place,
                exc_info=info,
                level=logging.ERROR,
            )
            _follow(previous, sys.__unraisablehook__, info, unraisable)
        else:
            previous(unraisable)

    sys.unraisablehook = hook

    def restore() -> None:
        if sys.unraisablehook is hook:
            sys.unraisablehook = previous

    return restore


def _install_asyncio() -> Callable[[], None]:
    # asyncio logs an exception nobody awaited through the logger "asyncio", which is in the pipe already, but
    # from wherever the task is collected. The task knows its own context from CPython 3.12 on.
    base = asyncio.BaseEventLoop
    previous = base.default_exception_handler

    def handler(self: asyncio.BaseEventLoop, details: dict[str, Any]) -> None:
        task = details.get("task") or details.get("future")
        own_context = task.get_context() if hasattr(task, "get_context") else None
        if own_context is None:
            previous(self, details)
        else:
            own_context.copy().run(previous, self, details)

    base.default_exception_handler = handler  # type: ignore[method-assign, assignment]

    def restore() -> None:
        if base.default_exception_handler is handler:
            base.default_exception_handler = previous  # type: ignore[method-assign]

    return restore


_INSTALLERS: dict[str, Callable[[], Callable[[], None]]] = {
    "main": _install_main,
    "threads": _install_threads,
    "unraisable": _install_unraisable,
    "asyncio": _install_asyncio,
}
