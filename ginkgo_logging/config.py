"""Apply dictConfig files and take them back: `setup` and `shutdown`."""

import contextlib
import logging
import logging.config
import os
import re
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ginkgo_logging import record_factory, settings, uncaught
from ginkgo_logging.config_files import (
    ENVIRONMENTS,
    ConfigFile,
    find,
    find_candidates,
    read,
    refuse_if_others_may_write,
    shipped,
)
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters.throttle import flush_all
from ginkgo_logging.handlers import RotatingFileHandler
from ginkgo_logging.importing import forget, when_imported
from ginkgo_logging.settings import Settings
from ginkgo_logging.transaction import detach, transaction
from ginkgo_logging.yaml_file import line_of

__all__ = [
    "ENVIRONMENTS",
    "ConfigFile",
    "apply",
    "find",
    "find_candidates",
    "read",
    "refuse_if_others_may_write",
    "setup",
    "setup_or_defaults",
    "shipped",
    "shutdown",
]

_installed: "weakref.WeakSet[logging.Handler]" = weakref.WeakSet()
_captures_warnings = False


def setup(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    mode: str | None = None,
    format: str | None = None,  # noqa: A002 - the name of the setting
    console_level: str | int | None = None,
    file_level: str | int | None = None,
    file_path: str | os.PathLike[str] | None = None,
    mask_fields: list[str] | None = None,
    capture_warnings: bool = True,
    uncaught_exceptions: tuple[str, ...] | list[str] | bool = True,
    structlog: bool = True,
) -> None:
    """Configure logging for this process from a dictConfig file, the settings and these arguments.

    *config* is a file, the name of an environment (``local``, ``container``, ``test``) or a dictConfig
    mapping; without it, ``LOGGING_CONFIG`` or the mode decides. A file of the user's takes the shipped
    one's place, or with ``incremental: true`` is applied on top of it: first ``~/.ginkgo/logging.d/``, then
    ``./logging.d/``, then *config*. Warnings, uncaught exceptions (all of `uncaught.HOOKS`, or those named)
    and structlog join the pipe unless switched off. May be called again; then the new configuration holds.

    Raises `ConfigError` for anything wrong; the configuration there was then goes on as if nothing had been.
    Handlers that the new configuration takes off their loggers are closed. Thread-safe.
    """
    hooks = _hooks(uncaught_exceptions)
    chosen = settings.load(
        mode=mode,
        format=format,
        console_level=console_level,
        file_level=file_level,
        local_file_path=str(file_path) if isinstance(file_path, os.PathLike) else file_path,
        mask_fields=mask_fields,
    )
    if mode is None:
        chosen = _in_mode_of(config if isinstance(config, str) else chosen.config, chosen)
    apply(find(chosen, config), chosen)
    _join(hooks, capture_warnings=capture_warnings, structlog=structlog)


def _in_mode_of(name: str | None, chosen: Settings) -> Settings:
    """Return *chosen* in the mode of the shipped file that *name* names: levels and handlers follow the mode."""
    for mode in ("local", "container"):
        if name in (mode, f"{mode}-queue"):
            return replace(chosen, mode=mode)
    return chosen


def setup_or_defaults() -> list[Exception]:
    """Do what `setup` does, and never fail: return what is wrong, having put defaults in its place.

    What is valid of the settings stays in force, `mask_fields` above all.
    """
    try:
        setup()
    except Exception as exc:  # noqa: BLE001 - called from the program's first log call
        chosen, faults = settings.examine()
        without_file = replace(chosen, local_file_enabled=False)
        for attempt in (chosen, without_file, Settings(local_file_enabled=False)):
            with contextlib.suppress(Exception):
                apply([shipped(attempt.environment)], attempt)
                _join(uncaught.HOOKS, capture_warnings=True, structlog=True)
                break
        return [*faults] or [exc]
    return []


