"""gunicorn in the pipe, master and workers: ``--logger-class ginkgo_logging.integrations.gunicorn.Logger``."""

import logging
import sys
from collections.abc import Callable
from logging.config import dictConfig
from typing import Any

from gunicorn import glogging
from gunicorn.config import LoggerClass

from ginkgo_logging.integrations import servers


def join() -> Callable[[], None]:
    """Make `Logger` the default of gunicorn's setting ``logger_class``; return what takes that back."""
    before, LoggerClass.default = LoggerClass.default, f"{__name__}.{Logger.__name__}"
    return lambda: setattr(LoggerClass, "default", before)


class Logger(glogging.Logger):
    """gunicorn's logger, whose lines on stdout or stderr become lines of the pipe.

    Sets logging up in the master as `ginkgo_logging.setup` does, and so in its workers. What the options ask for
    holds: ``--log-level``, access lines only with ``--access-logfile -``, and a file named there is written too.
    Where gunicorn is told to configure logging itself (``--log-config``, ``logconfig_dict``), nothing is added.
    """

    def setup(self, cfg: Any) -> None:
        """Configure logging; gunicorn calls it at the start, and again when it reloads."""
        super().setup(cfg)
        if cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json:
            return
        dictConfig(servers.MAPPING)
        for logger, is_wanted in ((self.error_log, True), (self.access_log, cfg.accesslog is not None)):
            kept = [handler for handler in logger.handlers if not _is_ours_to_replace(handler)]
            # Not by propagation: uvicorn's worker takes this logger's handlers over, and nothing else.
            logger.handlers = [*kept, _ToRoot()] if is_wanted else kept


class _ToRoot(logging.Handler):
    """Hand each record to the root logger's handlers of the moment."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass *record* on; this handler has no say in what becomes of it."""
        logging.getLogger().callHandlers(record)
        return True


def _is_ours_to_replace(handler: logging.Handler) -> bool:
    return isinstance(handler, _ToRoot) or getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
