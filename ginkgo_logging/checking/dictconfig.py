"""Check one dictConfig document, section by section, as `logging.config.dictConfig` will read it."""

import logging
from collections.abc import Collection

from ginkgo_logging.checking import parts, wiring
from ginkgo_logging.checking.documents import Document
from ginkgo_logging.checking.findings import Path, Report, did_you_mean, shown, suggest
from ginkgo_logging.checking.subject import UNKNOWN, Subject

SECTIONS = ("formatters", "filters", "handlers", "loggers")
KEYS = ("version", "disable_existing_loggers", "incremental", *SECTIONS, "root")
"""The top-level keys of a dictConfig document."""

_LOGGER_KEYS = ("level", "propagate", "handlers", "filters")
_ROOT_KEYS = ("level", "handlers", "filters")


def check_dictconfig(
    document: Document,
    report: Report,
    *,
    may_import: bool = True,
    handlers_below: Collection[object] | None = None,
) -> None:
    """Report all that is wrong with a dictConfig document.

    *handlers_below* are the handlers of the complete file on top of which an incremental one is applied, if
    that is known.
    """
    if not isinstance(document.value, dict):
        report.error(
            (), f"a dictConfig mapping is wanted, not {shown(document.value)}", f"keys: {', '.join(KEYS)}"
        )
        return
    subject = Subject(document, report, may_import=may_import)
    subject.check_references()
    _check_version(subject)
    _check_top_level_keys(subject)
    for section in SECTIONS:
        if section in document.value:
            subject.mapping(
                document.value[section], (section,), "a mapping of names to descriptions is wanted"
            )
    root = subject.convert(document.value.get("root"))
    if root is not None and not isinstance(root, dict) and root is not UNKNOWN:
        report.error(("root",), f"a mapping is wanted, not {shown(root)}", f"keys: {', '.join(_ROOT_KEYS)}")
    if _is_incremental(subject):
        _check_incremental(subject, handlers_below)
    else:
        _check_complete(subject)


# --- the top level ------------------------------------------------------------------------------------------


def _check_version(subject: Subject) -> None:
    if "version" not in subject.document:
        subject.report.error((), "the key 'version' is missing", "allowed: version: 1", line=1)
        return
    version = subject.convert(subject.document["version"])
    if version != 1 and version is not UNKNOWN:
        subject.report.error(("version",), f"{shown(version)} is not a version of dictConfig", "allowed: 1")


def _check_top_level_keys(subject: Subject) -> None:
    for key in subject.document:
        if key in KEYS:
            continue
        # What a cfg:// leads to, or an anchor's home, stands at the top level by custom.
        is_home = isinstance(key, str) and (key.startswith(("x-", "_", ".")) or key in subject.cfg_names)
        if not is_home:
            subject.report.ignored((key,), KEYS)


def _is_incremental(subject: Subject) -> bool:
    value = subject.convert(subject.document.get("incremental", False))
    if value is not UNKNOWN and not isinstance(value, bool):
        subject.report.error(("incremental",), f"{shown(value)} is not allowed", "it must be true or false")
    return value is True


def _check_disable_existing(subject: Subject) -> None:
    key = "disable_existing_loggers"
    advice = "set it to false"
    if key not in subject.document:
        subject.report.warning(
            (),
            f"{key!r} is missing: setup() takes false, but plain dictConfig and the servers that use it take "
            "true, which silences every library that was imported before",
            advice,
            line=1,
        )
        return
    value = subject.convert(subject.document[key])
    if value is UNKNOWN:
        return
    if not isinstance(value, bool):
        subject.report.error((key,), f"{shown(value)} is not allowed", "it must be true or false")
    elif value:
        subject.report.warning((key,), "true silences every library that was imported before", advice)


# --- incremental files --------------------------------------------------------------------------------------


