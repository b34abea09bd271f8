"""Real cgroups for pods that nobody runs: what the kernel adds to a reading, without a runtime."""

import os
import secrets
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodeagent.adapters.cgroupfs.detect import Layout, detect
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox
from tests.fakes.cgroup_trees import V1_CONTROLLERS, Tree

PARENT = "kubepods/besteffort"
PATIENCE = 10.0


@contextmanager
def kernel_tree(pods: int) -> Iterator[tuple[str, Tree]]:
    """Cgroups with a process in each container, and a network in each sandbox; and their root.

    For cgroup v1 alone. Nothing of it is left afterwards.
    """
    found = detect()
    if found.version != 1:
        raise SystemExit("real cgroups are made on cgroup v1 only; this machine has v2")
    known = frozenset(V1_CONTROLLERS)
    layout = Layout(hierarchies=tuple(h for h in found.hierarchies if h.controllers & known))
    root = f"/nodeagent-bench-{os.getpid()}"
    processes: list[subprocess.Popen[bytes]] = []
    tops = [Path(h.mount + root) for h in layout.hierarchies]
    try:
        made = tuple(_pod(tops, number, processes) for number in range(pods))
        yield root, Tree(layout=layout, proc=Path("/proc"), pods=made)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        for top in tops:
            _remove(top)


def _pod(tops: list[Path], number: int, processes: list[subprocess.Popen[bytes]]) -> ObservedPod:
    uid, box, container = uuid.uuid4().hex, secrets.token_hex(32), secrets.token_hex(32)
    for id_, words in ((box, ["unshare", "--net"]), (container, list[str]())):
        process = subprocess.Popen([*words, "sleep", "1000000"])
        processes.append(process)
        for top in tops:
            folder = top / PARENT / f"pod{uid}" / id_
            folder.mkdir(parents=True)
            (folder / "cgroup.procs").write_text(str(process.pid))
    now = time.time()
    return ObservedPod(
        uid=PodUid(uid),
        name=f"scraped-{number}-bench",
        namespace="default",
        sandboxes=(SeenSandbox(id=SandboxId(box), attempt=0, ready=True, created_at=now),),
        containers=(
            SeenContainer(
                id=ContainerId(container),
                name="main",
                sandbox_id=SandboxId(box),
                attempt=0,
                restart_count=0,
                phase=Phase.RUNNING,
                created_at=now,
                started_at=now,
                image="registry.example/app:1",
            ),
        ),
    )


def _remove(top: Path) -> None:
    """A cgroup can be removed a moment after its last process has gone."""
    deadline = time.monotonic() + PATIENCE
    folders = [Path(folder) for folder, _, _ in os.walk(top, topdown=False)]
    for folder in folders:
        while True:
            try:
                folder.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
