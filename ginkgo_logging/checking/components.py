"""Check what a dictConfig document builds: formatters, filters, handlers."""

import logging
import logging.handlers
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ginkgo_logging.applying import reason_of
from ginkgo_logging.checking import class_names
from ginkgo_logging.checking.class_names import Unresolved, public_name, resolve
from ginkgo_logging.checking.dictconfig_document import UNKNOWN, DictConfigDocument, is_name
from ginkgo_logging.checking.findings import Path, shown, suggest
from ginkgo_logging.checking.formats import check_format
from ginkgo_logging.checking.log_paths import check_log_path
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


def check_formatter(document: DictConfigDocument, name: object, entry: Entry) -> None:
    """Report what is wrong with one formatter."""
    path: Path = ("formatters", name)
    if "()" in entry:
        factory = _factory(document, entry, path, "()", "format")
        arguments = _arguments(document, entry, "()", ".")
        # What does not take `format` is given it as `fmt` by dictConfig.
        renamed = "format" in arguments and factory is not None and not _takes_format(factory)
        if renamed:
            arguments["fmt"] = arguments.pop("format")
        if factory is not None and _check_arguments(document, factory, arguments, path):
            if renamed:
                arguments["format"] = arguments.pop("fmt", None)
            _build_formatter(document, factory, path, arguments)
        return
    for key in entry:
        if key not in _FORMATTER_KEYS:
            document.report.ignored((*path, key), _FORMATTER_KEYS)
    factory = _factory(document, entry, path, "class", "format") if entry.get("class") else logging.Formatter
    if factory is not None:
        arguments = _arguments(document, entry, "class")
        known = {key: value for key, value in arguments.items() if value is not UNKNOWN}
        _build_formatter(document, factory, path, known)


def _build_formatter(document: DictConfigDocument, factory: Any, path: Path, arguments: Entry) -> None:
    formatter = _build(document, factory, path, arguments)
    if formatter is not None:
        check_format(document, path, formatter)


def _takes_format(factory: Callable[..., Any]) -> bool:
    return not any(key == "format" for key, _, _ in class_names.argument_faults(factory, {"format": ""}))


def check_filter(document: DictConfigDocument, name: object, entry: Entry) -> Any:
    """Report what is wrong with one filter, and return its class, or None if that is not known."""
    path: Path = ("filters", name)
    if "()" in entry:
        factory = _factory(document, entry, path, "()", "filter")
        arguments = _arguments(document, entry, "()", ".")
        if factory is not None and _check_arguments(document, factory, arguments, path):
            _build(document, factory, path, arguments)
        return factory
    for key in entry:
        if key == "class":
            problem = "dictConfig ignores 'class' in a filter, which then lets everything pass"
            document.report.error((*path, key), problem, f"write (): {entry[key]}")
        elif key != "name":
            document.report.ignored((*path, key), ("name", "()"))
    _build(document, logging.Filter, path, {key: entry[key] for key in entry if key == "name"})
    return logging.Filter


def check_handler(document: DictConfigDocument, name: object, entry: Entry) -> HandlerParts:
    """Report what is wrong with one handler, without opening anything."""
    path: Path = ("handlers", name)
    _check_formatter_name(document, entry, path)
    filters = document.names(entry.get("filters"), (*path, "filters"), document.section("filters"), "filter")
    listed = document.convert(entry.get("filters"))
    known = HandlerParts(None, filters, not listed or filters == listed)
    key = "()" if "()" in entry else "class"
    if key not in entry:
        document.report.error(
            path, "has neither 'class' nor '()'", "say which handler it is: class: logging.StreamHandler"
        )
        return known
    factory = _factory(document, entry, path, key, "handle")
    if factory is None:
        return known
    elsewhere = [*(set(_OF_DICTCONFIG) - {"class"}), key]
    if key == "class" and isinstance(factory, type):
        if not issubclass(factory, logging.Handler):
            document.report.error((*path, key), f"{public_name(factory)} is not a logging.Handler")
            return known
        elsewhere += _check_targets(document, factory, entry, path, known)
    elif isinstance(factory, type) and _is_memory(factory) and isinstance(entry.get("target"), str):
        problem = "dictConfig takes a handler's name here only if the handler is named with 'class'"
        document.report.error((*path, "target"), problem, f"write class: {public_name(factory)}, not ()")
        return known
    known.factory = factory
    arguments = _arguments(document, entry, *elsewhere)
    served = tuple(elsewhere) if key == "class" and _is_queue(factory) else ("level",)
    if _check_arguments(document, factory, arguments, path, served) and class_names.is_safe_handler(factory):
        _build(document, factory, path, arguments)
    check_log_path(document, factory, entry, path)
    return known


def _check_formatter_name(document: DictConfigDocument, entry: Entry, path: Path) -> None:
    formatter = document.convert(entry.get("formatter"))
    known = document.section("formatters")
    if formatter is UNKNOWN or not formatter:
        return
    if not is_name(formatter) or formatter not in known:
        problem = f"no formatter is named {shown(formatter)}"
        document.report.error((*path, "formatter"), problem, suggest(formatter, known, "formatters"))


