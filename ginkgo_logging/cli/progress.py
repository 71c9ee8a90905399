"""How far a long scan has come, on a stderr that is a terminal."""

import os
import sys
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from ginkgo_logging.cli.terminal import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress


_TOTAL: Final = 1000


class ScanProgress(AbstractContextManager["ScanProgress"]):
    """Show a bar once a scan has taken *delay* seconds, and remove it at its end; elsewhere, nothing."""

    def __init__(self, delay: float = 0.5) -> None:
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._state: tuple[str, float | None] = ("", None)
        shows = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._timer = threading.Timer(delay, self._show) if shows else None

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if self._bar is not None:
                self._bar.stop()

    def at(self, part: str, share: float | None = None) -> None:
        """Show *part* as the current step and *share* (0 to 1) of it as done; None if that is unknown."""
        with self._lock:  # or a bar that is being made would not hear of it
            self._state = part, share
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], description=part, **_extent(share))

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._timer is None:  # the end was faster
                return
            bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            part, share = self._state
            # Without a total the bar moves to and fro.
            bar.update(bar.add_task(part, total=None), **_extent(share))
            bar.start()
            self._bar = bar


def _extent(share: float | None) -> dict[str, Any]:
    return {} if share is None else {"total": _TOTAL, "completed": round(share * _TOTAL)}
