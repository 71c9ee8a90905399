"""The files of deploy/ have no option that their program does not know, and no value of another type."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from collector import DEPLOY
from jsonschema import Draft202012Validator
from test_deploy import STACKS, stack

SCHEMAS = Path(__file__).parent / "schemas"
_TYPES: dict[str, dict[str, Any]] = {
    "any": {},
    "bool": {"type": "boolean"},
    "duration": {"anyOf": [{"const": 0}, {"type": "string", "pattern": r"^(\d+(ms|[smh]))+$"}]},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "str": {"type": "string"},
}


def schema_of(shape: Any) -> dict[str, Any]:
    """Return the JSON schema of a shape: its names and no others; "*" is for any name."""
    if isinstance(shape, str):
        return _TYPES[shape]
    if isinstance(shape, list):
        return {"type": "array", "items": schema_of(shape[0])}
    known = {name: schema_of(inner) for name, inner in shape.items() if name != "*"}
    other = schema_of(shape["*"]) if "*" in shape else False
    return {"type": "object", "properties": known, "additionalProperties": other}


def shape(name: str) -> Any:
    """Read a shape."""
    return yaml.safe_load((SCHEMAS / f"{name}.yaml").read_text(encoding="utf-8"))


def documents(path: str) -> list[Any]:
    """Read the documents of a file of deploy/."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text(encoding="utf-8")))


def faults(schema: dict[str, Any], document: Any) -> list[str]:
    """Return what is wrong with *document*, and where."""
    found = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


COMPOSE = json.loads((SCHEMAS / "compose-spec.json").read_text(encoding="utf-8"))
CHECKED = [
    pytest.param(schema_of(known(document)), document, id=f"{path}-{number}")
    for path, known in (
        ("loki/loki.yaml", lambda _: shape("loki")),
        ("promtail/promtail.yaml", lambda _: shape("promtail")),
        ("grafana/provisioning/datasources/loki.yaml", lambda _: shape("grafana")["datasources"]),
        ("grafana/provisioning/dashboards/ginkgo.yaml", lambda _: shape("grafana")["dashboards"]),
        ("grafana/provisioning/alerting/errors.yaml", lambda _: shape("grafana")["alerting"]),
        ("kubernetes/alloy.yaml", lambda one: shape("kubernetes")[one["kind"]]),
        ("kubernetes/application.yaml", lambda one: shape("kubernetes")[one["kind"]]),
        ("kustomization.yaml", lambda one: shape("kubernetes")[one["kind"]]),
    )
    for number, document in enumerate(documents(path))
]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.promtail.yaml"])
def test_compose_files_follow_the_specification(name: str) -> None:
    """
    Each compose file is valid by itself, before variables have values.
    """
    assert [] == faults(COMPOSE, *documents(name))


@pytest.mark.parametrize("variant", STACKS)
def test_what_compose_reads_follows_the_specification(variant: str) -> None:
    """
    The files of a variant are valid together; limits, which may be text there, are numbers and sizes.
    """
    document = stack(*STACKS[variant])
    limits = {"pids_limit": "int", "cpus": "float", "mem_limit": "str"}

    assert [] == faults(COMPOSE, document)
    for one in document["services"].values():
        assert [] == faults(schema_of(limits), {name: one[name] for name in limits})


@pytest.mark.parametrize(("schema", "document"), CHECKED)
def test_files_have_options_that_exist(schema: dict[str, Any], document: Any) -> None:
    """
    Each option is known where it stands, and its value is of its type.
    """
    assert [] == faults(schema, document)


@pytest.mark.parametrize(("schema", "document"), [(COMPOSE, documents("compose.yaml")[0]), *CHECKED])
def test_an_option_that_does_not_exist_is_found(schema: dict[str, Any], document: Any) -> None:
    """
    The schemas are closed.
    """
    assert faults(schema, document | {"no_such_option": 1})


def test_the_dockerfile_passes_the_linter() -> None:
    """
    hadolint finds nothing in the image's recipe.
    """
    beside_python = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    hadolint = shutil.which("hadolint", path=beside_python)
    if hadolint is None:
        pytest.skip("hadolint is not installed: not every platform has a wheel")

    done = subprocess.run(
        [hadolint, DEPLOY / "app" / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)
