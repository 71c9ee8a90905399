"""The container stack: each file says what it should, and the sample service's lines are what is collected."""

import ast
import itertools
import json
import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import collector
import pytest
import sample_service
import yaml
from collector import DEPLOY, Stages, alloy_stages, entry_of, promtail_stages
from logql import kind_of

import ginkgo_logging
from ginkgo_logging import fields

ROOT = DEPLOY.parent
BUSINESS = {"portfolio_id", "strategy_id", "engine_id", "task_id"}
LABELS = {"service_name", "level", "log_category", "environment"}
METADATA = {
    "trace_id", "span_id", "portfolio_id", "strategy_id", "engine_id", "task_id", "logger_name", "container_id",
    "pod_name",
}  # fmt: skip
GIVEN = {"GRAFANA_ADMIN_PASSWORD_FILE": "./secrets/password", "DOCKER_GID": "998"}


def load(name: str) -> Any:
    """Read a YAML or JSON file of deploy/."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


# --- compose --------------------------------------------------------------------------------------------------

VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\})")


class MissingVariableError(Exception):
    """Compose would stop with this message."""


def interpolate(value: Any, environ: Mapping[str, str]) -> Any:
    """Put values for the variables, as Docker Compose does."""
    if isinstance(value, dict):
        return {name: interpolate(inner, environ) for name, inner in value.items()}
    if isinstance(value, list):
        return [interpolate(inner, environ) for inner in value]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        given = environ.get(match["name"], "")
        if not given and match["how"] == "?":
            raise MissingVariableError(f"{match['name']}: {match['rest']}")
        return given or (match["rest"] if match["how"] == "-" else "")

    assert "$" not in VARIABLE.sub("", value), f"a variable without braces: {value}"
    return VARIABLE.sub(found, value)


def merged(below: Any, above: Any) -> Any:
    """Put one compose file on top of another."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: merged(below.get(name), value) for name, value in above.items()}
    return above


def stack(*names: str) -> dict[str, Any]:
    """Return the compose files together, interpolated, without what a profile switches off."""
    document: dict[str, Any] = {}
    for name in names:
        document = merged(document, load(name))
    document = interpolate(document, GIVEN)
    document["services"] = {name: one for name, one in document["services"].items() if "profiles" not in one}
    return document


STACKS = {"alloy": ("compose.yaml",), "promtail": ("compose.yaml", "compose.promtail.yaml")}
SERVICES = [
    pytest.param(variant, name, id=f"{variant}-{name}")
    for variant, files in STACKS.items()
    for name in stack(*files)["services"]
]


def service(variant: str, name: str) -> dict[str, Any]:
    """Return one service of one variant."""
    found: dict[str, Any] = stack(*STACKS[variant])["services"][name]
    return found


def test_each_variant_has_one_collector() -> None:
    """
    Promtail takes Alloy's place, and nothing else changes.
    """
    common = {"app", "loki", "grafana", "socket-proxy"}

    assert {"alloy": common | {"alloy"}, "promtail": common | {"promtail"}} == {
        variant: set(stack(*files)["services"]) for variant, files in STACKS.items()
    }


@pytest.mark.parametrize("name", GIVEN)
def test_without_a_password_compose_says_so(name: str) -> None:
    """
    What has no safe default stops compose, with a message that says what to do.
    """
    given = {other: value for other, value in GIVEN.items() if other != name} | {name: ""}

    with pytest.raises(MissingVariableError, match=rf"^{name}: \w+"):
        interpolate(load("compose.yaml"), given)


def test_the_example_lists_every_variable() -> None:
    """
    .env.example names each variable of the compose files, with its default, and no other.
    """
    used: dict[str, str] = {}
    for name in STACKS["promtail"]:
        text = re.sub(r"(?m)^\s*#.*$", "", (DEPLOY / name).read_text(encoding="utf-8"))
        used |= {
            match["name"]: match["rest"] if match["how"] == "-" else "" for match in VARIABLE.finditer(text)
        }
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    to_change = {"GRAFANA_ADMIN_PASSWORD_FILE", "HOST_LOG_DIR", "COLLECTOR_UID"}

    assert used.keys() == listed.keys()
    assert {name: value for name, value in used.items() if name not in to_change} == {
        name: value for name, value in listed.items() if name not in to_change
    }


