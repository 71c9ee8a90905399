"""The platform's services, of which this package provides logging."""

from ginkgo_logging.compat import services as logging

__all__ = ["logging"]
