"""Tell whether this process runs in a container, and what its host, container and pod are called.

Nothing is read at import. Each function reads a few small files, never raises, and takes what it cannot
read as no evidence.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ginkgo_logging.lazy_pattern import lazy_pattern

# Set by the platform in each container, and by nothing else:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
# https://cloud.google.com/run/docs/container-contract#env-vars
# https://learn.microsoft.com/azure/container-apps/environment-variables#built-in-environment-variables
_PLATFORM_VARIABLES = (
    "KUBERNETES_SERVICE_HOST",
    "ECS_CONTAINER_METADATA_URI_V4",
    "ECS_CONTAINER_METADATA_URI",
    "K_SERVICE",
    "CLOUD_RUN_JOB",
    "CONTAINER_APP_REPLICA_NAME",
)

# What a container manager calls itself: https://systemd.io/CONTAINER_INTERFACE/. A list, since
# `container` is a likely name for something else, and WSL, proot and flatpak are no containers here.
_MANAGERS = frozenset(
    {"docker", "podman", "oci", "lxc", "lxc-libvirt", "systemd-nspawn", "rkt", "openvz", "pouch"}
)
# The same answer where only the first process was told: by the manager, and by systemd in the container.
_MANAGER_FILES = ("run/host/container-manager", "run/systemd/container")

_MARKERS = (".dockerenv", "run/.containerenv")

# Docker, containerd, CRI-O and podman name a container by 64 hexadecimal digits, alone or as in
# docker-<id>.scope, libpod-<id>.scope, kubepods-pod<uid>.slice:cri-containerd:<id>.
_ID_COMPONENT = lazy_pattern(r"(?:.*[-:])?([0-9a-f]{64})(?:\.scope)?")
# lxc.monitor.NAME is the manager's own group on the host.
_CONTAINER_COMPONENT = lazy_pattern(r"docker|lxc|lxc\.payload(?:\..+)?|(?:kubelet-)?kubepods(?:[.-].*)?")

# Where the layers of an overlay lie that is the root of a container; live systems have other overlays.
_LAYERS = lazy_pattern(r"/docker/|/overlay2/|/containers/storage/|containerd|/buildkit/")
# Files that a container engine puts over those of the image, from a directory of the container or pod.
_INJECTED = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"})
_POD_DIRECTORY = lazy_pattern(r"/pods/[0-9a-f-]{32,36}/")

_SERVICE_ACCOUNT_NAMESPACE = "var/run/secrets/kubernetes.io/serviceaccount/namespace"

# A host with thousands of mounts must not make a program's start slow; a container has some dozens.
_MAX_BYTES = 256 * 1024
_SHORT_ID = 12


class HostMetadata(NamedTuple):
    """What names the place where a line was written.

    The last three are None outside containers and where the platform does not tell. ``container_id`` is
    the short form of 12 digits, as ``docker ps`` shows it.
    """

    hostname: str
    container_id: str | None
    pod_name: str | None
    namespace: str | None


class _Mount(NamedTuple):
    source: str
    point: str
    filesystem: str
    options: str


def is_container_environment(*, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Return whether this process runs in a container: Docker, podman, Kubernetes, LXC, ECS, Cloud Run ...

    A plain host is none, nor are WSL, a CI runner that is a virtual machine, and a host that runs
    containers. *environ* and *root* stand for `os.environ` and the file system's root.
    """
    environ = os.environ if environ is None else environ
    return (
        any(environ.get(name) for name in _PLATFORM_VARIABLES)
        or environ.get("container") in _MANAGERS
        or any(_read(root, name).strip() in _MANAGERS for name in _MANAGER_FILES)
        or (_has_marker(root) and not _is_wsl(environ, root))
        or any(_is_container_cgroup(path) for process in ("self", "1") for path in _cgroups(root, process))
        or any(_is_container_mount(mount) for mount in _mounts(root))
    )


