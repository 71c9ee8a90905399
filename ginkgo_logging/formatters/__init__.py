"""The formatters that a dictConfig file names: JSON lines and plain text."""

from ginkgo_logging.formatters.json import JsonFormatter
from ginkgo_logging.formatters.plain import PlainFormatter

__all__ = ["JsonFormatter", "PlainFormatter"]
