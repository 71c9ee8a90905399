"""StreamHandler and JsonStreamHandler: lines on a stream, which a container runtime collects from stdout."""

import contextlib
import logging
import os
import select
import sys
from typing import TextIO

from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers.base import LineHandler

_FULL_PIPE_TIMEOUT = 5.0


class StreamHandler(LineHandler):
    """Write each line to *stream* with one system call.

    Text that the program printed before is flushed first, so that lines do not tear. A reader that is slow
    makes the caller wait, as with any pipe; on a non-blocking stream no longer than five seconds, then the
    record counts as failed. Lines of several processes on one pipe stay whole up to the size that the system
    writes at once (``PIPE_BUF``, 4 KiB on Linux). A stream without a descriptor is written to as text.
    """

    def __init__(self, *, stream: TextIO | None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level=level)
        self.stream = stream

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
        # A signal handler may log while the program is inside a write of this very stream.
        with contextlib.suppress(RuntimeError):
            stream.flush()
        write_all(descriptor, line)


class JsonStreamHandler(StreamHandler):
    """A stream handler for ``sys.stdout``, with JSON lines unless the dictConfig file names a formatter."""

    def __init__(self, *, stream: TextIO | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(stream=sys.stdout if stream is None else stream, level=level)
        self.setFormatter(JsonFormatter())


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data* to *descriptor*, waiting for a full non-blocking one for at most five seconds."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            if not select.select([], [descriptor], [], _FULL_PIPE_TIMEOUT)[1]:
                raise
