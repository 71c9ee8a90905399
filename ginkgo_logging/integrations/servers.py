"""Servers that configure logging, or colour their lines, by themselves join the pipe when they are imported."""

import functools
from collections.abc import Callable

from ginkgo_logging.importing import forget, when_imported

_Undo = Callable[[], object]
_undo: dict[str, _Undo] = {}


def join() -> None:
    """Let each of the servers join at its import, or now if it is imported already."""
    for name in _SERVERS:
        when_imported(name, functools.partial(_join, name))


def leave() -> None:
    """Take that back."""
    for name in _SERVERS:
        forget(name)
    while _undo:
        _undo.popitem()[1]()


def _join(name: str) -> None:
    if name not in _undo:
        _undo[name] = _SERVERS[name]()


def _join_gunicorn() -> _Undo:
    from ginkgo_logging.integrations.gunicorn import join

    return join()


def _join_uvicorn() -> _Undo:
    from ginkgo_logging.integrations.uvicorn import join

    return join()


def _join_werkzeug() -> _Undo:
    from werkzeug import serving

    # The development server's only switch: its lines are coloured even where nobody looks at them.
    before = getattr(serving, "_log_add_style", None)
    if before is None:
        return lambda: None
    serving._log_add_style = False
    return lambda: setattr(serving, "_log_add_style", before)


_SERVERS = {
    "gunicorn.config": _join_gunicorn,
    "uvicorn.config": _join_uvicorn,
    "werkzeug.serving": _join_werkzeug,
}
