"""The dashboard answers its questions: each panel by what its expression chooses, counts and groups."""

import json
import os
import time
from typing import Any

import collector
import pytest
import sample_service
import yaml
from collector import DEPLOY
from test_logql import expand

DASHBOARD: dict[str, Any] = json.loads(
    (DEPLOY / "grafana" / "dashboards" / "ginkgo-logs.json").read_text(encoding="utf-8")
)
PANELS: dict[str, dict[str, Any]] = {panel["title"]: panel for panel in DASHBOARD["panels"]}
LOKI_URL = os.environ.get("LOKI_URL", "").rstrip("/")  # at import: the fixture `home` takes it away

CHOSEN = '{service_name=~"$service", environment=~"$environment"}'
CATEGORY = '| log_category=~"$category"'
LEVEL = '| level=~"$level"'
ERRORS = '| level=~"error|critical"'
IDS = '| portfolio_id=~"$portfolio" | strategy_id=~"$strategy" | trace_id=~"$trace"'
SELECTED = (CHOSEN, CATEGORY, LEVEL, IDS)
FAILED = (CHOSEN, CATEGORY, ERRORS, IDS)
NO_SUMMARY = '| suppressed_count="" |'
QUESTIONS: dict[str, tuple[str, str, list[str]]] = {
    "Lines": ("stat", "instant", ["sum(count_over_time(", *SELECTED, "[$__range]"]),
    "Errors": ("stat", "instant", ["sum(count_over_time(", *FAILED, NO_SUMMARY, "[$__range]"]),
    "Errors among all lines": (
        "stat", "instant",
        ["sum(count_over_time(", *FAILED, NO_SUMMARY, " / sum(count_over_time(", CATEGORY, IDS],
    ),
    "Held back by the error flow control": (
        "stat", "instant",
        ["sum(sum_over_time(", *FAILED, '| suppressed_count!=""', "| unwrap suppressed_count"],
    ),
    "Not our lines": ("stat", "instant", ["sum(count_over_time(", '| unparsed="true"']),
    "Warnings and errors over time": (
        "timeseries", "range",
        ["sum by (level) (count_over_time(", CHOSEN, CATEGORY, '| level=~"warning|error|critical"', IDS,
         NO_SUMMARY, "[$__auto]"],
    ),
    "Lines by category": (
        "timeseries", "range",
        ["sum by (log_category) (count_over_time(", *SELECTED, "[$__auto]"],
    ),
    "Errors by logger": (
        "bargauge", "instant",
        ["topk(10, sum by (logger_name) (count_over_time(", *FAILED, NO_SUMMARY, "[$__range]"],
    ),
    "Top error patterns": (
        "bargauge", "instant",
        ["topk(10, sum by (source, error_type) (count_over_time(", *FAILED,
         '| json source="source", error_type="error_type"', NO_SUMMARY, "[$__range]"],
    ),
    "Log of what is chosen above": (
        "logs", "range",
        [CHOSEN, "|~ `(?i)$search`", CATEGORY, LEVEL, IDS, '| json message="message" | line_format'],
    ),
    "The trace, in order, over all services": (
        "logs", "range",
        ['{service_name=~".+"} | trace_id!="" | trace_id=~"$trace"', '| json message="message" | line_format'],
    ),
    "Lines that are not ours: crashes, print(), other programs": (
        "logs", "range", ['{service_name=~"$service"} | unparsed="true"'],
    ),
    "Ingest volume": (
        "timeseries", "range",
        ["sum by (service_name) (bytes_over_time(", '{service_name=~"$service"}', "[$__auto]"],
    ),
}  # fmt: skip
"""Each panel's question: how it is shown, how it is asked, and what its expression has, in this order."""


def test_no_question_is_without_a_panel() -> None:
    """
    The dashboard has these panels and no others.
    """
    assert QUESTIONS.keys() == PANELS.keys()


@pytest.mark.parametrize("title", QUESTIONS)
def test_a_panel_asks_its_question(title: str) -> None:
    """
    A panel chooses by the variables, counts and groups by what its title says.
    """
    kind, how, parts = QUESTIONS[title]
    panel = PANELS[title]
    (target,) = panel["targets"]
    expression, at = target["expr"], 0

    assert (kind, how) == (panel["type"], target["queryType"])
    for part in parts:
        found = expression.find(part, at)
        assert found >= 0, f"{part} in {expression[at:]}"
        at = found + len(part)
    assert (0, 0) != (panel["gridPos"]["w"], panel["gridPos"]["h"])


