"""Check one dictConfig document, section by section, as `logging.config.dictConfig` will read it."""

import logging
from collections.abc import Collection

from ginkgo_logging.checking import components, wiring
from ginkgo_logging.checking.dictconfig_document import UNKNOWN, DictConfigDocument
from ginkgo_logging.checking.documents import Document
from ginkgo_logging.checking.findings import Path, Report, did_you_mean, shown, suggest

SECTIONS = ("formatters", "filters", "handlers", "loggers")
KEYS = ("version", "disable_existing_loggers", "incremental", *SECTIONS, "root")
"""The top-level keys of a dictConfig document."""

_LOGGER_KEYS = ("level", "propagate", "handlers", "filters")
_ROOT_KEYS = ("level", "handlers", "filters")


def check_dictconfig(
    parsed: Document,
    report: Report,
    *,
    may_import: bool = True,
    handlers_below: Collection[object] | None = None,
) -> None:
    """Report all that is wrong with a dictConfig document.

    *handlers_below* are the handlers of the complete file on top of which an incremental one is applied, if
    that is known.
    """
    if not isinstance(parsed.value, dict):
        report.error(
            (), f"a dictConfig mapping is wanted, not {shown(parsed.value)}", f"keys: {', '.join(KEYS)}"
        )
        return
    document = DictConfigDocument(parsed, report, may_import=may_import)
    document.check_references()
    _check_version(document)
    _check_top_level_keys(document)
    for section in SECTIONS:
        if section in document.value:
            document.mapping(
                document.value[section], (section,), "a mapping of names to descriptions is wanted"
            )
    root = document.convert(document.value.get("root"))
    if root is not None and not isinstance(root, dict) and root is not UNKNOWN:
        report.error(("root",), f"a mapping is wanted, not {shown(root)}", f"keys: {', '.join(_ROOT_KEYS)}")
    if _is_incremental(document):
        _check_incremental(document, handlers_below)
    else:
        _check_complete(document)


# --- the top level ------------------------------------------------------------------------------------------


def _check_version(document: DictConfigDocument) -> None:
    if "version" not in document.value:
        document.report.error((), "the key 'version' is missing", "allowed: version: 1", line=1)
        return
    version = document.convert(document.value["version"])
    if version != 1 and version is not UNKNOWN:
        document.report.error(("version",), f"{shown(version)} is not a version of dictConfig", "allowed: 1")


def _check_top_level_keys(document: DictConfigDocument) -> None:
    for key in document.value:
        if key in KEYS:
            continue
        # What a cfg:// leads to, or an anchor's home, stands at the top level by custom.
        is_home = isinstance(key, str) and (key.startswith(("x-", "_", ".")) or key in document.cfg_names)
        if not is_home:
            document.report.ignored((key,), KEYS)


def _is_incremental(document: DictConfigDocument) -> bool:
    value = document.convert(document.value.get("incremental", False))
    if value is not UNKNOWN and not isinstance(value, bool):
        document.report.error(("incremental",), f"{shown(value)} is not allowed", "it must be true or false")
    return value is True


def _check_disable_existing(document: DictConfigDocument) -> None:
    key = "disable_existing_loggers"
    advice = "set it to false"
    if key not in document.value:
        document.report.warning(
            (),
            f"{key!r} is missing: setup() takes false, but plain dictConfig and the servers that use it take "
            "true, which silences every library that was imported before",
            advice,
            line=1,
        )
        return
    value = document.convert(document.value[key])
    if value is UNKNOWN:
        return
    if not isinstance(value, bool):
        document.report.error((key,), f"{shown(value)} is not allowed", "it must be true or false")
    elif value:
        document.report.warning((key,), "true silences every library that was imported before", advice)


# --- incremental files --------------------------------------------------------------------------------------


def _check_incremental(document: DictConfigDocument, handlers_below: Collection[object] | None) -> None:
    for section in ("formatters", "filters"):
        if section in document.value:
            _warn_of_no_effect(document, (section,))
    for name, handler in _entries(document, "handlers"):
        path: Path = ("handlers", name)
        if handlers_below is not None and name not in handlers_below:
            document.report.error(
                path,
                "no such handler in the file that this one changes",
                suggest(name, handlers_below, "handlers"),
            )
        check_level(document, handler, path)
        for key in handler.keys() - {"level"}:
            _warn_of_no_effect(document, (*path, key))
    for path, logger in _loggers(document):
        check_level(document, logger, path)
        _check_propagate(document, logger, path)
        for key in logger:
            if key in ("handlers", "filters"):
                _warn_of_no_effect(document, (*path, key))
            elif key not in ("level", "propagate"):
                document.report.ignored((*path, key), ("level", "propagate"))


