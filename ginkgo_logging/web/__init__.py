"""Log lines over HTTP: a router for a FastAPI application, and a page that a person reads them on."""

from ginkgo_logging.web.router import create_log_router

__all__ = ["create_log_router"]
