"""Wait for what another thread or process does, and not longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 20.0

_T = TypeVar("_T")


def until(condition: Callable[[], _T | None], what: str | Callable[[], str], *, pause: float = 0.01) -> _T:
    """Return what *condition* returns as soon as that is true; fail, saying *what* did not come about."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come about: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
    return found
