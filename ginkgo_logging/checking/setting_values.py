"""Check settings: the keys and values of config.yaml, and the environment variables."""

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from ginkgo_logging.checking.documents import Document
from ginkgo_logging.checking.findings import Path, Report, did_you_mean, shown, suggest
from ginkgo_logging.settings import OPTIONS, SECRET_NAMES, SECTIONS, Entry, Option, entries

# Other sections belong to the host application, other variables to other programs: LOKI_ADDR is Grafana's.
_LIKELY = 0.75
# A name alone is no secret, though it is shown nowhere.
_SECRETS = SECRET_NAMES - {"loki_username"}
# What may stand in a section: a setting, or a group of them.
_PLACES = {".".join(option.key.split(".")[:2]) for option in OPTIONS}


def check_settings(document: Document, report: Report) -> dict[str, Any]:
    """Report what is wrong with a config.yaml, and return the settings that are right, by name."""
    value = document.value
    if value is None:
        return {}
    if not isinstance(value, dict):
        report.error(
            (), f"a mapping of keys to values is wanted, not {shown(value)}", "sections: " + _sections()
        )
        return {}
    good: dict[str, Any] = {}
    for entry in entries(value):
        _check_entry(entry, good, report)
    for name in value:
        _warn_if_misplaced(name, value, report)
    _warn_of_readable_secrets(good, report)
    return good


def _sections() -> str:
    return ", ".join(SECTIONS)


def _check_entry(entry: Entry, good: dict[str, Any], report: Report) -> None:
    if entry.option is not None:
        _check_value(entry.option, entry.value, entry.keys, good, report)
    elif entry.is_known:
        problem = f"a mapping is wanted, not {shown(entry.value)}"
        report.error(entry.keys, problem, f"keys allowed in it: {', '.join(entry.allowed)}")
    else:
        report.error(entry.keys, "unknown key", suggest(entry.keys[-1], entry.allowed, "allowed here"))


def _warn_if_misplaced(name: object, document: Mapping[object, object], report: Report) -> None:
    """Warn of a top-level key that is likely meant for us, though it may be the host application's."""
    if name in SECTIONS:
        return
    meant = did_you_mean(name, SECTIONS, _LIKELY)
    if meant is not None and (meant not in document or str(name).lower() == meant):
        problem = "not a section of ours, so nothing in it is read"
        report.warning((name,), problem, suggest(name, SECTIONS, "sections"))
    elif f"logging.{name}" in _PLACES:
        report.warning(
            (name,), "not read here: it is a key of the section 'logging'", "indent it below logging:"
        )


def _check_value(option: Option, value: object, path: Path, good: dict[str, Any], report: Report) -> None:
    try:
        good[option.name] = option.parse(value)
    except ValueError as exc:
        report.error(path, f"{option.shown(shown(value))} is not allowed", f"it must be {exc}")


def _warn_of_readable_secrets(good: Mapping[str, Any], report: Report) -> None:
    try:
        mode = FilePath(report.file).stat().st_mode
    except (OSError, ValueError):
        return
    if mode & 0o077 == 0:
        return
    for name in sorted(_SECRETS & good.keys()):
        key = next(option.key for option in OPTIONS if option.name == name)
        fix = f"try chmod 600 {report.file}"
        report.warning(tuple(key.split(".")), "a secret in a file that others may read", fix)


def check_environment(report: Report) -> dict[str, Any]:
    """Report what is wrong with the environment variables, and return the settings that are right, by name."""
    good: dict[str, Any] = {}
    variables = {option.variable: option for option in OPTIONS}
    for variable, value in sorted(os.environ.items()):
        if variable in variables:
            if value:
                _check_value(variables[variable], value, (variable,), good, report)
        elif variable.startswith(("LOGGING_", "LOKI_")):
            _warn_if_misspelt(variable, list(variables), report)
    return good


def _warn_if_misspelt(variable: str, known: list[str], report: Report) -> None:
    # The common prefix must not make them look alike.
    prefix = variable.partition("_")[0] + "_"
    endings = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    meant = did_you_mean(variable.removeprefix(prefix), endings, _LIKELY)
    if meant is not None:
        report.warning((variable,), "no such setting, so it is not read", f"did you mean {prefix + meant!r}?")


def given_in_environment() -> list[str]:
    """Return ``NAME=value`` of the variables that are set; secrets are hidden."""
    return [
        f"{option.variable}={option.shown(value)}"
        for option in OPTIONS
        if (value := os.environ.get(option.variable))
    ]
