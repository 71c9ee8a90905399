"""The errors that ginkgo_logging raises; a log call itself raises none of them.

GinkgoLoggingError
├── ConfigError
├── QueryError
└── ServiceUnavailable
"""


class GinkgoLoggingError(Exception):
    """The base of every error that this package raises on purpose."""


class ConfigError(GinkgoLoggingError):
    """A setting or a dictConfig file is wrong; the message names file, key, value and what is allowed."""


class QueryError(GinkgoLoggingError):
    """A question to the log store is malformed; the message names the argument."""


class ServiceUnavailable(GinkgoLoggingError):  # noqa: N818 - the name that the host application catches
    """The log store is unreachable, overloaded or not ready; an empty answer never stands for this."""
