"""ConsoleHandler: colours and aligned columns on a terminal, one plain line a record anywhere else."""

import copy
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

from ginkgo_logging import arguments
from ginkgo_logging.formatters.plain import (
    PlainFormatter,
    below,
    escape,
    fields_of,
    has_more,
    ids_of,
    one_line,
)
from ginkgo_logging.handlers.stream import StreamHandler
from ginkgo_logging.record_state import STATE, RecordState
from ginkgo_logging.record_text import ErrorText, error_of
from ginkgo_logging.records import state_of

_MESSAGE_WIDTH = 56  # with category and trace; a source such as `(strategy.py:120)` then ends before 120
_NAME_WIDTH = 16
_LONGEST_DRAWN = 40_000
_LONGEST_LINE_DRAWN = 500
_MOST_DRAWN = 20


class ConsoleHandler(StreamHandler):
    """Write for a person who watches: to *stream*, ``sys.stderr`` by default; stdout stays the program's.

    On a terminal a record is laid out in aligned columns (Chinese text counts two cells a character) with
    Rich's level colours, and a traceback is drawn by Rich, never with local variables. Elsewhere, or with
    ``NO_COLOR`` set or ``TERM=dumb``, the formatter of the dictConfig file gives one plain line a record.
    *color* true or false decides whatever the stream is. Markup in a message is just text, and its control
    characters are shown escaped.
    """

    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        color: bool | None = None,
        level: int | str = logging.NOTSET,
    ) -> None:
        if color is not None:
            arguments.boolean("color", color)
        super().__init__(stream=sys.stderr if stream is None else stream, level=level)
        self._layout: logging.Formatter | None = None
        self.setFormatter(PlainFormatter())
        if color if color is not None else _is_colorful(self.stream):
            # Only here: a program whose output nobody watches should not pay for importing Rich.
            self._layout = TerminalFormatter(self.stream)
            self._format_line = self._encode

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's name
        """Use *fmt* where the stream is no terminal; on a terminal it is kept but not used."""
        super().setFormatter(fmt)
        if self._layout is not None:
            self._format_line = self._encode

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of *record*, laid out for the terminal if the stream is one."""
        if self._layout is not None:
            return self._layout.format(record)
        return super().format(_without_error(record) if state_of(record).printed_elsewhere else record)

    def write_line(self, line: bytes) -> None:
        """Write *line* where the person is."""
        stream = self.stream
        if stream is None or hasattr(stream, "buffer"):
            super().write_line(line)
        else:
            # Made by a notebook's kernel, say: what it shows is what is written to it. Its descriptor, if it
            # has one, leads to the terminal of the server.
            stream.write(line.decode())
            stream.flush()


def _without_error(record: logging.LogRecord) -> logging.LogRecord:
    record, state = copy.copy(record), copy.copy(state_of(record))
    state.error = record.exc_info = record.exc_text = None
    record.__dict__[STATE] = state
    return record


def _is_colorful(stream: TextIO | None) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # not a stream of io; or closed
        return False


class TerminalFormatter(logging.Formatter):
    """Lay out a record for a terminal: time, level, logger, category and trace, message, fields, source.

    Rich gives the styles, which are turned into escape sequences once, and draws tracebacks.
    """

    def __init__(self, stream: TextIO | None) -> None:
        from rich.cells import cell_len
        from rich.console import Console

        super().__init__()
        self._cell_len = cell_len
        self._console: Console = Console(file=stream, force_terminal=True, legacy_windows=False)
        names = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        self._levels = {name: self._codes(f"logging.level.{name.lower()}") for name in names}
        self._dim = self._codes("dim")
        self._ids = self._codes("cyan")
        self._second: tuple[int, str] = (-1, "")

    def _codes(self, style: str) -> tuple[str, str]:
        """Return the escape sequences that turn *style* on and off."""
        with self._console.capture() as capture:
            self._console.print("\0", style=style, end="", markup=False, highlight=False)
        start, _, end = capture.get().partition("\0")
        return start, end

    def format(self, record: logging.LogRecord) -> str:
        """Return one line with escape sequences, and below it the traceback."""
        state = state_of(record)
        message = escape(one_line(record, state))
        on, off = self._levels.get(record.levelname, ("", ""))
        dim_on, dim_off = self._dim
        ids = escape(ids_of(record))
        text = self._pad(f"{ids}{message}", _MESSAGE_WIDTH)
        if ids:
            text = f"{self._ids[0]}{ids}{self._ids[1]}{text[len(ids) :]}"
        source = escape(f"{fields_of(state) if state.fields else ''} ({record.filename}:{record.lineno})")
        return (
            f"{dim_on}{self._time(record.created)}{dim_off} {on}{escape(str(record.levelname)):<8}{off} "
            f"{self._pad(escape(record.name), _NAME_WIDTH)} {text} "
            f"{dim_on}{source}{dim_off}{self._below(record, state)}"
        )

    def _time(self, created: float) -> str:
        try:
            return self._time_of(created)
        except (TypeError, ValueError, OverflowError, OSError):  # a record made by hand
            return self._time_of(time.time())

    def _time_of(self, created: float) -> str:
        second = int(created)
        cached, text = self._second
        if cached != second:
            text = time.strftime("%H:%M:%S", time.localtime(second))
            self._second = second, text
        return f"{text}.{int((created - second) * 1000):03d}"

    def _pad(self, text: str, width: int) -> str:
        cells = len(text) if text.isascii() else self._cell_len(text)
        return text + " " * (width - cells)

    def _below(self, record: logging.LogRecord, state: RecordState) -> str:
        if state.printed_elsewhere or not has_more(record, state):
            return ""
        error = state.error or error_of(record)
        if error is not None and record.exc_info and not record.stack_info and _is_clean(error):
            try:
                if picture := self._draw(record.exc_info, error.stack_trace):
                    return "\n" + picture.rstrip("\n")
            except Exception:  # noqa: BLE001, S110 - a picture that fails leaves the text
                pass
        return below(record, state)

    def _draw(self, exc_info: Any, examined: str) -> str:
        """Return Rich's picture, "" if it would be long in the making or show what *examined* does not say."""
        from rich.traceback import Traceback

        if not (_is_short(examined) and _are_few(exc_info[1])):
            return ""
        trace = Traceback.extract(*exc_info, show_locals=False)
        if not all(part in examined for part in _texts_of(trace)):
            return ""
        with self._console.capture() as capture:
            self._console.print(Traceback(trace, show_locals=False, extra_lines=0, width=None))
        return capture.get()


