"""Containers are recognised by what they look like from inside, and their hosts are not taken for one."""

import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ginkgo_logging.environment import HostMetadata, host_metadata, is_container_environment

ID = "3f4e2a1b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f"
SANDBOX = "a" * 64
POD = "85401dd3-38cd-47b6-a90a-e16c0e1c06e6"
PROC = "22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n"
DISK = "27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro\n" + PROC


def overlay(point: str, directory: str, layers: str = "l/IUYPPZ3LOJ76P4GE7VPUBXZX") -> str:
    return (
        f"2425 1417 0:318 / {point} rw,relatime master:272 - overlay overlay rw,"
        f"lowerdir={directory}/{layers},upperdir={directory}/4a62/diff,workdir={directory}/4a62/work\n"
    )


def injected(directory: str) -> str:
    return "".join(
        f"2441 2425 259:2 {directory}/{name} /etc/{name} rw,relatime - ext4 /dev/nvme0n1p2 rw,discard\n"
        for name in ("resolv.conf", "hostname", "hosts")
    )


@dataclass(frozen=True)
class Place:
    """
    What a process finds around it.
    """

    environ: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    container_id: str | None = None


DOCKER_V1_CGROUP = "".join(
    f"{number}:{controller}:/docker/{ID}\n"
    for number, controller in enumerate(["name=systemd", "cpu,cpuacct", "memory", "pids"], 1)
)
V2_CGROUP = {"proc/self/cgroup": "0::/\n", "proc/1/cgroup": "0::/\n"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "HOSTNAME": "strategy-7d9c5b8f6-x2x9q"}

