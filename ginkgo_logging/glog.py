"""GLOG: the platform's familiar calls, a thin adapter over one standard logger."""

import contextlib
import logging
import os
import sys
import threading
from typing import Any

from ginkgo_logging import context, settings
from ginkgo_logging.config import setup_or_defaults
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters.masking import mask_text
from ginkgo_logging.filters.throttle import throttles
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import ConsoleHandler, RotatingFileHandler
from ginkgo_logging.logger_handlers import (
    HANDLER_TYPES,
    HandlerType,
    SharedFilters,
    handlers_of,
    is_of_type,
    writes_to,
)
from ginkgo_logging.record_state import TAKEN
from ginkgo_logging.record_text import printable
from ginkgo_logging.records import rename_taken
from ginkgo_logging.settings import Settings
from ginkgo_logging.throttling import PatternStats, merged

_BOUND = {
    name: method
    for method in ("info", "warning", "error", "critical", "exception")
    for name in (method, method.upper())
    if name != "EXCEPTION"
} | {"warn": "warning", "WARN": "warning"}

_DEBUG = logging.DEBUG
_configuring = threading.RLock()
os.register_at_fork(after_in_child=_configuring._at_fork_reinit)  # type: ignore[attr-defined] # as in logging
_own_logger = logging.getLogger("ginkgo_logging")


