"""Folders with the files of cgroups as kernels write them, for pods that the runtime knows."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from nodeagent.adapters.cgroupfs.detect import Hierarchy, Layout
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox

AT = 1_800_000_000.0
V1_CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids")
V1_FILES: Mapping[str, Mapping[str, str]] = {
    "cpuacct": {"cpuacct.usage": "1234567890\n", "cpuacct.stat": "user 100\nsystem 23\n"},
    "cpu": {
        "cpu.stat": "nr_periods 50\nnr_throttled 7\nthrottled_time 800000000\nnr_bursts 2\n"
        "burst_time 3000000\n",
        "cpu.shares": "512\n",
        "cpu.cfs_quota_us": "50000\n",
        "cpu.cfs_period_us": "100000\n",
    },
    "memory": {
        "memory.usage_in_bytes": "73400320\n",
        "memory.max_usage_in_bytes": "83886080\n",
        "memory.kmem.usage_in_bytes": "1048576\n",
        "memory.failcnt": "3\n",
        "memory.limit_in_bytes": "104857600\n",
        "memory.memsw.limit_in_bytes": "209715200\n",
        "memory.soft_limit_in_bytes": "9223372036854771712\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        "memory.stat": "cache 1\nrss 2\npgfault 11\npgmajfault 12\ninactive_file 3\n"
        "total_cache 20971520\ntotal_rss 41943040\ntotal_mapped_file 4096\ntotal_swap 8192\n"
        "total_pgfault 2100\ntotal_pgmajfault 21\ntotal_inactive_anon 5\ntotal_active_anon 6\n"
        "total_inactive_file 10485760\ntotal_active_file 5242880\n",
    },
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": "254:0 Read 4096\n254:0 Write 8192\n"
        "254:0 Sync 1\n254:0 Async 2\n254:0 Discard 0\n254:0 Total 12288\nTotal 12288\n",
        "blkio.throttle.io_serviced_recursive": "254:0 Read 1\n254:0 Write 2\n254:0 Total 3\n"
        "Total 3\n",
    },
    "pids": {"cgroup.procs": "", "pids.current": "5\n", "pids.max": "100\n"},
}
_PSI = "some avg10=1.50 avg60=0.75 avg300=0.10 total=2500000\n"
V2_FILES: Mapping[str, str] = {
    "cpu.stat": "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\nnr_periods 50\n"
    "nr_throttled 7\nthrottled_usec 800000\nnr_bursts 2\nburst_usec 3000\n",
    "cpu.weight": "20\n",
    "cpu.max": "50000 100000\n",
    "memory.current": "73400320\n",
    "memory.peak": "83886080\n",
    "memory.max": "104857600\n",
    "memory.min": "0\n",
    "memory.swap.current": "8192\n",
    "memory.swap.max": "104857600\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n",
    "memory.stat": "anon 41943040\nfile 20971520\nkernel 1048576\nfile_mapped 4096\n"
    "inactive_anon 5\nactive_anon 6\ninactive_file 10485760\nactive_file 5242880\n"
    "pgfault 2100\npgmajfault 21\n",
    "io.stat": "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0 cost.usage=500000\n"
    "254:16\n",
    "cpu.pressure": _PSI + "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "memory.pressure": _PSI + "full avg10=0.50 avg60=0.25 avg300=0.05 total=1000000\n",
    "io.pressure": _PSI + "full avg10=0.50 avg60=0.25 avg300=0.05 total=1000000\n",
    "cgroup.procs": "",
    "pids.current": "5\n",
    "pids.max": "max\n",
}
PARENTS = ("/kubepods", "/kubepods/burstable", "/kubepods/besteffort")
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 900 9 0 0 0 0 0 0 900 9 0 0 0 0 0 0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
"""  # noqa: E501
STAT = "{pid} (a (b) c) S 1 1 1 0 -1 4194304 0 0\n"
LIMITS = "Limit                     Soft Limit           Hard Limit           Units\n"
LIMITS += "Max open files            1024                 1048576              files\n"
MEMINFO = "MemTotal: 1000 kB\nMemFree: 400 kB\nSwapTotal: 100 kB\nSwapFree: 90 kB\n"


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A tree of one version, with the folder that stands for /proc and the pods in it."""

    layout: Layout
    proc: Path
    pods: tuple[ObservedPod, ...]

    @property
    def sandboxes(self) -> dict[str, bool]:
        """Ids of sandboxes; all have a network of their own."""
        return {box.id: True for pod in self.pods for box in pod.sandboxes}

    def folders(self, path: str) -> list[Path]:
        """Where a cgroup is, in each hierarchy."""
        mounts = [self.layout.unified] if self.layout.version == 2 else []
        mounts += [hierarchy.mount for hierarchy in self.layout.hierarchies]
        return [Path(mount + path) for mount in mounts]


def make_tree(folder: Path, *, version: int, pods: int = 1, containers: int = 1) -> Tree:
    """Write a tree of `pods` burstable pods."""
    if version == 1:
        layout = Layout(
            hierarchies=tuple(
                Hierarchy(mount=str(folder / name), controllers=frozenset((name,)))
                for name in V1_CONTROLLERS
            )
        )
    else:
        layout = Layout(unified=str(folder / "unified"))
    proc = folder / "proc"
    (proc / "pressure").mkdir(parents=True)
    for name in ("cpu", "memory", "io"):
        (proc / "pressure" / name).write_text(V2_FILES["io.pressure"])
    (proc / "meminfo").write_text(MEMINFO)
    _process(proc, "self")
    for path in ("", *PARENTS, "/system.slice"):
        _cgroup(layout, path)
    return Tree(
        layout=layout,
        proc=proc,
        pods=tuple(_pod(layout, proc, number, containers) for number in range(pods)),
    )


def _pod(layout: Layout, proc: Path, number: int, containers: int) -> ObservedPod:
    uid = f"{number:08x}-0000-4000-8000-000000000000"
    path = f"{PARENTS[1]}/pod{uid}"
    _cgroup(layout, path)
    box = f"{number:032x}{'b' * 32}"
    pid = str(1000 + 10 * number)
    _process(proc, pid)
    _cgroup(layout, f"{path}/{box}", pids=pid)
    seen = []
    for index in range(containers):
        id_ = f"{number:030x}{index:02x}{'c' * 32}"
        _cgroup(layout, f"{path}/{id_}", pids=pid)
        seen.append(
            SeenContainer(
                id=ContainerId(id_),
                name=f"main{index or ''}",
                sandbox_id=SandboxId(box),
                attempt=0,
                restart_count=0,
                phase=Phase.RUNNING,
                created_at=AT - 60,
                started_at=AT - 50,
                image="registry.example/app:1",
            )
        )
    return ObservedPod(
        uid=PodUid(uid),
        name=f"pod-{number}",
        namespace="default",
        sandboxes=(SeenSandbox(id=SandboxId(box), attempt=0, ready=True, created_at=AT - 70),),
        containers=tuple(seen),
    )


def _cgroup(layout: Layout, path: str, *, pids: str = "") -> None:
    if layout.version == 2:
        folder = Path(layout.unified + path)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in V2_FILES.items():
            if path or name in ("cpu.stat", "memory.stat", "io.stat"):
                (folder / name).write_text(text)
        (folder / "cgroup.procs").write_text(f"{pids}\n" if pids else "")
        return
    for hierarchy in layout.hierarchies:
        folder = Path(hierarchy.mount + path)
        folder.mkdir(parents=True, exist_ok=True)
        (controller,) = hierarchy.controllers
        for name, text in V1_FILES[controller].items():
            (folder / name).write_text(text)
        (folder / "cgroup.procs").write_text(f"{pids}\n" if pids else "")


def _process(proc: Path, pid: str) -> None:
    (proc / pid / "net").mkdir(parents=True)
    (proc / pid / "net" / "dev").write_text(NET_DEV)
    (proc / pid / "stat").write_text(STAT.format(pid=pid))
    (proc / pid / "limits").write_text(LIMITS)
    (proc / pid / "fd").mkdir()
    (proc / pid / "fd" / "0").symlink_to("/dev/null")
    (proc / pid / "fd" / "1").symlink_to("socket:[4711]")
