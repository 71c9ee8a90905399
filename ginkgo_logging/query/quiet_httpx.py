"""Keep what httpx and httpcore log of our own requests out of the logs: it would be lines about reading lines."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_own = threading.local()
_LOGGERS: Final = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "proxy", "socks")))


class _NotOurs(logging.Filter):
    def filter(self, _: logging.LogRecord) -> bool:
        return not getattr(_own, "asking", False)


_not_ours = _NotOurs()


def install() -> None:
    """Put the filter on the loggers of httpx and httpcore; doing it again does nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_not_ours)


@contextmanager
def kept_out_of_logs() -> Iterator[None]:
    """Drop what is logged of requests that this thread makes within."""
    _own.asking = True
    try:
        yield
    finally:
        _own.asking = False