def _warn_of_no_effect(document: DictConfigDocument, path: Path) -> None:
    document.report.warning(
        path,
        "ignored: with incremental: true only levels, and propagate of loggers, are changed",
        "remove it, or make the file a complete one",
    )


# --- complete files -----------------------------------------------------------------------------------------


def _check_complete(document: DictConfigDocument) -> None:
    _check_disable_existing(document)
    for name, formatter in _entries(document, "formatters"):
        components.check_formatter(document, name, formatter)
    filters = {
        name: components.check_filter(document, name, entry) for name, entry in _entries(document, "filters")
    }
    wires = wiring.Wires(filters)
    for name, handler in _entries(document, "handlers"):
        path: Path = ("handlers", name)
        check_level(document, handler, path)
        wires.handlers[name] = components.check_handler(document, name, handler)
    for path, logger in _loggers(document):
        _check_logger(document, path, logger, wires)
    wiring.check_wires(document, wires)


def _entries(document: DictConfigDocument, section: str) -> list[tuple[object, dict[object, object]]]:
    """Return the entries of a section that are mappings, and report the others."""
    entries = []
    for name, value in document.section(section).items():
        path: Path = (section, name)
        entry = document.mapping(value, path, "a mapping is wanted")
        if not isinstance(name, str):
            problem = f"a name should be text, not {shown(name)}"
            document.report.warning(path, problem, f'write "{name}" in quotes, here and where it is used')
        if entry is not None:
            entries.append((name, entry))
    return entries


def _loggers(document: DictConfigDocument) -> list[tuple[Path, dict[object, object]]]:
    """Return the loggers, and the root last, as dictConfig takes them."""
    loggers: list[tuple[Path, dict[object, object]]] = []
    for name, entry in _entries(document, "loggers"):
        if isinstance(name, str):
            loggers.append((("loggers", name), entry))
        else:
            document.report.error(
                ("loggers", name), "a logger's name must be text", f'write "{name}" in quotes'
            )
    root = document.section("root")
    return [*loggers, (("root",), root)] if root else loggers


def _check_logger(
    document: DictConfigDocument, path: Path, logger: dict[object, object], wires: wiring.Wires
) -> None:
    check_level(document, logger, path)
    allowed = _ROOT_KEYS if path == ("root",) else _LOGGER_KEYS
    for key in logger:
        if key not in allowed:
            document.report.ignored((*path, key), allowed)
    handlers = document.names(
        logger.get("handlers"), (*path, "handlers"), document.section("handlers"), "handler"
    )
    filters = document.names(logger.get("filters"), (*path, "filters"), document.section("filters"), "filter")
    wires.add_logger(path, handlers, filters, propagates=_check_propagate(document, logger, path))
    if isinstance(logger.get("handlers"), str):
        wires.depends_on_settings = True


def _check_propagate(document: DictConfigDocument, logger: dict[object, object], path: Path) -> bool:
    value = document.convert(logger.get("propagate"))
    if value is None or value is UNKNOWN:
        return True
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    problem = f"{shown(value)} is not allowed, and Python takes it for {str(bool(value)).lower()}"
    document.report.error((*path, "propagate"), problem, "it must be true or false")
    return bool(value)


def check_level(document: DictConfigDocument, entry: dict[object, object], path: Path) -> None:
    """Report a level that is none."""
    level = document.convert(entry.get("level"))
    names = logging.getLevelNamesMapping()
    if level is None or level is UNKNOWN or (isinstance(level, str) and level in names):
        return
    if isinstance(level, int) and not isinstance(level, bool):
        return
    allowed = [name for name in names if name not in {"FATAL", "WARN"}]
    problem = f"{shown(level)} is not a level"
    if isinstance(level, bool):
        problem += " (YAML reads on, off, yes and no as true and false)"
    elif isinstance(level, str) and level.strip().isdecimal():
        problem += f"; as a number it is written without quotes: {level.strip()}"
    elif did_you_mean(level, allowed) is None:
        allowed.append("or a whole number")
    document.report.error((*path, "level"), problem, suggest(level, allowed))