@pytest.mark.parametrize(("variant", "name"), SERVICES)
def test_services_are_confined(variant: str, name: str) -> None:
    """
    Each service is a pinned image on a read-only root, without rights, with limits, seen from loopback only.
    """
    one = service(variant, name)

    assert re.search(r":v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$", one["image"])
    assert (True, ["ALL"], ["no-new-privileges:true"]) == (
        one["read_only"],
        one["cap_drop"],
        one["security_opt"],
    )
    assert not one.get("privileged")
    assert {"mem_limit", "cpus", "pids_limit", "restart"} <= one.keys()
    assert all(port.startswith("127.0.0.1:") for port in one.get("ports", []))
    if "build" not in one:  # the Dockerfile says who
        assert re.fullmatch(r"[1-9]\d*:\d+", one["user"])
    assert {"test", "interval", "timeout", "retries"} <= one["healthcheck"].keys()
    assert "CMD" == one["healthcheck"]["test"][0]


@pytest.mark.parametrize(("variant", "name"), SERVICES)
def test_mounts_are_read_only_and_there(variant: str, name: str) -> None:
    """
    A mount of the host is read-only, and where it is ours it exists; what is written goes to a named volume.
    """
    document = stack(*STACKS[variant])
    for mount in document["services"][name].get("volumes", []):
        if isinstance(mount, dict):
            assert ("bind", True) == (mount["type"], mount["read_only"])
            assert (DEPLOY / mount["source"]).is_dir()
            continue
        source, target, *mode = mount.split(":")
        assert target.startswith("/")
        if source.startswith((".", "/")):
            assert ["ro"] == mode, mount
            assert source == "/var/run/docker.sock" or (DEPLOY / source).exists(), mount
        else:
            assert source in document["volumes"], mount
    assert set(document["services"][name]["networks"]) <= document["networks"].keys()


@pytest.mark.parametrize("variant", STACKS)
def test_docker_makes_no_directory_in_a_home(variant: str) -> None:
    """
    A log directory that is not there yet stops the collector: made by Docker, its owner could not log into it.
    """
    (logs,) = [one for one in service(variant, variant)["volumes"] if isinstance(one, dict)]

    assert {"create_host_path": False} == logs["bind"]
    assert "./host-logs" == logs["source"]


def test_promtail_may_write_where_it_stopped() -> None:
    """
    Its volume lies over a directory of the image that every user may write to, and the positions are in it.
    """
    volumes = [one for one in service("promtail", "promtail")["volumes"] if isinstance(one, str)]

    assert "promtail-data:/var/tmp" in volumes  # a directory that is not in the image would be root's
    assert "/var/tmp" == str(Path(PROMTAIL["positions"]["filename"]).parent)


@pytest.mark.parametrize("variant", STACKS)
def test_start_order(variant: str) -> None:
    """
    A service waits until what it needs is healthy, in no circle; the application waits for nobody.
    """
    services = stack(*STACKS[variant])["services"]
    waits = {name: one.get("depends_on", {}) for name, one in services.items()}

    assert {"service_healthy"} == {how["condition"] for needed in waits.values() for how in needed.values()}
    assert not waits["app"]
    assert not waits["loki"]
    assert {"loki", "socket-proxy"} == waits[variant].keys()
    assert {"loki"} == waits["grafana"].keys()
    assert all("healthcheck" in services[name] for needed in waits.values() for name in needed)


