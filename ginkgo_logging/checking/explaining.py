"""Explain which handlers, filters, formatters and levels a record of one logger meets."""

import copy
import inspect
import logging
import logging.handlers
import os
from collections.abc import Iterator
from typing import Any

from ginkgo_logging import config_files
from ginkgo_logging.applying import apply
from ginkgo_logging.checking.class_names import Unresolved, public_name, resolve
from ginkgo_logging.config_files import ConfigFile
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.handlers import FlightRecorderHandler
from ginkgo_logging.handlers.target import TargetHandler
from ginkgo_logging.settings import Settings

LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)


def explain(name: str, chosen: Settings, path: str | os.PathLike[str] | None = None) -> list[str]:
    """Configure this process as ``setup(path)`` would, and return what a record of logger *name* meets, as text.

    The logger counts as one that existed before, as that of a library imported earlier does. No log file is
    opened. Raises `ConfigError`.
    """
    logger = logging.getLogger(name)
    files = config_files.find(chosen, path)
    apply([_without_opening(file) for file in files], chosen, open_files=False)
    return [*(f"applied: {file.name}" for file in files), *_explain(logger)]


def _without_opening(file: ConfigFile) -> ConfigFile:
    document: dict[str, Any] = copy.deepcopy(dict(file.document))
    handlers = {} if file.incremental else document.get("handlers")
    for entry in handlers.values() if isinstance(handlers, dict) else ():
        try:
            parameters = inspect.signature(resolve(entry.get("()", entry.get("class")))).parameters
        except (Unresolved, AttributeError, TypeError, ValueError):
            continue  # dictConfig says what is wrong with it, if anything is
        if "delay" in parameters and "filename" in parameters:
            entry["delay"] = True
    return file._replace(document=document)


def _explain(logger: logging.Logger) -> list[str]:
    way = list(_way(logger))
    handlers = [handler for step in way for handler in step.handlers]
    lines = [f"logger {logger.name!r}: {_effective(logger)}", ""]
    for step in way:
        lines += _explain_logger(step, is_origin=step is logger)
        for handler in step.handlers:
            lines += _explain_handler(handler, "  ")
    if not handlers and logging.lastResort is not None:
        lines.append("no handler on the way: Python's last resort prints bare messages")
        handlers = [logging.lastResort]
        lines += _explain_handler(handlers[0], "  ")
    return [*lines, "", *_table(logger, handlers)]


def _way(logger: logging.Logger) -> Iterator[logging.Logger]:
    """Yield the loggers whose handlers a record of *logger* meets."""
    step: logging.Logger | None = logger
    while step is not None:
        yield step
        step = step.parent if step.propagate else None


def _effective(logger: logging.Logger) -> str:
    level = logging.getLevelName(logger.getEffectiveLevel())
    step: logging.Logger | None = logger
    while step is not None and not step.level:
        step = step.parent
    if step is None:
        return f"effective level {level}, as none on the way sets one"
    return f"effective level {level}, set on {'root' if step is logging.root else repr(step.name)}"


def _explain_logger(logger: logging.Logger, *, is_origin: bool) -> list[str]:
    facts = [f"level {logging.getLevelName(logger.level)}"]
    if logger is not logging.root:
        facts.append("propagates" if logger.propagate else "does not propagate: the way ends here")
    if logger.disabled:
        # A disabled parent still hands its children's records to its handlers.
        facts.append("disabled" + (": its records go nowhere" if is_origin else " (its own records only)"))
    if not logger.handlers:
        facts.append("no handlers")
    lines = [f"{logger.name if logger is not logging.root else 'root'}: {', '.join(facts)}"]
    if is_origin and logger.filters:
        lines.append(f"  filters    {_filters(logger)}")
    return lines


def _explain_handler(handler: logging.Handler, indent: str) -> list[str]:
    formatter = public_name(type(handler.formatter)) if handler.formatter else "none: the bare message"
    facts = [
        ("level", logging.getLevelName(handler.level)),
        ("filters", _filters(handler) or "none"),
        ("formatter", formatter),
        ("writes to", _destination(handler)),
    ]
    lines = [f"{indent}handler {_label(handler)}: {public_name(type(handler))}"]
    lines += [f"{indent}  {title:<10} {fact}" for title, fact in facts]
    for target in _targets(handler):
        lines.append(f"{indent}  hands on to")
        lines += _explain_handler(target, indent + "    ")
    return lines


