"""A program as users write it, which `mypy --strict` accepts against the installed wheel; see .ci/run."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

from ginkgo.libs import GCONF, GLOG, GinkgoLogger, is_container_environment
from ginkgo.libs.exceptions import QueryError, ServiceUnavailable
from ginkgo.services import logging as service

from ginkgo_logging import setup, shutdown
from ginkgo_logging.filters import ThrottleFilter
from ginkgo_logging.handlers import ConsoleHandler
from ginkgo_logging.query import LogService

SECRETS = frozenset({"card_number"})


def configure(log_file: Path) -> None:
    """Every argument in the type that is at hand."""
    setup("local", mode="local", format="json", console_level="INFO", file_level=10, file_path=log_file)
    setup(
        {"version": 1}, mask_fields=SECRETS, capture_warnings=False, uncaught_exceptions=["main"], watch=True
    )
    setup(mode="moon")  # type: ignore[arg-type]
    setup(capture_warnings="no")  # type: ignore[arg-type]
    ConsoleHandler(color="never")  # type: ignore[arg-type]
    ThrottleFilter(limit=5, seconds=60.0, enabled=GCONF.LOGGING_THROTTLE_ENABLED)


def log(logger: GinkgoLogger = GLOG) -> None:
    """The calls of the platform."""
    token = GLOG.set_trace_id("t-1")
    with GLOG.context(portfolio_id="p-1"):
        logger.INFO("order %d", 17, extra={"symbol": "AAPL"})
        logger.ERROR(ValueError("any object"))
    GLOG.clear_trace_id(token)
    GLOG.set_level("DEBUG", "console")
    GLOG.set_level("DEBUG", "terminal")  # type: ignore[arg-type]
    assert_type(GLOG.get_trace_id(), str | None)
    assert_type(is_container_environment(), bool)


def find() -> Iterator[str]:
    """Rows are dicts."""
    found: LogService = service.log_service()
    try:
        for row in found.query_logs(portfolio_id="p-1", level="error", limit=10):
            yield str(row["message"])
    except (QueryError, ServiceUnavailable):
        shutdown()