def _is_short(text: str) -> bool:
    # Rich's highlighter takes time with the square of a line's length: 17 seconds for 40,000 characters.
    return len(text) <= _LONGEST_DRAWN and max(map(len, text.split("\n"))) <= _LONGEST_LINE_DRAWN


def _are_few(error: BaseException) -> bool:
    """Return whether *error* and its causes are few: Rich draws them all, and has no end in a cycle."""
    waiting: list[BaseException | None] = [error]
    few = 0
    while waiting and few <= _MOST_DRAWN:
        one = waiting.pop()
        if one is not None:
            few += 1
            waiting += one.__cause__, one.__context__
            if isinstance(one, BaseExceptionGroup):
                waiting += one.exceptions
    return few <= _MOST_DRAWN


def _texts_of(trace: Any) -> Iterator[str]:
    """Yield what Rich would show of *trace*, but for the lines of source, which it reads as the text does."""
    for stack in trace.stacks:
        yield from (stack.exc_type, stack.exc_value, *map(str, stack.notes))
        if stack.syntax_error:
            yield from (stack.syntax_error.line.strip(), str(stack.syntax_error.msg))
        for member in stack.exceptions:
            yield from _texts_of(member)


def _is_clean(error: ErrorText) -> bool:
    """Return whether Rich, which shows what it is given, may show *error*."""
    return all(escape(line) is line for line in error.stack_trace.replace("\t", " ").split("\n"))
