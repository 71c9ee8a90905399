"""Standard output, and what it can show: colours, drawings, any character or only ASCII."""

import contextlib
import json
import os
import re
import select
import shutil
import sys
from typing import Final, TextIO

import orjson

from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.json_line import encode
from ginkgo_logging.query.model import Row

_STYLES: Final = {
    "debug": "logging.level.debug",
    "info": "logging.level.info",
    "warning": "logging.level.warning",
    "error": "logging.level.error",
    "critical": "logging.level.critical",
    "dim": "dim",
    "bold": "bold",
    "id": "cyan",
}
"""Our names of styles, and Rich's: the levels look as they do in `ginkgo_logging.handlers.ConsoleHandler`."""

_DRAWN: Final = "├└│─⋯█▓▒░▏·✗…"

# What JSON leaves as it is and a terminal might obey: C1, DEL, separators, marks that reorder text.
_UNSAFE_IN_JSON: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Terminal:
    """Write to standard output, whatever that is: a terminal, a pipe, a file, or nothing.

    What its encoding lacks is shown escaped. *color* is ``auto``, ``always`` or ``never``.
    """

    def __init__(self, color: str = "auto") -> None:
        # Python has no stdout at all when it is started with descriptor 1 closed.
        self._stream: TextIO | None = sys.stdout
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.is_terminal = is_terminal(self._stream)
        self.can_draw = _can_encode(_DRAWN, self._encoding)
        self._codes = _codes() if _is_colorful(color, is_there=self.is_terminal) else {}

    @property
    def columns(self) -> int:
        """How many cells a line has; 100 where there is no terminal."""
        return max(40, shutil.get_terminal_size((100, 24)).columns)

    def paint(self, text: str, style: str) -> str:
        """Return *text* in a style of `_STYLES`; as it is where there are no colours or no such style."""
        codes = self._codes.get(style)
        return text if codes is None or not text else f"{codes[0]}{text}{codes[1]}"

    def draw(self, drawn: str, plain: str) -> str:
        """Return *drawn*, or *plain* where the encoding has no such characters."""
        return drawn if self.can_draw else plain

    def say(self, text: str) -> None:
        """Write *text* and a newline. Values of rows must have gone through `escape`."""
        if self._stream is None:
            return
        try:
            self._stream.write(f"{text}\n")
        except UnicodeEncodeError:
            encoding = self._encoding
            self._stream.write(f"{text.encode(encoding, 'backslashreplace').decode(encoding)}\n")

    def say_json(self, value: Row) -> None:
        """Write *value* as one line of JSON, in UTF-8 whatever the locale: that is what JSON is."""
        line = json_text(value)
        raw = getattr(self._stream, "buffer", None)
        if raw is None:
            self.say(line)
        else:
            raw.write(line.encode() + b"\n")

    def flush(self) -> None:
        """Hand over what was written."""
        if self._stream is not None:
            self._stream.flush()

    def check_reader(self) -> None:
        """Raise BrokenPipeError if the reader of our pipe has gone; a write would find out too late."""
        if self._stream is None:
            return
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # it has no descriptor
            return
        poll = select.poll()
        poll.register(descriptor, 0)
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            raise BrokenPipeError


def json_text(value: object) -> str:
    """Return *value* as one line of JSON that no terminal obeys."""
    try:
        line = orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, half of a surrogate pair, many levels
        line = _slow_json_text(value)
    return line if line.isascii() and "\x7f" not in line else _UNSAFE_IN_JSON.sub(_escape_in_json, line)


def _slow_json_text(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return encode({"": value}).decode().rstrip("\n")


def _escape_in_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def complain(text: str) -> None:
    """Write one line to stderr, if there is one and somebody reads it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"ginkgo-logging: {escape(text)}\n")
        sys.stderr.flush()


def cells(text: str) -> int:
    """Return how many cells *text* takes on a terminal; Chinese characters take two each."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, width: int) -> str:
    """Return *text* with spaces after it up to *width* cells."""
    return text + " " * (width - cells(text))


def cut(text: str, width: int, mark: str = "…") -> str:
    """Return *text*, or as much of it as fits *width* cells with *mark* at its end."""
    if cells(text) <= width:
        return text
    room, taken = width - cells(mark), 0
    for position, char in enumerate(text):
        taken += cells(char)
        if taken > room:
            return text[:position] + mark
    return text


def _is_colorful(color: str, *, is_there: bool) -> bool:
    if color != "auto":
        return color == "always"
    return is_there and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _codes() -> dict[str, tuple[str, str]]:
    """Return the escape sequences that turn each style on and off."""
    from rich.color import ColorSystem
    from rich.default_styles import DEFAULT_STYLES

    codes = {}
    for name, style in _STYLES.items():
        on, _, off = DEFAULT_STYLES[style].render("\0", color_system=ColorSystem.STANDARD).partition("\0")
        codes[name] = on, off
    return codes


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
