"""The handlers that a dictConfig file names: console, JSON stream, rotating file."""

from ginkgo_logging.handlers.base import LineHandler
from ginkgo_logging.handlers.console import ConsoleHandler
from ginkgo_logging.handlers.rotating import RotatingFileHandler
from ginkgo_logging.handlers.stream import JsonStreamHandler, StreamHandler

__all__ = ["ConsoleHandler", "JsonStreamHandler", "LineHandler", "RotatingFileHandler", "StreamHandler"]
