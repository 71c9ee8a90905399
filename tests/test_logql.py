"""Loki accepts every LogQL query of docs, dashboards and alerts; the quickstart's faulty ones are refused."""

import itertools
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import collector
import pytest
import sample_service
import yaml
from logql import LogQLError, kind_of

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "logql.md"
GRAFANA = ROOT / "deploy" / "grafana"
LOKI_URL = os.environ.get("LOKI_URL", "").rstrip("/")  # at import: the fixture `home` takes it away

needs_loki = pytest.mark.skipif(not LOKI_URL, reason="LOKI_URL names no Loki to ask")

AS_WRITTEN = {
    "{}": "refused",
    '{log_category="backtest"}': "right",
    '{level="error"}': "right",
    '{trace_id="trace-123"}': "empty",
    '{log_category="system"} |= "Engine"': "right",
    '{log_category="backtest", level="error"} |= "database"': "right",
    '{level="error"} [1h]': "refused",
    '{log_category="backtest"} |= "~.*Signal.*"': "empty",
    '{level="error"} |= "" [1h]': "refused",
    '{strategy_id="550e8400-..."} [1d]': "refused",
    '{logger_name="ginkgo.engine"} [1h]': "refused",
    'count_over_time({level="error"}[1h])': "right",
    "count by (log_category) ({}) [1d]": "refused",
}
"""The queries of the quickstart, and what Loki makes of them; one stands there twice."""

LINES = """
{a=~".+"}
{a!=""}
{a!~".*", b="c"}
({a="b"} |= "x")
{a="b"} # a comment
{a="b"} |= "x" or "y" != "z" |~ `a|b` !~ "^\\\\{" |> "<_> foo <_>"
{a="b"} |~ "[(?=]x{1000}(?:y)(?P<n>z)+?" !~ "x\\\\\\\\1" |~ `[+*]+\\++`
{a="b"} |= ip("10.0.0.0/8") | addr = ip("10.0.0.0/8")
{a="b"} | trace_id="x" and level="y" or (c=~"d" and e!="f"), g="h"
{a="b"} | took > 10s and size >= 5KB | n == 3.5 | m = -1
{a="b"} | json | line_format "{{.message}}"
{a="b"} | json message, first="a.b[0]" | message="x" | drop x, y="z" | keep q
{a="b"} | logfmt --strict --keep-empty | regexp "(?P<x>.*)" | pattern "<a> <b>" | unpack | decolorize
{a="b"} | label_format c=d, e="{{.x}}"
""".strip().splitlines()

NUMBERS = """
1
-1 + 2 * 3
vector(1)
count_over_time({a="b"} |= "x" [5m])
rate({a="b"}[5m] |= "x")
rate(({a="b"} |= "x")[1m30s])
rate({a="b"}[5m] offset 1h)
sum by (x) (rate({a="b"}[5m]))
sum(rate({a="b"}[5m])) by (x)
sum without (x) (rate({a="b"}[5m])) unless on(y) sum by (y) (rate({a="b"}[5m]))
topk(10, sum by (l) (count_over_time({a="b"}[1h])))
sort_desc(max by () (rate({a="b"}[5m])))
(sum(rate({a="b"}[5m])) > bool 1) or vector(0)
sum by (x, y) (rate({a="b"}[5m])) / on(x) group_left(y) sum by (x) (rate({c="d"}[5m])) ^ 2
avg_over_time({a="b"} | unwrap n [5m]) by (x)
sum_over_time({a="b"} | json | unwrap duration(took) | __error__="" [5m])
quantile_over_time(0.99, {a="b"} | unwrap n [5m]) by (x)
label_replace(rate({a="b"}[1m]), "x", "$1", "y", "(.*)")
""".strip().splitlines()

REFUSED = """
{a=~".*"}
{a!="x"}
{a!~"x"}
{a=""}
{a="b",}
{a='b'}
{a.b="c"}
{a="b"
{a="b"}}
{a="b"} |
{a="b"} | x
{a="b"} | = "x"
{a="b"} |= x
{a="b"} |= "unterminated
{a="b"} |= "\\q"
{a="b"} |~ "("
{a="b"} |~ "x(?=y)"
{a="b"} |~ "(?<!x)y"
{a="b"} !~ "(?P<n>x)(?P=n)"
{a="b"} |~ "(x)\\\\1"
{a="b"} |~ `(x)\\1`
{a="b"} |~ "(?>x)y"
{a="b"} |~ "x*+"
{a="b"} |~ "x{1001}"
{a="b"} |~ "x\\\\Z"
{a=~"b(?!c)"}
{a="b"} | c=~"(?#x)d"
{a="b"} | line_format
{a="b"} | x > "1"
{a="b"} | json | unwrap x
({a="b"}) |= "x"
{a="b"} / 2
{a="b"} [5m]
({a="b"} [5m])
sum({a="b"})
sum(rate({a="b"}))
sum by (x) (rate({a="b"}[5m])) by (y)
topk({a="b"})
topk(sum by (l) (rate({a="b"}[1h])))
foo({a="b"}[1h])
rate({a="b"}[])
rate({a="b"}[1.5s])
rate({a="b"}[5m] |= "x" [5m])
rate({a="b"}[5m]) by (x)
avg_over_time({a="b"}[5m])
count_over_time({a="b"} | unwrap n [5m])
sum_over_time({a="b"} | unwrap n [5m]) by (x)
""".strip().splitlines()


