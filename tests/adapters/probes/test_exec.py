"""Exec probes: what the runtime's answers mean, and what is done at the deadline."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.probes.checks import ProbeChecks
from nodeagent.adapters.probes.exec import probe_exec
from nodeagent.adapters.probes.leftovers import end_command, since_boot
from nodeagent.adapters.probes.pressure import ProcPressure
from nodeagent.errors import CriUnavailable
from nodeagent.model.ids import ContainerId
from nodeagent.model.launch import ExecResult
from nodeagent.model.probes import (
    BrokenCheck,
    ExecCheck,
    HttpCheck,
    Outcome,
    ProbeResult,
    Target,
    TcpCheck,
)

CHECK = ExecCheck(command=("cat", "/tmp/healthy"))


class FakeRuntime:
    """Answers one way, after a while; knows whether its call was cancelled."""

    def __init__(self, answer: ExecResult | Exception, *, took: float = 0.0) -> None:
        self._answer, self._took = answer, took
        self.limit = 0.0
        self.cancelled = False

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        self.limit = limit
        try:
            await asyncio.sleep(self._took)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ExecResult(stdout=b"fine"), ProbeResult(outcome=Outcome.SUCCESS, output="fine")),
        (
            ExecResult(exit_code=1, stdout=b"out ", stderr=b"no such file"),
            ProbeResult(outcome=Outcome.FAILURE, output="out no such file"),
        ),
        (
            CriUnavailable(op="ExecSync", target="c1", detail="gone"),
            ProbeResult(outcome=Outcome.ERROR, output="ExecSync c1: gone"),
        ),
    ],
)
async def test_the_exit_code_decides_and_a_runtime_fault_is_an_error(
    answer: ExecResult | Exception, expected: ProbeResult
) -> None:
    assert await probe_exec(FakeRuntime(answer), CHECK, "c1", limit=1) == expected


async def test_long_output_is_cut() -> None:
    answer = ExecResult(exit_code=1, stdout=b"x" * 20000)
    result = await probe_exec(FakeRuntime(answer), CHECK, "c1", limit=1)
    assert len(result.output) == 10 * 1024


async def test_a_timeout_told_by_the_runtime_is_a_failure() -> None:
    runtime = FakeRuntime(ExecResult(exit_code=-1, timed_out=True))
    result = await probe_exec(runtime, CHECK, "c1", limit=1)
    assert (result.outcome, result.timed_out) == (Outcome.FAILURE, True)
    assert result.output == 'command timed out: "cat /tmp/healthy" timed out after 1s'


async def test_a_runtime_that_hangs_is_left_soon_after_the_deadline() -> None:
    runtime = FakeRuntime(ExecResult(), took=60)
    began = time.monotonic()
    result = await probe_exec(runtime, CHECK, "c1", limit=0.1)
    assert 0.1 <= time.monotonic() - began < 1.0
    assert runtime.cancelled
    assert runtime.limit > 0.1, "the runtime's own deadline is only a backstop"
    assert (result.outcome, result.timed_out) == (Outcome.FAILURE, True)


async def test_every_kind_of_check_finds_its_way() -> None:
    checks, target = ProbeChecks(FakeRuntime(ExecResult())), Target(container_id="c1", ip="::1")
    assert (await checks.check(CHECK, target, limit=1)).outcome is Outcome.SUCCESS
    for refused in (HttpCheck(port=1), TcpCheck(port=1)):
        assert "dial tcp [::1]:1" in (await checks.check(refused, target, limit=1)).output
    broken = await checks.check(BrokenCheck(detail="why"), target, limit=1)
    assert broken == ProbeResult(outcome=Outcome.ERROR, output="why")


class ProcTree:
    """A folder like /proc whose processes are real ones, claimed to be in a container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pid: int, *, container: str, parent: int | None = None) -> None:
        place = self.folder / str(pid)
        place.mkdir()
        real = Path(f"/proc/{pid}")
        head, _, rest = (real / "stat").read_text().rpartition(")")
        fields = rest.split()
        fields[1] = str(parent if parent is not None else fields[1])
        (place / "stat").write_text(f"{head}) {' '.join(fields)}")
        (place / "cmdline").write_bytes((real / "cmdline").read_bytes())
        (place / "cgroup").write_text(f"0::/kubepods/pod1/{container}\n")


@pytest.fixture
def tree(tmp_path: Path) -> ProcTree:
    (tmp_path / "meminfo").write_text("")
    return ProcTree(tmp_path)


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[bytes]]:
    """A shell in a session of its own with a child of its own."""
    command = ["sh", "-c", "sleep 777; true"]
    with subprocess.Popen(command, start_new_session=True) as process:
        while not _children(process.pid):
            time.sleep(0.01)
        yield process
        for pid in (*_children(process.pid), process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_command_is_ended_with_its_children(
    tree: ProcTree, shell: subprocess.Popen[bytes]
) -> None:
    (child,) = _children(shell.pid)
    tree.add(shell.pid, container="abc")
    tree.add(child, container="abc")
    command = ("sh", "-c", "sleep 777; true")
    assert end_command("abc", command, since=since_boot(), proc=tree.folder) == 2
    shell.wait(5)
    time.sleep(0.05)
    assert not _is_alive(child)


@pytest.mark.parametrize("why", ["another container", "begun before", "not alone and not alike"])
def test_nothing_is_ended_that_may_be_somebody_elses(
    tree: ProcTree, shell: subprocess.Popen[bytes], why: str
) -> None:
    tree.add(shell.pid, container="other" if why == "another container" else "abc")
    since = since_boot() + (60 if why == "begun before" else 0)
    with subprocess.Popen(["sleep", "778"]) as bystander:
        if why == "not alone and not alike":
            tree.add(bystander.pid, container="abc")
        assert end_command("abc", ("cat", "x"), since=since, proc=tree.folder) == 0
        assert _is_alive(shell.pid)
        assert _is_alive(bystander.pid)
        bystander.kill()


def test_pressure_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    assert ProcPressure(tmp_path).read() == {}
    (tmp_path / "cpu").write_text("some avg10=12.50 avg60=1.00 avg300=0.00 total=1\n")
    (tmp_path / "memory").write_text(
        "some avg10=3.00 avg60=0 avg300=0 total=1\nfull avg10=2.25 avg60=0 avg300=0 total=1\n"
    )
    assert ProcPressure(tmp_path).read() == {
        "cpu.some": 12.5,
        "memory.some": 3.0,
        "memory.full": 2.25,
    }
