"""A small LogQL parser: tells which queries Loki would refuse before it looks at a single line.

It knows the operators, functions and places of LogQL, not its types: a wrong argument of ``label_replace`` or a
template that does not compile passes. The rules are those of Loki 3.7 (pkg/logql/syntax).
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["log", "metric"]

_LEX = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<range>\[\s*(?:\d+(?:ms|[smhdwy]))+\s*\])
      | (?P<bytes>\d+(?:\.\d+)?(?:[kKMGTP]i?)?B\b)
      | (?P<duration>(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|[smhdwy]))+\b)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<flag>--[a-z-]+)
      | (?P<op>\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[|=<>(){},+\-*/%^])""",
    re.VERBOSE,
)

_LOG_RANGE = {"count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time"}
_GROUPED_RANGE = {
    "avg_over_time", "min_over_time", "max_over_time", "stddev_over_time", "stdvar_over_time",
    "quantile_over_time", "first_over_time", "last_over_time",
}  # fmt: skip
_UNWRAPPED_RANGE = _GROUPED_RANGE | {"rate", "rate_counter", "sum_over_time", "absent_over_time"}
_AGGREGATIONS = {
    "sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "approx_topk",
    "sort", "sort_desc",
}  # fmt: skip
_WITH_NUMBER = {"topk", "bottomk", "approx_topk", "quantile_over_time"}
_LINE_FILTERS = {"|=", "!=", "|~", "!~", "|>", "!>"}
_BINARY = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", ">", ">=", "<", "<="),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)
_UNWRAP_FUNCTIONS = {"duration", "duration_seconds", "bytes"}


class LogQLError(ValueError):
    """Loki would answer 400 to this query."""


class Token(NamedTuple):
    """A piece of a query, of a kind named in `_LEX`."""

    kind: str
    text: str
    at: int


class _Log(NamedTuple):
    """What a log expression has been found to hold."""

    ranges: int
    unwraps: int


def kind_of(query: str) -> Kind:
    """Return whether *query* asks for lines or for numbers; raise `LogQLError` if Loki would refuse it."""
    parser = _Parser(query)
    kind = parser.expression()
    parser.end()
    return kind


