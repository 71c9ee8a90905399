"""QueueHandler: the caller only enqueues; a thread of its own formats and writes."""

import contextlib
import logging
import threading
import time
from copy import copy
from queue import Empty, SimpleQueue
from typing import Any

from ginkgo_logging.arguments import whole_number
from ginkgo_logging.context import Context
from ginkgo_logging.forking import reset_in_child
from ginkgo_logging.handlers.fast_path import EmptyLine, FastPath, Taken
from ginkgo_logging.handlers.target import TargetHandler
from ginkgo_logging.record_factory import Record
from ginkgo_logging.record_state import STATE
from ginkgo_logging.record_text import error_of, message_of
from ginkgo_logging.records import state_of

WHEN_FULL = ("block", "drop")
"""What a caller meets when the queue is full: it waits for room, or its record is dropped and counted."""

_OF_ATTRIBUTES = frozenset({Record, logging.LogRecord})
"""The classes whose records are no more than their ``__dict__``."""

_empty_line = EmptyLine()
_WAIT_SECONDS = 0.005
_CLOSE_SECONDS = 10.0


class QueueFull(Exception):  # noqa: N818 - named like queue.Full
    """A record was dropped because the queue was full and ``when_full`` is ``drop``."""


class QueueHandler(TargetHandler):
    """Hand records to *target* in a thread of its own, so that a slow disk or pipe does not delay the caller.

    List context, throttle and masking here. They run in the thread that logs; for a record that cannot change any
    more, masking is left to the queue's thread, with what was bound when it was logged. At most about *capacity*
    records wait; then *when_full* decides, ``block`` (the default: nothing is lost) or ``drop`` (counted as
    failed). What waits is a copy whose message and traceback text are fixed, so that objects may change
    afterwards, and other handlers' filters the record. At exit and on `close` the queue is emptied, for at most
    ten seconds; a record logged later is written by its caller. ``counts`` leaves out what waits. A forked child
    starts with an empty queue and a thread of its own.
    """

    def __init__(
        self,
        *,
        target: logging.Handler,
        capacity: int = 10_000,
        when_full: str = "block",
        level: int | str = logging.NOTSET,
    ) -> None:
        self._capacity = whole_number("capacity", capacity, least=1)
        if when_full not in WHEN_FULL:
            raise ValueError(f"when_full must be one of {', '.join(WHEN_FULL)}, got {when_full!r}")
        self._drops = when_full == "drop"
        self._closed = False
        self.reset_after_fork()
        super().__init__(target=target, level=level)
        reset_in_child(self)

    def reset_after_fork(self) -> None:
        """Start with an empty queue: what waits is the parent's to write, and its thread is not here."""
        self._queue: SimpleQueue[logging.LogRecord | Taken | threading.Event | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()  # a signal handler may log while this thread is in _start
        # The thread counts what it has passed on; logging holds the handler's own lock while it waits for that.
        self._counts_lock = threading.RLock()

    def _line_parts(self, _formatter: logging.Formatter | None) -> EmptyLine | None:
        """Return what stands for a line here: the target makes it."""
        ours = self._keeps(QueueHandler.emit) and self._keeps(QueueHandler.prepare)
        return _empty_line if ours else None

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter *record* and enqueue it; of a plain one, leave the filters to the queue's thread."""
        try:
            try:
                filters, formatter, path = self._fast
                if self.formatter is not formatter or self.filters != filters:
                    path = self._renewed_fast_path()
                taken = path.take(record) if path is not None else None
            except Exception:  # noqa: BLE001 - what is bound may raise; the filters know what to do about it
                taken = None
            # Once closed, the target writes here and now, and may log itself: that has to be counted as nested.
            if taken is None or self._closed:
                return super().handle(record)
            queue = self._queue
            if self._thread is None or queue.qsize() >= self._capacity:
                self._enqueue(taken)
            else:  # nearly always; as in `_enqueue`, whose call is 1 % of a line
                queue.put(taken)
                if self._closed:
                    self._drain()
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program
            self.count_failed(exc, record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Enqueue *record*, or write it here if there is no thread to do so."""
        record = self.prepare(record)
        waiting = _copy_of(record)
        waiting.__dict__[STATE] = copy(state_of(record))
        self._enqueue(waiting)

    def _enqueue(self, item: logging.LogRecord | Taken) -> None:
        if (self._thread is None and not self._start()) or self._closed:
            self._process(item)
        elif self._queue.qsize() < self._capacity or self._wait_for_room():
            self._queue.put(item)
            if self._closed:
                self._drain()  # closed between the question and the put: nobody else would write it
        else:
            raise QueueFull(f"{self._capacity} records are waiting")

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Fix what the record says while its caller's objects are as they were; the record stays whole."""
        state = state_of(record)
        if state.message is None:
            state.message, state.source = message_of(record), (record.msg, record.args)
        if state.error is None and record.exc_info:
            state.error = error_of(record)
        return record

    def _wait_for_room(self) -> bool:
        if self._drops or threading.current_thread() is self._thread:
            return not self._drops
        while self._queue.qsize() >= self._capacity and not self._closed:
            time.sleep(_WAIT_SECONDS)
        return True

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, name=f"ginkgo-logging-{self.name}", daemon=True)
        with self._starting:
            if self._thread is None and not self._closed:
                # Next to the question: a signal handler that logs runs between calls, and must not start another.
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # no new thread at interpreter exit
                    self._closed, self._thread = True, None
                    self._drain()
        return self._thread is not None

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._process(item)
            except BaseException as exc:  # noqa: BLE001 - as of a target that exits: it would end this thread only
                self.count_failed(exc)

    def flush(self) -> None:
        """Wait until what was enqueued before is written, for at most ten seconds; then flush the target."""
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            written = threading.Event()
            self._queue.put(written)
            written.wait(_CLOSE_SECONDS)
        super().flush()

    def close(self) -> None:
        """Empty the queue, stop the thread and flush the target."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._queue.put(None)
            thread.join(_CLOSE_SECONDS)
        self._drain()
        super().close()

    def _drain(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                if item is not None:
                    self._process(item)

    def _process(self, item: logging.LogRecord | Taken | threading.Event) -> None:
        """Pass on a record and count it; of an event, tell `flush` that all before it is written."""
        if isinstance(item, threading.Event):
            item.set()
            return
        try:
            record = _completed(*item) if isinstance(item, tuple) else item
            if record is not None:
                self.pass_on(record)
            self.count("failed" if record is None else "written")
        except Exception as exc:  # noqa: BLE001 - whatever a target does, what waits behind it has its turn
            self.count_failed(exc)


def _completed(
    path: FastPath, attributes: dict[str, Any], context: Context, seq: int
) -> logging.LogRecord | None:
    """Return a record that waited, filtered as its caller would have done; None if the filters refuse it."""
    record = _record_with(attributes, Record)
    # By the filters of its time, as every record: those that the handler has now may be others, or none.
    return record if path.complete(record, context, seq) else None


def _copy_of(record: logging.LogRecord) -> logging.LogRecord:
    # copy() takes five times as long, but a class of the program's may have slots.
    kind = type(record)
    return _record_with(record.__dict__.copy(), kind) if kind in _OF_ATTRIBUTES else copy(record)


def _record_with(attributes: dict[str, Any], kind: type[logging.LogRecord]) -> logging.LogRecord:
    record = object.__new__(kind)
    record.__dict__ = attributes
    return record
