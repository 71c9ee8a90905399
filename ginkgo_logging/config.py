"""Find a dictConfig file, apply it, and take it back: `setup` and `shutdown`."""

import logging
import logging.config
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ginkgo_logging import settings, uncaught
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters.throttle import flush_all
from ginkgo_logging.importing import forget, when_imported
from ginkgo_logging.settings import Settings, parse_yaml

ENVIRONMENTS = ("local", "container", "test")
"""The names of the shipped files."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One dictConfig file: where it is, and what it says."""

    name: str
    text: str
    document: Mapping[str, Any]

    @property
    def incremental(self) -> bool:
        """Whether it only changes levels of what another file set up."""
        return self.document.get("incremental") is True


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

    Raises `ConfigError` for anything wrong, and leaves the configuration as it was where it can tell in time.
    Call it in the main thread, before the others start.
    """
    hooks = _hooks(uncaught_exceptions)
    chosen = settings.load(
        mode=mode,
        format=format,
        console_level=console_level,
        file_level=file_level,
        local_file_path=None if file_path is None else os.fspath(file_path),
        mask_fields=mask_fields,
    )
    files = [_from_mapping(config)] if isinstance(config, Mapping) else find(chosen, config)
    apply(files, chosen)
    logging.captureWarnings(capture_warnings)
    uncaught.install(hooks)
    if structlog:
        when_imported("structlog", _configure_structlog)


def shutdown() -> None:
    """Write out what is held back, close the root logger's handlers, and undo what else `setup` changed.

    Safe to call twice, and without `setup`. Lines logged afterwards go where Python sends them by default.
    """
    flush_all()
    uncaught.uninstall()
    logging.captureWarnings(False)
    forget("structlog")
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler).__module__.startswith("ginkgo_logging."):
            root.removeHandler(handler)
            handler.close()
    settings.activate(None)


def _hooks(chosen: tuple[str, ...] | list[str] | bool) -> tuple[str, ...]:
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


# --- finding ----------------------------------------------------------------------------------------------


def find(chosen: Settings, config: str | os.PathLike[str] | None = None) -> list[ConfigFile]:
    """Return the files to apply in order: one complete file, then the incremental ones on top of it.

    *config* (or ``LOGGING_CONFIG``) that is the name of an environment only chooses among the files of that
    name. Raises `ConfigError` for a file that is missing, unreadable, not a mapping, or that others may
    change: to load a dictConfig file is to run code.
    """
    wanted = os.fspath(config) if config is not None else chosen.config
    named = wanted is not None and _is_environment(wanted)
    environment = wanted if named and wanted is not None else chosen.environment
    candidates = [] if wanted is None or named else [Path(wanted).expanduser()]
    if not candidates or not candidates[0].is_file():
        _require(candidates)
    on_top: list[ConfigFile] = []
    for path in [*candidates, *_user_files(environment)]:
        file = read(path)
        on_top.insert(0, file)
        if not file.incremental:
            return on_top
    return [shipped(environment), *on_top]


def _is_environment(name: str) -> bool:
    return name in ENVIRONMENTS or next(_user_files(name), None) is not None


def _require(candidates: list[Path]) -> None:
    for path in candidates:
        names = ", ".join(ENVIRONMENTS)
        raise ConfigError(f"{path}: no such dictConfig file, and no environment of that name ({names})")


def _user_files(environment: str) -> Iterator[Path]:
    """Yield the user's files for *environment*, the strongest first."""
    if os.sep in environment or environment.endswith((".yaml", ".yml")):
        return
    for folder in (Path("logging.d"), settings.directory() / "logging.d"):
        path = folder / f"{environment}.yaml"
        if path.is_file():
            yield path


def shipped(environment: str) -> ConfigFile:
    """Return the file that comes with the package, from a wheel, a checkout or an archive of the source."""
    package = resources.files("ginkgo_logging")
    for folder in (package / "logging_d", _beside(package)):
        file = folder / f"{environment}.yaml"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return _parsed(str(file), text)
    raise ConfigError(
        f"no dictConfig file for environment {environment!r}; shipped: {', '.join(ENVIRONMENTS)}"
    )


def _beside(package: Traversable) -> Traversable:
    # In a checkout, and in a zip of one, logging.d/ lies beside the package and is the only copy.
    parent: Traversable = package.parent  # type: ignore[attr-defined] # Path and zipfile.Path both have it
    return parent / "logging.d"


def read(path: Path) -> ConfigFile:
    """Return the file at *path* after making sure that only its owner, or root, could have written it."""
    try:
        _refuse_if_others_may_write(path)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}") from exc
    return _parsed(str(path), text)


def _parsed(name: str, text: str) -> ConfigFile:
    document = parse_yaml(text, name)
    if not isinstance(document, dict):
        raise ConfigError(f"{name}: must be a dictConfig mapping with a key 'version', got {document!r:.40}")
    return ConfigFile(name, text, document)


def _from_mapping(config: Mapping[str, Any]) -> ConfigFile:
    return ConfigFile("the mapping given to setup()", "", config)


def _refuse_if_others_may_write(path: Path) -> None:
    """Refuse a file, or one in a directory, that another user could have put there (as sshd does for keys)."""
    real = path.resolve(strict=True)
    own = {0, os.geteuid()}
    for place in (real, *real.parents):
        info = place.stat()
        near = place in (real, real.parent)
        if near and info.st_uid not in own:
            raise ConfigError(f"{path}: refused: {place} belongs to another user (uid {info.st_uid})")
        if stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX:
            continue  # as in /tmp, nobody can replace what is not theirs
        shared = stat.S_IWOTH
        if near and info.st_gid != info.st_uid:  # a group of the user's own has the user's number
            shared |= stat.S_IWGRP
        if info.st_mode & shared:
            mode = stat.filemode(info.st_mode)
            raise ConfigError(
                f"{path}: refused: others may write to {place} ({mode}); try chmod go-w {place}"
            )


# --- applying ---------------------------------------------------------------------------------------------


def apply(files: list[ConfigFile], chosen: Settings) -> None:
    """Put *chosen* in force and apply *files* in order; on a fault the settings before are back in force."""
    before = settings._active
    flush_all()
    settings.activate(chosen)
    try:
        for file in files:
            _apply(file)
        _open_files()
    except BaseException:
        settings.activate(before)
        raise


def _apply(file: ConfigFile) -> None:
    document = dict(file.document)
    if not file.incremental:
        # The standard library's default silences every logger that exists already.
        document.setdefault("disable_existing_loggers", False)
    try:
        logging.config.dictConfig(document)
    except ConfigError as exc:
        raise ConfigError(f"{file.name}: {exc}") from exc
    except Exception as exc:
        raise ConfigError(f"{file.name}: {_reason(exc)}") from exc


def _reason(exc: BaseException) -> str:
    """Return what dictConfig says and why: it names the section, its cause names the fault."""
    text = str(exc) or type(exc).__name__
    cause = exc.__cause__
    return f"{text}: {_reason(cause)}" if cause is not None else text


def _open_files() -> None:
    for handler in logging.getLogger().handlers:
        opener = getattr(handler, "open", None)
        if callable(opener):
            try:
                opener()
            except OSError as exc:
                raise ConfigError(f"handler {handler.name!r}: cannot write: {exc}") from exc