def host_metadata(
    *, environ: Mapping[str, str] | None = None, root: Path = Path("/"), container: bool | None = None
) -> HostMetadata:
    """Return the names of this host and, in a container, of container, pod and namespace.

    *container* says whether this is one, when the caller knows; None looks. The pod's name is
    ``POD_NAME``, or else the host name, which in a pod is the same unless the pod uses its node's network
    or sets a host name of its own: set ``POD_NAME`` through the downward API there.
    """
    environ = os.environ if environ is None else environ
    if container is None:
        container = is_container_environment(environ=environ, root=root)
    hostname = socket.gethostname()
    if not container:
        return HostMetadata(hostname, None, None, None)
    in_pod = _is_pod(environ, root)
    namespace = environ.get("POD_NAMESPACE") or _read(root, _SERVICE_ACCOUNT_NAMESPACE).strip()
    pod_name = environ.get("POD_NAME")
    if not pod_name and in_pod and not _is_on_host_network(root):
        pod_name = environ.get("HOSTNAME") or hostname
    return HostMetadata(hostname, _container_id(root, in_pod=in_pod), pod_name or None, namespace or None)


def _has_marker(root: Path) -> bool:
    # Not Path.exists(): it raises where a directory may not be searched.
    return any(os.path.exists(root / name) for name in _MARKERS)


def _is_wsl(environ: Mapping[str, str], root: Path) -> bool:
    # A WSL distribution made by `docker export` still has /.dockerenv:
    # https://github.com/docker/cli/issues/3037. A container on WSL shows in its cgroup or mounts.
    return (
        "WSL_DISTRO_NAME" in environ
        or "WSL_INTEROP" in environ
        or "microsoft" in _read(root, "proc/version").lower()
    )


def _is_pod(environ: Mapping[str, str], root: Path) -> bool:
    return (
        bool(environ.get("KUBERNETES_SERVICE_HOST"))
        or bool(_read(root, _SERVICE_ACCOUNT_NAMESPACE))
        or any("kubepods" in path for path in _cgroups(root, "self"))
    )


def _is_on_host_network(root: Path) -> bool:
    # The kubelet's own words at the head of the file, pkg/kubelet/kubelet_pods.go.
    return _read(root, "etc/hosts").startswith("# Kubernetes-managed hosts file (host network).")


def _container_id(root: Path, *, in_pod: bool) -> str | None:
    for path in _cgroups(root, "self"):
        # The last is the innermost: containers nest.
        for component in reversed(path.split("/")):
            identifier = _id_in(component)
            if identifier:
                return identifier[:_SHORT_ID]
    for mount in _mounts(root):
        # In a pod these files belong to the sandbox, not to this container:
        # https://github.com/open-telemetry/opentelemetry-js/issues/3614.
        if mount.point in _INJECTED and (not in_pod or mount.point == "/run/.containerenv"):
            for component in mount.source.split("/"):
                identifier = _id_in(component)
                if identifier:
                    return identifier[:_SHORT_ID]
    return None


def _id_in(component: str) -> str | None:
    match = _ID_COMPONENT.fullmatch(component)
    # conmon is podman's and CRI-O's monitor of a container, on the host.
    return match[1] if match and "conmon" not in component else None


def _is_container_cgroup(path: str) -> bool:
    return any(
        _CONTAINER_COMPONENT.fullmatch(component) or _id_in(component) for component in path.split("/")
    )


def _is_container_mount(mount: _Mount) -> bool:
    if mount.point == "/":
        return "overlay" in mount.filesystem and _LAYERS.search(mount.options) is not None
    if mount.point in _INJECTED:
        return _POD_DIRECTORY.search(mount.source) is not None or any(map(_id_in, mount.source.split("/")))
    # lxcfs stands in for files of /proc in the containers of LXC, LXD and Incus only.
    return mount.filesystem == "fuse.lxcfs" and mount.point.startswith("/proc/")


def _cgroups(root: Path, process: str) -> Iterator[str]:
    """Return the process's cgroup paths; see cgroups(7) for the line's form."""
    for line in _read(root, f"proc/{process}/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield parts[2]


def _mounts(root: Path) -> Iterator[_Mount]:
    """Return the mounts that this process sees; see proc_pid_mountinfo(5) for the line's form."""
    for line in _read(root, "proc/self/mountinfo").splitlines():
        where, _, what = line.partition(" - ")
        mounted = where.split(" ")
        filesystem, _, options = what.partition(" ")
        if len(mounted) >= 6 and options:
            yield _Mount(mounted[3], mounted[4], filesystem, options)


def _read(root: Path, name: str) -> str:
    try:
        with open(root / name, "rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
