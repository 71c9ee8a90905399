"""A Loki in memory: the part of LogQL and of the store's rules that a client of ours meets.

The grammar is read by a parser of its own, so that what the package sends is understood as Loki would, not as
it was meant. test_loki_server.py holds it against recordings of a real one.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from json.decoder import scanstring
from typing import Any, NamedTuple

MOST_ENTRIES = 5000
MOST_SERIES = 500

Labels = dict[str, str]
Filter = Callable[[str, Labels], bool]


class BadRequestError(Exception):
    """A question that Loki answers with 400 and this text."""


class Entry(NamedTuple):
    time: int
    line: str
    stream: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, str], ...]


class Found(NamedTuple):
    entry: Entry
    parsed: Labels


# --- the store ----------------------------------------------------------------------------------------------


class Memory:
    """Entries, each kept once."""

    def __init__(self) -> None:
        self.entries: dict[Entry, None] = {}
        self.most_entries = MOST_ENTRIES
        self.longest_days = 30

    def push(self, document: dict[str, Any]) -> None:
        for stream in document["streams"]:
            labels = {"service_name": "unknown_service"} | stream["stream"]
            for time, line, *more in stream["values"]:
                metadata = (more[0] if more else {}) | _detected(labels, line)
                self.entries[Entry(int(time), line, _fixed(labels), _fixed(metadata))] = None

    def query_range(
        self, text: str, *, start: int, end: int, limit: int, backward: bool, categorize: bool
    ) -> dict[str, Any]:
        if limit <= 0:
            raise BadRequestError("limit must be a positive value")
        if limit > self.most_entries:
            raise BadRequestError(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query"
                f" ({limit} > {self.most_entries})"
            )
        query = parse(text)
        if not isinstance(query, LogQuery):
            raise BadRequestError("this server answers only log queries over a range")
        if end <= start:
            raise BadRequestError("end timestamp must not be before or equal to start time")
        if end - start > (self.longest_days * 24 + 1) * 3600 * 10**9:
            length = (end - start) // 10**9
            raise BadRequestError(
                "the query time range exceeds the limit (query length: "
                f"{length // 3600}h{length // 60 % 60}m{length % 60}s, limit: {self.longest_days}d1h)"
            )
        found = [one for one in query.run(self.entries) if start <= one.entry.time < end]
        # Of one time, in no order that anybody could rely on.
        found.sort(key=lambda one: hash(one.entry.line))
        found.sort(key=lambda one: one.entry.time, reverse=backward)
        streams: dict[tuple[tuple[str, str], ...], list[Any]] = {}
        for entry, parsed in found[:limit]:
            labels, value = entry.stream, [str(entry.time), entry.line]
            if categorize:
                extra = {"structuredMetadata": dict(entry.metadata), "parsed": parsed}
                value.append({name: held for name, held in extra.items() if held})  # type: ignore[arg-type]
            else:
                labels = _fixed(dict(entry.stream) | dict(entry.metadata) | parsed)
            streams.setdefault(labels, []).append(value)
        result = [{"stream": dict(labels), "values": values} for labels, values in sorted(streams.items())]
        flags = {"encodingFlags": ["categorize-labels"]} if categorize else {}
        return {"resultType": "streams", **flags, "result": result, "stats": {}}

    def query(self, text: str, *, time: int) -> dict[str, Any]:
        query = parse(text)
        if isinstance(query, LogQuery):
            raise BadRequestError(
                "log queries are not supported as an instant query type, "
                "please change your query to a range query type"
            )
        counts: Counter[tuple[tuple[str, str], ...]] = Counter()
        for entry, parsed in query.of.run(self.entries):
            if time - query.nanoseconds < entry.time <= time:
                known = dict(entry.stream) | dict(entry.metadata) | parsed
                if "__error__" in known:
                    raise BadRequestError(f"pipeline error: '{known['__error__']}' for series: '{known}'")
                counts[_fixed({name: known[name] for name in query.by if known.get(name)})] += 1
        if len(counts) > MOST_SERIES:
            raise BadRequestError(f"maximum number of series ({MOST_SERIES}) reached for a single query")
        result = [
            {"metric": dict(labels), "value": [time / 10**9, str(number)]}
            for labels, number in sorted(counts.items())
        ]
        return {"resultType": "vector", "result": result, "stats": {}}


def _fixed(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _detected(labels: Labels, line: str) -> Labels:
    try:
        level = labels.get("level") or json.loads(line)["level"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {"detected_level": {"warning": "warn"}.get(level, level)}


# --- LogQL --------------------------------------------------------------------------------------------------


class LogQuery(NamedTuple):
    selector: Filter
    stages: list[Callable[[str, Labels], bool]]

    def run(self, entries: dict[Entry, None]) -> Iterator[Found]:
        for entry in entries:
            if self.selector("", dict(entry.stream)):
                labels = dict(entry.stream) | dict(entry.metadata)
                known = dict(labels)
                if all(stage(entry.line, known) for stage in self.stages):
                    yield Found(entry, {k: v for k, v in known.items() if k not in labels})


class Count(NamedTuple):
    by: list[str]
    of: LogQuery
    nanoseconds: int


_TOKEN = re.compile(
    r"""\s*(?: (?P<string>"(?:[^"\\\n]|\\.)*") | `(?P<raw>[^`]*)` | \[(?P<range>[^\]]*)\]
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<sign>\|=|\|~|!=|!~|=~|[=|{}(),]) )""",
    re.VERBOSE,
)
_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


def parse(text: str) -> LogQuery | Count:
    """Parse a query. `BadRequestError`: Loki would refuse it."""
    if len(text.encode()) >= 131072:
        raise BadRequestError("parse error : input size too long")
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise BadRequestError(
                    f"parse error at line 1, col {at + 1}: syntax error: unexpected character"
                )
            kind = str(match.lastgroup)
            value = match[kind]
            self.tokens.append(
                ("string", unquote(value))
                if kind == "string"
                else ("string" if kind == "raw" else kind, value)
            )
            at = match.end()
        self.at = 0

    def query(self) -> LogQuery | Count:
        found = self.count() if self.next_is("word") else self.log_query()
        if self.at < len(self.tokens):
            raise self.unexpected()
        return found

    # what is next

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "$end")

    def next_is(self, kind: str, *values: str) -> bool:
        found, value = self.peek()
        return found == kind and (not values or value in values)

    def take(self, kind: str, *values: str) -> str:
        if not self.next_is(kind, *values):
            raise self.unexpected()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def unexpected(self) -> BadRequestError:
        kind, value = self.peek()
        return BadRequestError(
            f"parse error at line 1, col 1: syntax error: unexpected {kind.upper()} {value}"
        )

    # the grammar

    def count(self) -> Count:
        by: list[str] = []
        self.take("word", "sum")
        if self.next_is("word", "by"):
            self.take("word")
            by = self.names()
        self.take("sign", "(")
        self.take("word", "count_over_time")
        self.take("sign", "(")
        of = self.log_query()
        length = re.fullmatch(r"(\d+)(ms|[smhd])", self.take("range"))
        if length is None:
            raise BadRequestError("parse error : not a valid duration string")
        self.take("sign", ")")
        self.take("sign", ")")
        return Count(by, of, int(length[1]) * _UNITS[length[2]])

    def names(self) -> list[str]:
        self.take("sign", "(")
        names = [self.take("word")]
        while self.next_is("sign", ","):
            self.take("sign")
            names.append(self.take("word"))
        self.take("sign", ")")
        return names

    def log_query(self) -> LogQuery:
        self.take("sign", "{")
        matchers = [] if self.next_is("sign", "}") else [self.matcher(dotall=True)]
        while self.next_is("sign", ","):
            self.take("sign")
            matchers.append(self.matcher(dotall=True))
        self.take("sign", "}")
        if all(matches("", {}) for matches in matchers):
            raise BadRequestError(
                "parse error : queries require at least one regexp or equality matcher that does not have an"
                ' empty-compatible value. For instance, app=~".*" does not meet this requirement, but'
                ' app=~".+" will'
            )
        stages = []
        while self.next_is("sign", "|=", "|~", "!=", "!~", "|"):
            sign = self.take("sign")
            stages.append(self.stage() if sign == "|" else _line_filter(sign, self.take("string")))
        return LogQuery(lambda line, labels: all(m(line, labels) for m in matchers), stages)

    def stage(self) -> Filter:
        if self.next_is("word", "json"):
            self.take("word")
            return _json_stage(self.extractions())
        return self.any_of()

    def extractions(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            name = self.take("word")
            self.take("sign", "=")
            found[name] = self.take("string")
            if not self.next_is("sign", ","):
                return found
            self.take("sign")

    def any_of(self) -> Filter:
        ways = [self.all_of()]
        while self.next_is("word", "or"):
            self.take("word")
            ways.append(self.all_of())
        return lambda line, labels: any(way(line, labels) for way in ways)

    def all_of(self) -> Filter:
        parts = [self.one()]
        while self.next_is("word", "and") or self.next_is("sign", ","):
            self.at += 1
            parts.append(self.one())
        return lambda line, labels: all(part(line, labels) for part in parts)

    def one(self) -> Filter:
        if self.next_is("sign", "("):
            self.take("sign")
            inner = self.any_of()
            self.take("sign", ")")
            return inner
        return self.matcher(dotall=False)

    def matcher(self, *, dotall: bool) -> Filter:
        name = self.take("word")
        sign = self.take("sign", "=", "!=", "=~", "!~")
        value = self.take("string")
        if sign in {"=", "!="}:
            return lambda _, labels: (labels.get(name, "") == value) == (sign == "=")
        pattern = re2(f"^(?s:{value})\\z" if dotall else f"^(?:{value})\\z")
        return lambda _, labels: bool(pattern.search(labels.get(name, ""))) == (sign == "=~")


def _line_filter(sign: str, text: str) -> Filter:
    if sign in {"|=", "!="}:
        return lambda line, _: (text in line) == (sign == "|=")
    pattern = re2(text)
    return lambda line, _: bool(pattern.search(line)) == (sign == "|~")


def _json_stage(paths: dict[str, str]) -> Filter:
    for path in paths.values():
        if not re.fullmatch(r"[A-Za-z_]\w*", path, re.ASCII):
            raise BadRequestError(f"parse error : cannot parse expression [{path}]")

    def extract(line: str, labels: Labels) -> bool:
        found, is_bad = top_level(line, set(paths.values()))
        for name, path in paths.items():
            key = f"{name}_extracted" if name in labels else name
            labels[key] = found.get(path, "")
        if is_bad:
            labels["__error__"] = "JSONParserErr"
        return True

    return extract


def top_level(line: str, names: set[str]) -> tuple[dict[str, str], bool]:
    """Return the fields *names* of a JSON object as Loki's parser does, which stops when it has them all."""
    if line[:1] not in {"{", "[", '"'}:
        return {}, bool(line)
    found: dict[str, str] = {}
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
    space = re.compile(r"[\s,]*")
    at = 1
    while line[0] == "{" and found.keys() < names:
        key: str | None = None
        try:
            at = space.match(line, at).end()  # type: ignore[union-attr]
            if line[at] != '"':
                break
            key, at = scanstring(line, at + 1, False)
            at = line.index(":", at) + 1
            at = space.match(line, at).end()  # type: ignore[union-attr]
            value, end = decoder.raw_decode(line, at)
        except (ValueError, IndexError):
            return found, key in names
        if key in names and key not in found:
            found[key] = _spelled(value, line[at:end])
        at = end
    return found, False


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _spelled(value: Any, raw: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # Its parser gives nothing for a text with half of a surrogate pair.
        return "" if re.search("[\ud800-\udfff]", value) else value.replace("\ufffd", " ")
    return raw


def unquote(literal: str) -> str:
    """Read a double-quoted string as Go does."""

    def character(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] in "uUx":
            code = int(escape[1:], 16)
            if 0xD800 <= code < 0xE000:
                raise BadRequestError("parse error : invalid syntax")
            return chr(code)
        simple = {
            "a": "\a",
            "b": "\b",
            "f": "\f",
            "n": "\n",
            "r": "\r",
            "t": "\t",
            "v": "\v",
            "\\": "\\",
            '"': '"',
        }
        if escape not in simple:
            raise BadRequestError("parse error : invalid char escape")
        return simple[escape]

    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", character, literal[1:-1], flags=re.S
    )


def re2(text: str) -> re.Pattern[str]:
    """Compile a regular expression of RE2 with Python's; refuse what RE2 refuses."""
    refused = re.search(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!#(>]|<[=!]|P=)|\\[1-9Z])|(?<!\\)[*+?}]\+", text)
    if refused:
        raise BadRequestError(
            f"parse error : error parsing regexp: invalid or unsupported Perl syntax: `{refused[0]}`"
        )

    def escape(match: re.Match[str]) -> str:
        found = match[0]
        if found == r"\z":
            return r"\Z"
        if found.startswith(r"\x{"):
            return re.escape(chr(int(found[3:-1], 16)))
        return {
            r"\b": r"(?a:\b)",
            r"\B": r"(?a:\B)",
            r"\s": r"[\t\n\f\r ]",
            r"\d": "[0-9]",
            r"\w": "[0-9A-Za-z_]",
        }.get(found, found)

    try:
        return re.compile(re.sub(r"\\(?:x\{[0-9a-f]+\}|.)", escape, text, flags=re.S))
    except re.error as error:
        raise BadRequestError(f"parse error : error parsing regexp: {error}") from None
