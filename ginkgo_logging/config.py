"""Apply dictConfig files, again when they change, and take them back: `setup` and `shutdown`."""

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ginkgo_logging import applying, captured_warnings, context, record_factory, settings, uncaught
from ginkgo_logging.applying import Superseded, apply
from ginkgo_logging.config_files import ConfigFile, find, places, shipped
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters.throttle import flush_all
from ginkgo_logging.importing import forget, when_imported
from ginkgo_logging.integrations import servers
from ginkgo_logging.settings import Settings
from ginkgo_logging.stamps import Stamp, is_empty, stamps_of
from ginkgo_logging.transaction import lock

if TYPE_CHECKING:
    from ginkgo_logging.watching import Watcher

__all__ = ["SetupCall", "last_setup", "setup", "setup_again", "setup_or_defaults", "shutdown"]

_watcher: "Watcher | None" = None
_own_logger = logging.getLogger("ginkgo_logging")


class SetupCall(NamedTuple):
    """Working directory and arguments of one call of `setup`, to call it so again."""

    directory: Path
    arguments: Mapping[str, Any]


_last_setup: SetupCall | None = None

_Found = tuple[Settings, Callable[[], list[ConfigFile]], dict[Path, Stamp]]
"""The settings, a function that reads what to apply, and the stamps of the files that it may come from."""


def setup(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    mode: Literal["auto", "container", "local"] | None = None,
    format: Literal["json", "plain"] | None = None,  # noqa: A002 - the name of the setting
    console_level: str | int | None = None,
    file_level: str | int | None = None,
    file_path: str | os.PathLike[str] | None = None,
    mask_fields: Collection[str] | None = None,
    capture_warnings: bool = True,
    uncaught_exceptions: Collection[str] | bool = True,
    structlog: bool = True,
    watch: bool | None = None,
) -> None:
    """Configure logging for this process from a dictConfig file, the settings and these arguments.

    *config* is a file, the name of an environment (``local``, ``container``, ``test``) or a dictConfig
    mapping; without it, ``LOGGING_CONFIG`` or the mode decides. A file of the user's takes the shipped
    one's place, or with ``incremental: true`` is applied on top of it: first ``~/.ginkgo/logging.d/``, then
    ``./logging.d/``, then *config*. Warnings, uncaught exceptions (all of `uncaught.HOOKS`, or those named)
    and structlog join the pipe unless switched off. May be called again; then the new configuration holds.
    With *watch* the files are applied again when they change and on SIGHUP, in forked children too.

    Raises `ConfigError` for anything wrong; the configuration there was then goes on as if nothing had been.
    Handlers that the new configuration takes off their loggers are closed. Thread-safe.
    """
    global _last_setup
    of_settings: dict[str, Any] = {
        "mode": mode,
        "format": format,
        "console_level": console_level,
        "file_level": file_level,
        "mask_fields": mask_fields,
        "watch": watch,
    }
    of_hooks = {
        "capture_warnings": capture_warnings,
        "uncaught_exceptions": uncaught_exceptions,
        "structlog": structlog,
    }
    hooks = _hooks(uncaught_exceptions)
    _refuse_wrong_switches(capture_warnings=capture_warnings, structlog=structlog)
    local_file_path = str(file_path) if isinstance(file_path, os.PathLike) else file_path
    load = functools.partial(_load, config, local_file_path=local_file_path, **of_settings)
    chosen, find_files, seen = load()
    apply(find_files(), chosen, keep=_outliving_setup)
    _join(hooks, capture_warnings=capture_warnings, structlog=structlog)
    _watch(load if chosen.watch else None, seen)
    given = {"config": config, "file_path": file_path, **of_settings, **of_hooks}
    _last_setup = SetupCall(_absolute(Path()), given)


def _refuse_wrong_switches(**switches: object) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise ConfigError(f"setup({name}=): {value!r} is not allowed; it must be true or false")


