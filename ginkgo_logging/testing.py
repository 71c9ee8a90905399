"""For the tests of programs that log: what was logged, as rows to assert on.

pytest users have the fixture ``ginkgo_logs``, which is `capture_logs` around one test.
"""

import contextlib
import copy
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ginkgo_logging import settings
from ginkgo_logging.accounting import reporter
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.logger_handlers import handlers_of, masking_of

Row = dict[str, Any]


class LogRows(list[Row]):
    """Lines in the order in which they were logged, each as the dict that its JSON line holds."""

    def filter(self, **wanted: object) -> "LogRows":
        """Return the rows whose fields have all these values; a compiled pattern is searched for in the text."""
        return LogRows(row for row in self if all(_fits(row, name, value) for name, value in wanted.items()))


def _fits(row: Row, name: str, wanted: object) -> bool:
    if isinstance(wanted, re.Pattern):
        return name in row and wanted.search(str(row[name])) is not None
    return name in row and bool(row[name] == wanted)


@contextlib.contextmanager
def capture_logs(level: int | str = logging.DEBUG) -> Iterator[LogRows]:
    """Collect in the block what every logger of the process logs, in whatever thread.

    Handlers, their levels and the error flow control neither matter nor change; levels and filters of loggers
    count. The root logger lets pass what is at least of *level*, unless it is configured again. Context,
    masking and JSON options are those of the handlers that a line meets, or else those of the settings.
    """
    capture = _Capture(logging._checkLevel(level))  # type: ignore[attr-defined]
    with _lock:
        if not _active:
            _listen()
        _active.append(capture)
        capture.lower_root()
    try:
        yield capture.rows
    finally:
        with _lock:
            later = _active[_active.index(capture) + 1 :]
            _active.remove(capture)
            capture.raise_root(later)
            if not _active:
                _listen_no_more()


class _Capture:
    """What one `capture_logs` collects, and what it has made of the root logger's level."""

    def __init__(self, level: int) -> None:
        self.rows = LogRows()
        self._pipe = _Pipe()
        self._level = level
        self._before = level

    def add(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """Append the row of *record*; never raises."""
        try:
            self.rows.append(self._pipe.row(logger, record))
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program, captured or not
            reporter.report("capture_logs", exc)

    def lower_root(self) -> None:
        """Let the root logger pass what is at least of the level."""
        root = logging.getLogger()
        self._before = root.level
        if self._before > self._level:
            root.setLevel(self._level)

    def raise_root(self, later: "list[_Capture]") -> None:
        """Take that back; where one of *later* relies on it, leave it to that one."""
        root = logging.getLogger()
        if self._before > self._level == root.level:
            if later:
                later[0]._before = self._before
                root.setLevel(min(self._before, *(one._level for one in later)))
            else:
                root.setLevel(self._before)


# Captures of concurrent tasks may end in any order: the first one and the last exchange the method.
_lock = threading.RLock()
_active: list[_Capture] = []
_installed: "tuple[Callable[..., None], Callable[..., None]] | None" = None


def _listen() -> None:
    global _installed
    call_handlers = logging.Logger.callHandlers

    def capture(logger: logging.Logger, record: logging.LogRecord) -> None:
        try:
            call_handlers(logger, record)
        finally:
            # After the handlers: the row tells what their filters made of the record. Not in one that could not
            # be taken back, because another library wraps it.
            if _installed is not None and _installed[0] is capture:
                for one in tuple(_active):
                    one.add(logger, record)

    _installed = capture, call_handlers
    logging.Logger.callHandlers = capture  # type: ignore[assignment, method-assign]


def _listen_no_more() -> None:
    global _installed
    if _installed is not None and logging.Logger.callHandlers is _installed[0]:
        logging.Logger.callHandlers = _installed[1]  # type: ignore[method-assign]
    _installed = None


class _Pipe:
    """What makes a line of a record that no handler of ours has met."""

    def __init__(self) -> None:
        self._context = ContextFilter()
        self._formatter = JsonFormatter()
        self._chosen: settings.Settings | None = None
        self._masking = MaskingFilter()

    def row(self, logger: logging.Logger, record: logging.LogRecord) -> Row:
        """Return the line of *record* as a dict; the record stays as it is."""
        handlers = list(handlers_of(logger))
        own = copy.copy(record)
        if "_ginkgo" not in own.__dict__:
            self._context.filter(own)
            filters = (one for handler in handlers for one in handler.filters)
            masking = next((one for one in filters if isinstance(one, MaskingFilter)), None)
            (masking or self._masking_of_settings()).filter(own)
        formatters = (handler.formatter for handler in handlers)
        formatter = next((one for one in formatters if isinstance(one, JsonFormatter)), self._formatter)
        line = formatter.format(own)
        row: Row = json.loads(line[line.index("{") :])  # what stands before it is the formatter's prefix
        return row

    def _masking_of_settings(self) -> MaskingFilter:
        chosen = settings.in_force_or_valid()
        if chosen != self._chosen:
            self._chosen = chosen
            self._masking = masking_of(chosen)
        return self._masking