CONTAINERS = {
    "docker, cgroup v1": Place(
        files={".dockerenv": "", "proc/self/cgroup": DOCKER_V1_CGROUP}, container_id=ID[:12]
    ),
    "docker, cgroup v1, marker removed": Place(
        files={"proc/self/cgroup": DOCKER_V1_CGROUP}, container_id=ID[:12]
    ),
    "docker, cgroup v1, systemd driver": Place(
        files={"proc/self/cgroup": f"10:devices:/system.slice/docker-{ID}.scope\n"}, container_id=ID[:12]
    ),
    "docker, cgroup v2": Place(
        files={
            ".dockerenv": "",
            **V2_CGROUP,
            "proc/self/mountinfo": overlay("/", "/var/lib/docker/overlay2")
            + PROC
            + injected(f"/var/lib/docker/containers/{ID}"),
        },
        container_id=ID[:12],
    ),
    "docker, cgroup v2, marker removed, data on its own disk": Place(
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": overlay("/", "/mnt/data/overlay2") + injected(f"/containers/{ID}"),
        },
        container_id=ID[:12],
    ),
    "docker, other storage driver": Place(
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": "300 200 0:50 /@/docker/btrfs/subvolumes/4a62 / rw - btrfs /dev/sda2 rw\n"
            + injected(f"/@/docker/containers/{ID}"),
        },
        container_id=ID[:12],
    ),
    "docker build": Place(
        files={"proc/self/cgroup": "0::/docker/buildkit/m2p9zk1b6ylzcq3wofq8s7l3v\n"},
    ),
    "docker in docker, cgroup v1": Place(
        files={"proc/self/cgroup": f"4:memory:/docker/{SANDBOX}/docker/{ID}\n"}, container_id=ID[:12]
    ),
    "docker desktop on wsl": Place(
        files={
            ".dockerenv": "",
            **V2_CGROUP,
            "proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1)\n",
            "proc/self/mountinfo": overlay(
                "/", "/var/lib/desktop-containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots"
            )
            + injected(f"/data/docker/containers/{ID}"),
        },
        container_id=ID[:12],
    ),
    "github actions, job in a container": Place(
        environ={"CI": "true", "GITHUB_ACTIONS": "true"},
        files={".dockerenv": "", "proc/self/cgroup": f"11:pids:/actions_job/{ID}\n"},
        container_id=ID[:12],
    ),
    "podman, rootless": Place(
        environ={"container": "podman"},
        files={
            "run/.containerenv": "",
            **V2_CGROUP,
            "proc/self/mountinfo": "646 580 0:60 / / rw,relatime - fuse.fuse-overlayfs fuse-overlayfs rw\n"
            f"655 646 0:55 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname "
            "rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=3262408k,mode=700,uid=1000\n",
        },
        container_id=ID[:12],
    ),
    "podman, rootless, on the host's cgroup namespace": Place(
        files={
            "proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/user.slice/"
            f"libpod-{ID}.scope/container\n"
        },
        container_id=ID[:12],
    ),
    "buildah image": Place(environ={"container": "oci"}),
    "kubernetes, containerd, cgroup v1": Place(
        files={"proc/self/cgroup": f"9:perf_event:/kubepods/besteffort/pod{POD}/{ID}\n"},
        container_id=ID[:12],
    ),
    "kubernetes, containerd, cgroup v1, systemd driver misread": Place(
        files={
            "proc/self/cgroup": f"1:name=systemd:/system.slice/containerd.service/"
            f"kubepods-burstable-pod{POD.replace('-', '_')}.slice:cri-containerd:{ID}\n"
        },
        container_id=ID[:12],
    ),
    "kubernetes, containerd, cgroup v2": Place(
        environ=KUBERNETES,
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": overlay(
                "/", "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots", "154/fs"
            )
            + injected(f"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{SANDBOX}"),
        },
    ),
    "kubernetes, no variables, only the kubelet's files": Place(
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": "10 9 8:9 / / rw - erofs /dev/vdb ro\n"
            f"11 10 8:9 /var/lib/kubelet/pods/{POD}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda9 rw\n",
        }
    ),
    "kubernetes, cri-o, cgroup v2 of the host": Place(
        environ=KUBERNETES,
        files={
            "proc/self/cgroup": f"0::/kubepods.slice/kubepods-besteffort.slice/"
            f"kubepods-besteffort-pod{POD.replace('-', '_')}.slice/crio-{ID}.scope\n"
        },
        container_id=ID[:12],
    ),
    "kind": Place(
        files={
            "proc/self/cgroup": "0::/kubelet.slice/kubelet-kubepods.slice/"
            f"kubelet-kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{ID}.scope\n"
        },
        container_id=ID[:12],
    ),
    "lxc, cgroup v1": Place(files={"proc/self/cgroup": "4:memory:/lxc/backtest\n"}),
    "lxd": Place(files={"proc/1/cgroup": "0::/lxc.payload.backtest/init.scope\n"}),
    "lxc, cgroup v2, systemd": Place(files={**V2_CGROUP, "run/systemd/container": "lxc"}),
    "lxc, cgroup v2, no systemd": Place(
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": "500 400 0:44 / / rw - zfs rpool/data/subvol-101-disk-0 rw\n"
            "510 500 0:38 /proc/meminfo /proc/meminfo rw,nosuid,nodev,relatime - fuse.lxcfs lxcfs rw\n",
        }
    ),
    "systemd-nspawn": Place(files={"run/host/container-manager": "systemd-nspawn\n"}),
    "amazon ecs": Place(environ={"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/1-2"}),
    "cloud run": Place(environ={"K_SERVICE": "backtest", "PORT": "8080"}),
    "cloud run job": Place(environ={"CLOUD_RUN_JOB": "backtest"}),
    "azure container apps": Place(
        environ={"CONTAINER_APP_REPLICA_NAME": "backtest--20mh1s9-86c8c4b497-zx9bq"}
    ),
}