def _label(handler: logging.Handler) -> str:
    return handler.name or f"({type(handler).__name__})"


def _filters(filterer: logging.Filterer) -> str:
    return " -> ".join(_filter_name(each) for each in filterer.filters)


def _filter_name(each: Any) -> str:
    if type(each) is logging.Filter:
        return f"logging.Filter({each.name!r})"
    return public_name(each if inspect.isroutine(each) else type(each))


def _destination(handler: Any) -> str:
    if isinstance(handler, logging.NullHandler):
        return "nowhere"
    for attribute in ("baseFilename", "filename"):
        if isinstance(path := getattr(handler, attribute, None), str):
            return path
    if hasattr(handler, "stream"):
        return str(getattr(handler.stream, "name", handler.stream))
    if isinstance(handler, logging.handlers.SysLogHandler):
        address = handler.address
        return address if isinstance(address, str) else ":".join(str(part) for part in address)
    if isinstance(handler, logging.handlers.SMTPHandler):
        return f"mail to {', '.join(handler.toaddrs)} by {handler.mailhost}"
    if hasattr(handler, "host"):
        port, url = getattr(handler, "port", None), getattr(handler, "url", "")
        return f"{handler.host}{f':{port}' if port else ''}{url}"
    if hasattr(handler, "queue"):
        return "a queue"
    if isinstance(handler, TargetHandler):
        return "another handler"
    if isinstance(handler, logging.handlers.MemoryHandler):
        return "memory, until it is full or an error comes"
    return "not known here"


def _targets(handler: Any) -> list[logging.Handler]:
    listener = getattr(handler, "listener", None)
    targets = [getattr(handler, "target", None), *(getattr(listener, "handlers", None) or ())]
    return [target for target in targets if isinstance(target, logging.Handler)]


def _table(logger: logging.Logger, handlers: list[logging.Handler]) -> list[str]:
    """Return which handler writes a record of which level; a star where a filter decides by the record."""
    labels = [_label(handler) for handler in handlers]
    rows = [["", *labels]]
    deciding: dict[str, None] = {}
    for level in LEVELS:
        row = [logging.getLevelName(level)]
        for handler in handlers:
            verdict, filters = _verdict(logger, handler, level)
            row.append(verdict + ("*" if verdict == "yes" and filters else ""))
            if verdict == "yes":
                deciding |= dict.fromkeys(filters)
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["written:"]
    lines += [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if deciding:
        lines.append(f"  * unless dropped by {', '.join(deciding)}")
    return lines


def _verdict(logger: logging.Logger, handler: logging.Handler, level: int) -> tuple[str, list[str]]:
    """Return yes or no, and the filters and handlers that decide record by record."""
    if logger.disabled or not logger.isEnabledFor(level):
        return "no", []
    record = logging.makeLogRecord({"name": logger.name, "levelno": level})
    own = _judges(logger, record)
    judges = _judges_at(handler, record)
    if own is None or judges is None:
        return "no", []
    return "yes", own + judges


def _judges_at(
    handler: logging.Handler, record: logging.LogRecord, *, by_level: bool = True
) -> list[str] | None:
    """Return who decides at *handler* and at those that it hands on to; None: it is not written."""
    if isinstance(handler, logging.NullHandler) or (by_level and record.levelno < handler.level):
        return None
    judges = _judges(handler, record)
    if judges is None:
        return None
    if isinstance(handler, FlightRecorderHandler) and record.levelno < logging.WARNING:
        judges.append(public_name(type(handler)))
    targets = _targets(handler)
    # The standard library's queues and buffers do not look at the target's level.
    beyond = [_judges_at(target, record, by_level=isinstance(handler, TargetHandler)) for target in targets]
    if targets and all(one is None for one in beyond):
        return None
    return judges + [name for one in beyond if one is not None for name in one]


def _judges(filterer: logging.Filterer, record: logging.LogRecord) -> list[str] | None:
    """Return the filters that decide by more than the logger's name; None if that is enough to refuse."""
    judges = []
    for each in filterer.filters:
        if type(each) is logging.Filter:
            if not each.filter(record):
                return None
        elif not isinstance(each, ContextFilter | MaskingFilter):
            judges.append(_filter_name(each))
    return judges
