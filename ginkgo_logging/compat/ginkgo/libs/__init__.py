"""What the platform's modules import: GLOG, GCONF, GinkgoLogger. The host application's own `ginkgo` wins."""

from ginkgo_logging.compat.gconf import GCONF
from ginkgo_logging.environment import is_container_environment
from ginkgo_logging.glog import GLOG, GinkgoLogger

__all__ = ["GCONF", "GLOG", "GinkgoLogger", "is_container_environment"]