def test_no_secret_is_written_down() -> None:
    """
    No file of the stack holds a password; Grafana reads its own from a secret.
    """
    environment = service("alloy", "grafana")["environment"]
    names = {name for name in environment if re.search("PASSWORD|SECRET|TOKEN", name)}

    assert {"GF_SECURITY_ADMIN_PASSWORD__FILE"} == names
    assert "/run/secrets/grafana_admin_password" == environment["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert ["grafana_admin_password"] == service("alloy", "grafana")["secrets"]
    assert {"false"} == {environment["GF_AUTH_ANONYMOUS_ENABLED"], environment["GF_USERS_ALLOW_SIGN_UP"]}


def test_only_the_proxy_has_the_docker_socket() -> None:
    """
    Nobody but the proxy mounts Docker's socket, and only the collector is in a network with it.
    """
    for variant, files in STACKS.items():
        services = stack(*files)["services"]
        with_socket = [name for name, one in services.items() if "docker.sock" in str(one.get("volumes"))]
        beside_it = {name for name, one in services.items() if "docker-api" in one["networks"]}
        assert (["socket-proxy"], {"socket-proxy", variant}) == (with_socket, beside_it)
        assert variant == services["socket-proxy"]["environment"]["SP_ALLOWFROM"]
        assert stack(*files)["networks"]["docker-api"]["internal"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/_ping", True),
        ("/version", True),
        ("/v1.51/containers/json", True),
        ("/v1.51/containers/0123abcdef/json", True),
        ("/v1.51/containers/0123abcdef/logs", True),
        ("/v1.51/networks", True),
        ("/v1.51/containers/0123abcdef/archive", False),
        ("/v1.51/containers/0123abcdef/export", False),
        ("/v1.51/containers/0123abcdef/logs/../../create", False),
        ("/v1.51/images/json", False),
        ("/v1.51/secrets", False),
        ("/_ping/../v1.51/secrets", False),
    ],
)
def test_what_the_proxy_lets_through(path: str, allowed: bool) -> None:
    """
    The collector may list containers and networks, look at one and read its log, and no more.
    """
    environment = service("alloy", "socket-proxy")["environment"]

    # The proxy adds ^ and $ to the pattern, and refuses methods that it has none for.
    assert allowed is bool(re.search(f"^{environment['SP_ALLOW_GET']}$", path))
    assert {"SP_ALLOW_GET", "SP_ALLOW_HEAD"} == {name for name in environment if name.startswith("SP_ALLOW_")}


# --- Loki -----------------------------------------------------------------------------------------------------


def seconds(text: str) -> int:
    """Read a duration of one unit."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def test_loki_can_hold_and_delete_what_it_is_given() -> None:
    """
    Ids have a place, what is old is deleted, and nothing is reported to anybody.
    """
    loki = load("loki/loki.yaml")
    (schema,) = loki["schema_config"]["configs"]

    assert ("tsdb", "v13") == (schema["store"], schema["schema"])
    assert loki["limits_config"]["allow_structured_metadata"]
    assert loki["compactor"]["retention_enabled"]
    assert schema["object_store"] == loki["compactor"]["delete_request_store"]
    assert seconds(loki["limits_config"]["retention_period"]) > seconds(
        loki["limits_config"]["reject_old_samples_max_age"]
    )
    assert not loki["analytics"]["reporting_enabled"]


def test_nothing_times_out_before_loki_does() -> None:
    """
    Server and data source wait longer than a query may take.
    """
    loki = load("loki/loki.yaml")
    (source,) = load("grafana/provisioning/datasources/loki.yaml")["datasources"]
    limit = seconds(loki["limits_config"]["query_timeout"])

    assert limit < seconds(loki["server"]["http_server_write_timeout"])
    assert limit < seconds(loki["server"]["http_server_read_timeout"])
    assert limit < source["jsonData"]["timeout"]


def test_loki_can_send_itself_the_longest_answer() -> None:
    """
    An answer of as many of our longest lines as Loki gives at once fits into a message between its parts.
    """
    server = load("loki/loki.yaml")["server"]
    handlers = yaml.safe_load((ROOT / "logging.d" / "container.yaml").read_text(encoding="utf-8"))
    answer = 5000 * handlers["formatters"]["json"]["max_bytes"]

    assert answer < server["grpc_server_max_recv_msg_size"]
    assert answer < server["grpc_server_max_send_msg_size"]


def test_loki_takes_and_shows_what_comes_late() -> None:
    """
    A line of an outage that is outlasted is neither too far behind its stream's newest, nor hidden in memory.
    """
    loki = load("loki/loki.yaml")

    assert seconds(loki["ingester"]["max_chunk_age"]) // 2 >= seconds(
        loki["limits_config"]["reject_old_samples_max_age"]
    )
    assert 0 == loki["querier"]["query_ingesters_within"]


def test_loki_adds_no_label() -> None:
    """
    A busy stream is not split up under a label that nobody set.
    """
    assert {"enabled": False} == load("loki/loki.yaml")["limits_config"]["shard_streams"]


# --- collectors -----------------------------------------------------------------------------------------------

PROMTAIL = load("promtail/promtail.yaml")
PIPELINES = {
    "alloy": alloy_stages(collector.PIPELINE.read_text(encoding="utf-8")),
    "promtail-containers": promtail_stages(PROMTAIL, 0),
    "promtail-host": promtail_stages(PROMTAIL, 1),
}
ALLOY = sorted([*DEPLOY.glob("alloy/*.alloy"), *DEPLOY.glob("kubernetes/*.alloy")])
each_pipeline = pytest.mark.parametrize("stages", PIPELINES.values(), ids=PIPELINES)


def code(path: Path) -> str:
    """Return a file of Alloy's without its comments."""
    return re.sub(r"(?m)//(?![^\n\"]*\"\s*(?:,|$)).*$", "", path.read_text(encoding="utf-8"))