def _join(hooks: tuple[str, ...], *, capture_warnings: bool, structlog: bool) -> None:
    record_factory.install()
    _capture_warnings(wanted=capture_warnings)
    uncaught.install(hooks)
    if structlog:
        when_imported("structlog", _configure_structlog)
    else:
        forget("structlog")


def shutdown() -> None:
    """Write out what is held back, close the handlers that `setup` made, and take its hooks back.

    Closes our handlers on the root logger too where plain dictConfig made them. Safe to call twice, and without
    `setup`. Levels stay; lines logged afterwards go where Python sends them by default.
    """
    flush_all()
    record_factory.uninstall()
    uncaught.uninstall()
    _capture_warnings(wanted=False)
    forget("structlog")
    ours = [one for one in logging.getLogger().handlers if type(one).__module__.startswith("ginkgo_logging.")]
    detach(weakref.WeakSet([*ours, *_installed]))
    _installed.clear()
    settings.activate(None)


def _capture_warnings(*, wanted: bool) -> None:
    """Send warnings to the logger ``py.warnings``, or take that back if it was done here."""
    global _captures_warnings
    if wanted:
        before = warnings.showwarning
        logging.captureWarnings(capture=True)
        _captures_warnings |= warnings.showwarning is not before
    elif _captures_warnings:
        logging.captureWarnings(capture=False)
        _captures_warnings = False


def _hooks(chosen: tuple[str, ...] | list[str] | bool) -> tuple[str, ...]:  # noqa: FBT001 - see setup
    if isinstance(chosen, bool):
        return uncaught.HOOKS if chosen else ()
    for name in chosen:
        if name not in uncaught.HOOKS:
            allowed = ", ".join(uncaught.HOOKS)
            raise ConfigError(
                f"setup(uncaught_exceptions=): {name!r} is not allowed; it must be of {allowed}"
            )
    return tuple(chosen)


def _configure_structlog() -> None:
    from ginkgo_logging.integrations.structlog import configure

    configure()


# --- applying ---------------------------------------------------------------------------------------------


def apply(files: list[ConfigFile], chosen: Settings, *, open_files: bool = True) -> None:
    """Put *chosen* in force and apply *files* in order; on a fault everything is as it was before.

    With *open_files* a log file that cannot be written to is found now, not by the first line.
    """
    before = settings.in_force()
    flush_all()
    try:
        with transaction() as made:
            settings.activate(chosen)
            for file in files:
                _apply(file)
            if open_files:
                _open_files()
    except BaseException:
        settings.activate(before)
        raise
    _installed.clear()
    _installed.update(made)


def _apply(file: ConfigFile) -> None:
    document = dict(file.document)
    if not file.incremental:
        # The standard library's default silences every logger that exists already.
        document.setdefault("disable_existing_loggers", False)
    try:
        logging.config.dictConfig(document)
    except (Exception, SystemExit) as exc:
        reason = _reason(exc)
        raise ConfigError(f"{_place(file, reason)}: {reason}") from exc


def _place(file: ConfigFile, reason: str) -> str:
    """Return the name of *file*, with the line of what dictConfig complains about."""
    match = re.match(r"Unable to configure (?:(\w+) '([^']*)'|root logger)", reason)
    keys = (f"{match[1]}s", match[2]) if match and match[1] else ("root",)
    line = line_of(file.text, *keys) if match else None
    return f"{file.name}:{line}" if line else file.name


def _reason(exc: BaseException) -> str:
    """Return what dictConfig says and why: it names the section, its cause names the fault."""
    text = str(exc) or type(exc).__name__
    cause = exc.__cause__
    return f"{text}: {_reason(cause)}" if cause is not None else text


def _open_files() -> None:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in [one for logger in loggers for one in getattr(logger, "handlers", ())]:
        if isinstance(handler, RotatingFileHandler):
            try:
                handler.open()
            except OSError as exc:
                raise ConfigError(f"handler {handler.name!r}: cannot write: {exc}") from exc
