"""What one service of the stack says of another is so: volumes, addresses, ports, health checks, and the page."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from collector import DEPLOY
from test_deploy import SERVICES, STACKS, service, stack

PAGE = (DEPLOY.parent / "docs" / "container-stack.md").read_text(encoding="utf-8")
LOKI = yaml.safe_load((DEPLOY / "loki" / "loki.yaml").read_text(encoding="utf-8"))
PROMTAIL = yaml.safe_load((DEPLOY / "promtail" / "promtail.yaml").read_text(encoding="utf-8"))
MOUNTS = {
    "app": {},
    "loki": {"./loki/loki.yaml": "/etc/loki/loki.yaml", "loki-data": "/loki"},
    "socket-proxy": {"/var/run/docker.sock": "/var/run/docker.sock"},
    "alloy": {
        "./alloy": "/etc/alloy",
        "./host-logs": "/var/log/ginkgo",
        "alloy-data": "/var/lib/alloy/data",
    },
    "promtail": {
        "./promtail/promtail.yaml": "/etc/promtail/promtail.yaml",
        "./host-logs": "/var/log/ginkgo",
        "promtail-data": "/var/tmp",
    },
    "grafana": {
        "./grafana/provisioning/datasources": "/etc/grafana/provisioning/datasources",
        "./grafana/provisioning/dashboards": "/etc/grafana/provisioning/dashboards",
        "./grafana/provisioning/alerting": "/etc/grafana/provisioning/alerting",
        "./grafana/dashboards": "/var/lib/grafana-dashboards",
        "grafana-data": "/var/lib/grafana",
    },
}
HEALTH = {
    "app": ["CMD", "python", "-c"],
    "loki": ["CMD", "/usr/bin/loki", "-health"],
    "socket-proxy": ["CMD", "./healthcheck"],
    "alloy": ["CMD", "bash", "-c"],
    "promtail": ["CMD", "bash", "-c"],
    "grafana": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/api/health"],
}
"""What each image has to check itself with: Loki's has no shell, those of the collectors no curl or wget."""
PORTS = {"app": 8000, "loki": 3100, "alloy": 12345, "grafana": 3000, "socket-proxy": 2375}
each_service = pytest.mark.parametrize(("variant", "name"), SERVICES)


def mounts(one: dict[str, Any]) -> dict[str, str]:
    """Return where a service has what it mounts."""
    return {
        mount["source"] if isinstance(mount, dict) else mount.split(":")[0]: mount["target"]
        if isinstance(mount, dict)
        else mount.split(":")[1]
        for mount in one.get("volumes", [])
    }


@each_service
def test_what_is_mounted_is_where_the_program_looks(variant: str, name: str) -> None:
    """
    Configuration, data and Docker's socket have their places, and nothing is missing.
    """
    assert MOUNTS[name] == mounts(service(variant, name))


def test_programs_look_where_things_are_mounted() -> None:
    """
    Each program is told the directory that its volume or its configuration is mounted at.
    """
    loki, alloy, promtail = (
        service(v, n) for v, n in (("alloy", "loki"), ("alloy", "alloy"), ("promtail",) * 2)
    )

    assert LOKI["common"]["path_prefix"] == MOUNTS["loki"]["loki-data"]
    assert LOKI["compactor"]["working_directory"].startswith("/loki/")
    assert {"/loki/chunks", "/loki/rules"} == set(LOKI["common"]["storage"]["filesystem"].values())
    assert [f"-config.file={MOUNTS['loki']['./loki/loki.yaml']}"] == loki["command"]
    assert f"--storage.path={MOUNTS['alloy']['alloy-data']}" in alloy["command"]
    assert ("run", MOUNTS["alloy"]["./alloy"]) == (alloy["command"][0], alloy["command"][-1])
    assert f"-config.file={MOUNTS['promtail']['./promtail/promtail.yaml']}" in promtail["command"]
    assert stack("compose.yaml")["volumes"].keys() == {"loki-data", "alloy-data", "grafana-data"}


@each_service
def test_a_service_can_tell_whether_it_is_well(variant: str, name: str) -> None:
    """
    A health check uses what is in the image, and asks the port at which the service listens.
    """
    test = service(variant, name)["healthcheck"]["test"]

    assert HEALTH[name] == test[: len(HEALTH[name])]
    if name == "alloy":
        assert "/dev/tcp/127.0.0.1/12345 " in test[-1]
        assert "GET /-/ready " in test[-1]
        assert "--server.http.listen-addr=0.0.0.0:12345" in service(variant, name)["command"]
    if name == "promtail":
        assert f"/dev/tcp/127.0.0.1/{PROMTAIL['server']['http_listen_port']} " in test[-1]
        assert "GET /ready " in test[-1]


def asked() -> list[Any]:
    """Return who asks whom, at which address."""
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/loki.yaml").read_text())[
        "datasources"
    ]
    found = [pytest.param("alloy", "grafana", source["url"], "", id="grafana-loki")]
    for variant in STACKS:
        environment = service(variant, variant)["environment"]
        found += [
            pytest.param(
                variant, variant, environment["LOKI_PUSH_URL"], "/loki/api/v1/push", id=f"{variant}-loki"
            ),
            pytest.param(variant, variant, environment["DOCKER_API_URL"], "", id=f"{variant}-docker"),
        ]
    return found


