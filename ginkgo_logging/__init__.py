"""One pipe for every log line of a Python program, wired by standard dictConfig files.

Importing this package configures nothing. `setup` does, or the first use of `GLOG`, or the standard
library's own ``logging.config.dictConfig`` with a file of ``logging.d/``.
"""

from ginkgo_logging.accounting import stats
from ginkgo_logging.config import setup, shutdown
from ginkgo_logging.environment import is_container_environment
from ginkgo_logging.errors import ConfigError, GinkgoLoggingError, QueryError, ServiceUnavailable
from ginkgo_logging.glog import GLOG, GinkgoLogger

__all__ = [
    "GLOG",
    "ConfigError",
    "GinkgoLogger",
    "GinkgoLoggingError",
    "QueryError",
    "ServiceUnavailable",
    "is_container_environment",
    "setup",
    "shutdown",
    "stats",
]
