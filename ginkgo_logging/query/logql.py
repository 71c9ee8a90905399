"""LogQL, Loki's language, for a `Query`: nothing that a user gives can change what is asked.

The JSON line is the truth: each condition is put to the fields of the line, whatever a collector has made
labels or structured metadata of. Labels and the line's text only spare Loki work: they leave out what
cannot match. So a line is found however it was shipped.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ginkgo_logging import fields
from ginkgo_logging.query.arguments import parse_field_name
from ginkgo_logging.query.model import SEARCHED, Query, Row
from ginkgo_logging.query.patterns import translate

SERVICE_NAME: Final = "service_name"
"""A label that Loki itself gives to every stream."""

COLLECTED: Final = frozenset(
    {
        SERVICE_NAME,
        "environment",
        "container",
        fields.CONTAINER_ID,
        fields.POD_NAME,
        fields.NAMESPACE,
        "filename",
        "detected_level",
    }
)
"""What a collector, or Loki, may know of a line that the line does not say itself."""

_TIMESTAMP: Final = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"

# What every writer of JSON leaves as it is: no escape, be it for quotes, for HTML or to ASCII, begins with it.
_PLAIN: Final = re.compile(r"[\w .,:;=@#%()\[\]{}!?*$^|~-]+", re.ASCII)
_LETTERS: Final = re.compile(r"[^\W_]+")
_SHORTEST: Final = 3

_END: Final = r"\}\s*$"

_REPLACED: Final = "\ufffd"
"""Loki takes this character of a field for a space. It is the one thing that a ``regex`` may miss there."""

# A number that is none makes a line no JSON, which Loki does not see if it stands after what is asked for.
# Loki looks for alternatives without any wildcard quickly.
_DOUBTFUL: Final = rf"{_REPLACED}|\\ufffd|\\uFFFD|NaN|Infinity"
"""In lines with one of these, Loki's understanding of a line and ours may differ."""


@dataclass(frozen=True, slots=True)
class Search:
    """A question in LogQL.

    ``lines`` finds the rows of every time, and perhaps others. Of ``counted``, if that is not None, each line
    is a row, and of ``rest`` perhaps not; the two have no line in common, and together every row.
    """

    lines: str
    counted: str | None
    rest: str
    labels: tuple[str, ...] = ()
    """The first of these that is not empty holds the value that rows are counted by."""

    def count(self, milliseconds: int) -> str:
        """Return the metric query for the number of ``counted`` lines of so many milliseconds."""
        by = f" by ({', '.join(self.labels)})" if self.labels else ""
        return f"sum{by} (count_over_time({self.counted} [{milliseconds}ms]))"

    def value(self, labels: Mapping[str, str]) -> str:
        """Return the value that a sample of `count` stands for, ``""`` for none."""
        return next((value for name in self.labels if (value := labels.get(name))), "")


def search(query: Query, by: str | None = None) -> Search:
    """Return the search for *query*, to be counted by the field *by*.

    Raises `QueryError` for a name that is none of a field.
    """
    pipe = _Pipe()
    conditions = [f"| {condition}" for condition in _conditions(query, pipe)]
    labels: tuple[str, ...] = ()
    if by is not None:
        own = () if by == SERVICE_NAME else (pipe.field(by),)
        labels = (*own, by) if by in COLLECTED else own
    selector = f"{{{', '.join(_matchers(query))}}}"

    def lines(*filters: str) -> str:
        found = [selector, *filters, *_line_filters(query), pipe.stage, '| __error__=""', *conditions]
        return " ".join(found)

    if query.pattern is not None and not _is_for_loki(query.pattern):
        return Search(lines(), None, lines(), labels)
    doubtful = quoted(_DOUBTFUL)
    if any(_REPLACED in text for text in _texts(query)):
        return Search(lines(), None, lines(f"|~ {doubtful}"), labels)
    return Search(lines(), lines(f"!~ {doubtful}"), lines(f"|~ {doubtful}"), labels)


def completed(row: Row, labels: Mapping[str, str]) -> Row:
    """Return *row* with what a collector knows of it and the line does not say; *row* is not changed."""
    more = {
        name: labels[name]
        for name in COLLECTED.intersection(labels)
        if name == SERVICE_NAME or row.get(name) in (None, "")
    }
    return {**row, **more} if more else row


def quoted(text: str) -> str:
    """Return *text* as a string of LogQL."""
    # Escapes outside of ASCII come in pairs of surrogates, which Loki does not put together again.
    return json.dumps(text, ensure_ascii=False)