def _check_incremental(subject: Subject, handlers_below: Collection[object] | None) -> None:
    for section in ("formatters", "filters"):
        if section in subject.document:
            _warn_of_no_effect(subject, (section,))
    for name, handler in _entries(subject, "handlers"):
        path: Path = ("handlers", name)
        if handlers_below is not None and name not in handlers_below:
            subject.report.error(
                path,
                "no such handler in the file that this one changes",
                suggest(name, handlers_below, "handlers"),
            )
        check_level(subject, handler, path)
        for key in handler.keys() - {"level"}:
            _warn_of_no_effect(subject, (*path, key))
    for path, logger in _loggers(subject):
        check_level(subject, logger, path)
        _check_propagate(subject, logger, path)
        for key in logger:
            if key in ("handlers", "filters"):
                _warn_of_no_effect(subject, (*path, key))
            elif key not in ("level", "propagate"):
                subject.report.ignored((*path, key), ("level", "propagate"))


def _warn_of_no_effect(subject: Subject, path: Path) -> None:
    subject.report.warning(
        path,
        "ignored: with incremental: true only levels, and propagate of loggers, are changed",
        "remove it, or make the file a complete one",
    )


# --- complete files -----------------------------------------------------------------------------------------


def _check_complete(subject: Subject) -> None:
    _check_disable_existing(subject)
    for name, formatter in _entries(subject, "formatters"):
        parts.check_formatter(subject, name, formatter)
    filters = {name: parts.check_filter(subject, name, entry) for name, entry in _entries(subject, "filters")}
    wires = wiring.Wires(filters)
    for name, handler in _entries(subject, "handlers"):
        path: Path = ("handlers", name)
        check_level(subject, handler, path)
        wires.handlers[name] = parts.check_handler(subject, name, handler)
    for path, logger in _loggers(subject):
        _check_logger(subject, path, logger, wires)
    wiring.check_wires(subject, wires)


def _entries(subject: Subject, section: str) -> list[tuple[object, dict[object, object]]]:
    """Return the entries of a section that are mappings, and report the others."""
    entries = []
    for name, value in subject.section(section).items():
        path: Path = (section, name)
        entry = subject.mapping(value, path, "a mapping is wanted")
        if not isinstance(name, str):
            problem = f"a name should be text, not {shown(name)}"
            subject.report.warning(path, problem, f'write "{name}" in quotes, here and where it is used')
        if entry is not None:
            entries.append((name, entry))
    return entries


def _loggers(subject: Subject) -> list[tuple[Path, dict[object, object]]]:
    """Return the loggers, and the root last, as dictConfig takes them."""
    loggers: list[tuple[Path, dict[object, object]]] = []
    for name, entry in _entries(subject, "loggers"):
        if isinstance(name, str):
            loggers.append((("loggers", name), entry))
        else:
            subject.report.error(
                ("loggers", name), "a logger's name must be text", f'write "{name}" in quotes'
            )
    root = subject.section("root")
    return [*loggers, (("root",), root)] if root else loggers


def _check_logger(subject: Subject, path: Path, logger: dict[object, object], wires: wiring.Wires) -> None:
    check_level(subject, logger, path)
    allowed = _ROOT_KEYS if path == ("root",) else _LOGGER_KEYS
    for key in logger:
        if key not in allowed:
            subject.report.ignored((*path, key), allowed)
    handlers = subject.names(
        logger.get("handlers"), (*path, "handlers"), subject.section("handlers"), "handler"
    )
    filters = subject.names(logger.get("filters"), (*path, "filters"), subject.section("filters"), "filter")
    wires.add_logger(path, handlers, filters, propagates=_check_propagate(subject, logger, path))
    if isinstance(logger.get("handlers"), str):
        wires.depends_on_settings = True


def _check_propagate(subject: Subject, logger: dict[object, object], path: Path) -> bool:
    value = subject.convert(logger.get("propagate"))
    if value is None or value is UNKNOWN:
        return True
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    problem = f"{shown(value)} is not allowed, and Python takes it for {str(bool(value)).lower()}"
    subject.report.error((*path, "propagate"), problem, "it must be true or false")
    return bool(value)


def check_level(subject: Subject, entry: dict[object, object], path: Path) -> None:
    """Report a level that is none."""
    level = subject.convert(entry.get("level"))
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
    subject.report.error((*path, "level"), problem, suggest(level, allowed))
