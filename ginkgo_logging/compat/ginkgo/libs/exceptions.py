"""The errors that callers of the logging services catch."""

from ginkgo_logging.errors import ConfigError, GinkgoLoggingError, QueryError, ServiceUnavailable

__all__ = ["ConfigError", "GinkgoLoggingError", "QueryError", "ServiceUnavailable"]