def _is_queue(factory: type) -> bool:
    return sys.version_info >= (3, 12) and issubclass(factory, logging.handlers.QueueHandler)


def _is_memory(factory: type) -> bool:
    return issubclass(factory, logging.handlers.MemoryHandler)


def _check_targets(
    document: DictConfigDocument, factory: type, entry: Entry, path: Path, known: HandlerParts
) -> list[str]:
    """Note whom a memory or queue handler hands records on to; return the keys that dictConfig serves itself."""
    handlers = document.section("handlers")
    if _is_memory(factory) and "target" in entry:
        target = document.convert(entry["target"])
        if target == path[-1]:
            document.report.error((*path, "target"), "a handler cannot hand records on to itself")
        elif is_name(target) and target in handlers:
            known.targets.append(target)
        elif target is not UNKNOWN:
            problem = f"no handler is named {shown(target)}"
            document.report.error((*path, "target"), problem, suggest(target, handlers, "handlers"))
    elif _is_queue(factory):
        known.targets += document.names(entry.get("handlers"), (*path, "handlers"), handlers, "handler")
        return list(_QUEUE_KEYS)
    return []


# --- classes, arguments and values --------------------------------------------------------------------------


def _factory(document: DictConfigDocument, entry: Entry, path: Path, key: str, method: str) -> Any:
    """Return the callable that *entry* names under *key*, or None after reporting why there is none."""
    if "." in entry:
        document.mapping(entry["."], (*path, "."), "a mapping of attributes to values is wanted")
    path = (*path, key)
    value = document.convert(entry[key])
    if value is UNKNOWN:
        return None
    try:
        factory = resolve(value, may_import=document.may_import)
    except Unresolved as exc:
        document.report.error(path, f"cannot be imported: {exc}")
        return None
    if not callable(factory):
        document.report.error(
            path, f"{shown(value)} is not a class, and not a function that returns an object"
        )
        return None
    if isinstance(factory, type) and not _fits(factory, method):
        document.report.error(path, f"{public_name(factory)} is not {_ROLES[method]}: no method {method!r}")
        return None
    return factory


def _fits(factory: type, method: str) -> bool:
    if issubclass(factory, logging.Handler):  # it has the methods of all three
        return method == "handle"
    # Of a class itself, hasattr(__call__) is always true.
    return hasattr(factory, method) or (method == "filter" and "__call__" in dir(factory))


def _arguments(document: DictConfigDocument, entry: Entry, *but: object) -> Entry:
    return {key: document.convert(value) for key, value in entry.items() if key not in but}


def _check_arguments(
    document: DictConfigDocument, factory: Any, arguments: Entry, path: Path, served: tuple[str, ...] = ()
) -> bool:
    """Report arguments that do not fit, and drop them; return whether the others will do."""
    faults = list(class_names.argument_faults(factory, arguments, served))
    for key, problem, allowed in faults:
        document.report.error(path if key is None else (*path, key), problem, allowed)
    for key in [key for key, value in arguments.items() if value is UNKNOWN]:
        del arguments[key]
    for key, _, _ in faults:
        arguments.pop(key, None)
    return not any(key is None for key, _, _ in class_names.argument_faults(factory, arguments, served))


def _build(document: DictConfigDocument, factory: Any, path: Path, arguments: Entry) -> Any:
    """Build the object for real, by the standard library's own code, where that has no effect; else None."""
    section, name = str(path[0]), path[1]
    is_handler = section == "handlers"
    if not (class_names.is_safe_handler(factory) if is_handler else class_names.is_safe_to_build(factory)):
        return None
    if not document.may_import or not _is_in_file(document, path):
        return None
    configurator = document.configurator()
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
            return None  # reported already
        configurator.config[section][arguments["target"]] = logging.NullHandler()
    try:
        built = getattr(configurator, f"configure_{section[:-1]}")(entry)
    except Exception as exc:  # noqa: BLE001 - whatever it says is what setup() would say
        reason = reason_of(exc)
        argument = class_names.argument_named_in(reason, arguments)
        place = path if argument is None else (*path, argument)
        document.report.error(place, f"refused: {reason}", _origin(document, path, argument))
        return None
    if is_handler:
        built.close()
    return built


def _is_in_file(document: DictConfigDocument, path: Path) -> bool:
    """Return whether the entry is no object of a module's, by ext://, that configuring would change."""
    entries: Any = document.value[path[0]]
    return isinstance(entries, dict) and isinstance(entries[path[1]], dict)


def _origin(document: DictConfigDocument, path: Path, key: str | None) -> str:
    """Say where a refused value comes from if it is not in the file."""
    raw = document.section(str(path[0])).get(path[1], {}).get(key)
    return (
        f"the value comes from {raw}" if isinstance(raw, str) and raw.startswith(("ext://", "cfg://")) else ""
    )
