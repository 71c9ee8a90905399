"""Ask for log lines and get exactly those: from local JSON files, or from Loki, with the same call."""

from ginkgo_logging.query.async_service import AsyncLogService
from ginkgo_logging.query.files import FilesBackend
from ginkgo_logging.query.model import Backend, Query, Row
from ginkgo_logging.query.service import LogService, log_service

__all__ = ["AsyncLogService", "Backend", "FilesBackend", "LogService", "Query", "Row", "log_service"]