@each_pipeline
def test_pipelines_name_what_lines_have(stages: Stages) -> None:
    """
    Each name in a pipeline is one of the JSON line, or a documented business field.
    """
    contract = fields.CORE | BUSINESS

    assert set(stages.json) <= contract
    assert fields.TIMESTAMP == stages.timestamp
    assert {stages.timestamp, *stages.labels, *stages.metadata} - {"filename"} <= set(stages.json)


@each_pipeline
def test_labels_are_few_and_ids_are_metadata(stages: Stages) -> None:
    """
    Only what has few values is a label; every id is structured metadata.
    """
    assert LABELS - {"service_name"} == {*stages.labels, *stages.static_labels}
    assert METADATA | {"filename"} == set(stages.metadata)


def test_promtail_does_what_alloy_does() -> None:
    """
    The legacy collector gives Loki the same.
    """
    assert PIPELINES["alloy"] == PIPELINES["promtail-containers"] == PIPELINES["promtail-host"]


def test_the_collector_loses_nothing() -> None:
    """
    No line is dropped, glued or given another's time; an outage is outlasted for as long as Loki takes the lines.
    """
    pipeline = code(collector.PIPELINE)
    age = seconds(re.findall(r'max_segment_age = "(\w+)"', pipeline)[0])

    assert not re.search("drop_malformed|stage.multiline|stage.drop|stage.sampling|stage.limit", pipeline)
    assert re.search(r"max_backoff_retries = 0\b", pipeline)
    assert re.search(r"wal \{\s+enabled\s+= true", pipeline)
    assert age >= seconds(load("loki/loki.yaml")["limits_config"]["reject_old_samples_max_age"])
    assert re.search(r'action_on_failure = "skip"', pipeline)
    assert "--stability.level=experimental" in service("alloy", "alloy")["command"]
    assert 0 == PROMTAIL["clients"][0]["backoff_config"]["max_retries"]
    assert "skip" == PROMTAIL["scrape_configs"][0]["pipeline_stages"][1]["timestamp"]["action_on_failure"]


