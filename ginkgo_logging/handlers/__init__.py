"""The handlers that a dictConfig file names: console, JSON stream, rotating file, queue, flight recorder."""

from ginkgo_logging.handlers.base import CountingHandler, LineHandler
from ginkgo_logging.handlers.console import ConsoleHandler
from ginkgo_logging.handlers.flight_recorder import FlightRecorderHandler
from ginkgo_logging.handlers.queue import QueueHandler
from ginkgo_logging.handlers.rotating import RotatingFileHandler
from ginkgo_logging.handlers.stream import JsonStreamHandler, StreamHandler

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
