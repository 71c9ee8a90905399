"""Call a function when one of some files changes, or on SIGHUP; knows nothing of logging."""

import contextlib
import os
import signal
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from ginkgo_logging.accounting import members
from ginkgo_logging.stamps import Stamp, stamps_of

INTERVAL = 0.5
"""Seconds between two looks at the files."""

_JOIN_SECONDS = 1.0


class Watcher:
    """Call *changed* in a daemon thread when a file of *seen* has changed and is at rest again, and on SIGHUP.

    *seen* are the stamps of the files to watch, taken before they were read. *changed* returns such stamps for
    the files to watch from then on, or None if they stay the same; it must not raise. A forked child goes on
    with a thread of its own, and `os.fork` finds no thread of ours in the parent.

    SIGHUP is taken only if `start` is called in the main thread. A handler that was there before is called
    too; without one, SIGHUP no longer ends the process, except when it means that its terminal is gone.
    """

    def __init__(
        self,
        changed: Callable[[], dict[Path, Stamp] | None],
        seen: dict[Path, Stamp],
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._changed = changed
        self._seen = seen
        self._interval = interval
        self._stopped = False
        # Its put() is reentrant: a second SIGHUP may come while the handler of the first is inside it.
        self._wakes: SimpleQueue[str] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._previous: Any = None
        self._had_terminal = False

    def start(self) -> None:
        """Begin to watch."""
        self._take_signal()
        self.resume()
        _live.add(self)

    def stop(self) -> None:
        """Watch no longer, and hand SIGHUP back; a call of *changed* that is under way is not waited for."""
        self._stopped = True
        self._wakes.put("stop")
        if _in_main_thread() and signal.getsignal(signal.SIGHUP) == self._on_signal:
            signal.signal(signal.SIGHUP, self._previous)

    # --- the thread ---------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Let the thread end, for a fork; one that is inside *changed* for long is left to itself."""
        thread, self._thread = self._thread, None
        self._wakes.put("stop")
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)

    def resume(self) -> None:
        """Go on with a new thread, unless stopped."""
        if self._stopped:
            return
        wakes: SimpleQueue[str] = SimpleQueue()
        before, self._wakes = self._wakes, wakes
        self._hand_on(before)
        self._thread = threading.Thread(
            target=self._run, args=(wakes,), name="ginkgo-logging-watch", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # no new thread at interpreter exit
            self._thread = None

    def _hand_on(self, before: "SimpleQueue[str]") -> None:
        """Let a signal count that came before there was a thread, or after it was told to end."""
        with contextlib.suppress(Empty):
            while True:
                if before.get_nowait() == "reload":
                    self._wakes.put("reload")

    def _run(self, wakes: "SimpleQueue[str]") -> None:
        latest = self._seen
        while True:
            try:
                wake = wakes.get(timeout=self._interval)
            except Empty:
                wake = ""
            # Another queue: a fork in two threads at once has started two of us, and the other one stays.
            if wake == "stop" or self._stopped or self._wakes is not wakes:
                return
            now = stamps_of(self._seen)
            # At rest: an editor may truncate a file first and write it later.
            if wake or (now != self._seen and now == latest):
                self._seen = now = self._changed() or now
            latest = now

    # --- the signal ---------------------------------------------------------------------------------------

    def _take_signal(self) -> None:
        if not _in_main_thread():
            return
        self._previous = signal.getsignal(signal.SIGHUP)
        if self._previous is None:  # not installed from Python: it could be neither called nor put back
            return
        self._had_terminal = _has_terminal()
        signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Wake the thread and pass the signal on. Takes no lock: the thread it interrupts may hold any."""
        self._wakes.put("reload")
        if callable(self._previous):
            self._previous(number, frame)
        elif self._previous == signal.SIG_DFL and self._had_terminal and not _has_terminal():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


# --- forks ------------------------------------------------------------------------------------------------

_live: "weakref.WeakSet[Watcher]" = weakref.WeakSet()


def _pause_all() -> None:
    for watcher in members(_live):
        watcher.pause()


def _resume_all() -> None:
    for watcher in members(_live):
        watcher.resume()


# From CPython 3.12 on, a fork beside other threads is warned about (3.13.0 counts the one that is back, too).
os.register_at_fork(before=_pause_all, after_in_parent=_resume_all, after_in_child=_resume_all)
