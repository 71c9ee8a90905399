"""The handlers that a record of one logger meets: which there are, what they write to, how to add one."""

import logging
import os
import sys
from collections.abc import Iterator
from typing import Literal, get_args

from ginkgo_logging import settings
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.handlers import ConsoleHandler, RotatingFileHandler

HandlerType = Literal["all", "console", "file", "error"]
"""What `is_of_type` can tell apart."""

HANDLER_TYPES: tuple[HandlerType, ...] = get_args(HandlerType)


def handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers that a record of *logger* meets; those that write nothing are left out."""
    here: logging.Logger | None = logger
    while here is not None:
        for handler in here.handlers[:]:
            if not isinstance(handler, logging.NullHandler):
                yield handler
        here = here.parent if here.propagate else None


def is_of_type(handler_type: HandlerType, handler: logging.Handler) -> bool:
    """Return whether *handler* is of this type.

    ``console`` is a handler on a terminal or standard stream, ``file`` one that writes a file, ``error`` one
    whose name begins with "error".
    """
    if handler_type == "all":
        return True
    if handler_type == "error":
        return (handler.name or "").startswith("error")
    if handler_type == "file":
        return isinstance(handler, RotatingFileHandler | logging.FileHandler)
    stream = getattr(handler, "stream", None)
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, ConsoleHandler) or (stream is not None and stream in standard)


def writes_to(handler: logging.Handler, path: str) -> bool:
    """Return whether *handler* writes the file at *path*."""
    own = getattr(handler, "filename", None) or getattr(handler, "baseFilename", None)
    return isinstance(own, str) and os.path.realpath(own) == os.path.realpath(path)


class SharedFilters(logging.Filter):
    """Apply the filters of the handlers that dictConfig gave *logger*: a record is masked and counted once.

    Where those have none, the filters of the shipped files serve.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._own: logging.Filterer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Do what the other handlers' filters do with *record*."""
        shared = (
            next((one for one in handlers_of(self._logger) if _is_complete(one)), None) or self._fallback()
        )
        return shared.filter(record)

    def _fallback(self) -> logging.Filterer:
        if self._own is None:
            self._own = own = logging.Filterer()
            chosen = settings.in_force_or_valid()
            own.addFilter(ContextFilter())
            own.addFilter(
                ThrottleFilter(
                    enabled=chosen.throttle_enabled,
                    limit=chosen.throttle_limit,
                    seconds=chosen.throttle_seconds,
                )
            )
            own.addFilter(masking_of(chosen))
        return self._own


def masking_of(chosen: settings.Settings) -> MaskingFilter:
    """Return a masking filter as the shipped files have it under the settings *chosen*."""
    return MaskingFilter(fields=chosen.mask_fields, allow=chosen.mask_allow, patterns=chosen.mask_patterns)


def _is_complete(handler: logging.Handler) -> bool:
    kinds = [type(one) for one in handler.filters]
    return ContextFilter in kinds and MaskingFilter in kinds