class GinkgoLogger:
    """The logging calls of the platform over ``logging.getLogger(logger_name)``.

    After the first use the calls from INFO up *are* the standard logger's bound methods: they cost nothing extra
    and the line's source is the caller's. DEBUG, which is mostly off, asks for the level first. The first use
    configures logging from the settings if nobody has, and does not fail: with broken settings it logs with the
    defaults and says once, as a warning, what was wrong.

    With the first use, *file_names* adds a file of its own per name (a relative one lies in
    ``~/.ginkgo/logs/``), and *console_log* a console; neither where a handler on the way up to the root writes
    there already. Thread-safe; what is bound concerns the running thread or task only.
    """

    def __init__(
        self,
        logger_name: str,
        file_names: str | list[str] | tuple[str, ...] | None = None,
        console_log: bool = False,  # noqa: FBT001, FBT002 - existing call sites pass it by position
    ) -> None:
        self._logger = logging.getLogger(logger_name)
        if type(self._logger).makeRecord is logging.Logger.makeRecord:
            # `extra` may hold names that a record has already: logging's documented hook can rename them.
            self._logger.makeRecord = _make_record  # type: ignore[method-assign]
        self._files: dict[str, RotatingFileHandler] = {}
        self._arguments = (file_names, console_log)
        self._in_use = False
        self._asked: logging.Logger | _Unused = _Unused(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._logger.name, *self._arguments)

    @property
    def logger(self) -> logging.Logger:
        """The standard logger below, configured."""
        return self._first_use()

    # --- logging: all but debug and log serve until the first use, see _first_use -------------------------

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at DEBUG; all these calls take the arguments of `logging.Logger.debug`, and any object."""
        # For good, not until the first use: CPython 3.11 finds methods of a class faster than attributes of an
        # object, which is a tenth of a disabled call.
        if self._asked.isEnabledFor(_DEBUG):
            self._logger.debug(msg, *args, **_from_caller(kwargs))

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at INFO."""
        self._first_use().info(msg, *args, **_from_caller(kwargs))

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at WARNING."""
        self._first_use().warning(msg, *args, **_from_caller(kwargs))

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at ERROR."""
        self._first_use().error(msg, *args, **_from_caller(kwargs))

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at CRITICAL."""
        self._first_use().critical(msg, *args, **_from_caller(kwargs))

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at ERROR with the exception being handled."""
        self._first_use().exception(msg, *args, **_from_caller(kwargs))

    DEBUG, INFO, ERROR, CRITICAL = debug, info, error, critical
    WARN = WARNING = warn = warning

    def log(self, level: int | str, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at *level*, a number or a name; a level that does not exist counts as INFO."""
        number = _level_number(level, logging.INFO)
        self._first_use().log(number, msg, *args, **_from_caller(kwargs))

    def _first_use(self) -> logging.Logger:
        """Configure logging if nobody has, and put the logger's own methods in place of ours."""
        if not self._in_use:
            with _configuring:
                self._begin()
        return self._logger

    def _begin(self) -> None:
        if self._in_use:
            return
        # A program that configured logging, with `setup`, dictConfig or otherwise, is left as it is.
        if next(handlers_of(self._logger), None) is None:
            for fault in setup_or_defaults():
                _warn("logging keeps to its defaults where the settings are wrong: %s", fault)
        file_names, console_log = self._arguments
        for name in [file_names] if isinstance(file_names, str) else file_names or ():
            try:
                self._add_file(name, logging.DEBUG)
            except (OSError, ValueError, ConfigError) as exc:
                _warn("no log file %r: %s", name, exc)
        if console_log and not any(is_of_type("console", handler) for handler in handlers_of(self._logger)):
            self._add(ConsoleHandler(level=_console_level()), "console")
        for name, method in _BOUND.items():
            setattr(self, name, getattr(self._logger, method))
        self._asked = self._logger
        self._in_use = True

    # --- trace, category, business context ---------------------------------------------------------------

    get_trace_id = staticmethod(context.get_trace_id)
    set_trace_id = staticmethod(context.set_trace_id)
    clear_trace_id = staticmethod(context.clear_trace_id)
    with_trace_id = staticmethod(context.with_trace_id)
    get_span_id = staticmethod(context.get_span_id)
    set_span_id = staticmethod(context.set_span_id)
    clear_span_id = staticmethod(context.clear_span_id)
    with_span_id = staticmethod(context.with_span_id)
    get_log_category = staticmethod(context.get_log_category)
    set_log_category = staticmethod(context.set_log_category)
    bind_context = staticmethod(context.bind)
    unbind_context = staticmethod(context.unbind)
    clear_context = staticmethod(context.clear)
    get_context = staticmethod(context.get_bound)
    context = staticmethod(context.bound)

    # --- levels ------------------------------------------------------------------------------------------

    def set_level(self, level: int | str, handler_type: HandlerType = "all") -> None:
        """Set the level of this process's handlers of *handler_type*, and of this logger so that they get it.

        ``all``, ``console``, ``file`` or ``error`` (see `is_of_type`). Raises ValueError for another type or an
        unknown level.
        """
        number = _level_number(level)
        if handler_type not in HANDLER_TYPES:
            raise ValueError(f"handler_type must be one of {', '.join(HANDLER_TYPES)}, got {handler_type!r}")
        self._first_use()
        for handler in handlers_of(self._logger):
            if is_of_type(handler_type, handler):
                handler.setLevel(number)
        if handler_type == "all" or self._logger.getEffectiveLevel() > number:
            self._logger.setLevel(number)

    def set_console_level(self, level: int | str) -> None:
        """Set the level of the console handlers."""
        self.set_level(level, "console")

    def set_file_level(self, level: int | str) -> None:
        """Set the level of the file handlers."""
        self.set_level(level, "file")

    def get_current_levels(self) -> dict[str, Any]:
        """Return ``{"logger": name of its level, "handlers": {handler: name of its level}}``."""
        self._first_use()
        handlers = {
            h.name or type(h).__name__: logging.getLevelName(h.level) for h in handlers_of(self._logger)
        }
        return {"logger": logging.getLevelName(self._logger.getEffectiveLevel()), "handlers": handlers}

    # --- error statistics --------------------------------------------------------------------------------

    def get_error_stats(self) -> dict[str, Any]:
        """Return how often which error occurred in this process, what flow control held back included.

        ``top_error_patterns`` lists the ten most frequent, each with ``logger``, an ``example`` (masked),
        ``count``, and ``first`` and ``last`` as seconds since the epoch.
        """
        found = merged(throttle.stats(top=None) for throttle in throttles())
        return {
            "total_error_patterns": found.total_patterns,
            "total_error_count": found.total_count,
            "top_error_patterns": [_pattern_row(pattern) for pattern in found.top],
        }

    def clear_error_stats(self) -> None:
        """Count errors from zero again; what flow control holds back is still reported."""
        for throttle in throttles():
            throttle.clear_stats()

    # --- files of this logger ----------------------------------------------------------------------------

    def add_file_handler(self, name: str, level: int | str = logging.DEBUG) -> None:
        """Write this logger's lines to the file *name* too, as JSON; again with a *name* it has, set *level*.

        A relative name lies in ``~/.ginkgo/logs/``. A file that another handler of this logger writes is left to
        that one. Raises OSError if the file cannot be written.
        """
        number = _level_number(level)
        self._first_use()
        self._add_file(name, number)

    def _add_file(self, name: str, level: int) -> None:
        handler = self._files.get(name)
        if handler is None or handler not in self._logger.handlers:  # dictConfig may have taken it away
            path = str(Settings(local_file_path=name).log_file)
            if any(writes_to(other, path) for other in handlers_of(self._logger)):
                return
            self._files[name] = handler = RotatingFileHandler(filename=path)
            handler.setFormatter(JsonFormatter())
            self._add(handler, name)
        handler.setLevel(level)

    def remove_file_handler(self, name: str) -> None:
        """Stop writing to the file *name*; one that was not added is ignored."""
        handler = self._files.pop(name, None)
        if handler is not None:
            self._logger.removeHandler(handler)
            handler.close()

    def reset_logfile(self, name: str) -> None:
        """Write to the file *name* instead of those added before; the files of dictConfig stay."""
        for other in [known for known in self._files if known != name]:
            self.remove_file_handler(other)
        self.add_file_handler(name)

    def _add(self, handler: logging.Handler, name: str) -> None:
        handler.name = name
        handler.addFilter(SharedFilters(self._logger))
        self._logger.addHandler(handler)


class _Unused:
    """In the place of a logger that has not been used."""

    def __init__(self, glog: GinkgoLogger) -> None:
        self._glog = glog

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - as in logging
        """Use the logger, and return what it says."""
        return self._glog.logger.isEnabledFor(level)


def _warn(message: str, *args: object) -> None:
    """Say what is wrong with the configuration: as a warning, on stderr if no handler takes warnings."""
    _own_logger.warning(message, *args)
    if all(handler.level > logging.WARNING for handler in handlers_of(_own_logger)) and sys.stderr:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(mask_text(f"ginkgo_logging: {message % args}\n"))


def _from_caller(kwargs: dict[str, Any]) -> dict[str, Any]:
    kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
    return kwargs


def _make_record(
    name: str,
    level: int,
    fn: str,
    lno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    extra: Any = None,
    sinfo: str | None = None,
) -> logging.LogRecord:
    """Make a record as `logging.Logger.makeRecord` does; keep a field whose name is taken as ``<name>_``."""
    record = logging.getLogRecordFactory()(name, level, fn, lno, msg, args, exc_info, func, sinfo)
    if extra is not None:
        record.__dict__.update(_own_fields(extra))
    return record


def _own_fields(extra: Any) -> dict[str, Any]:
    try:
        if type(extra) is dict and TAKEN.isdisjoint(extra):
            return extra
        own = dict(extra) if hasattr(extra, "keys") else {"extra": extra} if _is_something(extra) else {}
        return rename_taken(own, TAKEN)
    except Exception:  # noqa: BLE001 - any object may be given; the line is worth more
        return {"extra": printable(extra)}


def _is_something(value: Any) -> bool:
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - such as an array of numpy, which has no truth
        return True


def _console_level() -> str:
    return settings.in_force_or_valid().console_level


def _level_number(level: int | str, default: int | None = None) -> int:
    names = logging.getLevelNamesMapping()
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    number = names.get(str(level).upper(), default)
    if number is None:
        raise ValueError(f"level must be a number or one of {', '.join(names)}, got {level!r}")
    return number


def _pattern_row(pattern: PatternStats) -> dict[str, Any]:
    logger = pattern.key[0] if isinstance(pattern.key, tuple) else None
    return {
        "logger": mask_text(logger) if isinstance(logger, str) else logger,
        "example": mask_text(pattern.example),
        "count": pattern.seen,
        "first": pattern.first,
        "last": pattern.last,
    }


GLOG = GinkgoLogger("ginkgo")
"""The platform's logger; import it from here, from `ginkgo_logging` or from `ginkgo.libs`."""
