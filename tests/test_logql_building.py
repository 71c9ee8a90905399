"""The LogQL of a question: what it says, that no value changes it, and that it finds what is meant."""

import json
import re
from typing import Any

import pytest
from examples import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loki_memory import Count, LogQuery, Memory, parse, unquote

from ginkgo_logging.errors import QueryError
from ginkgo_logging.query import Query, arguments, logql

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def found(memory: Memory, query: Query) -> list[dict[str, Any]]:
    """Return the rows that Loki gives for *query*, before we look at them."""
    data = memory.query_range(
        logql.search(query).lines, start=0, end=10, limit=5000, backward=False, categorize=True
    )
    return [json.loads(value[1]) for stream in data["result"] for value in stream["values"]]


def row(**fields: Any) -> dict[str, Any]:
    return {"timestamp": "2026-02-26T10:30:00Z", "level": "info", "message": "m"} | fields


def filled(*rows: dict[str, Any], ascii_only: bool = False) -> Memory:
    memory = Memory()
    values = [["1", json.dumps(one, ensure_ascii=ascii_only)] for one in rows]
    memory.push({"streams": [{"stream": {"level": "info"}, "values": values}]})
    return memory


def test_what_a_question_says() -> None:
    """
    Labels select streams, or those without the label; quick filters come next; fields of the line decide.
    """
    asked = arguments.parse_query(level="error", log_category="backtest", trace_id="trace-1")

    time = r"\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)"
    assert (
        '{service_name=~".+", level=~"error|", log_category=~"backtest|"} '
        r'|= "backtest" |= "trace-1" |~ "\\}\\s*$" '
        '| json ginkgo_0="timestamp", ginkgo_1="level", ginkgo_2="log_category", ginkgo_3="trace_id" '
        f'| __error__="" | ginkgo_0=~"{time}" '
        '| (ginkgo_1="error") | (ginkgo_2="backtest") | (ginkgo_3="trace-1")'
    ) == logql.search(asked).lines


def test_counts() -> None:
    """
    A count is the sum over a range of whole milliseconds, by the field as the line and as the collector has it.
    """
    search = logql.search(Query(), "pod_name")

    assert search.count(1500).startswith("sum by (ginkgo_1, pod_name) (count_over_time({")
    assert search.count(1500).endswith(" [1500ms]))")
    assert ["line", "label", ""] == [
        search.value(labels)
        for labels in ({"ginkgo_1": "line", "pod_name": "label"}, {"pod_name": "label"}, {"ginkgo_1": ""})
    ]


@given(TEXTS)
def test_any_text_is_one_literal(text: str) -> None:
    """
    Whatever is put between quotes is read back by Go's rules as it was, in one line.
    """
    literal = logql.quoted(text)

    assert text == unquote(literal)
    assert "\n" not in literal


def shape(query: Query) -> str:
    """Return a question without its strings, and without the quick filters, of which there may be any number."""
    text = logql.search(query).count(1)
    assert isinstance(parse(text), Count)
    assert isinstance(parse(logql.search(query).lines), LogQuery)
    return re.sub(r"( (?:\|=|\|~|!~) S)+", "", re.sub(r'"(?:[^"\\\n]|\\.)*"', "S", text))


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=examples(100), deadline=None)
def test_no_value_leaves_its_place(value: str, contains: str, category: str) -> None:
    """
    A question with any values has the structure of one with harmless ones.
    """
    # A fraction may stand in a line in two spellings; U+FFFD is not asked of Loki.
    assume("\ufffd" not in value + contains + category)
    assume(not re.search(r"\d", value + category))

    harmless = Query(equal=(("a", "x"), ("log_category", "y")), contains="z")
    assert shape(harmless) == shape(
        Query(equal=(("a", value), ("log_category", category)), contains=contains)
    )


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.booleans())
@settings(max_examples=examples(50), deadline=None)
def test_what_loki_gives_is_what_is_asked(values: list[tuple[str, str]], ascii_only: bool) -> None:
    """
    For any values, escaped or not, Loki gives every row, and where we let it count, no other.
    """
    rows = [row(message=message, name=name) for message, name in values]
    memory = filled(*rows, ascii_only=ascii_only)
    message, name = values[0]

    for asked in (
        {"name": name},
        {"contains": message},
        {"contains": message[:1], "name": name},
        {"regex": re.escape(message)},
        {"regex": f"^{re.escape(message)}$"},
    ):
        query = arguments.parse_query(**asked)
        expected = [one for one in rows if query.matches(one)]
        given_rows = found(memory, query)
        assert [one for one in expected if one not in given_rows] == []
        if "\ufffd" not in str(rows) and logql.search(query).counted is not None:
            assert [one for one in given_rows if one not in expected] == []


@pytest.mark.parametrize("name", ['a="b"} or {c', "a b", "", "1a", "ä", "a-b", "a.b"])
def test_names_are_names(name: str) -> None:
    """
    What is not the name of a field is refused wherever it could stand.
    """
    for ask in (lambda: logql.search(Query(equal=((name, "x"),))), lambda: logql.search(Query(), name)):
        with pytest.raises(QueryError, match="name of a field"):
            ask()


def test_a_collectors_aliases() -> None:
    """
    A collector that shortens the label `warning` to `warn` hides no line that says warning.
    """
    memory = Memory()
    line = json.dumps(row(level="warning"))
    memory.push({"streams": [{"stream": {"level": "warn"}, "values": [["1", line]]}]})

    assert 1 == len(found(memory, arguments.parse_query(level="warning")))


def test_a_label_is_enough_for_its_own_field_only() -> None:
    """
    A label is not taken for the line's level: the line decides.
    """
    memory = Memory()
    line = json.dumps(row(level="info"))
    memory.push({"streams": [{"stream": {"level": "error"}, "values": [["1", line]]}]})

    assert [] == found(memory, arguments.parse_query(level="error"))


@pytest.mark.parametrize(
    "asked", [{"contains": "a\0\\\0b"}, {"regex": "a\0|\\\0|[\0]"}, {"regex": r"\\" + "\0"}]
)
def test_no_regular_expression_holds_nul(asked: dict[str, str]) -> None:
    """
    Loki's front end cannot hand such a query on, and never answers it.
    """
    text = logql.search(arguments.parse_query(**asked)).lines

    found = [unquote(literal) for literal in re.findall(r'=~("(?:[^"\\]|\\.)*")', text)]
    assert [] == [pattern for pattern in found if "\0" in pattern]
    assert all(re.search(pattern, "<a\0\\\0b\\\0>") for pattern in found if "x00" in pattern)