def _load(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    here: Path = Path(),
    before: Mapping[Path, Stamp] | None = None,
    mode: str | None = None,
    **arguments: object,
) -> _Found:
    """Read the settings; relative paths begin at *here*, which a program may have left since.

    *before* are the stamps of the files that are in force.
    """
    absolute = _absolute(here)
    seen = stamps_of(_settings_file(absolute))  # before it is read, so that a change in between is one
    _refuse_emptied(seen, before or {})
    chosen = settings.load(mode=mode, **arguments)
    if mode is None:
        chosen = _in_mode_of(config if isinstance(config, str) else chosen.config, chosen)
    seen |= stamps_of(places(chosen, config, absolute))
    return chosen, functools.partial(find, chosen, config, here), seen


def _refuse_emptied(now: Mapping[Path, Stamp], before: Mapping[Path, Stamp]) -> None:
    """Refuse a file that has lost what was in it: it may be about to be written anew."""
    for path, stamp in now.items():
        if is_empty(stamp) and not (before.get(path) is None or is_empty(before[path])):
            raise ConfigError(f"{path}: is empty now; if the defaults are meant, delete it")


def _absolute(here: Path) -> Path:
    try:
        return here.absolute()
    except OSError:  # the working directory has been deleted
        return here


def _settings_file(here: Path) -> list[Path]:
    try:
        return [here / settings.config_file()]
    except ConfigError:  # a user without a home has none
        return []


def _outliving_setup() -> list[logging.Handler]:
    """Return what is to stay on the root logger, as handlers of a test runner that listens from outside."""
    return [one for one in logging.getLogger().handlers if getattr(one, "outlives_setup", False) is True]


def _in_mode_of(name: str | None, chosen: Settings) -> Settings:
    """Return *chosen* in the mode of the shipped file that *name* names: levels and handlers follow the mode."""
    for mode in ("local", "container"):
        if name in (mode, f"{mode}-queue"):
            return chosen._replace(mode=mode)
    return chosen


def setup_again() -> None:
    """Do what the last `setup` did; what `setup()` does if there was none.

    For a dictConfig file or mapping that a server applies after the program's own set-up:
    ``formatters: {any: {(): ginkgo_logging.config.setup_again}}`` leaves the pipe as it was meant to be.
    """
    setup(**({} if _last_setup is None else _last_setup.arguments))


def last_setup() -> SetupCall | None:
    """Return how `setup` was called last, for processes that begin without; None after `shutdown` and before."""
    return _last_setup


def setup_or_defaults() -> list[Exception]:
    """Do what `setup` does, and never fail: return what is wrong, having put defaults in its place.

    What is valid of the settings stays in force, `mask_fields` above all.
    """
    global _last_setup
    try:
        setup()
    except Exception as exc:  # noqa: BLE001 - called from the program's first log call
        chosen, faults = settings.examine()
        without_file = chosen._replace(local_file_enabled=False)
        bare = Settings(local_file_enabled=False)
        least = bare._replace(**{name: getattr(chosen, name) for name in _KEPT_TO_THE_LAST})
        for attempt in (chosen, without_file, least, bare):
            with contextlib.suppress(Exception):
                apply([shipped(attempt.environment)], attempt)
                _join(uncaught.HOOKS, capture_warnings=True, structlog=True)
                _last_setup = SetupCall(_absolute(Path()), {})
                break
        if chosen.watch:  # the file may be mended
            _watch(_load, stamps_of(_settings_file(_absolute(Path()))))
        return [*faults] or [exc]
    return []


_KEPT_TO_THE_LAST = ("mode", "console_level", "file_level", "mask_fields", "mask_allow", "mask_patterns")


def _join(hooks: tuple[str, ...], *, capture_warnings: bool, structlog: bool) -> None:
    record_factory.install()
    if capture_warnings:
        captured_warnings.install()
    else:
        captured_warnings.uninstall()
    uncaught.install(hooks)
    if structlog:
        when_imported("structlog", _configure_structlog)
    else:
        forget("structlog")
    when_imported("opentelemetry.trace", _ask_for_spans)
    servers.join()


