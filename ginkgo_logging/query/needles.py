"""What must stand in a line, byte for byte, if the line is to match: looked for before any JSON is parsed.

A needle never misses a line that matches, however the line is spaced, ordered and escaped; whatever it finds is
parsed and looked at by `Query.matches`. One thing is taken for granted: that no writer escapes letters, digits
and the characters in `_PLAIN`, which JSON allows (``\\u0061`` for ``a``) and no encoder does.
"""

import re
import string
from collections.abc import Callable
from itertools import groupby
from typing import Final

from ginkgo_logging import fields
from ginkgo_logging.query.model import Query

Find = Callable[[bytearray, int, int], int]
"""Return where something stands in a buffer between two places; -1: nowhere."""

# Some encoders escape / or, for HTML's sake, <, >, &, =, +, ' and `.
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + " !#$%()*,-.:;?@[]^_{|}~")
_NUMBER: Final = re.compile(r"-?\d[\d.eE+-]*", re.ASCII)
# The end of the key: a pattern is looked for by its first byte, and few in a log file are rarer than a v.
_LEVEL_KEY: Final = fields.LEVEL.encode()[2:]
_SHORT: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", '"': '"', "\\": "\\", "/": "/"}
_LONG_ENOUGH: Final = 3


class Needle:
    """One of *alternatives* stands in each line that matches: bytes, or a pattern where they are not enough."""

    def __init__(self, *alternatives: bytes | re.Pattern[bytes]) -> None:
        self.alternatives = alternatives
        self.finds = tuple(_find(alternative) for alternative in alternatives)

    @property
    def cost(self) -> tuple[int, int]:
        """What is looked for first has the lowest: one long text is found fastest, and is rare."""
        only = self.alternatives[0]
        if len(self.alternatives) == 1 and isinstance(only, bytes):
            return 0 if len(only) > _LONG_ENOUGH else 2, -len(only)
        return 1, 0

    def is_in(self, line: bytes) -> bool:
        """Return whether *line* may match."""
        return any(
            one in line if isinstance(one, bytes) else one.search(line) is not None
            for one in self.alternatives
        )


def needles(query: Query) -> list[Needle]:
    """Return what all must stand in a line that fulfils *query*, the one to look for first at the beginning."""
    found = [_of_value(name, value) for name, value in query.equal]
    if query.levels and all(map(_is_plain, query.levels)):
        names = b"|".join(re.escape(level.encode()) for level in query.levels)
        found.append(Needle(re.compile(_LEVEL_KEY + rb'"[ \t\r]*:[ \t\r]*"(?:%b)"' % names)))
    if query.contains is not None:
        found.append(_of_text(query.contains))
    if query.pattern is not None and (literal := _literal_of(query.pattern)):
        found.append(_of_text(literal))
    return sorted(found, key=lambda needle: needle.cost)


def _of_value(name: str, value: str) -> Needle:
    key = name.encode()
    if value in {"true", "false"}:
        return Needle(re.compile(rb'"%b"[ \t\r]*:[ \t\r]*"?%b' % (key, value.encode())))
    if _NUMBER.fullmatch(value):
        if value.lstrip("-").isdigit():
            # 0 may be written -0.
            digits = value.lstrip("-").encode()
            return Needle(re.compile(rb'"%b"[ \t\r]*:[ \t\r]*"?-?%b' % (key, digits)))
        # 100.0 may be written 1e2; a whole number of more than 64 bits is read as such a one.
        return Needle(re.compile(rb'"%b"[ \t\r]*:[ \t\r]*["\d-]' % key))
    if _is_plain(value):
        return Needle(b'"%b"' % value.encode())
    return _of_text(value)


def _of_text(text: str) -> Needle:
    """Return a needle for the part of *text* that is best to look for."""
    runs = [(kind, "".join(run)) for kind, run in groupby(text, _kind)]
    kind, run = max(runs, key=lambda item: (item[0] != "odd", len(item[1]) >= _LONG_ENOUGH, len(item[1])))
    if kind == "plain":
        return Needle(run.encode())
    if kind == "odd":
        run = run[0]
    return Needle(run.encode(), re.compile(b"".join(map(_escaped, run)))) if kind == "letters" else _odd(run)


def _kind(character: str) -> str:
    if character in _PLAIN:
        return "plain"
    # One encoder writes all letters alike, as they are or escaped; what else it escapes nobody knows.
    is_letter = character.isalnum() and "\x7f" < character < "\ud800"
    return "letters" if is_letter else "odd"


def _odd(character: str) -> Needle:
    forms = [_escaped(character)]
    if character == "\ufffd":
        forms.append(rb"\\u[dD][89a-fA-F]")  # half of a surrogate pair, see `read_json`
    if character in _SHORT:
        forms.append(re.escape(("\\" + _SHORT[character]).encode()))
    if character >= " " and character not in '"\\':
        forms.append(re.escape(character.encode()))
    return Needle(re.compile(b"|".join(forms)))


def _escaped(character: str) -> bytes:
    units = character.encode("utf-16-be").hex()
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in units)
    sized = re.findall(r"(?:\[..\]|\d){4}", digits)
    return b"".join(rb"\\u" + unit.encode() for unit in sized)


def _is_plain(text: str) -> bool:
    return _PLAIN.issuperset(text)


def _find(one: bytes | re.Pattern[bytes]) -> Find:
    if isinstance(one, bytes):

        def find(buffer: bytearray, begin: int, end: int) -> int:
            return buffer.find(one, begin, end)
    else:
        search = one.search

        def find(buffer: bytearray, begin: int, end: int) -> int:
            match = search(buffer, begin, end)
            return -1 if match is None else match.start()

    return find


# --- patterns -------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""(?P<plain>[A-Za-z0-9 _\-:,@=!%&;<>'"~/]|[^\x00-\x7f]) | \\(?P<escaped>[^A-Za-z0-9])
      | \\[dDwWsSbB] | [.^$] | \[\^?\]?(?:[^\]\\]|\\.)*\]""",
    re.VERBOSE,
)
_REPETITION: Final = re.compile(r"(?:[*+?]|\{\d*,?\d*\})+")


def _literal_of(pattern: re.Pattern[str]) -> str:
    """Return a text that stands in whatever *pattern* finds; empty if there is none that is easy to see."""
    source = pattern.pattern
    if pattern.flags & (re.IGNORECASE | re.VERBOSE) or "|" in source:
        return ""
    at, run, best = 0, "", ""
    # Up to the first group: what is before it must be there, whatever is in it.
    while token := _TOKEN.match(source, at):
        at = token.end()
        literal = token["plain"] or token["escaped"]
        if repetition := _REPETITION.match(source, at):
            at, literal = repetition.end(), None
        run = run + literal if literal else ""
        best = max(best, run, key=len)
    return best
