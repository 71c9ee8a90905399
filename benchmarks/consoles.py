"""Consoles on a terminal: ours, Rich's handler and structlog's renderer, as contestants of interleaved.py."""

import logging
import os
from pathlib import Path
from typing import Any

import pipe
from interleaved import Call


class Terminal:
    """A text stream that says it is a terminal, and leads nowhere."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.descriptor = os.open(os.devnull, os.O_WRONLY)

    def isatty(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of what leads nowhere."""
        return self.descriptor

    def write(self, text: str) -> int:
        """Write *text* there, in one call."""
        return os.write(self.descriptor, text.encode())

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


def console(_log_file: Path) -> Call:
    """Our line, with the three filters."""
    from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
    from ginkgo_logging.handlers import ConsoleHandler

    stream: Any = Terminal()
    handler = ConsoleHandler(stream=stream)
    handler.filters = [ContextFilter(), ThrottleFilter(), MaskingFilter()]
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logger = logging.getLogger("ginkgo.strategy")
    return lambda: logger.info(pipe.TEMPLATE, pipe.ARGUMENT)


def rich_console(_log_file: Path) -> Call:
    """RichHandler as its documentation wires it."""
    from rich.console import Console
    from rich.logging import RichHandler

    stream: Any = Terminal()
    handler = RichHandler(console=Console(file=stream, force_terminal=True))
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(message)s")
    logger = logging.getLogger("ginkgo.strategy")
    return lambda: logger.info(pipe.TEMPLATE, pipe.ARGUMENT)


def structlog_console(_log_file: Path) -> Call:
    """ConsoleRenderer in a ProcessorFormatter, as structlog's documentation wires it for standard loggers."""
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    ]
    stream: Any = Terminal()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logger = logging.getLogger("ginkgo.strategy")
    return lambda: logger.info(pipe.TEMPLATE, pipe.ARGUMENT)