@pytest.mark.parametrize(("variant", "name", "url", "path"), asked())
def test_addresses_lead_to_services(variant: str, name: str, url: str, path: str) -> None:
    """
    An address names a service in a network with the one that asks, its port, and what is served there.
    """
    parts = urlsplit(url)
    services = stack(*STACKS[variant])["services"]

    assert parts.hostname in services
    assert set(services[name]["networks"]) & set(services[parts.hostname]["networks"])
    assert (PORTS[parts.hostname], path) == (parts.port, parts.path)
    assert ("tcp" if parts.hostname == "socket-proxy" else "http") == parts.scheme


@each_service
def test_ports_are_those_that_are_listened_to(variant: str, name: str) -> None:
    """
    A port that is published is the one at which the program in the container listens.
    """
    for port in service(variant, name).get("ports", []):
        assert f":{PORTS[name]}" == port[port.rindex(":") :]
    assert PORTS["loki"] == LOKI["server"]["http_listen_port"]


@each_service
def test_logs_of_the_stack_are_rolled(variant: str, name: str) -> None:
    """
    What a service itself writes does not fill the disk, and is as much as the page says.
    """
    logging = service(variant, name)["logging"]

    assert {"driver": "json-file", "options": {"max-size": "50m", "max-file": "4"}} == logging
    assert "four files of 50 MB" in PAGE
    assert '    options: {max-size: 50m, max-file: "4"}' in PAGE


def test_the_page_adds_up_the_memory() -> None:
    """
    The memory that is needed is the sum of the limits.
    """
    units = {"m": 1, "g": 1024}
    limits = [one["mem_limit"] for one in stack("compose.yaml")["services"].values()]
    total = sum(int(limit[:-1]) * units[limit[-1]] for limit in limits)

    assert f"{total / 1024:.1f} GiB of memory" in PAGE


@pytest.mark.parametrize("tool", ["openssl", "curl"])
def test_the_page_lists_what_its_commands_need(tool: str) -> None:
    """
    A program that a command of the walk uses is among what is needed.
    """
    needed, _, walk = PAGE.partition("## From an empty machine")[2].partition("```bash")

    assert f"`{tool}`" in needed
    assert f"{tool} " in walk


def test_the_page_says_what_an_outage_costs() -> None:
    """
    The page promises no more than the collector keeps, and how what waited is read again.
    """
    outage = PAGE.partition("## What happens when something is down")[2].partition("## What is safe")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", outage, re.MULTILINE))

    assert "**not sent any more**" in rows["Loki, and Alloy is restarted meanwhile"]
    assert "docker volume rm ginkgo-logs_alloy-data" in outage
    assert "up to a week late (`reject_old_samples_max_age`)" in " ".join(outage.split())
    assert "`max_chunk_age`" in outage
    assert "168h" == LOKI["limits_config"]["reject_old_samples_max_age"]


# --- Kubernetes -----------------------------------------------------------------------------------------------


def documents(name: str) -> dict[str, Any]:
    """Return the objects of a manifest by their kind."""
    text = (DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def test_the_chart_is_given_what_the_manifests_say() -> None:
    """
    The values on the page start the collector as the manifest does: same file, storage, rights and variables.
    """
    (text,) = [block for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE) if "storagePath" in block]
    values = yaml.safe_load(text)
    ours, alloy = documents("alloy.yaml")["DaemonSet"]["spec"]["template"]["spec"], values["alloy"]
    (container,) = ours["containers"]
    own_volumes = [one for one in ours["volumes"] if one["name"] != "config"]

    assert f"--storage.path={alloy['storagePath']}" in container["args"]
    assert alloy["storagePath"] in {mount["mountPath"] for mount in alloy["mounts"]["extra"]}
    assert [one for one in container["volumeMounts"] if one["name"] != "config"] == alloy["mounts"]["extra"]
    assert own_volumes == values["controller"]["volumes"]["extra"]
    assert sorted(container["env"], key=str) == sorted(alloy["extraEnv"], key=str)
    assert f"--stability.level={alloy['stabilityLevel']}" in container["args"]
    assert ours["securityContext"] | container["securityContext"] == (
        values["global"]["podSecurityContext"] | alloy["securityContext"]
    )
    assert ours["terminationGracePeriodSeconds"] == values["controller"]["terminationGracePeriodSeconds"]


def test_the_chart_finds_its_configuration() -> None:
    """
    The config map that the page makes has the name and the one key that the chart is told, and all of our files.
    """
    command = re.sub(r"\s+", " ", re.findall(r"(?s)(cat deploy.*?)```", PAGE)[0])
    (text,) = [block for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE) if "storagePath" in block]
    config = yaml.safe_load(text)["alloy"]["configMap"]
    kustomization = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text(encoding="utf-8"))

    assert f"create configmap {config['name']} --namespace {kustomization['namespace']} " in command
    assert f"--from-file={config['key']}=/dev/stdin" in command
    assert [f"deploy/{name}" for name in kustomization["configMapGenerator"][0]["files"]] == re.findall(
        r"deploy/\S+", command
    )
    assert not config["create"]


def test_the_page_brings_the_image_to_the_cluster() -> None:
    """
    The image that the example names is built by a command of the page, and brought to the cluster.
    """
    (container,) = documents("application.yaml")["Deployment"]["spec"]["template"]["spec"]["containers"]

    assert f"--tag {container['image']} ." in PAGE
    assert f"kind load docker-image {container['image']}" in PAGE
