"""Bring objects into order in a forked child, where the parent's other threads do not exist."""

import os
import weakref
from typing import Protocol

from ginkgo_logging.accounting import members


class Resettable(Protocol):
    """An object whose state may be of use to the parent only: locks held, threads, work in hand."""

    def reset_after_fork(self) -> None:
        """Forget what only the parent can finish; runs in the child before anything else does."""


_live: "weakref.WeakSet[Resettable]" = weakref.WeakSet()


def reset_in_child(resettable: Resettable) -> None:
    """Call ``reset_after_fork()`` of *resettable* in every child forked while it lives."""
    _live.add(resettable)


def _reset_all() -> None:
    for resettable in members(_live):
        resettable.reset_after_fork()


os.register_at_fork(after_in_child=_reset_all)
