"""Check what a dictConfig document builds: formatters, filters, handlers."""

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ginkgo_logging.checking import objects
from ginkgo_logging.checking.findings import Path, shown, suggest
from ginkgo_logging.checking.objects import Unresolved, public_name, resolve
from ginkgo_logging.checking.subject import UNKNOWN, Subject, is_name
from ginkgo_logging.handlers import RotatingFileHandler

_FORMATTER_KEYS = (
    "format",
    "datefmt",
    "style",
    "validate",
    "class",
    *(("defaults",) if sys.version_info >= (3, 12) else ()),
)
_OF_DICTCONFIG = ("()", ".", "class", "level", "formatter", "filters")
_ROLES = {"format": "a formatter", "filter": "a filter", "handle": "a handler"}
_QUEUE_KEYS = ("queue", "listener", "handlers", "respect_handler_level")

Entry = dict[Any, Any]


@dataclass(slots=True)
class HandlerParts:
    """What is known of one handler: its class (None: not known), its filters, and whom it hands records on to."""

    factory: Any
    filters: list[Any]
    all_filters_known: bool
    targets: list[Any] = field(default_factory=list)


def check_formatter(subject: Subject, name: object, entry: Entry) -> None:
    """Report what is wrong with one formatter."""
    path: Path = ("formatters", name)
    if "()" in entry:
        factory = _factory(subject, entry, path, "()", "format")
        arguments = _arguments(subject, entry, "()", ".")
        # What does not take `format` is given it as `fmt` by dictConfig.
        renamed = "format" in arguments and factory is not None and not _takes_format(factory)
        if renamed:
            arguments["fmt"] = arguments.pop("format")
        if factory is not None and _check_arguments(subject, factory, arguments, path):
            if renamed:
                arguments["format"] = arguments.pop("fmt", None)
            _build(subject, factory, path, arguments)
        return
    for key in entry:
        if key not in _FORMATTER_KEYS:
            subject.report.ignored((*path, key), _FORMATTER_KEYS)
    factory = _factory(subject, entry, path, "class", "format") if entry.get("class") else logging.Formatter
    if factory is not None:
        arguments = _arguments(subject, entry, "class")
        _build(subject, factory, path, {k: v for k, v in arguments.items() if v is not UNKNOWN})


def _takes_format(factory: Callable[..., Any]) -> bool:
    return not any(key == "format" for key, _, _ in objects.argument_faults(factory, {"format": ""}))


def check_filter(subject: Subject, name: object, entry: Entry) -> Any:
    """Report what is wrong with one filter, and return its class, or None if that is not known."""
    path: Path = ("filters", name)
    if "()" in entry:
        factory = _factory(subject, entry, path, "()", "filter")
        arguments = _arguments(subject, entry, "()", ".")
        if factory is not None and _check_arguments(subject, factory, arguments, path):
            _build(subject, factory, path, arguments)
        return factory
    for key in entry:
        if key == "class":
            problem = "dictConfig ignores 'class' in a filter, which then lets everything pass"
            subject.report.error((*path, key), problem, f"write (): {entry[key]}")
        elif key != "name":
            subject.report.ignored((*path, key), ("name", "()"))
    _build(subject, logging.Filter, path, {key: entry[key] for key in entry if key == "name"})
    return logging.Filter


def check_handler(subject: Subject, name: object, entry: Entry) -> HandlerParts:
    """Report what is wrong with one handler, without opening anything."""
    path: Path = ("handlers", name)
    _check_formatter_name(subject, entry, path)
    filters = subject.names(entry.get("filters"), (*path, "filters"), subject.section("filters"), "filter")
    listed = subject.convert(entry.get("filters"))
    known = HandlerParts(None, filters, not listed or filters == listed)
    key = "()" if "()" in entry else "class"
    if key not in entry:
        subject.report.error(
            path, "has neither 'class' nor '()'", "say which handler it is: class: logging.StreamHandler"
        )
        return known
    factory = _factory(subject, entry, path, key, "handle")
    if factory is None:
        return known
    elsewhere = [*(set(_OF_DICTCONFIG) - {"class"}), key]
    if key == "class" and isinstance(factory, type):
        if not issubclass(factory, logging.Handler):
            subject.report.error((*path, key), f"{public_name(factory)} is not a logging.Handler")
            return known
        elsewhere += _check_targets(subject, factory, entry, path, known)
    elif isinstance(factory, type) and _is_memory(factory) and isinstance(entry.get("target"), str):
        problem = "dictConfig takes a handler's name here only if the handler is named with 'class'"
        subject.report.error((*path, "target"), problem, f"write class: {public_name(factory)}, not ()")
        return known
    known.factory = factory
    arguments = _arguments(subject, entry, *elsewhere)
    served = tuple(elsewhere) if key == "class" and _is_queue(factory) else ("level",)
    if _check_arguments(subject, factory, arguments, path, served) and objects.is_safe_handler(factory):
        _build(subject, factory, path, arguments)
    _check_file(subject, factory, entry, path)
    return known


def _check_formatter_name(subject: Subject, entry: Entry, path: Path) -> None:
    formatter = subject.convert(entry.get("formatter"))
    known = subject.section("formatters")
    if formatter is UNKNOWN or not formatter:
        return
    if not is_name(formatter) or formatter not in known:
        problem = f"no formatter is named {shown(formatter)}"
        subject.report.error((*path, "formatter"), problem, suggest(formatter, known, "formatters"))


def _is_queue(factory: type) -> bool:
    return sys.version_info >= (3, 12) and issubclass(factory, logging.handlers.QueueHandler)


def _is_memory(factory: type) -> bool:
    return issubclass(factory, logging.handlers.MemoryHandler)


