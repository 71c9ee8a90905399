"""Check whether a handler could write to its log file, without creating or opening it."""

import logging
import os
from pathlib import Path as FilePath
from typing import Any

from ginkgo_logging.checking.dictconfig_document import DictConfigDocument
from ginkgo_logging.checking.findings import Path
from ginkgo_logging.handlers import RotatingFileHandler


def check_log_path(document: DictConfigDocument, factory: Any, entry: dict[Any, Any], path: Path) -> None:
    """Report a file that the handler *factory*, described by *entry* at *path*, could not write to."""
    filename = document.convert(entry.get("filename"))
    is_file_handler = isinstance(factory, type) and issubclass(
        factory, logging.FileHandler | RotatingFileHandler
    )
    if not is_file_handler or not isinstance(filename, str | os.PathLike) or not filename:
        return
    ours = issubclass(factory, RotatingFileHandler)
    place = FilePath(filename)
    if not ours and str(filename).startswith("~"):
        document.report.warning(
            (*path, "filename"), "the standard library does not expand ~", "write the whole path"
        )
    if ours:
        try:
            place = place.expanduser()
        except RuntimeError:
            return  # the handler has refused it
    problem = file_problem(place, creates_directories=ours)
    if problem:
        document.report.error((*path, "filename"), f"cannot write to {place.absolute()}: {problem}")


def file_problem(place: FilePath, *, creates_directories: bool) -> str | None:
    """Return why a file at *place* could not be written to, or None; nothing is created or opened."""
    try:
        if place.is_dir():
            return "it is a directory"
        if place.exists():
            return None if _may(place, os.W_OK) else "no permission to write to the file"
        folder = place.resolve().parent  # of a dangling link's target
        while creates_directories and not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.exists():
            return f"the directory {folder} is missing, and the handler does not create it"
        if not folder.is_dir():
            return f"{folder} is not a directory"
        if not _may(folder, os.W_OK | os.X_OK):
            return f"no permission to create files in {folder}"
    except (OSError, ValueError, RuntimeError) as exc:
        return str(exc)
    return None


def _may(place: FilePath, mode: int) -> bool:
    return os.access(place, mode, effective_ids=os.access in os.supports_effective_ids)
