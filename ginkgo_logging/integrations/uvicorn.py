"""uvicorn in the pipe wherever it would configure logging itself: the default of its ``log_config``."""

from collections.abc import Callable

from uvicorn.config import LOGGING_CONFIG

from ginkgo_logging.integrations import servers


def join() -> Callable[[], None]:
    """Let uvicorn's own configuration leave its lines, and ours, to the pipe; return what takes that back.

    In place, since uvicorn has the dict as the default of its arguments, and sends it to the processes of
    ``--workers`` and ``--reload``: they are set up by it. What a program has changed in it stays.
    """
    formatters, loggers = LOGGING_CONFIG["formatters"], LOGGING_CONFIG["loggers"].values()
    changed = [(one, dict(one)) for one in loggers if one.get("handlers") in (["default"], ["access"])]
    formatters["ginkgo_logging"] = servers.FORMATTER
    for logger, _ in changed:
        logger.update(handlers=[], propagate=True)

    def take_back() -> None:
        formatters.pop("ginkgo_logging", None)
        for logger, before in changed:
            logger.update(before)

    return take_back
