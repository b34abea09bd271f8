"""`plan`, `restart`, `drain` and `exec` against an agent on a real socket."""

from pathlib import Path

import msgspec
import pytest

from nodeagent.core.foresee import Future
from nodeagent.model.drain import Left
from nodeagent.model.ids import PodUid
from tests.cli.agent_cli import nodeagent
from tests.fakes.acting_node import BROKEN, REFUSED, ActingNode
from tests.fakes.local_node import a_pod, running, serving, waiting


@pytest.fixture
def node(tmp_path: Path) -> ActingNode:
    return ActingNode(tmp_path)


async def test_plan_tells_what_stops_starts_differs_and_is_missing(
    node: ActingNode, tmp_path: Path
) -> None:
    (tmp_path / "web.yaml").write_text("kind: Pod\n")
    async with serving(node):
        ran = await nodeagent("plan", str(tmp_path / "web.yaml"), socket=node.socket)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "pod default/web-node1 would be replaced",
        "  stops    web (within 30s)",
        "  starts   web",
        '  changes  spec.containers[web].image: "a" -> "b"',
        "  image    b:1 is not on this node: it would be pulled",
        "  image    a is here (3 MiB) and would be asked for anew",
    ]
    ((file,),) = node.asked
    assert (file.origin, file.text) == (str(tmp_path / "web.yaml"), b"kind: Pod\n")


async def test_plan_of_what_cannot_run_is_exit_code_1_with_a_code_to_look_up(
    node: ActingNode,
) -> None:
    node.future = Future(pods=(REFUSED,), problems=(BROKEN,))
    async with serving(node):
        ran = await nodeagent("plan", "/no/such.yaml", socket=node.socket)
    assert ran.code == 1
    assert "because  no free ports (NodePorts) [nodeagent help NA2002]" in ran.out
    assert "clash    a host port is taken by pod default/web-node1" in ran.out
    assert "/tmp/bad.yaml:1:1: kind: is missing" in ran.out
    assert node.asked[0][0].trouble == "cannot be read: No such file or directory"


async def test_plan_is_also_a_document(node: ActingNode, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("x")
    async with serving(node):
        ran = await nodeagent("plan", "-o", "json", str(tmp_path), socket=node.socket)
    document = msgspec.json.decode(ran.out)
    assert document["pods"][0]["act"] == "replace"
    assert document["problems"] == []


async def test_restart_names_what_it_restarts(node: ActingNode) -> None:
    node.pods = [a_pod("web-node1", running("a"), running("b"))]
    async with serving(node):
        every = await nodeagent("restart", "web", socket=node.socket)
        one = await nodeagent("restart", "web", "-c", "b", socket=node.socket)
        wrong = await nodeagent("restart", "web", "-c", "z", socket=node.socket)
    assert (every.code, every.out) == (0, "restarting a, b of default/web-node1\n")
    assert one.out == "restarting b of default/web-node1\n"
    assert node.restarted == [(PodUid("uid-web-node1"), ""), (PodUid("uid-web-node1"), "b")]
    assert (wrong.code, "there are: [a b]" in wrong.err) == (1, True)


async def test_restart_of_a_pod_that_is_over_is_refused(node: ActingNode) -> None:
    node.pods = [a_pod("job-node1", running(), phase="Succeeded")]
    async with serving(node):
        ran = await nodeagent("restart", "job", socket=node.socket)
    assert ran.code == 1
    assert "is over (Succeeded)" in ran.err
    assert node.restarted == []


async def test_drain_waits_and_names_each_pod_as_it_ends(node: ActingNode) -> None:
    node.left = [Left(namespace="default", name=name, state="Running") for name in ("a", "b")]
    async with serving(node):
        ran = await nodeagent("drain", socket=node.socket)
        undone = await nodeagent("drain", "--undo", socket=node.socket)
        status = await nodeagent("drain", "--status", socket=node.socket)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[:2] == ["ended     default/a", "ended     default/b"]
    assert "--undo" in ran.out.splitlines()[2]
    assert (undone.code, status.out) == (0, "the node is not drained\n")


async def test_a_drain_that_takes_too_long_names_who_is_left(node: ActingNode) -> None:
    node.left = [Left(namespace="default", name="deaf", state="Terminating", until=9e9)]
    node.stuck = True
    async with serving(node):
        ran = await nodeagent("drain", "--timeout", "500ms", socket=node.socket)
        later = await nodeagent("drain", "--no-wait", socket=node.socket)
    assert ran.code == 1
    assert "left      default/deaf: Terminating, killed in " in ran.out
    assert "1 pods are left" in ran.err
    assert later.code == 0


async def test_a_drain_that_cannot_begin_says_why(node: ActingNode) -> None:
    node.trouble = "read-only file system"
    async with serving(node):
        ran = await nodeagent("drain", socket=node.socket)
    assert (ran.code, "read-only file system" in ran.err) == (1, True)


async def test_undo_goes_with_no_other_option(node: ActingNode) -> None:
    ran = await nodeagent("drain", "--undo", "--status", socket=node.socket)
    assert ran.code == 2


async def test_exec_asks_for_the_command_as_it_is(node: ActingNode) -> None:
    words = ("exec", "-i", "web", "--", "sh", "-c", "a && b", "--", "-x", "")
    async with serving(node):
        ran = await nodeagent(*words, socket=node.socket)
    (wish,) = node.commands
    assert wish.command == ("sh", "-c", "a && b", "--", "-x", "")
    assert (wish.container, wish.stdin, wish.tty) == ("web-0", True, False)
    assert ran.code == 1
    assert "streaming server does not answer" in ran.err


async def test_exec_into_what_does_not_run_is_refused(node: ActingNode) -> None:
    node.pods = [a_pod("web-node1", waiting(reason="CrashLoopBackOff"))]
    async with serving(node):
        ran = await nodeagent("exec", "web", "--", "true", socket=node.socket)
    assert (ran.code, "is not running" in ran.err) == (1, True)
    assert node.commands == []


async def test_exec_tells_the_runtimes_refusal(node: ActingNode) -> None:
    node.trouble = "connection refused"
    async with serving(node):
        ran = await nodeagent("exec", "web", "--", "true", socket=node.socket)
    assert (ran.code, "connection refused" in ran.err) == (1, True)


async def test_exec_without_a_command_is_wrong_usage(node: ActingNode) -> None:
    assert (await nodeagent("exec", "web", socket=node.socket)).code == 2
    assert (await nodeagent("exec", "web", "--", socket=node.socket)).code == 2


async def test_exec_leaves_the_terminal_out_where_there_is_none(node: ActingNode) -> None:
    async with serving(node):
        ran = await nodeagent("exec", "-it", "web", "--", "true", socket=node.socket)
    assert "-t is left out" in ran.err
    assert not node.commands[0].tty
