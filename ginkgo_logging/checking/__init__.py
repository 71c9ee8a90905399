"""Check config.yaml, environment variables and dictConfig files, and explain what a logger's records meet.

A check finds all faults, not the first one, and has no effect: no file is created, no handler opened, nothing
configured. It does import the classes that a dictConfig file names, unless others may write to that file.
"""

from ginkgo_logging.checking.explaining import explain
from ginkgo_logging.checking.files import Result, check_file, check_installation
from ginkgo_logging.checking.findings import Finding

__all__ = ["Finding", "Result", "check_file", "check_installation", "explain"]
