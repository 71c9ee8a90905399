"""Servers that configure logging, or colour their lines, by themselves join the pipe when they are imported."""

import functools
import importlib
from collections.abc import Callable
from typing import Any, Final

from ginkgo_logging.importing import forget, when_imported

FORMATTER: Final[dict[str, Any]] = {"()": "ginkgo_logging.config.setup_again"}
"""Sets logging up when dictConfig makes this formatter, which is before all else; nothing uses it afterwards."""

MAPPING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ginkgo_logging": FORMATTER},
}
"""A whole dictConfig mapping that does what `ginkgo_logging.setup` does; ``setup.yaml`` says the same."""

# By whose import which module of ours is called for; each has a join(), which returns what takes it back.
_SERVERS = {"gunicorn.config": "gunicorn", "uvicorn.config": "uvicorn", "werkzeug.serving": "werkzeug"}
_undo: dict[str, Callable[[], object]] = {}


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
        _undo[name] = importlib.import_module(f"{__package__}.{_SERVERS[name]}").join()
