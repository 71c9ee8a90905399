"""What is asked and what is answered; the same for every store.

A *row* is one JSON line as a dict. A line that is not a JSON object with an RFC 3339 ``timestamp`` is no row:
a store keeps it, and an answer leaves it out. Rows are in the order of their time, then of their ``seq``
(which each process counts up), then of their text; so an order is total and every store has the same one.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

import orjson

from ginkgo_logging import fields

Row = dict[str, Any]
Order = Literal["asc", "desc"]

SEARCHED: Final = (fields.MESSAGE, fields.ERROR_MESSAGE, fields.STACK_TRACE)
"""The fields that a text or a regular expression is looked for in."""

NAMED_FIELDS: Final = ("portfolio_id", "strategy_id", "trace_id", "log_category", "logger_name")
"""The fields that have an argument, a flag and a parameter of their own."""

NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows are asked for; a row must fulfil every condition.

    ``start`` (inclusive) and ``end`` (exclusive) are nanoseconds since the epoch; None is no bound.
    ``levels`` are lower-case names of which one must hold; empty is any level. ``equal`` holds pairs of
    a field's name and its value as `text_of` writes it. ``contains`` is looked for in each of `SEARCHED`
    as it stands, ``pattern`` as a regular expression that both Python and RE2 understand alike.
    """

    start: int | None = None
    end: int | None = None
    levels: tuple[str, ...] = ()
    equal: tuple[tuple[str, str], ...] = ()
    contains: str | None = None
    pattern: re.Pattern[str] | None = None

    def matches(self, row: Row) -> bool:
        """Return whether *row* fulfils every condition but those on time, which a store looks at first."""
        if self.levels and row.get(fields.LEVEL) not in self.levels:
            return False
        for name, value in self.equal:
            if text_of(row.get(name)) != value:
                return False
        if self.contains is None and self.pattern is None:
            return True
        texts = [text for name in SEARCHED if isinstance(text := row.get(name), str)]
        if self.contains is not None and not any(self.contains in text for text in texts):
            return False
        return self.pattern is None or any(map(self.pattern.search, texts))


class Backend(Protocol):
    """A store of log lines. Its methods may be called from several threads at once.

    Each of them raises `QueryError` when the store refuses the question, and `ServiceUnavailable` when it
    cannot answer: an empty answer never stands for either.
    """

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        """Yield every matching row, lazily: who takes ten rows does not pay for a million."""
        ...

    def count(self, query: Query) -> int:
        """Return how many rows match, exactly."""
        ...

    def count_by(self, query: Query, field: str) -> dict[str, int]:
        """Return how many rows match for each value of *field*, as text; rows without it are under ``""``."""
        ...

    def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
        """Return how many rows match by time and level: {start of the step in ns: {level: count}}.

        Steps are *step* nanoseconds long and counted from ``query.start``, which must be set as ``query.end``
        must. A step without rows may be left out.
        """
        ...

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        """Yield matching rows as they are written, from now on and for ever.

        Yields None at least once a second when there is none, so that the caller can see to other things,
        or close the generator. One that raised `ServiceUnavailable` goes on when it is asked again, or is at
        its end.
        """
        ...

    def close(self) -> None:
        """Give back connections and files; calling it again does nothing."""
        ...


# --- lines --------------------------------------------------------------------------------------------------

_HALF_ESCAPED: Final = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def read_json(line: bytes) -> Any:
    """Return what a line of JSON says. ValueError: it is none.

    Half of a surrogate pair, escaped as some encoders do, becomes U+FFFD: orjson refuses it, no text has it.
    """
    try:
        return orjson.loads(line)
    except ValueError:
        mended = _HALF_ESCAPED.sub(lambda match: rb"\ufffd" if match[1] else match[0], line)
        if mended == line:
            raise
        return orjson.loads(mended)


# --- values and order ---------------------------------------------------------------------------------------


def text_of(value: object) -> str | None:
    """Return a field's value as the text by which it is asked for; None for one that nobody can ask for.

    That is the text itself, or a number, ``true`` or ``false`` as they stand in JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # an integer of more than 64 bits
            return str(value)
    return None


def most_first(counts: dict[str, int]) -> dict[str, int]:
    """Return *counts* with the greatest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def order_of(row: Row, line: bytes) -> tuple[int, int, bytes]:
    """Return what rows are sorted by; *line* is the text of the row. ValueError: this is no row."""
    seq = row.get(fields.SEQ)
    return timestamp_ns(row.get(fields.TIMESTAMP)), seq if isinstance(seq, int) else 0, line


# --- time ---------------------------------------------------------------------------------------------------

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_MICROSECOND: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_MICROSECOND: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_RFC_3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def timestamp_ns(text: object) -> int:
    """Return an RFC 3339 date-time as nanoseconds since the epoch. ValueError: it is none."""
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a date-time of RFC 3339, such as 2026-02-26T10:30:00Z")
    date, time, fraction, offset = match.groups()
    whole = datetime.fromisoformat(f"{date}T{time}{'+00:00' if offset in 'Zz' else offset}")
    return nanoseconds(whole) + int((fraction or "0").ljust(9, "0"))


def nanoseconds(moment: datetime) -> int:
    """Return a date-time as nanoseconds since the epoch; a naive one is local time.

    In integers: a float of seconds is only exact to a quarter of a microsecond.
    """
    # Local time near the years 1 and 9999 raises OverflowError; callers know which argument it was.
    aware = moment.astimezone() if moment.tzinfo is None else moment
    return length_ns(aware - _EPOCH)


def length_ns(length: timedelta) -> int:
    """Return a length of time in nanoseconds."""
    return length // _MICROSECOND * 1000


def rfc3339(moment: int) -> str:
    """Return nanoseconds since the epoch as a line writes them: UTC, six decimals, ``Z``.

    What is not in the years 1 to 9999, as a time there with an offset may be, is the nearest moment that is.
    """
    micros = min(max(moment // 1000, _FIRST_MICROSECOND), _LAST_MICROSECOND)
    moment_in_utc = _EPOCH + timedelta(microseconds=micros)
    return f"{moment_in_utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
