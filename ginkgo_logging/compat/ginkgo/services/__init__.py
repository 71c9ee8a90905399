"""The platform's services, of which this package provides logging."""

from . import logging

__all__ = ["logging"]
