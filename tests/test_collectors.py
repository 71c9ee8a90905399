"""What the collectors of deploy/ make of containers, pods, files and lines, as their configuration says."""

import json
import re
from collections.abc import Mapping
from typing import Any

import alloy
import collector
import pytest
import yaml
from collector import DEPLOY, Stages, alloy_stages, entry_of, promtail_stages
from relabelling import Rule, relabelled, rules_of

PROMTAIL = yaml.safe_load((DEPLOY / "promtail" / "promtail.yaml").read_text(encoding="utf-8"))
SOURCES = alloy.read((DEPLOY / "alloy" / "sources.alloy").read_text(encoding="utf-8"))
KUBERNETES = alloy.read((DEPLOY / "kubernetes" / "kubernetes.alloy").read_text(encoding="utf-8"))
PIPELINE = alloy.read(collector.PIPELINE.read_text(encoding="utf-8"))
PIPELINES = {
    "alloy": alloy_stages(collector.PIPELINE.read_text(encoding="utf-8")),
    "promtail-containers": promtail_stages(PROMTAIL, 0),
    "promtail-host": promtail_stages(PROMTAIL, 1),
}
CONTAINER_RULES = {
    "alloy": rules_of(alloy.component(SOURCES, "discovery.relabel", "apps")),
    "promtail": PROMTAIL["scrape_configs"][0]["relabel_configs"],
}
each_pipeline = pytest.mark.parametrize("stages", PIPELINES.values(), ids=PIPELINES)
each_collector = pytest.mark.parametrize("rules", CONTAINER_RULES.values(), ids=CONTAINER_RULES)
TIMESTAMP = '"timestamp":"2026-11-24T00:19:40.977220Z"'


# --- where lines come from ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "service"),
    [
        ({"__meta_docker_container_label_com_docker_compose_service": "app"}, "app"),
        ({"__meta_docker_container_label_com_docker_compose_service": ""}, "ginkgo-logs-app-1"),
        ({}, "ginkgo-logs-app-1"),
    ],
)
@each_collector
def test_a_container_gives_two_labels(rules: list[Rule], found: Mapping[str, str], service: str) -> None:
    """
    A container's lines come with the compose service, or else its name, and its id; with nothing else.
    """
    container = {
        "__meta_docker_container_id": "0123456789abcdef0123456789abcdef",
        "__meta_docker_container_name": "/ginkgo-logs-app-1",
        "__meta_docker_network_name": "apps",
    }

    assert {"service_name": service, "container_id": "0123456789ab"} == relabelled(container | found, rules)


def test_a_pod_gives_two_labels() -> None:
    """
    A pod's lines come with its label app.kubernetes.io/name, or else the container's name, and its own name.
    """
    found = rules_of(alloy.component(KUBERNETES, "discovery.relabel", "pods"))
    last = rules_of(alloy.component(KUBERNETES, "loki.relabel", "pods"))
    pod = {
        "__meta_kubernetes_pod_container_init": "false",
        "__meta_kubernetes_pod_container_name": "main",
        "__meta_kubernetes_pod_name": "backtests-5d4f-x2x",
        "__meta_kubernetes_namespace": "default",
    }
    named = pod | {"__meta_kubernetes_pod_label_app_kubernetes_io_name": "backtests"}
    added = {"job": "loki.source.kubernetes.pods", "instance": "default/backtests-5d4f-x2x:main"}

    assert {"service_name": "main", "pod_name": "backtests-5d4f-x2x"} == relabelled(pod, found)
    assert {"service_name": "backtests", "pod_name": "backtests-5d4f-x2x"} == relabelled(
        (relabelled(named, found) or {}) | added, last
    )
    assert relabelled(pod | {"__meta_kubernetes_pod_container_init": "true"}, found) is None


def test_the_file_of_a_host_is_read() -> None:
    """
    Both collectors read the file that local mode writes, where compose mounts its directory, and no other.
    """
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    (mount,) = [one for one in compose["services"]["alloy"]["volumes"] if isinstance(one, dict)]
    source = alloy.component(SOURCES, "loki.source.file", "host")
    wanted = {"__path__": f"{mount['target']}/ginkgo.log", "service_name": "ginkgo"}

    assert [wanted] == source.attributes["targets"]
    assert {"enabled": True} == source.one("file_match").attributes
    assert wanted == PROMTAIL["scrape_configs"][1]["static_configs"][0]["labels"]


def test_each_source_leads_to_loki() -> None:
    """
    What each source hands on goes through the pipeline and to the writer.
    """
    pipeline = [alloy.Reference("loki.process.ginkgo.receiver")]
    relabel = [alloy.Reference("loki.relabel.pods.receiver")]

    assert {"loki.source.docker": pipeline, "loki.source.file": pipeline} == {
        block.name: block.attributes["forward_to"]
        for block in SOURCES
        if block.name.startswith("loki.source")
    }
    assert {"loki.source.kubernetes": relabel, "loki.relabel": pipeline} == {
        block.name: block.attributes["forward_to"] for block in KUBERNETES if block.name.startswith("loki.")
    }
    assert [alloy.Reference("loki.write.default.receiver")] == alloy.component(
        PIPELINE, "loki.process", "ginkgo"
    ).attributes["forward_to"]
    docker = alloy.component(SOURCES, "loki.source.docker", "apps").attributes
    assert alloy.Reference("discovery.docker.apps.targets") == docker["targets"]
    assert alloy.Reference("discovery.relabel.apps.rules") == docker["relabel_rules"]


