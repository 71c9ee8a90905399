"""What the collector of deploy/ makes of a line, as its configuration says; and that, sent to a real Loki."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import alloy

DEPLOY = Path(__file__).parent.parent / "deploy"
PIPELINE = DEPLOY / "alloy" / "pipeline.alloy"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Stages:
    """The stages of a pipeline, in the order in which they stand, and the labels that every line gets."""

    steps: tuple[tuple[str, dict[str, Any]], ...]
    static_labels: tuple[str, ...]

    @property
    def json(self) -> dict[str, str]:
        """The names that are taken out of the JSON, and under what they stand there ("": the same)."""
        return self._all("json")[0]

    @property
    def timestamp(self) -> str:
        """The name that becomes the time of a line."""
        return str(self._all("timestamp")[0]["source"])

    @property
    def labels(self) -> dict[str, str]:
        """The names that become labels, and of what."""
        return self._all("labels")[0]

    @property
    def metadata(self) -> dict[str, str]:
        """The names that become structured metadata, and of what."""
        return self._all("structured_metadata")[0]

    @property
    def marks(self) -> dict[str, str]:
        """The names that mark foreign lines."""
        return self._all("structured_metadata")[1]

    def _all(self, stage: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.steps if name == stage]


@dataclass(frozen=True)
class Entry:
    """A line as Loki is given it."""

    labels: dict[str, str]
    metadata: dict[str, str]
    nanoseconds: int | None
    line: str


def alloy_stages(text: str) -> Stages:
    """Read a ``loki.process`` component."""
    process = alloy.component(alloy.read(text), "loki.process", "ginkgo")
    stages = [(block.name.removeprefix("stage."), block.attributes) for block in process.blocks]
    (static,) = [arguments["values"] for name, arguments in stages if name == "static_labels"]
    assert {"environment": alloy.Reference("sys.env", ("ENVIRONMENT",))} == static
    return Stages(
        tuple(_step(name, given) for name, given in stages if name not in {"static_labels", "truncate"}),
        tuple(static),
    )


def promtail_stages(document: dict[str, Any], job: int) -> Stages:
    """Read the stages of one of the scrape configurations."""
    stages = [pair for stage in document["scrape_configs"][job]["pipeline_stages"] for pair in stage.items()]
    static = document["clients"][0]["external_labels"]
    assert {"environment": "${ENVIRONMENT}"} == static
    return Stages(tuple(_step(name, given) for name, given in stages), tuple(static))


def _step(name: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Write the arguments of a stage as both collectors mean them."""
    if name == "json":
        assert given.keys() == {"expressions"}
        given = given["expressions"]
    elif name in {"labels", "structured_metadata"}:
        given = given.get("values", given)
    return name, {key: "" if value is None else value for key, value in given.items()}


def entry_of(line: str, stages: Stages, source: dict[str, str]) -> Entry:
    """Put *line*, which came with the labels *source*, through *stages*."""
    labels, metadata = dict(source), dict[str, str]()
    extracted: dict[str, str] = {}
    nanoseconds = None
    for stage, arguments in stages.steps:
        if stage == "json":
            extracted |= _extracted(line, arguments)
        elif stage == "template":
            _render(extracted, **arguments)
        elif stage == "timestamp":
            nanoseconds = _time(extracted.get(arguments["source"], ""), arguments)
        elif stage == "labels":
            labels |= _chosen(extracted, arguments)
        elif stage == "structured_metadata":
            metadata |= _chosen(extracted, arguments)
            metadata |= {
                name: labels.pop(was or name) for name, was in arguments.items() if (was or name) in labels
            }
        else:
            raise AssertionError(f"what does a stage {stage} do?")
    return Entry(labels | dict.fromkeys(stages.static_labels, "test"), metadata, nanoseconds, line)


def _extracted(line: str, expressions: dict[str, str]) -> dict[str, str]:
    """Return what the collector finds under the names; nothing in a line that is no JSON object."""
    try:
        document = json.loads(line, parse_constant=lambda name: json.loads(f"no {name}"))
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    found = {name: document.get(key or name) for name, key in expressions.items()}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
        if value is not None
    }


def _chosen(extracted: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    return {name: extracted[key or name] for name, key in names.items() if (key or name) in extracted}


def _render(extracted: dict[str, str], source: str, template: str) -> None:
    """Do what the two templates do that the pipelines know."""
    condition = re.fullmatch(r"\{\{ if (not )?\.(\w+) \}\}(.*)\{\{ end \}\}", template)
    assert condition, template
    inverted, name, then = condition.groups()
    if bool(inverted) is bool(extracted.get(name)):
        extracted.pop(source, None)
        return
    value = re.fullmatch(r"\{\{ ToLower \.(\w+) \}\}", then)
    assert value or "{" not in then, then
    extracted[source] = extracted[value[1]].lower() if value else then


def _time(moment: str, arguments: dict[str, str]) -> int | None:
    """Return the nanoseconds of a time of RFC 3339; None, the collector's own time, where it is none."""
    assert {"source", "format", "action_on_failure"} == arguments.keys()
    assert "skip" == arguments["action_on_failure"]
    if arguments["format"] != "RFC3339Nano" or not _RFC_3339.fullmatch(moment):
        return None
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