@pytest.mark.parametrize("path", ALLOY, ids=lambda path: path.stem)
def test_alloy_files_are_whole(path: Path) -> None:
    """
    Brackets pair up, and each component that is named in a file is defined in one that is loaded with it.
    """
    text = code(path)
    beside = "".join(code(one) for one in {path, *path.parent.glob("*.alloy"), collector.PIPELINE})
    defined = {f"{kind}.{name}" for kind, name in re.findall(r'^([a-z_.]+) "(\w+)" \{', beside, re.MULTILINE)}
    used = set(
        re.findall(r"\b((?:loki|discovery)\.[a-z_.]+?\.?\w+\.\w+)\.(?:receiver|targets|rules|output)\b", text)
    )
    open_brackets = []
    for bracket in re.findall(r"[\[\](){}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        if bracket in "[({":
            open_brackets.append(bracket)
        else:
            assert open_brackets.pop() + bracket in {"[]", "()", "{}"}

    assert not open_brackets
    assert used
    assert used <= defined


@pytest.mark.parametrize(
    ("paths", "given"),
    [
        ("alloy/*.alloy", stack("compose.yaml")["services"]["alloy"]["environment"]),
        ("promtail/*.yaml", stack(*STACKS["promtail"])["services"]["promtail"]["environment"]),
        (
            "kubernetes/*.alloy",
            {
                variable["name"]
                for document in yaml.safe_load_all((DEPLOY / "kubernetes/alloy.yaml").read_text())
                if document["kind"] == "DaemonSet"
                for variable in document["spec"]["template"]["spec"]["containers"][0]["env"]
            },
        ),
    ],
    ids=["alloy", "promtail", "kubernetes"],
)
def test_collectors_are_given_what_they_read(paths: str, given: Any) -> None:
    """
    Each variable that a collector's configuration reads is set where the collector is started.
    """
    text = "".join(path.read_text(encoding="utf-8") for path in DEPLOY.glob(paths))
    if paths.startswith("kubernetes"):
        text += collector.PIPELINE.read_text(encoding="utf-8")
    read = set(re.findall(r'sys\.env\("(\w+)"\)|\$\{(\w+)\}', text))

    assert set(given) == {name for pair in read for name in pair if name}


def test_containers_ask_to_be_collected() -> None:
    """
    The collectors look for the label that the application carries, and nobody else of the stack does.
    """
    wanted = re.findall(r'values = \["([^"]+)"\]', code(DEPLOY / "alloy" / "sources.alloy"))
    legacy = PROMTAIL["scrape_configs"][0]["docker_sd_configs"][0]["filters"][0]["values"]
    labels = {name: one.get("labels", {}) for name, one in stack("compose.yaml")["services"].items()}

    assert ["logging=ginkgo"] == wanted == legacy
    assert {"app": {"logging": "ginkgo"}} == {name: value for name, value in labels.items() if value}


# --- Kubernetes -----------------------------------------------------------------------------------------------


def test_kustomization_brings_files_that_are_there() -> None:
    """
    What the collector of a cluster is made of exists, and its configuration is mounted under its name.
    """
    top = load("kustomization.yaml")
    (generated,) = top["configMapGenerator"]
    documents = {
        document["kind"]: document
        for name in top["resources"]
        for document in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))
    }
    pod = documents["DaemonSet"]["spec"]["template"]["spec"]
    (binding,) = documents["ClusterRoleBinding"]["subjects"]

    assert all((DEPLOY / name).is_file() for name in generated["files"])
    assert {generated["name"]} == {v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
    assert pod["serviceAccountName"] == binding["name"] == documents["ServiceAccount"]["metadata"]["name"]
    assert top["namespace"] == binding["namespace"]
    assert [["get", "list", "watch"]] == [rule["verbs"] for rule in documents["ClusterRole"]["rules"]]
    assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


@pytest.mark.parametrize("name", ["kubernetes/alloy.yaml", "kubernetes/application.yaml"])
def test_pods_are_confined(name: str) -> None:
    """
    Pods run as nobody in particular, on a read-only root, with limits and probes, and mount nothing of the host.
    """
    documents = yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))
    (pod,) = [one["spec"]["template"] for one in documents if "template" in one.get("spec", {})]
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert ["ALL"] == container["securityContext"]["capabilities"]["drop"]
    assert "memory" in container["resources"]["limits"]
    assert "readinessProbe" in container
    assert not [volume for volume in pod["spec"].get("volumes", []) if "hostPath" in volume]
    assert ("alloy" in name) is ("logging" not in pod["metadata"]["labels"])
    images = {one["image"].partition("@")[0] for one in stack("compose.yaml")["services"].values()}
    assert container["image"] in images


# --- Grafana --------------------------------------------------------------------------------------------------

DASHBOARD = load("grafana/dashboards/ginkgo-logs.json")


def test_trace_id_is_a_link_to_the_trace() -> None:
    """
    The link that the data source makes of a trace_id opens Explore with a query for the trace's lines.
    """
    (source,) = load("grafana/provisioning/datasources/loki.yaml")["datasources"]
    (field,) = source["jsonData"]["derivedFields"]
    path, _, query = field["url"].replace("$$", "$").replace("${__value.raw}", "trace-123").partition("?")
    (pane,) = json.loads(urllib.parse.parse_qs(query)["panes"][0]).values()

    assert ("label", "^trace_id$") == (field["matcherType"], field["matcherRegex"])
    assert "/explore" == path
    assert source["uid"] == pane["datasource"]
    assert '{service_name=~".+"} | trace_id=`trace-123`' == pane["queries"][0]["expr"]
    assert "log" == kind_of(pane["queries"][0]["expr"])


def test_the_dashboard_is_where_grafana_looks_for_it() -> None:
    """
    The provider's directory is where compose mounts the dashboards.
    """
    (provider,) = load("grafana/provisioning/dashboards/ginkgo.yaml")["providers"]
    mounts = [mount.split(":")[:2] for mount in service("alloy", "grafana")["volumes"]]

    assert ["./grafana/dashboards", provider["options"]["path"]] in mounts


def test_the_dashboard_asks_the_provisioned_source() -> None:
    """
    Every panel and variable asks the data source that is provisioned, by its uid.
    """
    (source,) = load("grafana/provisioning/datasources/loki.yaml")["datasources"]
    asked = [panel["datasource"] for panel in DASHBOARD["panels"]]
    asked += [target["datasource"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    asked += [one["datasource"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]

    assert {("loki", source["uid"])} == {(one["type"], one["uid"]) for one in asked}


def test_the_dashboard_has_the_questions_of_the_quickstart() -> None:
    """
    Variables for who and what, each used by a panel; panels with titles and ids of their own that do not overlap.
    """
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    text = json.dumps([panel["targets"] for panel in DASHBOARD["panels"]])
    squares = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for grid in [panel["gridPos"]]
        for x, y in itertools.product(
            range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
        )
    ]

    assert {"portfolio", "strategy", "trace", "category", "level"} <= variables
    assert variables == set(re.findall(r"\$(\w+)", text)) - {"__range", "__auto"}
    assert {"logs", "timeseries", "stat", "bargauge"} == {panel["type"] for panel in DASHBOARD["panels"]}
    assert len(DASHBOARD["panels"]) == len({panel["title"] for panel in DASHBOARD["panels"]})
    assert len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})
    assert len(squares) == len(set(squares))
    assert all(x < 24 for x, _ in squares)


def test_the_alert_compares_what_it_asks_for() -> None:
    """
    The rule's condition is one of its steps, which is a threshold on the query.
    """
    (group,) = load("grafana/provisioning/alerting/errors.yaml")["groups"]
    (rule,) = group["rules"]
    steps = {step["refId"]: step for step in rule["data"]}

    assert "threshold" == steps[rule["condition"]]["model"]["type"]
    assert "loki" == steps[steps[rule["condition"]]["model"]["expression"]]["datasourceUid"]
    assert all(ref == step["model"]["refId"] for ref, step in steps.items())


# --- the sample service ---------------------------------------------------------------------------------------


def test_the_service_uses_the_public_api_only() -> None:
    """
    The sample is what any program could be: of ours it imports public names alone.
    """
    tree = ast.parse(sample_service.SERVICE.read_text(encoding="utf-8"))
    ours = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "ginkgo" in str(node.module)
    ]
    named = {alias.name for node in ours for alias in node.names}

    assert {"ginkgo_logging"} == {node.module for node in ours}
    assert named <= set(ginkgo_logging.__all__)
    assert "ginkgo" not in "".join(
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    )


