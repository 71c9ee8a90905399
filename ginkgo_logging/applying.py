"""Apply dictConfig files: all of them or none."""

import logging
import re
import threading
import weakref
from collections.abc import Callable, Collection, Iterable

from ginkgo_logging import settings
from ginkgo_logging.config_files import ConfigFile
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters.throttle import end_statistics, flush_all
from ginkgo_logging.handlers import RotatingFileHandler
from ginkgo_logging.settings import Settings
from ginkgo_logging.transaction import configure, detach, transaction
from ginkgo_logging.yaml_file import line_of

_made: "weakref.WeakSet[logging.Handler]" = weakref.WeakSet()
_changes = 0
_applying: set[int] = set()


class Superseded(Exception):  # noqa: N818 - as of QueueFull, not an error
    """What was to be applied is no longer wanted; nothing has changed."""


def generation() -> int:
    """Return how often the configuration has changed: another number says that it is another one."""
    return _changes


def handlers_made() -> Collection[logging.Handler]:
    """Return the handlers that the last `apply` has made."""
    return _made


def apply(
    files: list[ConfigFile],
    chosen: Settings,
    *,
    open_files: bool = True,
    keep: Callable[[], Collection[logging.Handler]] = tuple,
    is_wanted: Callable[[], bool] | None = None,
) -> None:
    """Put *chosen* in force and apply *files* in order; on a fault everything is as it was before.

    With *open_files* a log file that cannot be written to is found now, not by the first line. The root logger
    keeps those of its handlers that *keep* returns. Raises `Superseded` if *is_wanted*, asked when nobody else
    can change the configuration any more, says no. Not to be called with logging's lock held: handlers are
    closed here, and may wait for a thread of theirs that logs.
    """
    thread = threading.get_ident()
    if thread in _applying:
        raise ConfigError("a dictConfig file that setup() applies cannot call setup() itself")
    global _changes
    flush_all()
    _applying.add(thread)
    try:
        with transaction(end_statistics) as made:
            if is_wanted is not None and not is_wanted():
                raise Superseded
            before = settings.in_force()
            try:
                settings.activate(chosen)
                kept = keep()
                for file in files:
                    _apply(file, kept)
                if open_files:
                    _open_files()
                _changes += 1
            except BaseException:
                settings.activate(before)
                raise
    finally:
        _applying.discard(thread)
    _made.clear()
    _made.update(made)


def take_back(others: Iterable[logging.Handler] = ()) -> None:
    """Take the handlers that the last `apply` has made, and *others*, off all loggers and close them."""
    detach(weakref.WeakSet([*others, *_made]), end_statistics)
    _made.clear()


def _apply(file: ConfigFile, keep: Collection[logging.Handler]) -> None:
    document = dict(file.document)
    if not file.incremental:
        # The standard library's default silences every logger that exists already.
        document.setdefault("disable_existing_loggers", False)
    try:
        configure(document, keep=keep)
    except (Exception, SystemExit) as exc:
        reason = reason_of(exc)
        raise ConfigError(f"{_place(file, reason)}: {reason}") from exc


def _place(file: ConfigFile, reason: str) -> str:
    """Return the name of *file*, with the line of what dictConfig complains about."""
    match = re.match(r"Unable to configure (?:(\w+) '([^']*)'|root logger)", reason)
    keys = (f"{match[1]}s", match[2]) if match and match[1] else ("root",) if match else ("version",)
    line = line_of(file.text, *keys) if match or "version" in reason else None
    return f"{file.name}:{line}" if line else file.name


def reason_of(exc: BaseException) -> str:
    """Return what dictConfig says and why: it names the section, its cause names the fault."""
    text = str(exc) or type(exc).__name__
    cause = exc.__cause__
    return f"{text}: {reason_of(cause)}" if cause is not None else text


def _open_files() -> None:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in [one for logger in loggers for one in getattr(logger, "handlers", ())]:
        if isinstance(handler, RotatingFileHandler):
            try:
                handler.open()
            except OSError as exc:
                raise ConfigError(f"handler {handler.name!r}: cannot write: {exc}") from exc
