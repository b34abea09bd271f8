"""Drains, and commands on every containerd: each test with an agent of its own."""

import asyncio
import time
from typing import Any

from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.channel import open_channel
from nodeagent.adapters.cri.containers import CriContainers
from nodeagent.adapters.cri.remote import Wiring, run_remote
from nodeagent.model.ids import ContainerId
from tests.e2e.agent import running_agent
from tests.e2e.pods import IDLE, container, pod, ready
from tests.e2e.runtime import Runtime


def test_drain_empties_the_node_in_order_and_undo_fills_it_again(runtime: Runtime) -> None:
    with running_agent(runtime) as agent:
        slow = "trap 'sleep 1; exit 0' TERM; while :; do sleep 1000 & wait $!; done"
        agent.write(
            pod("plain", container(slow)),
            pod("important", container(IDLE), priorityClassName="system-node-critical"),
        )
        for name in ("plain", "important"):
            agent.wait(name, ready)
        done = agent.run("drain")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split()[-1] for line in lines[:2]] == [
            "default/plain-node",
            "default/important-node",
        ]
        assert lines[2].startswith("the node is empty")
        agent.assert_no_trace()

        agent.restart()
        time.sleep(1)
        assert agent.pods() == {}
        assert "the node is empty" in agent.run("drain", "--status").stdout

        agent.write(pod("late"))
        assert agent.run("drain", "--undo").returncode == 0
        for name in ("plain", "important", "late"):
            agent.wait(name, ready)
        assert agent.run("drain", "--status").stdout == "the node is not drained\n"


def test_drain_tells_who_is_left_when_its_time_is_over(runtime: Runtime) -> None:
    with running_agent(runtime) as agent:
        agent.write(pod("deaf", container("trap '' TERM; while :; do sleep 1; done")))
        agent.wait("deaf", ready)
        done = agent.run("drain", "--timeout", "1s")
        assert done.returncode == 1
        assert "left      default/deaf-node: Terminating, killed in" in done.stdout
        assert agent.run("drain").returncode == 0
        agent.run("drain", "--undo")


def test_every_containerd_streams_both_ways(each_runtime: Runtime) -> None:
    """The protocol alone, on a container made by plain calls of the agent's adapter."""
    with running_agent(each_runtime) as agent:
        agent.write(pod("one"))
        view = agent.wait("one", ready)
        out, err, code = asyncio.run(_stream(each_runtime, view.id_of("main")))
    assert (out, err, code) == (b"abc", b"err", 5)


async def _stream(runtime: Runtime, name: str) -> tuple[bytes, bytes, int]:
    channel = open_channel(runtime.endpoint)
    containers = CriContainers(RuntimeCalls(channel), timeout=10.0)
    command = ("sh", "-c", "cat; printf err >&2; exit 5")
    url = await containers.open_exec(ContainerId(name), command, stdin=True, tty=False)
    out, err = bytearray(), bytearray()

    async def source() -> Any:
        yield b"abc"

    code = await run_remote(url, Wiring(out=out.extend, err=err.extend, source=source()))
    await channel.close(None)
    return bytes(out), bytes(err), code


def test_a_hangup_reloads_limits_and_says_what_needs_a_restart(runtime: Runtime) -> None:
    with running_agent(runtime, kubelet={"maxPods": 1}) as agent:
        agent.write(pod("first"))
        agent.wait("first", ready)
        agent.kubelet |= {"maxPods": 2, "podLogsDir": "/elsewhere"}
        agent.configure()
        agent.hang_up()
        agent.until(lambda: agent.said("configuration reloaded") == 1, what="the reload")
        assert agent.said("kubelet.maxPods: 1 -> 2") == 1
        assert agent.said("setting needs a restart of the agent") == 2  # the field and the path
        agent.write(pod("second"))
        agent.wait("second", ready)
        agent.kubelet |= {"maxPods": "many"}
        agent.configure()
        agent.hang_up()
        agent.until(lambda: agent.said("the old one stays") == 1, what="the refusal")
