"""What the collector of deploy/ makes of a line, as its configuration says; and that, sent to a real Loki."""

import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parent.parent / "deploy"
PIPELINE = DEPLOY / "alloy" / "pipeline.alloy"


@dataclass(frozen=True)
class Stages:
    """The names in the stages of a pipeline, in the order in which they stand."""

    json: list[str]
    timestamp: str
    labels: list[str]
    metadata: list[str]
    static_labels: list[str]
    foreign: re.Pattern[str]
    mark: str


@dataclass(frozen=True)
class Entry:
    """A line as Loki is given it."""

    labels: dict[str, str]
    metadata: dict[str, str]
    nanoseconds: int | None
    line: str


def alloy_stages(text: str) -> Stages:
    """Read a ``loki.process`` component."""
    text = re.sub(r"(?m)//.*$", "", text)

    def names(block: str, at: str) -> list[str]:
        found = re.search(rf"{re.escape(block)} \{{\s+(?:expressions|values)\s+= \{{(.*?)\}}", at, re.DOTALL)
        assert found, block
        return re.findall(r"(\w+)\s+=", found[1])

    head, _, match = text.partition("stage.match {")
    source = re.search(r'stage\.timestamp \{\s+source\s+= "(\w+)"', head)
    selector = re.search(r'selector = (".*")', match)
    assert source
    assert selector
    pattern = re.search(r'!~ (".*")', json.loads(selector[1]))
    assert pattern
    return Stages(
        json=names("stage.json", head),
        timestamp=source[1],
        labels=names("stage.labels", head),
        metadata=names("stage.structured_metadata", head),
        static_labels=names("stage.static_labels", match),
        foreign=re.compile(json.loads(pattern[1])),
        mark=names("stage.structured_metadata", match)[0],
    )


def promtail_stages(document: dict[str, Any], job: int) -> Stages:
    """Read the stages of one of the scrape configurations."""
    stages = {
        name: value
        for stage in document["scrape_configs"][job]["pipeline_stages"]
        for name, value in stage.items()
    }
    match = {name: value for stage in stages["match"]["stages"] for name, value in stage.items()}
    pattern = re.search(r'!~ (".*")', stages["match"]["selector"])
    assert pattern
    return Stages(
        json=list(stages["json"]["expressions"]),
        timestamp=stages["timestamp"]["source"],
        labels=list(stages["labels"]),
        metadata=list(stages["structured_metadata"]),
        static_labels=list(document["clients"][0]["external_labels"]),
        foreign=re.compile(json.loads(pattern[1])),
        mark=next(iter(match["structured_metadata"])),
    )


def entry_of(line: str, stages: Stages, source: dict[str, str]) -> Entry:
    """Put *line*, which came with the labels *source*, through *stages*."""
    try:
        document = json.loads(line)
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    extracted = {name: str(document[name]) for name in stages.json if document.get(name) is not None}
    labels = dict(source)
    labels.update((name, extracted[name]) for name in stages.labels if name in extracted)
    metadata = {name: extracted[name] for name in stages.metadata if name in extracted}
    metadata.update((name, labels.pop(name)) for name in stages.metadata if name in labels)
    if not stages.foreign.search(line):
        metadata[stages.mark] = "true"
    labels.update(dict.fromkeys(stages.static_labels, "test"))
    moment = extracted.get(stages.timestamp)
    return Entry(labels, metadata, None if moment is None else _nanoseconds(moment), line)


def _nanoseconds(moment: str) -> int:
    assert moment.endswith("Z")
    whole = datetime.fromisoformat(moment)
    return int(whole.replace(microsecond=0).timestamp()) * 10**9 + whole.microsecond * 1000


def push(url: str, entries: list[Entry], now: int) -> None:
    """Send *entries* to the Loki at *url*; *now*, in nanoseconds, is the time of those that have none."""
    streams = [
        {"stream": entry.labels, "values": [[str(entry.nanoseconds or now + i), entry.line, entry.metadata]]}
        for i, entry in enumerate(entries)
    ]
    request = urllib.request.Request(
        f"{url}/loki/api/v1/push",
        json.dumps({"streams": streams}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert 204 == response.status


def ask(url: str, path: str, **parameters: str) -> tuple[int, str]:
    """Return status and text of Loki's answer."""
    address = f"{url}/loki/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
