"""structlog's events through the same pipe: standard loggers underneath, the caller's file and line kept."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from ginkgo_logging.accounting import reporter
from ginkgo_logging.record_state import TAKEN
from ginkgo_logging.record_text import printable
from ginkgo_logging.records import rename_taken

_NOT_THE_CALLER = (str(Path(structlog.__file__).parent) + os.sep, __file__)
_inner_files: set[str] = set()
"""Those of structlog's files, and this one, that `_outside` has met: a set is asked faster than `startswith`."""

_NOT_PLAIN = TAKEN | {"stacklevel", "extra", "positional_args"}
"""Keys of an event that are more than a field: what logging takes itself, and names to be changed."""

_awaiting: Any = getattr(structlog.contextvars, "_ASYNC_CALLING_STACK", None)
_filtering: Any = structlog.make_filtering_bound_logger(logging.NOTSET)


def configure() -> None:
    """Make structlog's loggers write through standard loggers; a program that configured structlog wins.

    A later ``structlog.configure(processors=[...])`` of the program's own replaces the chain and keeps the
    loggers. Such a chain may end in a dict (as after `structlog.stdlib.render_to_log_kwargs`, or with no
    renderer at all) or in a text. ``...`` in it stands for nothing, since what comes after a chain is
    `StandardLogger`'s work; in the first place, for the level filter.
    """
    # No filter and no renderer, which would cost a sixth of the call: `StandardLogger` asks for the level, and
    # takes an event dict as it is.
    chain: list[Any] = [_as_taken]
    if structlog.is_configured():
        chain = structlog.get_config()["processors"]
        # Chains that cannot work with structlog's default logger, which prints: they were written for ours.
        ends_for_logging = chain[-1:] == [structlog.stdlib.render_to_log_kwargs]
        if ... not in chain and not (ends_for_logging and _prints()):
            return
    structlog.configure(
        processors=chain,
        wrapper_class=BoundLogger,
        logger_factory=StandardLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _as_taken(logger: Any, method: str, event: Any) -> Any:
    """End the chain with what *logger* takes: a standard one, given to `structlog.wrap_logger`, no event dict."""
    if type(logger) is StandardLogger and type(event) is dict:
        return event
    return structlog.stdlib.render_to_log_kwargs(logger, method, event)


def _prints() -> bool:
    return isinstance(structlog.get_config()["logger_factory"], structlog.PrintLoggerFactory)


class BoundLogger(_filtering):  # type: ignore[misc] # structlog makes the class at run time
    """structlog's own default bound logger, asking the standard logger below for its level."""

    def __init__(self, logger: Any, processors: Iterable[Any], context: Any) -> None:
        # None of structlog's logging methods is overridden: its call-site processors look for the first frame
        # outside of structlog.
        if ... in processors:
            processors = _without_ellipsis(list(processors))
        super().__init__(logger, processors, context)

    def is_enabled_for(self, level: int) -> bool:
        """Return whether an event of *level* would be logged."""
        enabled: bool = self._logger.isEnabledFor(level)
        return enabled

    def get_effective_level(self) -> int:
        """Return the level from which events are logged."""
        level: int = self._logger.getEffectiveLevel()
        return level


def _without_ellipsis(chain: list[Any]) -> list[Any]:
    """Put the level filter for a leading ``...``; what comes after a chain is `StandardLogger`'s work anyway."""
    before = [structlog.stdlib.filter_by_level] if chain[0] is ... else []
    return before + [processor for processor in chain if processor is not ...]


class StandardLoggerFactory:
    """Give structlog the standard logger of a name, by default the name of the module that asks.

    Unlike `structlog.stdlib.LoggerFactory` it leaves the class of all other loggers alone.
    """

    def __call__(self, *args: Any) -> "StandardLogger":
        """Return the logger named by the first argument of `structlog.get_logger`."""
        name = args[0] if args else _outside(sys._getframe(1)).f_globals.get("__name__", "?")
        return StandardLogger(logging.getLogger(name))


def _method(level: int, *, exc_info: bool = False) -> Callable[..., None]:
    def log(self: "StandardLogger", /, *args: Any, **given: Any) -> None:
        if self.logger.isEnabledFor(level):
            if exc_info:
                given.setdefault("exc_info", True)
            self._log(level, args, given)

    return log


class StandardLogger:
    """A standard logger as structlog's wrapped logger, taking whatever a chain ends in.

    Fields that a standard record has already (``name``, ``args`` ...) are kept under ``<name>_`` instead of
    raising, and the record's source is the line that called structlog.
    """

    debug = _method(logging.DEBUG)
    info = msg = _method(logging.INFO)
    warning = warn = _method(logging.WARNING)
    error = err = failure = _method(logging.ERROR)
    critical = fatal = _method(logging.CRITICAL)
    exception = _method(logging.ERROR, exc_info=True)

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.logger,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.logger, name)

    def log(self, level: int, /, *args: Any, **given: Any) -> None:
        """Log at *level*."""
        if self.logger.isEnabledFor(level):
            self._log(level, args, given)

    def _log(self, level: int, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        try:
            event = _event(self.logger, args, given)
        except Exception as exc:  # noqa: BLE001 - any object may be given; the line is worth more
            reporter.report("structlog", exc)
            event = _salvaged(args, given)
        message, args, exc_info, stack_info, stacklevel, own = event
        frame = _caller(stacklevel)
        filename, lineno, function = _place_of(frame)
        stack = _stack(frame) if stack_info else None
        logger = self.logger
        logger.handle(
            logger.makeRecord(
                logger.name, level, filename, lineno, message, args, exc_info, function, own, stack
            )
        )


# A plain tuple, which is made faster than a named one.
_Event = tuple[object, tuple[Any, ...], Any, bool, int, dict[str, Any] | None]
"""What a standard record is made of: message, arguments, exc_info, stack_info, stacklevel, fields."""


def _event(logger: logging.Logger, args: tuple[Any, ...], given: dict[str, Any]) -> _Event:
    """Return what a chain ended in: keyword arguments of a log call, an event dict, or a text."""
    if not args and "event" in given and _NOT_PLAIN.isdisjoint(given):
        return given.pop("event"), (), None, False, 1, given
    own = given.get("extra")
    # What a program's own chain that ends in render_to_log_kwargs makes of most events.
    if not args and len(given) == 2 and type(own) is dict and "msg" in given and _NOT_PLAIN.isdisjoint(own):
        return given["msg"], (), None, False, 1, own
    if not args and ("event" in given or "msg" not in given):  # an event dict: no renderer at the end
        given = dict(structlog.stdlib.render_to_log_kwargs(logger, "", {"event": "", **given}))
    given = dict(given)
    message, args = (_text(args[0]), args[1:]) if args else (given.pop("msg"), ())
    exc_info, stack_info = given.pop("exc_info", None), bool(given.pop("stack_info", False))
    level = given.pop("stacklevel", 1)
    stacklevel = level if isinstance(level, int) else 1
    own = {**(given.pop("extra", None) or {}), **given}
    if not args and own and isinstance(own.get("positional_args"), tuple):
        args = own["positional_args"]
        own = {name: value for name, value in own.items() if name != "positional_args"}
    own = own if not own or TAKEN.isdisjoint(own) else rename_taken(own, TAKEN)
    return message, args, _exc_info_tuple(exc_info), stack_info, stacklevel, own


def _salvaged(args: tuple[Any, ...], given: dict[str, Any]) -> _Event:
    """Return what can be printed where `_event` failed."""
    message = args[0] if args else given.get("msg", given.get("event", ""))
    extra = given.get("extra")
    own = {**given, **extra} if type(extra) is dict else given
    own = {name: printable(value) for name, value in own.items() if name not in ("msg", "event")}
    return printable(message), (), None, False, 1, rename_taken(own, TAKEN)


def _text(rendered: object) -> object:
    """Return what a chain's own renderer made, which may be UTF-8, as text."""
    return (
        rendered.decode("utf-8", "backslashreplace") if isinstance(rendered, bytes | bytearray) else rendered
    )


def _exc_info_tuple(exc_info: object) -> Any:
    """Return what a record holds for one of the forms that logging calls take."""
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    if exc_info and not (isinstance(exc_info, tuple) and len(exc_info) == 3):
        return sys.exc_info()
    return exc_info or None


def _caller(stacklevel: int) -> FrameType | None:
    """Return the frame that called structlog; None where that cannot be known."""
    # The async methods log in a thread of their own, for which structlog keeps the frame that awaits them ...
    start: FrameType | None = _awaiting.get(None) if _awaiting is not None else None
    frame = _outside(start or sys._getframe(3))  # past this one, StandardLogger._log and its method
    if start is not None and frame.f_globals.get("__name__", "").startswith("asyncio."):
        return None  # ... which is the event loop's if the coroutine was made a task
    for _ in range(stacklevel - 1):
        if frame.f_back is None:
            break
        frame = frame.f_back
    return frame


def _outside(frame: FrameType) -> FrameType:
    while True:
        filename = frame.f_code.co_filename
        if filename not in _inner_files:
            if not filename.startswith(_NOT_THE_CALLER):
                return frame
            _inner_files.add(filename)
        # Not before it is needed: for each frame that is asked for, CPython makes an object.
        outer = frame.f_back
        if outer is None:
            return frame
        frame = outer


def _place_of(frame: FrameType | None) -> tuple[str, int, str | None]:
    if frame is None:
        return "(unknown file)", 0, None
    code = frame.f_code
    return code.co_filename, frame.f_lineno, code.co_name


def _stack(frame: FrameType | None) -> str:
    return "Stack (most recent call last):\n" + "".join(traceback.format_stack(frame)).rstrip("\n")
