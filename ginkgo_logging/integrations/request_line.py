"""The middleware's own lines: one about a request, if asked, and one about an error that nobody handles."""

import logging

LOGGER = "ginkgo_logging.requests"
"""The logger of these lines."""

_logger = logging.getLogger(LOGGER)


def log_error(method: str, path: str, error: Exception) -> None:
    """Log *error*, which the application did not handle."""
    _logger.error("%s %s failed", method, path, exc_info=error, extra={"method": method, "path": path})


def log_request(method: str, path: str, status: int | None, seconds: float) -> None:
    """Log that a request was served; *status* is None if the client was gone before there was one."""
    shown = "-" if status is None else status
    fields = {"method": method, "path": path, "status": status, "duration_ms": round(seconds * 1000, 3)}
    _logger.info("%s %s %s", method, path, shown, extra=fields)
