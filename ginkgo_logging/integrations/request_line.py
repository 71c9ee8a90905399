"""What the ASGI and the WSGI middleware have in common: their options, and their own lines.

One line about a request, if asked, and one about an error that nobody handles.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ginkgo_logging.arguments import boolean

LOGGER = "ginkgo_logging.requests"
"""The logger of these lines."""

KEY = "ginkgo_logging.request"
"""Under which a scope or environ has the middleware's request while it is served."""

_logger = logging.getLogger(LOGGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The options of both middlewares, which say what they mean; a wrong one is refused here."""

    log_requests: bool = False
    log_category: str | None = None
    trust_headers: bool = True

    def __post_init__(self) -> None:
        boolean("log_requests", self.log_requests)
        boolean("trust_headers", self.trust_headers)
        if not isinstance(self.log_category, str | None):
            raise ValueError(f"log_category must be a text or None, got {self.log_category!r}")  # noqa: TRY004


def note_template(carrier: Mapping[str, Any], template: str) -> None:
    """Let the line of the request that a scope or environ belongs to have *template* as its path."""
    request = carrier.get(KEY)
    if request is not None:
        request.template = template


def log_error(method: str, path: str, error: Exception) -> None:
    """Log *error*, which the application did not handle."""
    _logger.error("%s %s failed", method, path, exc_info=error, extra={"method": method, "path": path})


def log_request(method: str, path: str, status: int | None, seconds: float) -> None:
    """Log that a request was served; *status* is None if the client was gone before there was one."""
    shown = "-" if status is None else status
    fields = {"method": method, "path": path, "status": status, "duration_ms": round(seconds * 1000, 3)}
    _logger.info("%s %s %s", method, path, shown, extra=fields)
