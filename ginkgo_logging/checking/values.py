"""Check settings: the keys and values of config.yaml, and the environment variables."""

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from ginkgo_logging.checking.documents import Document
from ginkgo_logging.checking.findings import Path, Report, did_you_mean, shown, suggest
from ginkgo_logging.settings import OPTIONS, SECRET_NAMES, SECTIONS, Option, without_userinfo

_BY_KEY = {option.key: option for option in OPTIONS}
# Other sections belong to the host application, other variables to other programs: LOKI_ADDR is Grafana's.
_LIKELY = 0.75
# A name alone is no secret, though it is shown nowhere.
_SECRETS = SECRET_NAMES - {"loki_username"}
_GROUPS = {option.key.rpartition(".")[0] for option in OPTIONS}


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
    for name, section in value.items():
        if name in SECTIONS:
            _check_group(section, (name,), good, report)
        elif (meant := did_you_mean(name, SECTIONS, _LIKELY)) is not None and meant not in value:
            problem = "not a section of ours, so nothing in it is read"
            report.warning((name,), problem, suggest(name, SECTIONS, "sections"))
    _warn_of_readable_secrets(document, good, report)
    return good


def _sections() -> str:
    return ", ".join(SECTIONS)


def _check_group(section: object, path: Path, good: dict[str, Any], report: Report) -> None:
    if section is None:
        return
    prefix = ".".join(str(step) for step in path)
    known = [
        key.removeprefix(f"{prefix}.").partition(".")[0] for key in _BY_KEY if key.startswith(f"{prefix}.")
    ]
    known = list(dict.fromkeys(known))
    if not isinstance(section, dict):
        report.error(
            path, f"a mapping is wanted, not {shown(section)}", f"keys allowed in it: {', '.join(known)}"
        )
        return
    for name, value in section.items():
        here = (*path, name)
        key = f"{prefix}.{name}"
        if key in _GROUPS:
            _check_group(value, here, good, report)
        elif key not in _BY_KEY:
            report.error(here, "unknown key", suggest(name, known, "allowed here"))
        elif value is not None:
            _check_value(_BY_KEY[key], value, here, good, report)


def _check_value(option: Option, value: object, path: Path, good: dict[str, Any], report: Report) -> None:
    try:
        good[option.name] = option.parse(value)
    except ValueError as exc:
        given = "(hidden)" if option.name in SECRET_NAMES else without_userinfo(shown(value))
        report.error(path, f"{given} is not allowed", f"it must be {exc}")


def _warn_of_readable_secrets(document: Document, good: Mapping[str, Any], report: Report) -> None:
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
        f"{option.variable}={'(hidden)' if option.name in SECRET_NAMES else without_userinfo(value)}"
        for option in OPTIONS
        if (value := os.environ.get(option.variable))
    ]
