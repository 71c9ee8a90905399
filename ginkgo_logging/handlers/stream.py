"""StreamHandler and JsonStreamHandler: lines on a stream, which a container runtime collects from stdout."""

import contextlib
import logging
import os
import select
import sys
import threading
from typing import TextIO

from ginkgo_logging.forking import reset_in_child
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.formatters.line_parts import LineParts
from ginkgo_logging.handlers.base import LineHandler
from ginkgo_logging.handlers.fast_path import EmptyLine

_FULL_PIPE_SECONDS = 5


class StreamHandler(LineHandler):
    """Write each line to *stream* with one system call.

    Text that the program printed before is flushed first, so that lines do not tear. A reader that is slow
    makes the caller wait, as with any pipe; on a non-blocking stream no longer than five seconds, then records
    count as failed until the reader goes on. Lines of several processes on one pipe stay whole up to the size
    that the system writes at once (``PIPE_BUF``, 4 KiB on Linux). A stream without a descriptor is written to
    as text.
    """

    def __init__(self, *, stream: TextIO | None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level=level)
        self.stream = stream
        self._is_torn = False  # a line got out in part
        self._is_stalled = False  # the last wait for the reader was in vain
        self._writer = 0  # the thread inside a write
        self._waiting: list[bytes] = []
        reset_in_child(self)

    def reset_after_fork(self) -> None:
        """Forget the write that a thread of the parent is inside; a thread here may bear its number."""
        self._writer = 0
        self._waiting.clear()

    def _line_parts(self, formatter: logging.Formatter | None) -> LineParts | EmptyLine | None:
        """Return what assembles the lines; None also where a write is Python code, for that may log itself."""
        try:
            self.stream.fileno()  # type: ignore[union-attr] # None has no such method
        except (OSError, AttributeError, ValueError):
            return None
        return super()._line_parts(formatter)

    def write_line(self, line: bytes) -> None:
        """Write *line* whole or raise OSError or ValueError (a closed stream)."""
        stream = self.stream
        if stream is None:  # pythonw and some daemons have no stdout
            raise OSError("there is no stream")
        try:
            descriptor = stream.fileno()
        except (OSError, AttributeError):  # io.UnsupportedOperation is an OSError
            stream.write(line.decode())
            stream.flush()
            return
        thread = threading.get_ident()
        if self._writer == thread:
            # A signal handler or finalizer logs while the line that it interrupted may be half-way out.
            self._waiting.append(line)
            return
        # The same while the program is inside a write of this very stream, or it does not block and is full.
        with contextlib.suppress(RuntimeError, BlockingIOError):
            stream.flush()
        self._writer = thread
        try:
            self._write(descriptor, b"\n" + line if self._is_torn else line)
            while self._waiting:
                self._write(descriptor, self._waiting.pop(0))
        except BaseException:
            self._lose_waiting()
            raise
        finally:
            self._writer = 0

    def _write(self, descriptor: int, line: bytes) -> None:
        written, length = 0, len(line)
        try:
            while written < length:
                try:
                    written += os.write(descriptor, memoryview(line)[written:] if written else line)
                except BlockingIOError:
                    self._wait(descriptor)
        finally:
            if written:
                self._is_torn = written < length
        self._is_stalled = False

    def _lose_waiting(self) -> None:
        # They were counted as written when they were put off.
        self.counts.written -= len(self._waiting)
        self.counts.failed += len(self._waiting)
        self._waiting.clear()

    def _wait(self, descriptor: int) -> None:
        poller = select.poll()
        poller.register(descriptor, select.POLLOUT)
        if not poller.poll(0 if self._is_stalled else _FULL_PIPE_SECONDS * 1000):
            self._is_stalled = True
            raise BlockingIOError("the reader of this stream has stopped")


class JsonStreamHandler(StreamHandler):
    """A stream handler for ``sys.stdout``, with JSON lines unless the dictConfig file names a formatter."""

    def __init__(self, *, stream: TextIO | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(stream=sys.stdout if stream is None else stream, level=level)
        self.setFormatter(JsonFormatter())
