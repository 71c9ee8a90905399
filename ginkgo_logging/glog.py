"""GLOG: the platform's familiar calls, a thin adapter over one standard logger."""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

from ginkgo_logging import context, settings
from ginkgo_logging.config import setup
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.filters.masking import mask_text
from ginkgo_logging.filters.throttle import throttles
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import ConsoleHandler, RotatingFileHandler
from ginkgo_logging.records import ATTRIBUTES, rename_taken
from ginkgo_logging.settings import Settings
from ginkgo_logging.throttling import PatternStats

_ALIASES = {
    name: method
    for method in ("debug", "info", "warning", "error", "critical", "exception")
    for name in (method, method.upper())
    if name != "EXCEPTION"
} | {"warn": "warning", "WARN": "warning"}

HANDLER_TYPES = ("all", "console", "file", "error")
"""What `GinkgoLogger.set_level` can address."""

_configuring = threading.RLock()


class GinkgoLogger:
    """The logging calls of the platform over ``logging.getLogger(logger_name)``.

    After the first use the calls *are* the standard logger's bound methods: they cost nothing extra and the
    line's source is the caller's. The first use configures logging from the settings if nobody has, and does
    not fail: with broken settings it logs with the defaults and says once, as a warning, what was wrong.

    *file_names* adds a file of its own per name (a relative one lies in ``~/.ginkgo/logs/``); *console_log*
    adds a console where no handler on the way up to the root writes to one. Thread-safe; what is bound
    concerns the running thread or task only.
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
            self._logger.makeRecord = _make_record  # type: ignore[method-assign, assignment]
        self._files: dict[str, RotatingFileHandler] = {}
        for name in [file_names] if isinstance(file_names, str) else file_names or ():
            self.add_file_handler(name)
        if console_log and not any(_is_of_type("console", handler) for handler in self._handlers()):
            self._add(ConsoleHandler(), "console")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._logger.name,)

    @property
    def logger(self) -> logging.Logger:
        """The standard logger below."""
        return self._logger

    # --- logging: these methods serve until the first use, see _first_use ---------------------------------

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at DEBUG; all these calls take the arguments of `logging.Logger.debug`, and any object."""
        self._first_use().debug(msg, *args, **_from_caller(kwargs))

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
        number = level if isinstance(level, int) else _level_number(level, logging.INFO)
        self._first_use().log(number, msg, *args, **_from_caller(kwargs))

    def _first_use(self) -> logging.Logger:
        """Configure logging if nobody has, and put the logger's own methods in place of ours."""
        _configure_once(self._logger)
        for name, method in _ALIASES.items():
            setattr(self, name, getattr(self._logger, method))
        return self._logger

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

    def set_level(self, level: int | str, handler_type: str = "all") -> None:
        """Set the level of this process's handlers of *handler_type*, and of this logger so that they get it.

        ``console`` means handlers on a terminal or standard stream, ``file`` those that write files,
        ``error`` those whose name begins with "error". Raises ValueError for an unknown level or type.
        """
        number = _level_number(level)
        if handler_type not in HANDLER_TYPES:
            raise ValueError(f"handler_type must be one of {', '.join(HANDLER_TYPES)}, got {handler_type!r}")
        _configure_once(self._logger)
        for handler in self._handlers():
            if _is_of_type(handler_type, handler):
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
        handlers = {h.name or type(h).__name__: logging.getLevelName(h.level) for h in self._handlers()}
        return {"logger": logging.getLevelName(self._logger.getEffectiveLevel()), "handlers": handlers}

    # --- error statistics --------------------------------------------------------------------------------

    def get_error_stats(self) -> dict[str, Any]:
        """Return how often which error occurred in this process, what flow control held back included.

        ``top_error_patterns`` lists the ten most frequent, each with ``logger``, an ``example`` (masked),
        ``count``, and ``first`` and ``last`` as seconds since the epoch.
        """
        found = [throttle.stats() for throttle in throttles()]
        top = sorted((pattern for stats in found for pattern in stats.top), key=lambda p: -p.count)[:10]
        return {
            "total_error_patterns": sum(stats.total_patterns for stats in found),
            "total_error_count": sum(stats.total_count for stats in found),
            "top_error_patterns": [_pattern_row(pattern) for pattern in top],
        }

    def clear_error_stats(self) -> None:
        """Count errors from zero again; what flow control holds back is still reported."""
        for throttle in throttles():
            throttle.clear_stats()

    # --- files of this logger ----------------------------------------------------------------------------

    def add_file_handler(self, name: str, level: int | str = logging.DEBUG) -> None:
        """Write this logger's lines to the file *name* too, as JSON; again with a *name* it has, set *level*.

        A relative name lies in ``~/.ginkgo/logs/``. Raises OSError if the file cannot be written.
        """
        number = _level_number(level)
        if name not in self._files:
            filename = Settings(local_file_path=name).log_file
            self._files[name] = handler = RotatingFileHandler(filename=filename)
            handler.setFormatter(JsonFormatter())
            self._add(handler, name)
        self._files[name].setLevel(number)

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
        # The filters of the handlers at work, so that a record is masked and counted once.
        shared = next((h.filters for h in self._handlers() if _has_context(h)), None)
        for one in shared or _standard_filters():
            handler.addFilter(one)
        self._logger.addHandler(handler)

    def _handlers(self) -> Iterator[logging.Handler]:
        """Yield the handlers that a record of this logger meets."""
        logger: logging.Logger | None = self._logger
        while logger is not None:
            yield from logger.handlers
            logger = logger.parent if logger.propagate else None


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
    if extra:
        own = dict(extra) if hasattr(extra, "keys") else {"extra": extra}
        record.__dict__.update(rename_taken(own, ATTRIBUTES | {"_ginkgo"}))
    return record


def _configure_once(logger: logging.Logger) -> None:
    """Configure logging from the settings unless somebody has: with `setup`, dictConfig or otherwise."""
    if logger.handlers or logging.getLogger().handlers:
        return
    with _configuring:
        if logging.getLogger().handlers:
            return
        try:
            setup()
        except ConfigError as exc:
            _configure_with_defaults(exc)


def _configure_with_defaults(fault: ConfigError) -> None:
    from ginkgo_logging.config import apply, shipped

    for chosen in (Settings(), Settings(local_file_enabled=False)):
        with contextlib.suppress(ConfigError):
            apply([shipped(chosen.environment)], chosen)
            break
    logging.getLogger("ginkgo_logging").warning("logging runs with its defaults: %s", fault)


def _standard_filters() -> list[logging.Filter]:
    fields = settings.active().mask_fields
    return [ContextFilter(), ThrottleFilter(), MaskingFilter(fields=fields)]


def _has_context(handler: logging.Handler) -> bool:
    return any(isinstance(one, ContextFilter) for one in handler.filters)


def _is_of_type(handler_type: str, handler: logging.Handler) -> bool:
    if handler_type == "all":
        return True
    if handler_type == "error":
        return (handler.name or "").startswith("error")
    if handler_type == "file":
        return isinstance(handler, RotatingFileHandler | logging.FileHandler)
    stream = getattr(handler, "stream", None)
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, ConsoleHandler) or (stream is not None and stream in standard)


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
        "logger": logger,
        "example": mask_text(pattern.example),
        "count": pattern.count,
        "first": pattern.first,
        "last": pattern.last,
    }


GLOG = GinkgoLogger("ginkgo")
"""The platform's logger; import it from here, from `ginkgo_logging` or from `ginkgo.libs`."""
