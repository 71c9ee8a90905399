"""From the arguments of a call to a `Query`, or to a `QueryError` that names the argument."""

import logging
import math
import re
import sys
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ginkgo_logging.errors import QueryError
from ginkgo_logging.query.model import Order, Query, length_ns, nanoseconds, text_of, timestamp_ns
from ginkgo_logging.query.patterns import translate

Time = datetime | str
"""A moment: a naive datetime is local time, an aware one is honoured, a string is RFC 3339."""

MOST_STEPS: Final = 10_000

MOST_ROWS: Final = sys.maxsize // 2
"""More rows than any store has; larger numbers are clamped, as ``islice`` stops at ``sys.maxsize``."""

_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_OTHER_NAMES: Final = {"warn": "warning", "fatal": "critical"}


def parse_query(
    *,
    level: str | Collection[str] | None = None,
    contains: str | None = None,
    regex: str | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    where: Mapping[str, Any] | None = None,
    **equal: Any,
) -> Query:
    """Return the question that these arguments ask; None is no condition.

    *where* holds fields by their names, for those that are named like an argument.

    Raises `QueryError`.
    """
    start, end = parse_moment("start_time", start_time), parse_moment("end_time", end_time)
    if start is not None and end is not None and end < start:
        raise QueryError(f"end_time: {end_time} is before start_time, {start_time}")
    if where is not None and not isinstance(where, Mapping):
        raise QueryError(f"where: {where!r} is not a mapping of names to values")
    equal = {**(where or {}), **equal}
    return Query(
        start=start,
        end=end,
        levels=parse_levels(level),
        equal=tuple((parse_field_name(name), _value(name, v)) for name, v in equal.items() if v is not None),
        contains=None if contains is None else _text("contains", contains),
        pattern=None if regex is None else _pattern(regex),
    )


def parse_window(limit: int | None, offset: int) -> tuple[int, int | None]:
    """Return the first row and the one after the last of a page; a *limit* of None takes all the rest.

    Raises `QueryError`.
    """
    first = _number("offset", offset)
    return first, None if limit is None else first + _number("limit", limit)


def parse_step(value: object, asked: Query) -> int:
    """Return the length of a histogram's steps in nanoseconds. Raises `QueryError`."""
    if not isinstance(value, timedelta) or value <= timedelta():
        raise QueryError(f"step: {value!r} is not a timedelta above zero")
    if asked.start is None or asked.end is None:
        raise QueryError(
            f"{'start_time' if asked.start is None else 'end_time'}: a histogram needs both ends"
        )
    length = length_ns(value)
    if asked.end - asked.start > MOST_STEPS * length:
        raise QueryError(f"step: {value} makes more than {MOST_STEPS:,} steps")
    return length


def parse_order(value: str) -> Order:
    """Return *value*. Raises `QueryError` when it is neither ``asc`` nor ``desc``."""
    if value == "asc":
        return "asc"
    if value == "desc":
        return "desc"
    raise QueryError(f"order: {value!r} is neither 'asc' nor 'desc'")


def parse_moment(name: str, value: Time | None) -> int | None:
    """Return the argument *name* as nanoseconds since the epoch. Raises `QueryError`."""
    if value is None:
        return None
    try:
        if isinstance(value, datetime):
            return nanoseconds(value)
        return timestamp_ns(value)
    except (ValueError, OverflowError, OSError) as error:
        raise QueryError(f"{name}: {error}") from None


def parse_levels(value: str | Collection[str] | None) -> tuple[str, ...]:
    """Return names of levels as lines write them; ``WARN`` is ``warning``. Raises `QueryError`."""
    if value is None:
        return ()
    given = list(value) if isinstance(value, Collection) and not isinstance(value, str) else [value]
    known = {*_LEVELS, *(name.lower() for name in logging.getLevelNamesMapping())}
    found = []
    for name in given:
        if not isinstance(name, str) or name.lower() not in known:
            raise QueryError(f"level: {name!r} is unknown; there are {', '.join(_LEVELS)}")
        found.append(_OTHER_NAMES.get(name.lower(), name.lower()))
    if not found:
        raise QueryError("level: the collection is empty")
    return tuple(dict.fromkeys(found))


def parse_field_name(name: str) -> str:
    """Return *name*. Raises `QueryError` for one that a store could not ask for."""
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        raise QueryError(f"{name!r} is not the name of a field: letters, digits and _")
    return name


def _value(name: str, value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise QueryError(f"{name}: {value} is no number of JSON, so no line has it")
    try:
        text = str(value) if isinstance(value, UUID) else text_of(value)
    except ValueError as error:  # more digits than Python writes
        raise QueryError(f"{name}: {error}") from None
    if text is None:
        raise QueryError(f"{name}: a {type(value).__name__} cannot be asked for; give a text or a number")
    return _text(name, text)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise QueryError(f"{name}: {value!r} is not a text")
    if not value:
        raise QueryError(f"{name}: is empty; leave it out, or give None, to ask for any")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{name}: half of a surrogate pair stands alone, which no line contains") from None
    # That of an enum would be the name of its member.
    return str.__str__(value)


def _pattern(value: object) -> re.Pattern[str]:
    text = _text("regex", value)
    try:
        python, _ = translate(text)
    except ValueError as error:
        raise QueryError(f"regex: {text!r} does not compile: {error}") from None
    return re.compile(python)


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise QueryError(f"{name}: {value!r} is not a number of rows, 0 or more")
    return min(value, MOST_ROWS)
