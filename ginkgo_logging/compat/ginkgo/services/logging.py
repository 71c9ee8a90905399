"""The logging service: how the platform's code reaches what was logged."""

from ginkgo_logging.query import log_service

__all__ = ["log_service"]