HOSTS = {
    "nothing readable": Place(),
    "systemd": Place(
        files={
            "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
            "proc/1/cgroup": "0::/init.scope\n",
            "proc/self/mountinfo": DISK,
        }
    ),
    "systemd, cgroup v1": Place(
        files={
            "proc/self/cgroup": "5:devices:/user.slice\n1:name=systemd:/user.slice/session-1.scope\n",
            "proc/1/cgroup": "5:devices:/\n1:name=systemd:/init.scope\n",
        }
    ),
    "no systemd": Place(files={**V2_CGROUP, "proc/self/mountinfo": DISK}),
    "docker runs here": Place(
        environ={"DOCKER_HOST": "unix:///run/docker.sock"},
        files={
            "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
            "proc/1/cgroup": "0::/init.scope\n",
            "proc/self/mountinfo": DISK
            + overlay("/var/lib/docker/overlay2/4a62/merged", "/var/lib/docker/overlay2")
            + f"718 27 0:60 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw,size=65536k\n"
            "720 27 0:4 net:[4026532290] /run/docker/netns/1e0f9a8b7c6d rw shared:400 - nsfs nsfs rw\n",
        },
    ),
    "service of docker desktop": Place(
        files={
            "proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/"
            "docker-desktop.service\n",
            "proc/self/mountinfo": DISK,
        }
    ),
    "dockerd, containerd or kubelet themselves": Place(
        files={
            "proc/self/cgroup": "0::/system.slice/docker.service\n",
            "proc/1/cgroup": "0::/system.slice/kubelet.service\n",
        }
    ),
    "monitors of containers": Place(
        files={
            "proc/self/cgroup": f"0::/machine.slice/libpod-conmon-{ID}.scope\n",
            "proc/1/cgroup": "0::/lxc.monitor.backtest\n",
        }
    ),
    "lxcfs runs here": Place(
        files={"proc/self/mountinfo": DISK + "90 27 0:38 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw\n"}
    ),
    "wsl": Place(
        environ={"WSL_DISTRO_NAME": "Ubuntu", "WSL_INTEROP": "/run/WSL/11_interop", "container": "wsl"},
        files={
            **V2_CGROUP,
            "proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1)\n",
            "proc/self/mountinfo": "77 66 8:48 / / rw,relatime - ext4 /dev/sdd rw,discard,data=ordered\n"
            "98 77 0:31 / /usr/lib/wsl/lib rw,relatime - overlay none rw,lowerdir=/gpu_lib\n",
        },
    ),
    "wsl with docker desktop": Place(
        environ={"WSL_DISTRO_NAME": "Ubuntu"},
        files={
            **V2_CGROUP,
            "proc/self/mountinfo": "77 66 8:48 / / rw,relatime - ext4 /dev/sdd rw,discard\n"
            "84 77 0:30 /docker-desktop/cli-tools /mnt/wsl/docker-desktop/cli-tools ro - iso9660 /dev/loop0\n"
            + overlay("/mnt/wsl/docker-desktop-bind-mounts/Ubuntu/1", "/var/lib/docker/overlay2"),
        },
    ),
    "wsl, imported from docker export": Place(
        environ={"WSL_DISTRO_NAME": "Arch"},
        files={".dockerenv": "", **V2_CGROUP, "proc/self/mountinfo": DISK},
    ),
    "service on wsl, imported from docker export": Place(
        files={
            ".dockerenv": "",
            "proc/version": "Linux version 5.15.153.1-Microsoft-standard-WSL2 (root@941d701f84f1)\n",
            "proc/self/mountinfo": DISK,
        },
    ),
    "github actions runner": Place(
        environ={"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_OS": "Linux", "ImageOS": "ubuntu24"},
        files={
            "proc/self/cgroup": "0::/system.slice/hosted-compute-agent.service\n",
            "proc/1/cgroup": "0::/init.scope\n",
            "proc/self/mountinfo": DISK,
        },
    ),
    "live system": Place(
        files={
            "proc/self/mountinfo": "30 1 0:27 / / rw - overlay /cow rw,lowerdir=/filesystem.squashfs,"
            "upperdir=/cow/upper,workdir=/cow/work\n"
        }
    ),
    "flatpak": Place(environ={"container": "flatpak"}),
    "a variable that happens to be called container": Place(environ={"container": "my-bucket"}),
    "an empty variable": Place(environ={"KUBERNETES_SERVICE_HOST": "", "K_SERVICE": ""}),
    "garbage": Place(
        files={"proc/self/cgroup": "\n:\n\x00\xff", "proc/self/mountinfo": "\n - \n / / / / / / - overlay\n"}
    ),
}