def test_the_service_runs_and_stops() -> None:
    """
    It answers, and SIGTERM ends it in order; stderr stays empty.
    """
    run = sample_service.run()

    assert ([200, 200, 200, 500, 404], 0, "") == (run.statuses, run.returncode, run.stderr)


def test_the_service_logs_in_every_way_in_one_trace() -> None:
    """
    GLOG, standard loggers and structlog share the caller's trace; a health check is no line.
    """
    rows = [row for row in sample_service.run().rows if row.get("trace_id") == "trace-123"]
    loggers = {row["logger_name"] for row in rows}
    errors = [row for row in rows if row["level"] == "error"]

    assert {"ginkgo", "ginkgo.web", "ginkgo.signals", "ginkgo.engine"} == loggers
    assert not [row for row in sample_service.run().rows if "healthz" in row["message"]]
    assert [("ConnectionError", "backtest", "portfolio-aaa")] == [
        (row["error_type"], row["log_category"], row["portfolio_id"]) for row in errors
    ]
    assert "hunter2" not in "".join(sample_service.run().lines)


@each_pipeline
def test_the_lines_are_what_the_collector_expects(stages: Stages) -> None:
    """
    Each line of the service becomes an entry with its own time, few labels, and its ids beside it.
    """
    entries = [entry_of(line, stages, {"service_name": "app"}) for line in sample_service.run().lines]
    foreign = [entry for entry in entries if entry.metadata.get("unparsed") == "true"]
    ours = [entry for entry in entries if entry not in foreign]
    started = next(entry for entry in ours if "Engine started for portfolio-aaa" in entry.line)

    assert ["listening on port"] == [entry.line.rpartition(" ")[0] for entry in foreign]
    assert {frozenset({"service_name", "environment"})} == {frozenset(entry.labels) for entry in foreign}
    assert all(entry.nanoseconds is None for entry in foreign)
    assert {frozenset(LABELS)} == {frozenset(entry.labels) for entry in ours}
    assert all(entry.nanoseconds for entry in ours)
    assert METADATA - {"span_id", "container_id", "pod_name"} == started.metadata.keys()
    assert all(len(entry.line) < 16_384 for entry in entries)


