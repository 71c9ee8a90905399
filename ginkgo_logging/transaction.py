"""Replace the process's logging configuration wholly or not at all.

`logging.config.dictConfig` closes every handler of the process first and finds faults afterwards. Here it
finds nothing to close: what is to go is closed once the new configuration stands, and comes back if it does
not. Handlers that stay on a logger, because the new configuration does not name it, stay open.
A logger's handlers are exchanged in one step, so that a thread that logs meanwhile meets the old ones or the new.
"""

import contextlib
import logging
import logging.config
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

# dictConfig's own registers: the names that an incremental document may use, and what to close at exit.
_names: Any = logging._handlers  # type: ignore[attr-defined]
_references: Any = logging._handlerList  # type: ignore[attr-defined]
lock: Any = logging._lock  # type: ignore[attr-defined]
"""Held while the configuration changes: logging's own lock, which a fork gives back."""


_silent: "weakref.WeakSet[logging.Logger]" = weakref.WeakSet()
"""The loggers that a configuration of ours has silenced."""

_given: "weakref.WeakKeyDictionary[logging.Logger, list[Any]]" = weakref.WeakKeyDictionary()


class _State(NamedTuple):
    """What dictConfig may change of a logger; the defaults are those of a new one."""

    handlers: tuple[logging.Handler, ...] = ()
    filters: tuple[Any, ...] = ()
    level: int = logging.NOTSET
    propagate: bool = True
    disabled: bool = False


class _Configurator(logging.config.DictConfigurator):
    """dictConfig itself, but a logger is at no moment without handlers, and has no filter twice.

    A logger that somebody else has silenced, as uvicorn does for ``--no-access-log``, stays silent unless the
    document names handlers for it.
    """

    kept: Collection[logging.Handler] = ()

    def common_logger_config(self, logger: logging.Logger, config: Any, incremental: bool = False) -> None:  # noqa: FBT001, FBT002 - as overridden
        """Set level, handlers and filters of *logger*."""
        super().common_logger_config(logger, config, incremental=True)  # the level
        if incremental:
            return
        new = logging.Logger("")
        self.add_handlers(new, config.get("handlers") or ())
        if logger is logging.getLogger():
            new.handlers.extend(one for one in logger.handlers if one in self.kept)
        logger.handlers = new.handlers
        self.add_filters(new, config.get("filters") or ())
        _exchange_filters(logger, new.filters)

    def configure_logger(self, name: str, config: Any, incremental: bool = False) -> None:  # noqa: FBT001, FBT002 - as overridden
        """Configure the logger *name*."""
        logger = logging.getLogger(name)
        is_others_wish = _is_silent(logger) and logger not in _silent
        super().configure_logger(name, config, incremental)
        if is_others_wish and not logger.handlers:
            logger.propagate = False
        elif _is_silent(logger):
            _silent.add(logger)
        else:
            _silent.discard(logger)


def _is_silent(logger: logging.Logger) -> bool:
    return not logger.handlers and not logger.propagate


def _exchange_filters(logger: logging.Logger, new: list[Any]) -> None:
    """Put *new* in the place of the filters that an earlier configuration gave *logger*; dictConfig only adds."""
    known = _given.setdefault(logger, [])
    old = [one for one in logger.filters if any(one is given for given in known)]
    logger.filters = [one for one in logger.filters if not any(one is gone for gone in old)] + new
    # The old ones too: they are back if this configuration fails.
    known[:] = [*old, *new]


def configure(document: Mapping[str, Any], *, keep: Collection[logging.Handler] = ()) -> None:
    """Do what `logging.config.dictConfig` does; those of root's handlers that are in *keep* stay."""
    configurator = _Configurator(dict(document))
    configurator.kept = keep
    configurator.configure()


@contextlib.contextmanager
def transaction(
    taken_off: Callable[[list[Any]], object],
) -> Iterator["weakref.WeakSet[logging.Handler]"]:
    """Let the block call dictConfig; if it raises, everything is as it was before.

    Yields the set of the handlers that the block has made, which is filled when the block ends. Other threads
    may log meanwhile; those that configure logging wait. At the end *taken_off* gets the filters that no logger
    and no handler uses any more: those of before, or after a fault those that the block has made.
    """
    gone: list[logging.Handler] = []
    filters: list[Any] = []
    names: dict[str, logging.Handler] = {}
    try:
        with lock:
            states = {logger: _state_of(logger) for logger in _loggers()}
            names, references = dict(_names), list(_references)
            old = _alive()
            filters += _filters(old)
            made: weakref.WeakSet[logging.Handler] = weakref.WeakSet()
            _references.clear()
            try:
                yield made
            except BaseException:
                gone = _alive()
                filters += _filters(gone)
                for logger in _loggers():
                    _restore(logger, states.get(logger, _State()))
                _names.clear()
                _references[:] = references
                raise
            made.update(_alive())
            attached = {handler for logger in _loggers() for handler in logger.handlers}
            _references[:0] = [reference for reference in references if reference() in attached]
            names = {name: handler for name, handler in names.items() if handler in attached}
            names.update(_names)
            gone = [handler for handler in old if handler not in attached]
    finally:
        taken_off(_unused(filters))
        _close(gone)
        with lock:
            # A handler that closes takes its name out of the register, even where another bears it by now.
            _names.update(names)


def detach(handlers: "weakref.WeakSet[logging.Handler]", taken_off: Callable[[list[Any]], object]) -> None:
    """Take *handlers* off all loggers and close them; *taken_off* gets the filters that nobody uses any more."""
    gone = list(handlers)
    with lock:
        for logger in _loggers():
            for handler in [one for one in logger.handlers if one in handlers]:
                logger.removeHandler(handler)
    taken_off(_unused([one for handler in gone for one in handler.filters], gone))
    _close(gone)


def _loggers() -> list[logging.Logger]:
    named = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(one for one in named if isinstance(one, logging.Logger))]


def _state_of(logger: logging.Logger) -> _State:
    return _State(
        tuple(logger.handlers), tuple(logger.filters), logger.level, logger.propagate, logger.disabled
    )


def _restore(logger: logging.Logger, state: _State) -> None:
    logger.handlers[:], logger.filters[:] = state.handlers, state.filters
    logger.propagate, logger.disabled = state.propagate, state.disabled
    logger.setLevel(state.level)


def _alive() -> list[logging.Handler]:
    return [handler for reference in _references if (handler := reference()) is not None]


def _filters(handlers: Iterable[logging.Handler]) -> list[Any]:
    return [one for owner in (*handlers, *_loggers()) for one in owner.filters]


def _unused(filters: Iterable[Any], gone: Collection[logging.Handler] = ()) -> list[Any]:
    with lock:
        used = set(map(id, _filters(handler for handler in _alive() if handler not in gone)))
    return [one for one in filters if id(one) not in used]


def _close(handlers: list[logging.Handler]) -> None:
    # Never with the lock held: a handler may wait for a thread of its own, which may need the lock to log.
    for handler in reversed(handlers):
        # What one handler cannot write any more must not keep the others open.
        with contextlib.suppress(Exception):
            handler.flush()
        with contextlib.suppress(Exception):
            handler.close()
