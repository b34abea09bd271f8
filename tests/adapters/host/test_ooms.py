"""The kernel's log of out-of-memory kills, read for one container."""

import os
from pathlib import Path

import pytest

from nodeagent.adapters.host.ooms import KernelOoms, parse_kills
from nodeagent.aio.threads import Threads
from nodeagent.model.ends import OomScope
from nodeagent.model.ids import ContainerId

CONTAINER = ContainerId("b3f1" * 16)
POD = "/kubepods/burstable/pod0d4c5b6e-1111-2222-3333-444455556666"
HEAD = "6,17485,4752696784,-;oom-kill:constraint="
MEMCG = HEAD + "CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg={limited},"
TAIL = "task_memcg={victim},task={task},pid=30319,uid=0"
GLOBAL = HEAD + "CONSTRAINT_NONE,nodemask=(null),cpuset=x,mems_allowed=0,global_oom," + TAIL


def record(limited: str = "", task: str = "python3", victim: str = f"{POD}/{CONTAINER}") -> str:
    form = MEMCG + TAIL if limited else GLOBAL
    return form.format(limited=limited, victim=victim, task=task)


@pytest.mark.parametrize(
    ("limited", "scope"),
    [
        (f"{POD}/{CONTAINER}", OomScope.CONTAINER),
        (f"{POD}/{CONTAINER}/inner", OomScope.CONTAINER),
        (f"/x.slice/x-pod0d4c.slice/cri-containerd-{CONTAINER}.scope", OomScope.CONTAINER),
        (POD, OomScope.POD),
        ("/kubepods.slice/kubepods-pod0d4c_5b6e.slice", OomScope.POD),
        ("/kubepods/burstable", OomScope.PODS),
        ("/kubepods", OomScope.PODS),
        ("", OomScope.NODE),
    ],
)
def test_the_log_says_whose_memory_had_run_out(limited: str, scope: OomScope) -> None:
    (kill,) = parse_kills([record(limited)])
    assert (kill.scope(CONTAINER), kill.pid, kill.process) == (scope, 30319, "python3")
    assert kill.uptime == pytest.approx(4752.696784)


def test_other_lines_and_odd_names_do_not_confuse() -> None:
    lines = ["6,1,2,-;Killed process 3 (x)", " SUBSYSTEM=memory", "", record(POD, task="a,pid=1 b")]
    (kill,) = parse_kills(lines)
    assert (kill.process, kill.pid) == ("a,pid=1 b", 30319)


async def test_the_log_is_read_again_only_after_the_kernel_counted_a_kill(tmp_path: Path) -> None:
    kmsg, vmstat = tmp_path / "kmsg", tmp_path / "vmstat"
    vmstat.write_text("pgfault 5\noom_kill 0\n")
    kmsg.write_text(record())
    threads = Threads(1)
    ooms = KernelOoms(threads, kmsg=kmsg, vmstat=vmstat)
    assert await ooms.find(CONTAINER) is None
    vmstat.write_text("pgfault 5\noom_kill 1\n")
    found = await ooms.find(CONTAINER)
    assert found is not None and found.scope is OomScope.NODE
    kmsg.write_text("")
    again = await ooms.find(CONTAINER)
    assert again is not None and again.pid == found.pid
    assert await ooms.find(ContainerId("another")) is None
    threads.close()


async def test_a_log_that_may_not_be_read_is_no_answer(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("oom_kill 1\n")
    threads = Threads(1)
    assert await KernelOoms(threads, kmsg=tmp_path / "no", vmstat=vmstat).find(CONTAINER) is None
    vmstat.write_text("nothing of it\n")
    assert await KernelOoms(threads, kmsg=tmp_path / "no", vmstat=vmstat).find(CONTAINER) is None
    threads.close()


@pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="the kernel's log is not readable")
async def test_the_real_log_can_be_read_to_its_end() -> None:
    threads = Threads(1)
    assert await KernelOoms(threads).find(ContainerId("no such container")) is None
    threads.close()


async def test_kills_for_the_machines_own_memory_are_told_once(tmp_path: Path) -> None:
    kmsg, vmstat = tmp_path / "kmsg", tmp_path / "vmstat"

    def kill(count: int, *, limited: str = "", uptime: int = 0) -> None:
        vmstat.write_text(f"oom_kill {count}\n")
        line = record(limited, task=f"task{count}").replace("4752696784", str(uptime))
        kmsg.write_text(f"{kmsg.read_text()}{line}\n")

    kmsg.write_text("")
    kill(1, uptime=1_000_000)
    threads = Threads(1)
    ooms = KernelOoms(threads, kmsg=kmsg, vmstat=vmstat)
    assert await ooms.system_kills() == ()
    kill(2, uptime=2_000_000)
    kill(3, uptime=3_000_000, limited=POD)
    (told,) = await ooms.system_kills()
    assert (told.process, told.scope) == ("task2", OomScope.NODE)
    assert await ooms.system_kills() == ()
    threads.close()