def test_labels_of_the_source_become_metadata() -> None:
    """
    A container's id and a file's name come as labels; the pipeline takes them away, foreign lines' too.
    """
    source = {"service_name": "app", "container_id": "0123456789ab", "filename": "/var/log/ginkgo/ginkgo.log"}

    entry = entry_of("Segmentation fault", PIPELINES["alloy"], source)

    assert {"service_name": "app", "environment": "test"} == entry.labels
    assert {
        "unparsed": "true",
        "container_id": "0123456789ab",
        "filename": source["filename"],
    } == entry.metadata


# --- the image ------------------------------------------------------------------------------------------------


def test_the_dockerfile_copies_what_is_there() -> None:
    """
    Each file that the image takes from the checkout exists and is let in by the ignore file, and nothing else is.
    """
    text = (DEPLOY / "app" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    copies = [
        line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line
    ]
    copied = set(itertools.chain.from_iterable(copies))
    ignore = (DEPLOY / "app" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert all((ROOT / name).exists() for name in copied)
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert "# syntax=" not in text  # would be one more image to load, and an unpinned one


def test_the_image_runs_as_nobody_in_particular() -> None:
    """
    Bases are pinned, the user is a number, the command gets signals, and the port is the one that is published.
    """
    text = (DEPLOY / "app" / "Dockerfile").read_text(encoding="utf-8")
    app = service("alloy", "app")
    ends = {port.rpartition(":")[2] for port in app["ports"]}

    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "10001:10001"
    assert re.search(r"^CMD \[", text, re.MULTILINE)
    assert set(re.findall(r"^EXPOSE (\d+)", text, re.MULTILINE)) == ends
    assert f":{ends.pop()}/healthz" in app["healthcheck"]["test"][-1]
    assert (DEPLOY / app["build"]["context"] / app["build"]["dockerfile"]).is_file()


# --- deploy/check ---------------------------------------------------------------------------------------------

NEEDED = ("bash", "sed", "dirname", "mktemp", "rm", "cp", "grep")
STAND_IN = """#!/bin/sh
echo "{name} $*" >> "{record}"
case "$*" in
    "compose version"|"validate --help") exit 0 ;;
esac
! grep -rqs "^SPOILT$" . || {{ echo "found a fault"; exit 1; }}
"""


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs a copy of deploy/check where only the named tools are on PATH; their stand-ins look for "SPOILT"."""
    directory = tmp_path / "deploy"
    shutil.copytree(DEPLOY, directory, ignore=shutil.ignore_patterns(".env", "secrets"))

    def run(*arguments: str, tools: tuple[str, ...] = (), fault_in: str | None = None) -> tuple[int, str]:
        programs = tmp_path / "bin"
        programs.mkdir()
        for name in NEEDED:
            (programs / name).symlink_to(str(shutil.which(name)))
        for name in tools:
            program = programs / name
            program.write_text(STAND_IN.format(name=name, record=tmp_path / "record"))
            program.chmod(0o755)
        if fault_in:
            (directory / fault_in).write_text("SPOILT\n")
        done = subprocess.run(
            [directory / "check", *arguments],
            env={"PATH": str(programs), "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "" == done.stderr or arguments == ("--what",)
        return done.returncode, done.stdout

    return run


TOOLS = ("docker", "loki", "alloy", "promtail", "hadolint", "kubectl")


def test_check_says_what_it_left_out(check: Callable[..., tuple[int, str]]) -> None:
    """
    Without any tool the check passes, and says of each that it was not there.
    """
    status, said = check()

    assert 0 == status
    assert all(f"{tool}" in said for tool in TOOLS)
    assert "0 ok, 0 failed, 8 skipped" == said.splitlines()[-1]


def test_check_can_insist_on_all_tools(check: Callable[..., tuple[int, str]]) -> None:
    """
    With --all a missing tool is a failure.
    """
    assert 2 == check("--all")[0]


def test_check_refuses_other_arguments(check: Callable[..., tuple[int, str]]) -> None:
    """
    An unknown argument is an error of use.
    """
    assert (64, "") == check("--what")


def test_check_runs_every_tool_that_is_there(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """
    Each tool is asked to look at each of its files.
    """
    status, said = check("--all", tools=TOOLS)
    asked = (tmp_path / "record").read_text()

    assert (0, "11 ok, 0 failed, 0 skipped") == (status, said.splitlines()[-1])
    assert "docker compose --env-file /dev/null --file compose.yaml config --quiet" in asked
    assert "--file compose.promtail.yaml config --quiet" in asked
    assert "loki -verify-config -config.file=loki/loki.yaml" in asked
    assert "alloy validate --stability.level=experimental alloy" in asked
    assert all(f"alloy fmt --test {path.relative_to(DEPLOY)}" in asked for path in ALLOY)
    assert "promtail -check-syntax -config.expand-env=true -config.file=promtail/promtail.yaml" in asked
    assert "hadolint app/Dockerfile" in asked
    assert "kubectl kustomize ." in asked


@pytest.mark.parametrize("tool", TOOLS)
def test_check_fails_on_a_fault(check: Callable[..., tuple[int, str]], tool: str) -> None:
    """
    What a tool refuses is shown with what it said, and the check fails.
    """
    status, said = check(tools=(tool,), fault_in="loki/loki.yaml")

    assert 1 == status
    assert re.search(r"(?m)^FAILED   .*\n {9}found a fault$", said)


def test_check_with_the_real_tools() -> None:
    """
    Those tools that are installed find nothing wrong.
    """
    done = subprocess.run(
        [DEPLOY / "check"], env=os.environ, capture_output=True, text=True, timeout=120, check=False
    )

    assert 0 == done.returncode, done.stdout


# --- docs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "docs").glob("*.md")), *(path for path in sorted(DEPLOY.rglob("*")) if path.is_file())],
    ids=lambda path: path.name,
)
def test_files_that_are_named_exist(path: Path) -> None:
    """
    Each path that a file of the stack or its page names is there, and each in deploy/ that any page names.
    """
    made_by_the_user = {"deploy/.env", "deploy/secrets", "deploy/secrets/grafana_admin_password"}
    text = path.read_text(encoding="utf-8")
    ours = (
        r"deploy|logging\.d" if path.is_relative_to(DEPLOY) or path.name == "container-stack.md" else "deploy"
    )
    named = {name.rstrip("./") for name in re.findall(rf"(?<![\w/~.-])(?:{ours})/[\w./-]*", text)}

    assert not {name for name in named - made_by_the_user if not (ROOT / name).exists()}
