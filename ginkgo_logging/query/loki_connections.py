"""HTTP clients of which each serves one question at a time, so that one can be cut off without the others."""

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import httpx

from ginkgo_logging.forking import reset_in_child

_MOST_IDLE: Final = 10
_OPENED: Final = ("connect_tcp.complete", "start_tls.complete")


class Connection:
    """A client, and the socket that it has opened last."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def trace(self, event: str, found: dict[str, Any]) -> None:
        """Take note of a new socket: to be given to httpx as the request extension ``trace``."""
        if event.endswith(_OPENED):
            with self._lock:
                self._socket = found["return_value"].get_extra_info("socket")
                is_late = self._is_cut
            if is_late:
                self.cut()

    def cut(self) -> None:
        """Let a thread that reads from the socket come to its end."""
        with self._lock:
            self._is_cut, opened = True, self._socket
        if opened is not None:
            # Not closed: under TLS the thread would go on reading from whatever gets the same number next.
            # Nor by the method of an SSLSocket, which takes the TLS away first.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)


class Connections:
    """As many as are used at once; *new* makes a client. Any thread may call any method.

    A forked child has its own.
    """

    def __init__(self, new: Callable[[], httpx.Client]) -> None:
        self._new = new
        self.reset_after_fork()
        reset_in_child(self)

    def reset_after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    def take(self) -> Connection:
        """Return one for one question; it is to be given back."""
        with self._lock:
            one = self._idle.pop() if self._idle else None
        if one is None:
            one = Connection(self._new())
        with self._lock:
            self._busy.add(one)
        return one

    def give_back(self, one: Connection, exchange: "Future[Any]") -> None:
        """Keep *one* for the next question, or cut it off from an *exchange* that is still under way."""
        with self._lock:
            is_kept = exchange.done() and one in self._busy and len(self._idle) < _MOST_IDLE
            self._busy.discard(one)
            if is_kept:
                self._idle.append(one)
        if not is_kept:
            one.cut()
            exchange.add_done_callback(lambda _: one.client.close())

    def close(self) -> None:
        """Close those that are idle, and cut off the others."""
        with self._lock:
            idle, self._idle = self._idle, []
            busy, self._busy = self._busy, set()
        for one in idle:
            one.client.close()
        for one in busy:
            one.cut()
