"""emptyDir, hostPath, sub paths and mount propagation, seen from inside and from the host."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.objects import sharing
from tests.e2e.pods import IDLE, Document, container, pod, ready, waits
from tests.e2e.runtime import Runtime, Runtimes


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def mounting(name: str, source: Document, *containers: Document, **mount: Any) -> Document:
    """A pod whose container mounts one volume at /data."""
    at = {"name": "data", "mountPath": "/data", **mount}
    made = containers or (container(volumeMounts=[at]),)
    return pod(name, *made, volumes=[{"name": "data", **source}])


def mount_of(agent: Agent, name: str) -> list[str]:
    """The fields of the line of /data in the container's mounts."""
    lines = agent.sh(name, "grep ' /data ' /proc/self/mountinfo").splitlines()
    return lines[-1].split()


def failure(agent: Agent, name: str) -> str:
    """The text of the event that says why a volume cannot be had."""
    found: list[str] = []

    def told() -> bool:
        found[:] = [text for reason, text in agent.events(name) if reason == "FailedMount"]
        return bool(found)

    agent.until(told, what=f"FailedMount of {name}", within=10)
    view = agent.pod(name)
    assert view is not None
    assert (view.phase, view.waiting()) == ("Pending", "ContainerCreating")
    return found[-1]


def test_an_empty_dir_is_shared_by_containers_and_survives_their_restart(agent: Agent) -> None:
    at = [{"name": "data", "mountPath": "/data"}]
    once = f"test -e /data/x && {{ {IDLE}; }}; touch /data/x; exit 1"
    agent.write(
        mounting(
            "shared",
            {"emptyDir": {}},
            container(once, volumeMounts=at),
            container(name="other", volumeMounts=at),
        )
    )
    view = agent.wait("shared", lambda v: v.is_ready and v.restarts() == 1)
    assert agent.sh("shared", "ls /data", container="other").split() == ["x"]
    assert agent.sh("shared", "stat -c %a /data").strip() == "777"
    inside = agent.pod_dir(view) / "volumes/kubernetes.io~empty-dir/data"
    assert [path.name for path in inside.iterdir()] == ["x"]


