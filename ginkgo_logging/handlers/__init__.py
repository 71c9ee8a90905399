"""The handlers that a dictConfig file names: console, JSON stream, rotating file, queue, flight recorder."""

from typing import TYPE_CHECKING, Any

from ginkgo_logging.handlers.base import CountingHandler, LineHandler
from ginkgo_logging.handlers.console import ConsoleHandler
from ginkgo_logging.handlers.rotating import RotatingFileHandler
from ginkgo_logging.handlers.stream import JsonStreamHandler, StreamHandler

if TYPE_CHECKING:
    from ginkgo_logging.handlers.flight_recorder import FlightRecorderHandler
    from ginkgo_logging.handlers.queue import QueueHandler

__all__ = [
    "ConsoleHandler",
    "CountingHandler",
    "FlightRecorderHandler",
    "JsonStreamHandler",
    "LineHandler",
    "QueueHandler",
    "RotatingFileHandler",
    "StreamHandler",
]


def __getattr__(name: str) -> Any:
    # Few dictConfig files name these.
    if name == "FlightRecorderHandler":
        from ginkgo_logging.handlers.flight_recorder import FlightRecorderHandler

        return FlightRecorderHandler
    if name == "QueueHandler":
        from ginkgo_logging.handlers.queue import QueueHandler

        return QueueHandler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