def shutdown() -> None:
    """Write out what is held back, close the handlers that `setup` made, and take its hooks back.

    Closes our handlers on the root logger too where plain dictConfig made them. Safe to call twice, and without
    `setup`. Levels stay; lines logged afterwards go where Python sends them by default.
    """
    global _last_setup
    _last_setup = None
    _watch(None)
    flush_all()
    record_factory.uninstall()
    uncaught.uninstall()
    captured_warnings.uninstall()
    forget("structlog")
    forget("opentelemetry.trace")
    servers.leave()
    context.span_source = None
    applying.take_back(filter(_is_ours, logging.getLogger().handlers))
    settings.activate(None)


def _is_ours(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith("ginkgo_logging.")


def _hooks(chosen: Collection[str] | bool) -> tuple[str, ...]:  # noqa: FBT001 - see setup
    if isinstance(chosen, bool):
        return uncaught.HOOKS if chosen else ()
    # A text is a collection too, of its characters.
    wrong = [chosen] if isinstance(chosen, str) else [name for name in chosen if name not in uncaught.HOOKS]
    if wrong:
        allowed = ", ".join(uncaught.HOOKS)
        raise ConfigError(
            f"setup(uncaught_exceptions=): {wrong[0]!r} is not allowed; it must be of {allowed}; or true or false"
        )
    return tuple(chosen)


def _configure_structlog() -> None:
    from ginkgo_logging.integrations.structlog import configure

    configure()


def _ask_for_spans() -> None:
    from ginkgo_logging.integrations.opentelemetry import instrument

    instrument()


# --- watching ---------------------------------------------------------------------------------------------


def _watch(load: Callable[..., _Found] | None, seen: dict[Path, Stamp] | None = None) -> None:
    """Watch only the files of *seen* from now on, and apply what *load* reads; None: watch nothing."""
    global _watcher
    with lock:
        if _watcher is not None:
            _watcher.stop()
        _watcher = None
        if load is not None:
            from ginkgo_logging.watching import Watcher

            in_force = dict(seen or {})
            find_again = functools.partial(load, here=_absolute(Path()), before=in_force)
            _watcher = watcher = Watcher(lambda: _reload(find_again, watcher, in_force), seen or {})
            watcher.start()


def _reload(
    load: Callable[[], _Found], watcher: "Watcher", in_force: dict[Path, Stamp]
) -> dict[Path, Stamp] | None:
    """Apply what *load* finds, unless *watcher* is no longer the one in charge; log what came of it.

    *in_force* are the stamps of the files that were applied last; those applied now take their place.
    """
    seen = None
    try:
        generation = applying.generation()
        chosen, find_files, seen = load()
        files = find_files()
        # A setup() in another thread counts from its change on, not only when it has a watcher of its own.
        apply(
            files,
            chosen,
            keep=_guests,
            is_wanted=lambda: watcher is _watcher and generation == applying.generation(),
        )
    except Superseded:
        return None
    except ConfigError as exc:
        # In the template: to the error flow control each fault is then a pattern of its own.
        fault = str(exc).replace("%", "%%")
        _own_logger.error(f"%s: {fault}", "the logging configuration stays as it was")  # noqa: TRY400 - it says all
        return seen  # a file that is missing may come
    except Exception:
        _own_logger.exception("the logging configuration stays as it was")
        return seen
    in_force.clear()
    in_force.update(seen)
    _own_logger.info("logging is configured anew from %s", ", ".join(file.name for file in files))
    return seen


def _guests() -> list[logging.Handler]:
    """Return the handlers that the program itself has hung on the root logger since it was configured."""
    return [
        one
        for one in logging.getLogger().handlers
        if one not in applying.handlers_made() and not _is_ours(one)
    ]