def _check_targets(
    subject: Subject, factory: type, entry: Entry, path: Path, known: HandlerParts
) -> list[str]:
    """Note whom a memory or queue handler hands records on to; return the keys that dictConfig serves itself."""
    handlers = subject.section("handlers")
    if _is_memory(factory) and "target" in entry:
        target = subject.convert(entry["target"])
        if target == path[-1]:
            subject.report.error((*path, "target"), "a handler cannot hand records on to itself")
        elif is_name(target) and target in handlers:
            known.targets.append(target)
        elif target is not UNKNOWN:
            problem = f"no handler is named {shown(target)}"
            subject.report.error((*path, "target"), problem, suggest(target, handlers, "handlers"))
    elif _is_queue(factory):
        known.targets += subject.names(entry.get("handlers"), (*path, "handlers"), handlers, "handler")
        return list(_QUEUE_KEYS)
    return []


# --- classes, arguments and values --------------------------------------------------------------------------


def _factory(subject: Subject, entry: Entry, path: Path, key: str, method: str) -> Any:
    """Return the callable that *entry* names under *key*, or None after reporting why there is none."""
    if "." in entry:
        subject.mapping(entry["."], (*path, "."), "a mapping of attributes to values is wanted")
    path = (*path, key)
    value = subject.convert(entry[key])
    if value is UNKNOWN:
        return None
    try:
        factory = resolve(value, may_import=subject.may_import)
    except Unresolved as exc:
        subject.report.error(path, f"cannot be imported: {exc}")
        return None
    if not callable(factory):
        subject.report.error(
            path, f"{shown(value)} is not a class, and not a function that returns an object"
        )
        return None
    if isinstance(factory, type) and not _fits(factory, method):
        subject.report.error(path, f"{public_name(factory)} is not {_ROLES[method]}: no method {method!r}")
        return None
    return factory


def _fits(factory: type, method: str) -> bool:
    if issubclass(factory, logging.Handler):  # it has the methods of all three
        return method == "handle"
    # Of a class itself, hasattr(__call__) is always true.
    return hasattr(factory, method) or (method == "filter" and "__call__" in dir(factory))


def _arguments(subject: Subject, entry: Entry, *but: object) -> Entry:
    return {key: subject.convert(value) for key, value in entry.items() if key not in but}


def _check_arguments(
    subject: Subject, factory: Any, arguments: Entry, path: Path, served: tuple[str, ...] = ()
) -> bool:
    """Report arguments that do not fit, and drop them; return whether the others will do."""
    faults = list(objects.argument_faults(factory, arguments, served))
    for key, problem, allowed in faults:
        subject.report.error(path if key is None else (*path, key), problem, allowed)
    for key in [key for key, value in arguments.items() if value is UNKNOWN]:
        del arguments[key]
    for key, _, _ in faults:
        arguments.pop(key, None)
    return not any(key is None for key, _, _ in objects.argument_faults(factory, arguments, served))


def _build(subject: Subject, factory: Any, path: Path, arguments: Entry) -> None:
    """Build the object for real, by the standard library's own code, where that has no effect."""
    section, name = str(path[0]), path[1]
    is_handler = section == "handlers"
    if not (objects.is_safe_handler(factory) if is_handler else objects.is_safe_to_build(factory)):
        return
    if not subject.may_import or not _is_in_file(subject, path):
        return
    configurator = subject.configurator()
    entry = configurator.config[section][name]
    for key in entry.keys() - arguments.keys() - {"()", "class", "."}:
        del entry[key]
    if (
        is_handler
        and issubclass(factory, RotatingFileHandler)
        and isinstance(entry.get("delay", False), bool)
    ):
        entry["delay"] = True
    if is_handler and _is_memory(factory):
        if not is_name(arguments["target"]):
            return  # reported already
        configurator.config[section][arguments["target"]] = logging.NullHandler()
    try:
        built = getattr(configurator, f"configure_{section[:-1]}")(entry)
    except Exception as exc:  # noqa: BLE001 - whatever it says is what setup() would say
        reason = objects.cause_of(exc)
        argument = objects.argument_named_in(reason, arguments)
        place = path if argument is None else (*path, argument)
        subject.report.error(place, f"refused: {reason}", _origin(subject, path, argument))
        return
    if is_handler:
        built.close()


def _is_in_file(subject: Subject, path: Path) -> bool:
    """Return whether the entry is no object of a module's, by ext://, that configuring would change."""
    entries: Any = subject.document[path[0]]
    return isinstance(entries, dict) and isinstance(entries[path[1]], dict)


def _origin(subject: Subject, path: Path, key: str | None) -> str:
    """Say where a refused value comes from if it is not in the file."""
    raw = subject.section(str(path[0])).get(path[1], {}).get(key)
    return (
        f"the value comes from {raw}" if isinstance(raw, str) and raw.startswith(("ext://", "cfg://")) else ""
    )


# --- files ------------------------------------------------------------------------------------------------


def _check_file(subject: Subject, factory: Any, entry: Entry, path: Path) -> None:
    filename = subject.convert(entry.get("filename"))
    is_file_handler = isinstance(factory, type) and issubclass(
        factory, logging.FileHandler | RotatingFileHandler
    )
    if not is_file_handler or not isinstance(filename, str | os.PathLike) or not filename:
        return
    ours = issubclass(factory, RotatingFileHandler)
    place = FilePath(filename)
    if not ours and str(filename).startswith("~"):
        subject.report.warning(
            (*path, "filename"), "the standard library does not expand ~", "write the whole path"
        )
    if ours:
        try:
            place = place.expanduser()
        except RuntimeError:
            return  # the handler has refused it
    problem = file_problem(place, creates_directories=ours)
    if problem:
        subject.report.error((*path, "filename"), f"cannot write to {place.absolute()}: {problem}")


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