@pytest.mark.parametrize(("title", "group"), [
    ("Warnings and errors over time", "{{level}}"),
    ("Lines by category", "{{log_category}}"),
    ("Errors by logger", "{{logger_name}}"),
    ("Top error patterns", "{{source}} {{error_type}}"),
    ("Ingest volume", "{{service_name}}"),
])  # fmt: skip
def test_a_series_is_called_by_what_it_is_grouped_by(title: str, group: str) -> None:
    """
    The legend names the group.
    """
    assert group == PANELS[title]["targets"][0]["legendFormat"]


def test_a_trace_begins_at_its_beginning() -> None:
    """
    Of a trace longer than the panel the first lines are shown; of a log the last.
    """
    trace = PANELS["The trace, in order, over all services"]
    log = PANELS["Log of what is chosen above"]

    assert ("forward", "Ascending") == (trace["targets"][0]["direction"], trace["options"]["sortOrder"])
    assert ("Descending", None) == (log["options"]["sortOrder"], log["targets"][0].get("direction"))


def test_boxes_and_lists_begin_with_everything() -> None:
    """
    A list asks Loki for the values of its label, and "All" matches lines without it; a box begins with any id.
    """
    lists = {one["name"]: one for one in DASHBOARD["templating"]["list"] if one["type"] == "query"}
    boxes = {one["name"]: one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "textbox"}

    assert {
        "service": ("service_name", ".+"),
        "environment": ("environment", ".*"),
        "category": ("log_category", ".*"),
        "level": ("level", ".*"),
    } == {name: (one["query"]["label"], one["allValue"]) for name, one in lists.items()}
    assert {"portfolio": ".*", "strategy": ".*", "trace": ".*", "search": ""} == boxes


def test_the_alert_is_a_share_above_a_tenth() -> None:
    """
    The rule compares errors of five minutes with all lines of five minutes, by service, and fires above 10 %.
    """
    text = (DEPLOY / "grafana" / "provisioning" / "alerting" / "errors.yaml").read_text(encoding="utf-8")
    ((rule,),) = [group["rules"] for group in yaml.safe_load(text)["groups"]]
    share, above = (step["model"] for step in rule["data"])
    errors, _, lines = share["expr"].partition(" / ")

    assert (
        'sum by (service_name) (count_over_time({service_name=~".+"} | level=~"error|critical" [5m]))'
        == errors
    )
    assert 'sum by (service_name) (count_over_time({service_name=~".+"}[5m]))' == lines
    assert ("instant", 300) == (share["queryType"], rule["data"][0]["relativeTimeRange"]["from"])
    assert [{"evaluator": {"type": "gt", "params": [0.1]}}] == above["conditions"]
    assert ("share", "above", "5m") == (above["expression"], rule["condition"], rule["for"])


# --- with a Loki ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loki() -> str:
    """The Loki at LOKI_URL, holding a run of the sample service and a summary of the error flow control."""
    stages = collector.alloy_stages(collector.PIPELINE.read_text(encoding="utf-8"))
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    summary = {"timestamp": moment, "level": "error", "log_category": "backtest", "suppressed_count": 2}
    lines = [*sample_service.run().lines, json.dumps(summary)]
    entries = [collector.entry_of(line, stages, {"service_name": "app"}) for line in lines]
    collector.push(LOKI_URL, entries, time.time_ns())
    return LOKI_URL


@pytest.mark.skipif(not LOKI_URL, reason="LOKI_URL names no Loki to ask")
@pytest.mark.parametrize("title", QUESTIONS)
def test_loki_fills_each_panel(loki: str, title: str) -> None:
    """
    Over lines of the sample service no panel is empty.
    """
    (target,) = PANELS[title]["targets"]

    status, text = collector.ask(loki, "query_range", query=expand(target["expr"]), since="1h")

    assert 200 == status, text
    assert json.loads(text)["data"]["result"]