def blocks(path: Path) -> list[tuple[str, str]]:
    """Return the queries of a page with what the page says of them: "", "refused" or "empty"."""
    found = re.findall(
        r"^```logql(?: (\w+))?\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [
        (query, verdict)
        for verdict, block in found
        for part in block.split("\n\n")
        if (query := "\n".join(line for line in part.splitlines() if not line.startswith("#")).strip())
    ]


def panels() -> list[Any]:
    """Return the queries of each dashboard's panels, variables and all."""
    return [
        pytest.param(target["expr"], id=f"{panel['title']}")
        for path in sorted((GRAFANA / "dashboards").glob("*.json"))
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel["targets"]
    ]


def alerts() -> list[str]:
    """Return the queries of the alert rules."""
    return [
        step["model"]["expr"]
        for path in sorted((GRAFANA / "provisioning" / "alerting").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        for step in rule["data"]
        if step["datasourceUid"] == "loki"
    ]


def expand(expression: str) -> str:
    """Put values for Grafana's variables, those that "All" and empty boxes give."""
    own = {"service": ".+", "search": "", "__range": "1h", "__auto": "5m"}
    return re.sub(r"\$(\w+)", lambda match: own.get(match[1], ".*"), expression)


DOCUMENTED = [
    pytest.param(query, verdict, id=f"{path.stem}-{number}")
    for path in sorted((ROOT / "docs").glob("*.md"))
    for number, (query, verdict) in enumerate(blocks(path))
]


@pytest.mark.parametrize("query", [*LINES, *NUMBERS])
def test_what_loki_accepts_is_accepted(query: str) -> None:
    """
    The check knows the whole language, and what gives lines and what gives numbers.
    """
    assert ("log" if query in LINES else "metric") == kind_of(query)


@pytest.mark.parametrize("query", REFUSED)
def test_what_loki_refuses_is_refused(query: str) -> None:
    """
    Faults of every part of the language are found.
    """
    with pytest.raises(LogQLError):
        kind_of(query)


@pytest.mark.parametrize(("query", "verdict"), AS_WRITTEN.items())
def test_queries_of_the_quickstart(query: str, verdict: str) -> None:
    """
    Of the quickstart's queries exactly those are refused that Loki refuses.
    """
    try:
        kind_of(query)
    except LogQLError:
        assert "refused" == verdict
    else:
        assert "refused" != verdict


def test_the_page_has_every_query_of_the_quickstart() -> None:
    """
    The page quotes each query, with the right verdict, and follows each faulty one with one that is right.
    """
    quoted = blocks(PAGE)
    said = {query: verdict or "right" for query, verdict in quoted if query in AS_WRITTEN}

    assert AS_WRITTEN == said
    for (query, verdict), (_, after) in itertools.pairwise(quoted):
        assert not (verdict and after), query


@pytest.mark.parametrize(("query", "verdict"), DOCUMENTED)
def test_documented_queries(query: str, verdict: str) -> None:
    """
    What a page calls right is right, and what it calls refused is refused.
    """
    if verdict == "refused":
        with pytest.raises(LogQLError):
            kind_of(query)
    else:
        assert kind_of(query) in {"log", "metric"}


@pytest.mark.parametrize("expression", panels())
def test_panels(expression: str) -> None:
    """
    Each panel asks what Loki accepts, once Grafana has put values for the variables.
    """
    assert "$" not in expand(expression)
    assert kind_of(expand(expression)) in {"log", "metric"}


@pytest.mark.parametrize("expression", alerts())
def test_alerts(expression: str) -> None:
    """
    Each alert rule asks for numbers.
    """
    assert "metric" == kind_of(expression)


# --- with a Loki ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loki() -> str:
    """The Loki at LOKI_URL, holding what the collector would send it of a run of the sample service."""
    stages = collector.alloy_stages(collector.PIPELINE.read_text(encoding="utf-8"))
    source = {"service_name": "app", "container_id": "0123456789ab"}
    entries = [collector.entry_of(line, stages, source) for line in sample_service.run().lines]
    collector.push(LOKI_URL, entries, time.time_ns())
    return LOKI_URL


def ask(loki: str, query: str) -> tuple[int, Any]:
    """Return Loki's status, and what it found (or said)."""
    status, text = collector.ask(loki, "query_range", query=query, since="1h")
    return status, json.loads(text)["data"]["result"] if status == 200 else text.strip()


@needs_loki
@pytest.mark.parametrize("query", [*LINES, *NUMBERS, *REFUSED])
def test_loki_agrees_with_the_check(loki: str, query: str) -> None:
    """
    The check is as strict as Loki.
    """
    status, said = ask(loki, query)

    assert (400 if query in REFUSED else 200) == status, said


@needs_loki
@pytest.mark.parametrize(("query", "verdict"), DOCUMENTED)
def test_loki_answers_documented_queries(loki: str, query: str, verdict: str) -> None:
    """
    Loki finds what the page says it finds, and where it refuses it says what the page quotes.
    """
    status, found = ask(loki, query)

    if verdict == "refused":
        quoted = re.sub(r"\n> ?|\s+", " ", PAGE.read_text(encoding="utf-8"))
        assert (400, True) == (status, found in quoted), found
    else:
        assert (200, verdict != "empty") == (status, bool(found)), found


@needs_loki
@pytest.mark.parametrize("expression", [*panels(), *alerts()])
def test_loki_answers_panels_and_alerts(loki: str, expression: str) -> None:
    """
    Loki answers each panel and alert.
    """
    assert 200 == ask(loki, expand(expression))[0]
