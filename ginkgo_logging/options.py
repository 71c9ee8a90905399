"""How the value of a setting is read; a parser raises ValueError saying what is allowed."""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit


def text(value: object) -> str:
    """Read a text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text; a number needs quotes" if isinstance(value, int | float) else "a text")


def path(value: object) -> str:
    """Read the path of a file, perhaps beginning with ``~``."""
    try:
        name = text(value)
        Path(name).expanduser()
    except (ValueError, RuntimeError):
        raise ValueError("the path of a file") from None
    if "\0" in name:
        raise ValueError("the path of a file")
    return name


def url(value: object) -> str:
    """Read the address of a server."""
    try:
        name = text(value)
        parts = urlsplit(name)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("an address such as http://loki:3100")
    return name.rstrip("/")


def choice(*allowed: str) -> Callable[[object], str]:
    """Return a parser for one of the words *allowed*."""

    def parse(value: object) -> str:
        if isinstance(value, str) and value.strip().lower() in allowed:
            return value.strip().lower()
        raise ValueError("one of " + ", ".join(allowed))

    return parse


def level(value: object) -> str:
    """Read a level, by name or number."""
    names = logging.getLevelNamesMapping()
    if isinstance(value, str):
        word = value.strip()
        if word.upper() in names:
            return word.upper()
        value = int(word) if word.isdecimal() and len(word) < 4 else value
    if isinstance(value, int) and not isinstance(value, bool) and value in names.values():
        return logging.getLevelName(value)
    raise ValueError("one of " + ", ".join(name for name in names if name not in {"FATAL", "WARN"}))


def switch(value: object) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "yes", "on", "1"}:
        return True
    if isinstance(value, str) and value.strip().lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError("true or false")


def names(value: object) -> tuple[str, ...]:
    """Read a list of names; a text is split at its commas, and only a list may have no name in it."""
    if isinstance(value, str):
        # Blanks and commas alone are kept, to be refused below: [] says on purpose that there is no name.
        value = [name for name in value.split(",") if name.strip()] or [value]
    if isinstance(value, Collection) and not isinstance(value, Mapping):
        given = list(value)
        # A name of punctuation alone would mask nothing.
        if all(isinstance(name, str) and any(map(str.isalnum, name)) for name in given):
            return tuple(name.strip() for name in given)
    raise ValueError("a list of names")


def valid_items(parse: Callable[[object], tuple[str, ...]], value: object) -> tuple[str, ...]:
    """Return what *parse*, `names` or `patterns`, can read of *value*: a list with a mistake in it."""
    if isinstance(value, str):
        value = value.split(",") if parse is names else [value]
    found: list[str] = []
    for item in value if isinstance(value, Collection) else ():
        try:
            found += parse([item])
        except ValueError:
            continue
    return tuple(found)


def patterns(value: object) -> tuple[str, ...]:
    """Read a list of regular expressions; a text is one, commas and all."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) and one for one in given):
        raise ValueError("a list of regular expressions")
    for one in given:
        try:
            re.compile(one)
        except re.error as exc:
            raise ValueError(f"a list of regular expressions: {one!r}: {exc}") from None
    return tuple(given)


def count(value: object) -> int:
    """Read a whole number from 1."""
    if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip().isdecimal():
        number = int(value)
        if number >= 1:
            return number
    raise ValueError("a whole number from 1")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: object) -> float:
    """Read a length of time."""
    word = str(value).strip().lower() if isinstance(value, int | float | str) else ""
    unit = _UNITS.get(word[-1:], 0)
    try:
        number = float(word[:-1]) * unit if unit else float(word)
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise ValueError("a number of seconds above 0, or one with a unit such as 90s, 15m, 24h, 7d")
    return number


def without_userinfo(text: str) -> str:
    """Return *text* without the user and password of any address in it."""
    return re.sub(r"//\S*@", "//", text)