def _tokens(query: str) -> Iterator[Token]:
    at = 0
    while at < len(query):
        match = _LEX.match(query, at)
        if match is None:
            raise LogQLError(f"col {at + 1}: unexpected {query[at]!r}")
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match[0], at)
        at = match.end()
    yield Token("end", "", at)


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens = list(_tokens(query))
        self._next = 0

    # --- the stream of tokens -----------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _following(self) -> str:
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)].text

    def _is(self, *texts: str) -> bool:
        return self._token.kind in {"op", "name", "flag"} and self._token.text in texts

    def _take(self, *texts: str) -> bool:
        found = self._is(*texts)
        self._next += found
        return found

    def _need(self, *texts: str) -> None:
        if not self._take(*texts):
            self._fail(" or ".join(texts))

    def _kind(self, *kinds: str) -> str:
        token = self._token
        if token.kind not in kinds:
            self._fail(" or ".join(kinds))
        self._next += 1
        return token.text

    def _fail(self, wanted: str) -> None:
        raise LogQLError(
            f"col {self._token.at + 1}: unexpected {self._token.text or 'end'!r}, expecting {wanted}"
        )

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._token.kind != "end":
            self._fail("the end")

    def _list(self, item: Callable[[], object]) -> None:
        item()
        while self._take(","):
            item()

    # --- expressions --------------------------------------------------------------------------------------

    def expression(self, level: int = 0) -> Kind:
        """Parse binary operators of *level* and above."""
        if level == len(_BINARY):
            return self._unary()
        kind = self.expression(level + 1)
        while self._is(*_BINARY[level]):
            at = self._token.at
            self._next += 1
            self._modifiers()
            if "log" in (kind, self.expression(level + 1)):
                raise LogQLError(f"col {at + 1}: operators take numbers, not lines")
        return kind

    def _modifiers(self) -> None:
        self._take("bool")
        if self._take("on", "ignoring"):
            self._names()
            if self._take("group_left", "group_right") and self._is("("):
                self._names()

    def _unary(self) -> Kind:
        if self._take("-", "+"):
            self._kind("number")
            return "metric"
        if self._token.kind == "number":
            self._next += 1
            return "metric"
        if self._is("{"):
            return self._lines()
        if self._take("("):
            kind = self.expression()
            self._need(")")
            return kind
        return self._function()

    def _lines(self) -> Kind:
        if self._log().unwraps:
            self._fail("no unwrap outside a range aggregation")
        if self._token.kind == "range":
            self._fail("no range outside a range aggregation")
        return "log"

    def _function(self) -> Kind:
        token = self._token
        name = self._kind("name")
        if name in _LOG_RANGE | _UNWRAPPED_RANGE:
            self._range_aggregation(name)
        elif name in _AGGREGATIONS:
            self._vector_aggregation(name)
        elif name == "vector":
            self._in_parentheses(lambda: self._kind("number"))
        elif name == "label_replace":
            self._in_parentheses(self._label_replace)
        else:
            raise LogQLError(f"col {token.at + 1}: unknown function {name!r}")
        return "metric"

    def _in_parentheses(self, inside: Callable[[], object]) -> None:
        self._need("(")
        inside()
        self._need(")")

    def _label_replace(self) -> None:
        self._metric()
        for _ in range(4):
            self._need(",")
            self._kind("string")

    def _metric(self) -> None:
        at = self._token.at
        if self.expression() != "metric":
            raise LogQLError(
                f"col {at + 1}: numbers are wanted here, not lines: aggregate over a range first"
            )

    def _vector_aggregation(self, name: str) -> None:
        grouped = self._grouping()
        self._need("(")
        if name in _WITH_NUMBER:
            self._kind("number")
            self._need(",")
        self._metric()
        self._need(")")
        if not grouped:
            self._grouping()

    def _range_aggregation(self, name: str) -> None:
        at = self._token.at
        self._need("(")
        if name in _WITH_NUMBER:
            self._kind("number")
            self._need(",")
        found = self._log(parenthesised=True)
        self._need(")")
        if found.ranges != 1:
            raise LogQLError(f"col {at + 1}: {name} takes one range, such as [5m]; found {found.ranges}")
        if found.unwraps and name not in _UNWRAPPED_RANGE:
            raise LogQLError(f"col {at + 1}: invalid aggregation {name} with unwrap")
        if not found.unwraps and name not in _LOG_RANGE:
            raise LogQLError(f"col {at + 1}: invalid aggregation {name} without unwrap")
        where = self._token.at
        if self._grouping() and name not in _GROUPED_RANGE:
            raise LogQLError(f"col {where + 1}: grouping not allowed for {name}")

    def _grouping(self) -> bool:
        if not self._take("by", "without"):
            return False
        self._names()
        return True

    def _names(self) -> None:
        self._need("(")
        if not self._is(")"):
            self._list(lambda: self._kind("name"))
        self._need(")")

    # --- lines --------------------------------------------------------------------------------------------

    def _log(self, *, parenthesised: bool = False) -> _Log:
        if parenthesised and self._take("("):
            inner = self._log(parenthesised=True)
            self._need(")")
            return _Log(inner.ranges + self._range(), inner.unwraps)
        self._selector()
        ranges, unwraps = self._range() if parenthesised else 0, 0
        while self._is("|", *_LINE_FILTERS):
            unwraps += self._stage()
            if parenthesised:
                ranges += self._range()
        return _Log(ranges, unwraps)

    def _range(self) -> int:
        if self._token.kind != "range":
            return 0
        self._next += 1
        if self._take("offset"):
            self._take("-")
            self._kind("duration")
        return 1

    def _selector(self) -> None:
        at = self._token.at
        self._need("{")
        selective = []
        if not self._is("}"):
            self._list(lambda: selective.append(self._matcher()))
        self._need("}")
        if not any(selective):
            raise LogQLError(
                f"col {at + 1}: queries require at least one regexp or equality matcher that does not have an "
                "empty-compatible value"
            )

    def _matcher(self) -> bool:
        """Parse a matcher; return whether it refuses lines that lack the label."""
        self._kind("name")
        operator = self._token.text
        self._need("=", "!=", "=~", "!~")
        value = _text_of(self._kind("string"))
        matches = _regex(value).fullmatch("") is not None if operator in {"=~", "!~"} else not value
        return not (matches if operator in {"=", "=~"} else not matches)

    def _stage(self) -> int:
        """Parse a stage of a pipeline; return 1 for an unwrap."""
        if self._is(*_LINE_FILTERS):
            self._line_filter()
            return 0
        self._need("|")
        if self._take("unwrap"):
            if self._token.text in _UNWRAP_FUNCTIONS and self._following() == "(":
                self._next += 1
                self._in_parentheses(lambda: self._kind("name"))
            else:
                self._kind("name")
            return 1
        self._other_stage()
        return 0

    def _other_stage(self) -> None:
        if self._following() not in {"=", "!=", "=~", "!~", "==", ">", ">=", "<", "<="}:
            if self._take("json", "logfmt"):
                while self._take("--strict", "--keep-empty"):
                    pass
                if self._token.kind == "name":
                    self._list(self._extraction)
                return
            if self._take("regexp", "pattern", "line_format"):
                self._kind("string")
                return
            if self._take("unpack", "decolorize"):
                return
            if self._take("label_format"):
                self._list(self._renaming)
                return
            if self._take("drop", "keep"):
                self._list(self._kept)
                return
        self._label_filter()

    def _line_filter(self) -> None:
        operator = self._token.text
        self._next += 1
        self._filter_value(operator)
        while self._take("or"):
            self._filter_value(operator)

    def _filter_value(self, operator: str) -> None:
        if self._take("ip"):
            self._in_parentheses(lambda: self._kind("string"))
        else:
            value = _text_of(self._kind("string"))
            if operator in {"|~", "!~"}:
                _regex(value)

    def _extraction(self) -> None:
        self._kind("name")
        if self._take("="):
            self._kind("string")

    def _renaming(self) -> None:
        self._kind("name")
        self._need("=")
        self._kind("name", "string")

    def _kept(self) -> None:
        self._kind("name")
        if self._take("=", "!=", "=~", "!~"):
            self._kind("string")

    def _label_filter(self) -> None:
        self._label_term()
        while self._take("and", "or", ",") or self._token.kind == "name":
            self._label_term()

    def _label_term(self) -> None:
        if self._take("("):
            self._label_filter()
            self._need(")")
            return
        self._kind("name")
        operator = self._token.text
        self._need("=", "!=", "=~", "!~", "==", ">", ">=", "<", "<=")
        if operator in {"=~", "!~"}:
            _regex(_text_of(self._kind("string")))
        elif operator in {"=", "!="} and self._token.kind == "string":
            self._next += 1
        elif operator in {"=", "!="} and self._take("ip"):
            self._in_parentheses(lambda: self._kind("string"))
        else:
            self._take("-")
            self._kind("number", "duration", "bytes")