def build(root: Path, place: Place) -> Path:
    for name, content in place.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize("place", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_a_container_is_one(tmp_path: Path, place: Place) -> None:
    """
    What a process finds in a container of this kind is enough to know.
    """
    assert is_container_environment(environ=place.environ, root=build(tmp_path, place))


@pytest.mark.parametrize("place", HOSTS.values(), ids=HOSTS.keys())
def test_a_host_is_none(tmp_path: Path, place: Place) -> None:
    """
    What a process finds on such a host is no evidence, though it speaks of containers.
    """
    assert not is_container_environment(environ=place.environ, root=build(tmp_path, place))


@pytest.mark.parametrize("place", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_the_short_container_id_is_found(tmp_path: Path, place: Place) -> None:
    """
    It is what `docker ps` shows, or None where only the pod's sandbox has an identifier.
    """
    metadata = host_metadata(environ=place.environ, root=build(tmp_path, place))

    assert place.container_id == metadata.container_id


@pytest.mark.parametrize("place", HOSTS.values(), ids=HOSTS.keys())
def test_a_host_has_nothing_but_a_name(tmp_path: Path, place: Place) -> None:
    """
    Outside containers the variables of pods mean nothing.
    """
    environ = {**place.environ, "POD_NAME": "pod", "POD_NAMESPACE": "space", "HOSTNAME": "host"}

    metadata = host_metadata(environ=environ, root=build(tmp_path, place))

    assert HostMetadata(socket.gethostname(), None, None, None) == metadata


NAMESPACE_FILE = "var/run/secrets/kubernetes.io/serviceaccount/namespace"


@pytest.mark.parametrize(
    ("environ", "files", "pod_name", "namespace"),
    [
        (
            {**KUBERNETES, "POD_NAME": "pod-0", "POD_NAMESPACE": "quant"},
            {NAMESPACE_FILE: "default"},
            "pod-0",
            "quant",
        ),
        (KUBERNETES, {NAMESPACE_FILE: "quant\n"}, "strategy-7d9c5b8f6-x2x9q", "quant"),
        (KUBERNETES, {}, "strategy-7d9c5b8f6-x2x9q", None),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, {}, socket.gethostname(), None),
        ({"HOSTNAME": "pod-0"}, {NAMESPACE_FILE: "quant"}, "pod-0", "quant"),
        ({"HOSTNAME": "pod-0"}, {"proc/self/cgroup": f"0::/kubepods/pod{POD}/{ID}\n"}, "pod-0", None),
        (
            KUBERNETES,
            {"etc/hosts": "# Kubernetes-managed hosts file.\n127.0.0.1 localhost\n"},
            "strategy-7d9c5b8f6-x2x9q",
            None,
        ),
        (
            KUBERNETES,
            {"etc/hosts": "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"},
            None,
            None,
        ),
        ({"HOSTNAME": "3f4e2a1b9c8d"}, {}, None, None),
    ],
)
def test_a_pod_knows_its_name(
    tmp_path: Path,
    environ: dict[str, str],
    files: dict[str, str],
    pod_name: str | None,
    namespace: str | None,
) -> None:
    """
    The downward API's variables win; a host name is a pod's name only in a pod with its own network.
    """
    root = build(tmp_path, Place(files=files))

    metadata = host_metadata(environ=environ, root=root, container=True)

    assert (pod_name, namespace) == (metadata.pod_name, metadata.namespace)


def test_the_callers_word_is_taken(tmp_path: Path) -> None:
    """
    Who has switched containers off gets no container's names.
    """
    place = CONTAINERS["docker, cgroup v2"]

    metadata = host_metadata(environ=place.environ, root=build(tmp_path, place), container=False)

    assert None is metadata.container_id


def test_podman_names_its_containers_own_file(tmp_path: Path) -> None:
    """
    In a pod the host's name is the sandbox's file; the marker is the container's own.
    """
    mounts = (
        f"1 2 0:55 /containers/storage/overlay-containers/{SANDBOX}/userdata/hostname /etc/hostname "
        "rw - tmpfs tmpfs rw\n"
        f"1 2 0:55 /containers/storage/overlay-containers/{ID}/userdata/.containerenv /run/.containerenv "
        "rw - tmpfs tmpfs rw\n"
    )
    root = build(tmp_path, Place(files={"proc/self/mountinfo": mounts}))

    assert ID[:12] == host_metadata(environ=KUBERNETES, root=root).container_id


def test_directories_in_place_of_files_do_not_raise(tmp_path: Path) -> None:
    """
    What cannot be read is no evidence.
    """
    for name in ("proc/self/cgroup", "proc/1/cgroup", "proc/self/mountinfo", "run/systemd/container"):
        (tmp_path / name).mkdir(parents=True)

    assert not is_container_environment(environ={}, root=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_root_does_not_raise(tmp_path: Path) -> None:
    """
    Files that may not be read, and a directory that may not be searched, are no evidence.
    """
    root = build(tmp_path / "root", CONTAINERS["docker, cgroup v2"])
    root.chmod(0)
    try:
        assert not is_container_environment(environ={}, root=root)
    finally:
        root.chmod(0o700)


def test_this_very_machine_is_looked_at_quickly() -> None:
    """
    The real environment and file system have an answer, usually in a quarter of a millisecond.
    """
    host_metadata()
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        metadata = host_metadata()
        best = min(best, time.perf_counter() - began)

    assert socket.gethostname() == metadata.hostname
    assert best < 5e-3