def _texts(query: Query) -> list[str]:
    """Return the texts that are asked for."""
    found = [value for _, value in query.equal]
    return found if query.contains is None else [*found, query.contains]


def _is_for_loki(pattern: re.Pattern[str]) -> bool:
    # To Loki, a field that is missing is an empty text.
    return pattern.search("") is None and _REPLACED not in pattern.pattern


# --- the parts of a query -----------------------------------------------------------------------------------


class _Pipe:
    """The fields that are extracted from a line, each under a name that no label has."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.timestamp = self.field(fields.TIMESTAMP)

    def field(self, name: str) -> str:
        """Return the name under which the field *name* of the line is to be had."""
        return self._names.setdefault(parse_field_name(name), f"ginkgo_{len(self._names)}")

    @property
    def stage(self) -> str:
        extracted = (f"{label}={quoted(name)}" for name, label in self._names.items())
        return f"| json {', '.join(extracted)}"


def _matchers(query: Query) -> Iterator[str]:
    services = [value for name, value in query.equal if name == SERVICE_NAME]
    yield from (f"{SERVICE_NAME}={quoted(value)}" for value in services)
    if not services:
        yield f'{SERVICE_NAME}=~".+"'
    # The last alternative, nothing, is for streams whose collector did not make this a label.
    if query.levels:
        names = [alias for level in query.levels for alias in (level, *_ALIASES.get(level, ()))]
        yield f"{fields.LEVEL}=~{quoted('|'.join(map(re.escape, names)) + '|')}"
    for name, value in query.equal:
        if name == fields.LOG_CATEGORY and _REPLACED not in value:
            yield f"{fields.LOG_CATEGORY}=~{quoted(re.escape(value) + '|')}"


_ALIASES: Final = {"warning": ("warn",), "critical": ("fatal",)}
"""What a collector may have made of a level."""


def _line_filters(query: Query) -> Iterator[str]:
    """Yield filters on the line as it stands, which are quick, and let more lines pass than are asked for."""
    asked = [value for name, value in query.equal if name not in COLLECTED]
    if query.contains is not None:
        asked.append(query.contains)
    for text in asked:
        plain = max(_PLAIN.findall(text), key=len, default="")[:200]
        if len(plain) >= _SHORTEST:
            yield f"|= {quoted(plain)}"
            continue
        if letters := max(_LETTERS.findall(text), key=len, default="")[:50]:
            escaped = json.dumps(letters)[1:-1]
            if escaped != letters:
                forms = [letters, escaped, re.sub(r"\\u(.{4})", lambda m: f"\\u{m[1].upper()}", escaped)]
                yield f"|~ {quoted('|'.join(map(re.escape, forms)))}"
    # A line that was cut in two is no row; Loki's parser stops at the last field that is asked for.
    yield f"|~ {quoted(_END)}"


def _conditions(query: Query, pipe: _Pipe) -> Iterator[str]:
    yield f"{pipe.timestamp}=~{quoted(_TIMESTAMP)}"
    if query.levels:
        level = pipe.field(fields.LEVEL)
        # No regular expression: for some, Loki forgets that the whole value must match.
        yield _any(f"{level}={quoted(name)}" for name in query.levels)
    for name, value in query.equal:
        if name == SERVICE_NAME or _REPLACED in value:
            continue
        own = pipe.field(name)
        ways = [f"{own}={quoted(spelled)}" for spelled in _spellings(value)]
        if name in COLLECTED:
            ways.append(f'({own}="" and {name}={quoted(value)})')
        yield _any(ways)
    if query.contains is not None and _REPLACED not in query.contains:
        yield _found(pipe, re.escape(query.contains))
    if query.pattern is not None and _is_for_loki(query.pattern):
        yield _found(pipe, translate(query.pattern.pattern)[1])


def _found(pipe: _Pipe, pattern: str) -> str:
    # Loki's front end writes such a NUL as it is when it hands the query on, and the query is never answered.
    pattern = re.sub(r"(\\[^\0])|\\?\0", lambda match: match[1] or r"\x00", pattern)
    anywhere = quoted(f"(?s:.*)(?-s:{pattern})(?s:.*)")
    return _any(f"{pipe.field(name)}=~{anywhere}" for name in SEARCHED)


def _any(ways: Iterable[str]) -> str:
    return f"({' or '.join(ways)})"


_FLOAT: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)


def _spellings(value: str) -> list[str]:
    """Return how a value may stand in a line: 1e16 is also 1e+16."""
    if _FLOAT.fullmatch(value) and not value.lstrip("-").isdecimal():
        return list(dict.fromkeys([value, repr(float(value))]))
    return [value]