def _text_of(literal: str) -> str:
    if literal[0] == "`":
        return literal[1:-1]
    unescaped = re.sub(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)", _unescaped, literal[1:-1])
    return str(unescaped)


def _unescaped(match: "re.Match[str]") -> str:
    code = match[1]
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    known = {
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "\\": "\\",
        '"': '"',
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
    }
    if code not in known:
        raise LogQLError(f"unknown escape \\{code}")
    return known[code]


# What Python's regular expressions have and RE2 does not: looking ahead and behind, atomic groups, conditions,
# comments, references back, possessive quantifiers, and counts above 1000.
_NOT_RE2 = re.compile(
    r"""\(\?(?:<?[=!]|>|\(|\#|P=)
      | \\[1-9Z]
      | (?:[*+?]|\{\d+(?:,\d*)?\})\+
      | \{(?:\d+,)?(?:[1-9]\d{4,}|[2-9]\d{3}|1(?!000\b)\d{3})[,}]""",
    re.VERBOSE,
)


def _regex(text: str) -> "re.Pattern[str]":
    # An escaped backslash, and what a class holds, mean themselves and nothing of the above.
    plain = re.sub(r"\\\\|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", text)
    foreign = _NOT_RE2.search(re.sub(r"\\[^0-9Z]", "x", plain))
    if foreign:
        raise LogQLError(f"{text!r} is no regular expression of RE2: {foreign[0]}")
    try:
        return re.compile(text)
    except re.error as exc:
        raise LogQLError(f"{text!r} is no regular expression: {exc}") from exc