@pytest.mark.parametrize(
    "fault",
    [
        'loki.write "x" { max_stream = 1 }',
        'loki.wrote "x" { }',
        'loki.write "x" { wal { on = true } }',
        "a = = 1",
    ],
)
def test_what_alloy_does_not_know_is_found(fault: str) -> None:
    """
    An unknown component, block or argument, or a fault of syntax, is no configuration.
    """
    with pytest.raises(alloy.AlloyError):
        alloy.read(fault)


# --- what becomes of them -------------------------------------------------------------------------------------


@each_pipeline
def test_what_is_taken_keeps_its_name(stages: Stages) -> None:
    """
    Each name stands for the field of that name, in the JSON, as a label and as metadata.
    """
    assert {""} == {*stages.json.values(), *stages.labels.values(), *stages.metadata.values()}
    assert {"unparsed": ""} == stages.marks


@pytest.mark.parametrize(
    "line",
    [
        "Segmentation fault",
        "{'a': 1}",
        "{bad json",
        '{"timestamp": ',
        '{"a": NaN}',
        '["a"]',
        "42",
        "",
        '{"msg": "from another program"}',
    ],
)
@each_pipeline
def test_foreign_lines_are_marked(stages: Stages, line: str) -> None:
    """
    A line that is none of ours is kept as it came, marked, with the collector's time, whatever it begins with.
    """
    entry = entry_of(line, stages, {"service_name": "app"})

    assert ({"service_name": "app", "environment": "test"}, {"unparsed": "true"}) == (
        entry.labels,
        entry.metadata,
    )
    assert (None, line) == (entry.nanoseconds, entry.line)


@each_pipeline
def test_a_space_before_a_line_is_no_matter(stages: Stages) -> None:
    """
    JSON may begin with a space: the line has its labels, and no mark.
    """
    entry = entry_of(f'  {{{TIMESTAMP},"level":"info"}}', stages, {})

    assert {"level": "info", "environment": "test"} == entry.labels
    assert ({}, 1795479580977220000) == (entry.metadata, entry.nanoseconds)


@each_pipeline
def test_levels_are_lower_case(stages: Stages) -> None:
    """
    Other programs' JSON may write a level as it likes: the label is lower case, as in every query.
    """
    assert "error" == entry_of(f'{{{TIMESTAMP},"level":"ERROR"}}', stages, {}).labels["level"]


@each_pipeline
def test_a_time_that_is_none_is_the_collectors(stages: Stages) -> None:
    """
    A timestamp in another format leaves the time at which the line was seen.
    """
    assert entry_of('{"timestamp":"24.11.2026 00:19"}', stages, {}).nanoseconds is None


# --- the page -------------------------------------------------------------------------------------------------

PAGE = (DEPLOY.parent / "docs" / "container-stack.md").read_text(encoding="utf-8")


def station(number: int) -> str:
    """Return the last picture of a station of the walk."""
    part = re.split(r"(?m)^##+ ", PAGE.partition(f"### Station {number}:")[2])[0]
    pictures: list[str] = re.findall(r"(?ms)^```text\n(.*?)^```", part)
    return pictures[-1] if number != 2 else pictures[0]


def pairs(text: str) -> dict[str, str]:
    """Return what is written as name="value"."""
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def walk() -> tuple[str, collector.Entry]:
    """Return the line of station 1, and what the pipeline makes of it."""
    line = re.sub(r"\n ", "", station(1).partition("   ")[0].strip())
    return line, entry_of(line, PIPELINES["alloy"], {"service_name": "app", "container_id": "3f2a9c1b7d45"})


def test_station_1_is_a_line_of_the_formatter() -> None:
    """
    The line on stdout is JSON, with the keys in the order in which they are written.
    """
    row = json.loads(walk()[0])

    assert ["timestamp", "level", "logger_name", "message", "log_category", "trace_id"] == list(row)[:6]
    assert "trace-123" == row["trace_id"]


def test_station_2_is_what_the_pipeline_makes_of_it() -> None:
    """
    The entry pictured has the labels, metadata and time that the configuration gives to the line of station 1.
    """
    _, entry = walk()
    time, labels, metadata = re.split(r"(?m)^(?:labels|metadata) ", station(2).partition("\nline ")[0])

    assert str(entry.nanoseconds) == time.split()[1]
    assert entry.labels | {"environment": "dev"} == pairs(labels)
    assert entry.metadata == pairs(metadata)


def test_station_3_is_what_loki_keeps_of_it() -> None:
    """
    The answer pictured has the stream, time and metadata of station 2, and its question finds the line.
    """
    _, entry = walk()
    answer = station(3)
    (stream,) = re.findall(r'"stream": (\{.*?\})', answer)
    (query,) = re.findall(r"--data-urlencode 'query=(.*)'", PAGE)
    told: dict[str, str] = dict(re.findall(r'"(\w+)": "([^"]*)"', answer.partition("structuredMetadata")[2]))

    assert '{service_name=~".+"} | trace_id="trace-123"' == query
    assert entry.labels | {"environment": "dev"} == json.loads(stream)
    assert f'"{entry.nanoseconds}"' in answer
    assert entry.metadata | told == entry.metadata | {"detected_level": "info"}


def test_station_4_shows_the_lines_of_the_trace() -> None:
    """
    The panel pictured is one of the dashboard, and its lines are in order.
    """
    dashboard: dict[str, Any] = json.loads(
        (DEPLOY / "grafana" / "dashboards" / "ginkgo-logs.json").read_text(encoding="utf-8")
    )
    (title,) = re.findall(r"┌ (.*?) ─", station(4))
    times = re.findall(r"\d\d:\d\d:\d\d\.\d{3}", station(4))

    assert title in {panel["title"] for panel in dashboard["panels"]}
    assert times == sorted(times)
    assert "00:19:40.977  Engine started for portfolio-aaa" in station(4)
