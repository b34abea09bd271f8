"""The figures of issue [pods]: starts, many pods, idling, replacement, memory."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nodeagent.adapters.cri.connect import open_cri
from nodeagent.errors import CriUnavailable
from tests.bench.agent import Agent, Usage, first_call
from tests.bench.bare import bare_many, bare_restart, bare_single, remove_all
from tests.bench.watch import TaskWatch
from tests.e2e.runtime import Runtime

Figures = dict[str, Any]
Say = Callable[[str], None]
PARALLEL = (4, 8, 16, 32)
SINGLES = 7
IDLE_SECONDS = 30.0


def bare_figures(runtime: Runtime, *, pods: int, say: Say) -> Figures:
    """What the runtime takes by itself, at several parallelisms."""
    say("bare CRI calls, one pod")
    single = asyncio.run(bare_single(runtime, rounds=SINGLES))
    restart = asyncio.run(bare_restart(runtime, rounds=SINGLES))
    many = {}
    for parallel in PARALLEL:
        say(f"bare CRI calls, {pods} pods, {parallel} at a time")
        many[str(parallel)] = round(
            asyncio.run(bare_many(runtime, pods=pods, parallel=parallel)), 2
        )
    return {
        "one_pod_s": _median(single),
        "one_restart_s": _median(restart),
        f"pods_{pods}_s_by_parallelism": many,
        f"pods_{pods}_best_s": min(many.values()),
    }


def agent_figures(runtime: Runtime, *, counts: tuple[int, ...], kubelet: str, say: Say) -> Figures:
    """All figures of one agent."""
    agent = Agent(runtime, kubelet=kubelet)
    figures: Figures = {}
    say("process start to first CRI call")
    figures["first_cri_call_s"] = _median([first_call(agent) for _ in range(3)])
    agent.prepare()
    agent.start()
    watch = TaskWatch(runtime)
    try:
        time.sleep(8 if kubelet else 3)
        figures["rss_0_pods_mib"] = round(agent.usage().rss_mib, 1)
        say("one pod, several times")
        figures["file_to_running_s"] = _median(_singles(agent, watch))
        say("killed container to its replacement")
        figures["killed_to_running_s"] = _median(_replacements(agent, watch))
        _empty(agent, runtime)
        for count in counts:
            say(f"{count} pods at once")
            figures |= _many(agent, watch, count, say)
            _empty(agent, runtime)
    finally:
        watch.close()
        agent.stop()
        asyncio.run(_clear(runtime))
    return figures


def _singles(agent: Agent, watch: TaskWatch) -> list[float]:
    took = []
    for number in range(SINGLES):
        watch.clear()
        began = agent.write([f"single-{number}"])
        took.append(watch.wait_starts(2, patience=60) - began)
        time.sleep(0.7)
    return took


def _replacements(agent: Agent, watch: TaskWatch) -> list[float]:
    """Kill containers of different pods: the first exit of each restarts at once."""
    took = []
    for pid in _sleepers(agent)[:SINGLES]:
        watch.clear()
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        took.append(watch.wait_starts(1, patience=60) - began)
        time.sleep(0.7)
    return took


def _sleepers(agent: Agent) -> list[int]:
    """Container processes of the agent's pods, by their cgroup."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            cgroup = (folder / "cgroup").read_text()
        except OSError:
            continue
        if command.startswith(b"sleep\x001000000") and agent.runtime.cgroup_root in cgroup:
            found.append(int(folder.name))
    return found


def _many(agent: Agent, watch: TaskWatch, count: int, say: Say) -> Figures:
    watch.clear()
    before = agent.usage()
    began = agent.write([f"many-{count}-{n}" for n in range(count)])
    ended = watch.wait_starts(2 * count, patience=300)
    time.sleep(1.0)
    after = agent.usage()
    say(f"{count} pods idle")
    time.sleep(5.0)
    idle = _idle(agent)
    return {
        f"pods_{count}_s": round(ended - began, 2),
        f"pods_{count}_cpu_s": round(after.cpu - before.cpu, 2),
        f"pods_{count}_idle_cpu_percent": idle[0],
        f"pods_{count}_idle_switches_per_s": idle[1],
        f"pods_{count}_rss_mib": round(agent.usage().rss_mib, 1),
    }


def _idle(agent: Agent) -> tuple[float, float]:
    before: Usage = agent.usage()
    time.sleep(IDLE_SECONDS)
    after = agent.usage()
    span = after.at - before.at
    percent = (after.cpu - before.cpu) / span * 100
    return round(percent, 2), round((after.switches - before.switches) / span, 1)


def _empty(agent: Agent, runtime: Runtime) -> None:
    agent.remove_all()
    deadline = time.perf_counter() + 180
    while time.perf_counter() < deadline:
        if not asyncio.run(_count(runtime)):
            return
        time.sleep(0.3)
    raise TimeoutError("pods of removed manifests are still there after three minutes")


async def _count(runtime: Runtime) -> int:
    """Sandboxes that still run; a kubelet leaves dead ones for its collector."""
    try:
        async with open_cri(runtime.endpoint) as cri:
            pods = await cri.sight.list_pods()
    except CriUnavailable:  # it is busy removing
        return 1
    return sum(box.ready for pod in pods for box in pod.sandboxes)


async def _clear(runtime: Runtime) -> None:
    async with open_cri(runtime.endpoint) as cri:
        await remove_all(cri)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)
