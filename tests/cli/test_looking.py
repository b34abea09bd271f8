"""`ps`, `logs`, `events`, `describe`, `why` against an agent on a real socket."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.cli.client import DEFAULT_SOCKET
from nodeagent.model.desired import Problem
from nodeagent.settings.value import Paths
from tests.cli.agent_cli import nodeagent, on_a_terminal, start
from tests.fakes.local_node import (
    LocalNode,
    a_pod,
    an_event,
    at,
    ended,
    log_line,
    running,
    serving,
    waiting,
)

BROKEN = Problem(origin="/m/api.yaml", message="unknown field", line=4, column=3, pod="default/api")


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path)


def test_commands_look_for_the_agent_where_it_listens() -> None:
    assert Path(DEFAULT_SOCKET) == Paths().socket


async def test_ps_prints_aligned_rows(node: LocalNode) -> None:
    crash = waiting(reason="CrashLoopBackOff", restarts=4)
    node.pods = [a_pod(), a_pod("crash-node1", crash, phase="Pending")]
    async with serving(node):
        ran = await nodeagent("ps", socket=node.socket)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"],
        ["web-node1", "1/1", "Running", "0", "5m", "10.1.0.7"],
        ["crash-node1", "0/1", "CrashLoopBackOff", "4", "5m", "10.1.0.7"],
    ]
    starts = zip(ran.out.splitlines(), ("READY", "1/1", "0/1"), strict=True)
    assert len({line.index(word) for line, word in starts}) == 1
    assert "\x1b" not in ran.out


async def test_on_a_terminal_states_have_colours_and_names_are_never_cut(node: LocalNode) -> None:
    name = "a-pod-with-quite-a-long-name-node1"
    crash = waiting(reason="CrashLoopBackOff")
    node.pods = [a_pod(name), a_pod("crash-node1", crash)]
    async with serving(node):
        text = await on_a_terminal("ps", "-o", "wide", socket=node.socket, columns=40)
    assert f"uid-{name}" in text
    assert "\x1b[32mRunning" in text
    assert "\x1b[31mCrashLoopBackOff" in text


async def test_ps_shows_more_columns_namespaces_and_objects(node: LocalNode) -> None:
    node.pods.append(a_pod("dns-node1", namespace="kube-system"))
    async with serving(node):
        wide = await nodeagent("ps", "-o", "wide", socket=node.socket)
        one = await nodeagent("ps", "-n", "kube-system", socket=node.socket)
        json = await nodeagent("ps", "-o", "json", socket=node.socket)
        yaml = await nodeagent("ps", "-o", "yaml", socket=node.socket)
    assert wide.out.split()[:4] == ["NAMESPACE", "NAME", "READY", "STATUS"]
    assert "busybox" in wide.out
    assert "uid-web-node1" in wide.out
    assert [line.split()[0] for line in one.out.splitlines()] == ["NAME", "dns-node1"]
    assert msgspec.json.decode(json.out)["items"][0]["metadata"]["name"] == "web-node1"
    assert msgspec.yaml.decode(yaml.out) == msgspec.json.decode(json.out)


async def test_ps_names_manifests_that_cannot_be_used(node: LocalNode) -> None:
    running_too = Problem(origin="/m/web.yaml", message="bad", line=1, pod="default/web-node1")
    nameless = Problem(origin="/m/junk.yaml", message="no YAML")
    node.problems = [BROKEN, running_too, nameless]
    async with serving(node):
        ran = await nodeagent("ps", socket=node.socket)
    rows = {line.split()[0]: line.split()[1:3] for line in ran.out.splitlines()[1:]}
    assert rows == {
        "web-node1": ["1/1", "Running"],
        "api": ["0/0", "InvalidManifest"],
        "junk.yaml": ["0/0", "InvalidManifest"],
    }
    assert "not used: /m/api.yaml:4:3: unknown field" in ran.err
    assert "not used: /m/web.yaml:1: bad" in ran.err


async def test_ps_without_pods_says_what_to_do(node: LocalNode) -> None:
    node.pods = []
    async with serving(node):
        ran = await nodeagent("ps", socket=node.socket)
    assert (ran.code, ran.out) == (0, "")
    assert "manifest" in ran.err


async def test_ps_goes_on_with_changes(node: LocalNode) -> None:
    async with serving(node):
        process = await start("ps", "-w", socket=node.socket)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()).startswith(b"NAME")
            assert b"Running" in await process.stdout.readline()
            node.change_status(phase="Failed", reason="Evicted", containerStatuses=None)
            assert b"Evicted" in await process.stdout.readline()
            node.pods.clear()
            node.ring()
            assert b"Gone" in await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def test_without_an_agent_the_socket_and_the_remedy_are_named(node: LocalNode) -> None:
    ran = await nodeagent("ps", socket=node.socket)
    assert (ran.code, ran.out) == (3, "")
    assert str(node.socket) in ran.err
    assert "nodeagent run" in ran.err
    assert ran.err.count("\n") == 1


async def test_wrong_usage_is_exit_code_2(node: LocalNode) -> None:
    assert (await nodeagent("ps", "--colour", socket=node.socket)).code == 2
    assert (await nodeagent("logs", socket=node.socket)).code == 2
    wrong = await nodeagent("logs", "web", "--since", "soon", socket=node.socket)
    assert wrong.code == 2
    assert '"soon" is no duration' in wrong.err


@pytest.mark.parametrize("command", ["ps", "logs", "events", "describe", "why"])
async def test_every_command_explains_itself_and_its_exit_codes(
    node: LocalNode, command: str
) -> None:
    ran = await nodeagent(command, "--help", socket=node.socket)
    assert ran.code == 0
    assert "Exit codes: 0 done" in ran.out


async def test_logs_are_found_by_short_and_full_names(node: LocalNode) -> None:
    node.log_file().write_text(log_line("one") + log_line("two"))
    async with serving(node):
        for name in ("web", "web-node1", "default/web", "default/web-node1"):
            ran = await nodeagent("logs", name, socket=node.socket)
            assert (ran.code, ran.out, ran.err) == (0, "one\ntwo\n", ""), name
        tail = await nodeagent("logs", "web", "--tail", "1", "--timestamps", socket=node.socket)
        since = await nodeagent("logs", "web", "--since", "30s", socket=node.socket)
    assert tail.out == "2027-01-15T07:59:00.000000001Z two\n"
    assert since.out == ""


async def test_a_name_that_fits_none_or_several_is_refused(node: LocalNode) -> None:
    node.pods.append(a_pod("web-node1", namespace="other"))
    async with serving(node):
        several = await nodeagent("logs", "web", socket=node.socket)
        none = await nodeagent("logs", "we", socket=node.socket)
    assert several.code == 1
    assert "default/web-node1, other/web-node1" in several.err
    assert none.code == 1
    assert "did you mean web-node1" in none.err


async def test_logs_take_the_default_container_and_name_the_others(node: LocalNode) -> None:
    pod = a_pod("web-node1", running("web"), running("side"))
    node.pods = [pod]
    node.log_file(container="web").write_text(log_line("from web"))
    node.log_file(container="side").write_text(log_line("from side"))
    async with serving(node):
        first = await nodeagent("logs", "web", socket=node.socket)
        side = await nodeagent("logs", "web", "-c", "side", socket=node.socket)
        wrong = await nodeagent("logs", "web", "-c", "none", socket=node.socket)
        assert pod.metadata is not None
        wish = {"kubectl.kubernetes.io/default-container": "side"}
        metadata = msgspec.structs.replace(pod.metadata, annotations=wish)
        node.pods = [msgspec.structs.replace(pod, metadata=metadata)]
        chosen = await nodeagent("logs", "web", socket=node.socket)
    assert first.out == "from web\n"
    assert "also: side" in first.err
    assert (side.out, side.err) == ("from side\n", "")
    assert wrong.code == 1
    assert "[web side]" in wrong.err
    assert chosen.out == "from side\n"


async def test_following_logs_ends_with_the_container(node: LocalNode) -> None:
    path = node.log_file()
    path.write_text(log_line("one"))
    async with serving(node):
        process = await start("logs", "web", "-f", socket=node.socket)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"one\n"
            with path.open("a") as file:
                file.write(log_line("two"))
            assert await process.stdout.readline() == b"two\n"
            node.pods = [a_pod("web-node1", ended())]
            assert await process.wait() == 0
        await process.communicate()


async def test_a_reader_that_has_seen_enough_is_no_error(node: LocalNode) -> None:
    node.log_file().write_text("".join(log_line("x" * 200) for _ in range(5000)))
    async with serving(node):
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            f'"$0" -c "$1" logs web --socket {node.socket} | head -n 1',
            *_program(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            out, err = await process.communicate()
    assert out == b"x" * 200 + b"\n"
    assert err == b""


def _program() -> tuple[str, str]:
    import sys

    from tests.cli.agent_cli import PROGRAM

    return sys.executable, PROGRAM


async def test_events_are_listed_narrowed_and_followed(node: LocalNode) -> None:
    node.events = [
        an_event("Pulled", "Image is there", ago=50),
        an_event("BackOff", "Back-off restarting", pod="bad", warning=True, count=3, ago=10),
    ]
    node.pods.append(a_pod("bad"))
    async with serving(node):
        every = await nodeagent("events", socket=node.socket)
        warned = await nodeagent("events", "--warnings", socket=node.socket)
        mine = await nodeagent("events", "web", socket=node.socket)
        process = await start("events", "-w", socket=node.socket)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            for _ in range(3):
                await process.stdout.readline()
            node.events.append(an_event("Killing", "Stopping container web", count=2))
            node.ring()
            line = (await process.stdout.readline()).decode()
            process.terminate()
            await process.communicate()
    lines = every.out.splitlines()
    assert lines[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert [line.split()[2] for line in lines[1:]] == ["Pulled", "BackOff"]
    assert [line.split()[2] for line in warned.out.splitlines()[1:]] == ["BackOff"]
    assert [line.split()[2] for line in mine.out.splitlines()[1:]] == ["Pulled"]
    assert line.rstrip().endswith("Killing   pod/web-node1   Stopping container web (2 times)")


async def test_why_gives_the_cause_first_then_the_next_step(node: LocalNode) -> None:
    died = v1.ContainerStateTerminated(
        exitCode=1, message="no such table", startedAt=at(12), finishedAt=at(9)
    )
    crash = waiting(reason="CrashLoopBackOff", restarts=3, last=died)
    node.pods = [a_pod("web-node1", crash)]
    async with serving(node):
        ran = await nodeagent("why", "web", socket=node.socket)
        as_json = await nodeagent("why", "web", "-o", "json", socket=node.socket)
    lines = ran.out.splitlines()
    assert lines[0] == "default/web-node1: CrashLoopBackOff"
    assert lines[1] == ("Container web exited with code 1 after 3s: no such table (4 runs so far)")
    assert lines[2].startswith("Next: It is started again")
    assert any("Started [web]: Container started" in line for line in lines)
    assert msgspec.json.decode(as_json.out)["state"] == "CrashLoopBackOff"


async def test_why_knows_a_manifest_that_never_ran(node: LocalNode) -> None:
    node.problems = [BROKEN]
    async with serving(node):
        ran = await nodeagent("why", "api", socket=node.socket)
    assert ran.code == 0
    assert "/m/api.yaml:4:3: unknown field" in ran.out


async def test_describe_shows_the_whole_pod(node: LocalNode) -> None:
    node.pods = [a_pod("web-node1", running(restarts=1), labels={"app": "web"})]
    async with serving(node):
        ran = await nodeagent("describe", "web", socket=node.socket)
    assert ran.code == 0
    text = " ".join(ran.out.split())
    for part in (
        "Name: web-node1",
        "Why: Runs as wanted: 1 of 1 containers ready for 15s.",
        "Labels: app=web",
        "Last state: ended",
        "exit code 1",
        "Ready True",
        "Started",
    ):
        assert part in text, part


async def test_describe_ends_with_what_an_ended_container_last_wrote(node: LocalNode) -> None:
    lines = "".join(log_line(f"line {number}") for number in range(30))
    node.log_file(0).write_text(lines)
    node.pods = [a_pod("web-node1", running(restarts=1))]
    async with serving(node):
        ran = await nodeagent("describe", "web", socket=node.socket)
    shown = ran.out.partition("Last log lines of web, its run before:\n")[2].splitlines()
    assert shown[:20] == [f"  line {number}" for number in range(10, 30)]