def test_an_empty_dir_in_memory_has_the_size_asked_for(agent: Agent) -> None:
    agent.write(mounting("memory", {"emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}))
    agent.wait("memory", ready)
    assert mount_of(agent, "memory")[-3] == "tmpfs"
    assert "size=8192k" in mount_of(agent, "memory")[-1]
    said = agent.sh("memory", "dd if=/dev/zero of=/data/x bs=1M count=9 2>&1 || true")
    assert "No space left" in said


def test_a_host_path_is_the_hosts(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from the host\n")
    agent.write(mounting("host", {"hostPath": {"path": str(tmp_path), "type": "Directory"}}))
    agent.wait("host", ready)
    assert agent.sh("host", "cat /data/file; echo back > /data/answer") == "from the host\n"
    assert (tmp_path / "answer").read_text() == "back\n"
    agent.remove("host")
    agent.wait_gone("host")
    assert (tmp_path / "file").exists()


def test_a_read_only_mount_cannot_be_written(agent: Agent, tmp_path: Path) -> None:
    agent.write(mounting("ro", {"hostPath": {"path": str(tmp_path)}}, readOnly=True))
    agent.wait("ro", ready)
    assert "Read-only" in agent.sh("ro", "touch /data/x 2>&1 || true")


def test_host_paths_are_made_where_asked(agent: Agent, tmp_path: Path) -> None:
    wanted = {"folder": "DirectoryOrCreate", "file": "FileOrCreate"}
    for name, kind in wanted.items():
        agent.write(
            mounting(f"make{name}", {"hostPath": {"path": str(tmp_path / name), "type": kind}})
        )
    for name in wanted:
        agent.wait(f"make{name}", ready)
    assert ((tmp_path / "folder").stat().st_mode & 0o777, (tmp_path / "folder").is_dir()) == (
        0o755,
        True,
    )
    assert ((tmp_path / "file").stat().st_mode & 0o777, (tmp_path / "file").is_file()) == (
        0o644,
        True,
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Directory", "directory"),
        ("File", "file"),
        ("Socket", "socket file"),
        ("CharDevice", "character device"),
        ("BlockDevice", "block device"),
    ],
)
def test_a_host_path_of_the_wrong_kind_is_refused_and_told(
    agent: Agent, tmp_path: Path, kind: str, words: str
) -> None:
    path = tmp_path / "thing"
    name = f"wrong{kind.lower()}"
    agent.write(mounting(name, {"hostPath": {"path": str(path), "type": kind}}))
    assert f"hostPath type check failed: {path} is not a {words}" in failure(agent, name)
    _make(path, kind)
    if kind != "BlockDevice":
        agent.wait(name, ready)
    agent.remove(name)
    agent.wait_gone(name)


def _make(path: Path, kind: str) -> None:
    """What a pod waits for; it starts by itself when it comes."""
    if kind == "Directory":
        path.mkdir()
    elif kind == "File":
        path.touch()
    elif kind == "Socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind == "CharDevice":
        subprocess.run(["mknod", str(path), "c", "1", "3"], check=True)


def test_a_sub_path_shows_only_its_part_and_is_made_if_missing(agent: Agent) -> None:
    mounts = [
        {"name": "data", "mountPath": "/data"},
        {"name": "data", "mountPath": "/part", "subPath": "a/b"},
        {"name": "data", "mountPath": "/named", "subPathExpr": "$(NAME)"},
    ]
    env = [{"name": "NAME", "value": "named"}]
    agent.write(mounting("sub", {"emptyDir": {}}, container(volumeMounts=mounts, env=env)))
    view = agent.wait("sub", ready)
    found = agent.sh("sub", "touch /part/x /named/y; cd /data; find . -type f").split()
    assert sorted(found) == ["./a/b/x", "./named/y"]
    assert (agent.pod_dir(view) / "volume-subpaths/data/main/1").exists()
    agent.remove("sub")
    agent.wait_gone("sub")


def test_a_sub_path_that_leads_out_of_its_volume_is_refused(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "volume/out").symlink_to(tmp_path / "secret")
    source: Document = {"hostPath": {"path": str(tmp_path / "volume")}}
    agent.write(mounting("escape", source, subPath="out"))
    view = agent.wait("escape", waits("CreateContainerConfigError"))
    assert 'failed to prepare subPath for volumeMount "data" of container "main"' in (
        view.waiting_message()
    )
    assert str(tmp_path) not in view.waiting_message()
    agent.remove("escape")
    agent.wait_gone("escape")


def test_mounts_propagate_as_asked(agent: Agent) -> None:
    top = agent.root / "propagated"
    top.mkdir()
    with sharing(top):
        _propagate(agent, top)


def _propagate(agent: Agent, top: Path) -> None:
    source: Document = {"hostPath": {"path": str(top)}}
    at = {"name": "data", "mountPath": "/data"}
    agent.write(
        mounting(
            "both",
            source,
            container(
                securityContext={"privileged": True},
                volumeMounts=[{**at, "mountPropagation": "Bidirectional"}],
            ),
        ),
        mounting("down", source, mountPropagation="HostToContainer"),
        mounting("apart", source),
    )
    for name in ("both", "down", "apart"):
        agent.wait(name, ready)
    agent.sh("both", "mkdir /data/m && mount -t tmpfs tmpfs /data/m && touch /data/m/x")
    assert (top / "m/x").exists()
    assert agent.sh("down", "ls /data/m").split() == ["x"]
    assert agent.sh("apart", "ls /data/m").split() == []
    agent.sh("both", "umount /data/m")
    agent.remove("both", "down", "apart")
    agent.wait_gone("both", "down", "apart")


def test_containers_of_a_pod_share_a_mount_in_a_volume_and_leave_none(agent: Agent) -> None:
    before = _mounts(agent)
    at = {"name": "data", "mountPath": "/data"}
    agent.write(
        mounting(
            "inside",
            {"emptyDir": {}},
            container(
                "mkdir /data/m && mount -t tmpfs tmpfs /data/m && touch /data/m/x; " + IDLE,
                name="first",
                securityContext={"privileged": True},
                volumeMounts=[{**at, "mountPropagation": "Bidirectional"}],
            ),
            container(volumeMounts=[{**at, "mountPropagation": "HostToContainer"}]),
        )
    )
    view = agent.wait("inside", ready)
    agent.until(lambda: agent.sh("inside", "ls /data/m").split() == ["x"], what="the mount")
    assert any(f"{view.uid}" in point and point.endswith("/m") for point in _mounts(agent))
    agent.remove("inside")
    agent.wait_gone("inside")
    assert _mounts(agent) == before
    assert not agent.pod_dir(view).exists()


def _mounts(agent: Agent) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(at for line in lines if (at := line.split()[4]).startswith(f"{agent.state}/"))


def test_read_only_all_the_way_down_is_had_where_the_runtime_can(
    agent: Agent, tmp_path: Path
) -> None:
    source = {"hostPath": {"path": str(tmp_path)}}
    agent.write(
        mounting("wished", source, readOnly=True, recursiveReadOnly="IfPossible"),
        mounting("needed", source, readOnly=True, recursiveReadOnly="Enabled"),
    )
    agent.wait("wished", ready)
    view = agent.wait(
        "needed", lambda view: view.is_ready or view.waiting() == "CreateContainerConfigError"
    )
    assert "Read-only" in agent.sh("wished", "touch /data/x 2>&1 || true")
    if view.is_ready:
        assert "Read-only" in agent.sh("needed", "touch /data/x 2>&1 || true")
    else:
        assert "but it is not supported by the runtime" in view.waiting_message()
    agent.remove("wished", "needed")
    agent.wait_gone("wished", "needed")


def test_read_only_all_the_way_down_closes_what_is_mounted_below(
    runtimes: Runtimes, tmp_path: Path
) -> None:
    top, below = tmp_path / "top", tmp_path / "top/below"
    below.mkdir(parents=True)
    source = {"hostPath": {"path": str(top)}}
    with sharing(top), running_agent(runtimes.get("forky")) as agent:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(below)], check=True)
        agent.write(
            mounting("shut", source, readOnly=True, recursiveReadOnly="Enabled"),
            mounting("ajar", source, readOnly=True),
        )
        view = agent.wait("shut", ready)
        agent.wait("ajar", ready)
        assert "Read-only" in agent.sh("shut", "touch /data/below/x 2>&1 || true")
        assert agent.sh("ajar", "touch /data/x 2>/dev/null || touch /data/below/x && echo ok") == (
            "ok\n"
        )
        (mounted,) = view.containers["main"]["volumeMounts"]
        assert mounted["recursiveReadOnly"] == "Enabled"


def test_logs_lie_where_a_kubelet_puts_them_with_their_links(agent: Agent) -> None:
    agent.write(pod("logs", container("echo first; test -e /tmp/x; exit 1"),
                    annotations={"crashloop.nodeagent.dev/initial": "0.2s"}))  # fmt: skip
    view = agent.wait("logs", lambda v: v.restarts() >= 1 and v.state() != "running")
    folder = agent.logs_dir / f"default_{view.name}_{view.uid}" / "main"
    agent.until(lambda: (folder / "1.log").exists(), what="the second log")
    assert (folder / "1.log").read_text().split()[1:] == ["stdout", "F", "first"]
    view = agent.wait("logs", lambda v: bool(v.id_of("main")))
    links = Path("/var/log/containers").glob(f"{view.name}_default_main-*.log")
    assert {link.readlink().parent for link in links} == {folder}
    agent.remove("logs")
    agent.wait_gone("logs")
    assert not folder.parent.exists()
