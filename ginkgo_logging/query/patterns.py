"""Regular expressions that Python and RE2, with which Loki searches, understand alike.

A pattern is rewritten rather than trusted: the two differ in what ``$``, ``\\s``, ``\\b`` or ``{,3}`` mean, and
each has constructs that the other lacks. What both can say is said to each in its own words.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

_CLASSES: Final = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\v\f\r "}
_OUTSIDE: Final = {
    "D": r"\x00-/:-\U0010ffff",
    "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "S": r"\x00-\x08\x0e-\x1f!-\U0010ffff",
}
"""What ``[^...]`` cannot say inside of another class."""

_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CODE: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}]+)\}|(0[0-7]{0,2})")
_BOUNDS: Final = re.compile(r"\{(\d*)(,?)(\d*)\}")
_GROUP: Final = re.compile(r"\?(?:P<\w+>|([aims]*)(?:-([ims]+))?([:)]))")

MOST_REPEATS: Final = 1000
"""RE2 counts no further."""


def translate(text: str) -> tuple[str, str]:
    """Return what Python's ``re`` takes and what RE2 takes for the same meaning.

    What Python takes can be translated again. ValueError says what is wrong, or not understood by both.
    """
    try:
        python, re2 = _Translation(text).result()
        re.compile(python)
    except IndexError:
        raise ValueError("a bracket is not closed, or closed twice, or the end is a backslash") from None
    except KeyError as error:
        raise ValueError(f"{error} in \\N{{...}}") from None
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return python, re2


@dataclass(slots=True)
class _Translation:
    text: str
    at: int = 0
    python: list[str] = field(default_factory=list)
    re2: list[str] = field(default_factory=list)
    multiline: list[bool] = field(default_factory=lambda: [False])
    global_groups: int = 0

    def result(self) -> tuple[str, str]:
        while self.at < len(self.text):
            self._step()
        self._add(")" * self.global_groups)
        return "".join(self.python), "".join(self.re2)

    def _add(self, python: str, re2: str | None = None) -> None:
        self.python.append(python)
        self.re2.append(python if re2 is None else re2)

    def _step(self) -> None:
        char = self.text[self.at]
        self.at += 1
        match char:
            case "\\":
                self._escape()
            case "[":
                self._class()
            case "(":
                self._group()
            case ")":
                self.multiline.pop()
                self._add(")")
            case "$":
                self._add("$") if self.multiline[-1] else self._add(r"\Z", r"\z")
            case "*" | "+" | "?":
                self._add(char)
                self._after_repeat()
            case "{":
                self._bounds()
            case "}" | "]":
                self._add("\\" + char)
            case _:
                self._add(char)

    def _bounds(self) -> None:
        found = _BOUNDS.match(self.text, self.at - 1)
        if found is None or not (found[1] or found[2]):
            self._add(r"\{")
            return
        low, comma, high = found[1] or "0", found[2], found[3]
        if max(int(low), int(high or 0)) > MOST_REPEATS:
            raise ValueError(f"{found[0]!r} repeats more than {MOST_REPEATS} times")
        self.at = found.end()
        self._add(f"{{{low}{comma}{high}}}")
        self._after_repeat()

    def _after_repeat(self) -> None:
        if self.text.startswith("+", self.at):
            raise ValueError("a repetition that gives nothing back, such as '*+', is not understood")
        if self.text.startswith("?", self.at):
            self._add("?")
            self.at += 1

    def _group(self) -> None:
        if not self.text.startswith("?", self.at):
            self.multiline.append(self.multiline[-1])
            self._add("(?:")
            return
        found = _GROUP.match(self.text, self.at)
        if found is None:
            raise ValueError(f"'({self.text[self.at : self.at + 3]}' is not understood")
        on, off, end = (found[1] or "").replace("a", ""), found[2] or "", found[3] or ":"
        self.at = found.end()
        multiline = (self.multiline[-1] or "m" in on) and "m" not in off
        flags = f"{on}-{off}" if off else on
        self._add(f"(?{flags}:")
        if end == ":":
            self.multiline.append(multiline)
        elif len(self.python) > self.global_groups + 1:
            raise ValueError("flags for the whole must stand at its beginning")
        else:
            self.multiline[-1] = multiline
            self.global_groups += 1

    def _escape(self) -> None:
        char = self.text[self.at]
        if char in "dws":
            self._add(f"[{_CLASSES[char]}]")
        elif char in "DWS":
            self._add(f"[^{_CLASSES[char.lower()]}]")
        elif char == "b":
            self._add(r"(?a:\b)", r"\b")
        elif char == "B":
            # Before 3.14, Python does not find it in an empty text.
            self._add(r"(?:(?a:\B)|\A\Z)", r"\B")
        elif char == "A":
            self._add(r"\A")
        elif char == "Z":
            self._add(r"\Z", r"\z")
        elif char in "123456789":
            raise ValueError(f"'\\{char}' refers back, which is not understood")
        else:
            self._add(*_same(self._character()))
            return
        self.at += 1

    def _character(self) -> str:
        """Return the one character that an escape stands for, and go past it."""
        if code := _CODE.match(self.text, self.at):
            self.at = code.end()
            if code[4]:
                return unicodedata.lookup(code[4])
            char = chr(int(code[5], 8)) if code[5] else chr(int(code[1] or code[2] or code[3], 16))
            if "\ud800" <= char <= "\udfff":
                raise ValueError(f"'\\{code[0]}' is half of a surrogate pair, which no text contains")
            return char
        char = self.text[self.at]
        self.at += 1
        if char.isascii() and char.isalnum() and char not in _CONTROLS:
            raise ValueError(f"'\\{char}' is not understood")
        return _CONTROLS.get(char, char)

    def _class(self) -> None:
        self._add("[")
        if self.text.startswith("^", self.at):
            self._add("^")
            self.at += 1
        first = self.at
        while self.text[self.at] != "]" or self.at == first:
            char = self.text[self.at]
            self.at += 1
            if char == "\\":
                self._escape_in_class()
            elif char == "-":
                self._add("-") if self._is_range(first) else self._add(r"\-")
            else:
                self._add(*_same(char))
        self.at += 1
        self._add("]")

    def _is_range(self, first: int) -> bool:
        return self.at - 1 > first and self.text[self.at] != "]"

    def _escape_in_class(self) -> None:
        char = self.text[self.at]
        if char in "dws":
            self._add(_CLASSES[char])
        elif char in "DWS":
            self._add(_OUTSIDE[char], _OUTSIDE[char].replace(r"\U0010ffff", r"\x{10ffff}"))
        elif char == "b":
            self._add(r"\x08")
        else:
            self._add(*_same(self._character()))
            return
        self.at += 1


def _same(char: str) -> tuple[str, str]:
    """Return how a character is written so that it means itself, inside and outside of a class."""
    if char.isalnum() or ord(char) > 0x7F:
        return char, char
    if char.isprintable():
        return "\\" + char, "\\" + char
    return f"\\x{ord(char):02x}", f"\\x{ord(char):02x}"
