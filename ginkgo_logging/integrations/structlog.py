"""structlog's events through the same pipe: standard loggers underneath, the caller's file and line kept."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from ginkgo_logging.records import ATTRIBUTES, rename_taken

_PACKAGE = str(Path(structlog.__file__).parent)


def configure() -> None:
    """Make structlog's loggers write through standard loggers; a program that configured structlog wins.

    A later `structlog.configure(processors=[...])` of the program's own replaces the chain and keeps the
    loggers; such a chain ends in `structlog.stdlib.render_to_log_kwargs`.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=StandardLoggerFactory(),
        cache_logger_on_first_use=True,
    )


class StandardLoggerFactory:
    """Give structlog the standard logger of a name, by default the name of the module that asks.

    Unlike `structlog.stdlib.LoggerFactory` it leaves the class of all other loggers alone.
    """

    def __call__(self, *args: Any) -> "StructlogTarget":
        """Return the logger named by the first argument of `structlog.get_logger`."""
        name = args[0] if args else _caller(sys._getframe(1)).f_globals.get("__name__", "?")
        return StructlogTarget(logging.getLogger(name))


class StructlogTarget:
    """A standard logger as structlog's wrapped logger.

    Fields that a standard record has already (``name``, ``args`` ...) are kept under ``<name>_`` instead of
    raising, and the record's source is the line that called structlog.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.isEnabledFor = logger.isEnabledFor
        for name in ("debug", "info", "warning", "warn", "error", "critical", "fatal", "exception"):
            setattr(self, name, self._method(getattr(logger, "warning" if name == "warn" else name)))
        self.log = self._method(logger.log)
        self.msg = self.info

    def __getattr__(self, name: str) -> Any:
        return getattr(self.logger, name)

    @staticmethod
    def _method(method: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, extra: Any = None, stacklevel: int = 1, **kwargs: Any) -> None:
            if extra and not ATTRIBUTES.isdisjoint(extra):
                extra = rename_taken(extra, ATTRIBUTES)
            frame, depth = sys._getframe(1), 2
            while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
                frame, depth = frame.f_back, depth + 1
            method(*args, extra=extra, stacklevel=depth + stacklevel - 1, **kwargs)

        return call


def _caller(frame: FrameType) -> FrameType:
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame
