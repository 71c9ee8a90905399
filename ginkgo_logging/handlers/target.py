"""TargetHandler: what handlers in front of another handler have in common."""

import logging
import logging.handlers

from ginkgo_logging.handlers.base import CountingHandler


class TargetHandler(CountingHandler, logging.handlers.MemoryHandler):
    """A handler in front of *target*, another handler of the dictConfig file, given there by its name.

    A `logging.handlers.MemoryHandler` only because dictConfig resolves the name of a target for that class;
    name a subclass with ``class:``, not with ``()``. A record counts in ``counts`` here, and once more in
    those of *target*, which writes it.
    """

    target: logging.Handler

    def __init__(self, *, target: logging.Handler, level: int | str = logging.NOTSET) -> None:
        if not isinstance(target, logging.Handler):
            raise ValueError(f"target must be the name of a handler, got {target!r}")  # noqa: TRY004
        logging.handlers.MemoryHandler.__init__(self, capacity=1, target=target)
        CountingHandler.__init__(self, level=level)

    def pass_on(self, record: logging.LogRecord) -> None:
        """Give *record* to the target if its level is high enough there."""
        if record.levelno >= self.target.level:
            self.target.handle(record)

    def flush(self) -> None:
        """Flush the target."""
        self.target.flush()

    def close(self) -> None:
        """Flush and close, the target too."""
        self.flush()
        self.target.close()
        logging.Handler.close(self)
