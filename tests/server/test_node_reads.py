"""Endpoints of the node's ports that only tell: over real TLS, and on the plain ports."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.errors import CriError, CriNotFound, CriUnimplemented
from nodeagent.model.launch import ExecResult
from nodeagent.server.backing import Switches
from nodeagent.server.node_port import NodePorts
from tests.fakes.local_node import a_pod, log_line, running, waiting
from tests.fakes.node_port import FakeNode, serving_ports
from tests.server.node_client import Client

LOG = "/containerLogs/default/web-node1/web"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


@pytest.fixture
async def ports(node: FakeNode) -> AsyncIterator[NodePorts]:
    async with serving_ports(node) as ports:
        yield ports


@pytest.fixture
def client(ports: NodePorts) -> Client:
    return Client(ports.ports["https"], token="admin")


def log_file(node: FakeNode, number: int = 0) -> Path:
    path = node.logs / "default_web-node1_uid-web-node1" / "web" / f"{number}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# --- plain documents ---------------------------------------------------------------------------


async def test_pods_and_running_pods_are_lists(client: Client, node: FakeNode) -> None:
    node.pods.append(a_pod("db-node1"))
    for path, names in (
        ("/pods", ["web-node1", "db-node1"]),
        ("/pods/", ["web-node1", "db-node1"]),
        ("/runningpods/", ["web-node1"]),
        ("/runningpods", ["web-node1"]),
    ):
        answer = await client.ask(path)
        assert answer.headers["content-type"] == "application/json"
        assert (answer.json["kind"], answer.json["apiVersion"]) == ("PodList", "v1")
        assert [one["metadata"]["name"] for one in answer.json["items"]] == names


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/metrics", "page /metrics\n"),
        ("/metrics/cadvisor", "page /metrics/cadvisor\n"),
        ("/metrics/resource", "page /metrics/resource\n"),
        ("/metrics/probes", "page /metrics/probes\n"),
        ("/metrics/slis", "page /metrics/slis\n"),
        ("/stats/summary", '{"only":false}'),
        ("/stats/summary?only_cpu_and_memory=true", '{"only":true}'),
        ("/configz", '{"kubeletconfig":{"kind":"KubeletConfiguration","port":10250}}'),
    ],
)
async def test_documents(client: Client, path: str, text: str) -> None:
    answer = await client.ask(path)
    assert (answer.code, answer.body.decode()) == (200, text)


async def test_stats_may_be_asked_with_post(client: Client) -> None:
    answer = await client.ask("/stats/summary", method="POST", body=b"{}")
    assert (answer.code, answer.json) == (200, {"only": False})


async def test_flagz_and_statusz_are_for_people(client: Client) -> None:
    flagz = (await client.ask("/flagz")).body.decode()
    assert flagz.startswith("\nkubelet flagz\nWarning: This endpoint is not meant")
    assert flagz.endswith("\naddress=0.0.0.0\nv=2\n")
    statusz = (await client.ask("/statusz")).body.decode()
    assert "\nUp: 1 hr 02 min 05 sec\n" in statusz
    assert "\nBinary version: v1.36.2+nodeagent.0.1.0\n" in statusz
    listed = statusz.rstrip().splitlines()[-1].split()
    assert listed[0] == "Paths:"
    assert {"/exec", "/logs", "/metrics/cadvisor", "/runningpods"} <= set(listed)


# --- health ------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["https", "read_only", "healthz"])
async def test_health_is_told_on_every_port(ports: NodePorts, port: str) -> None:
    client = Client(ports.ports[port], token="admin", tls=port == "https")
    for path in ("/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop"):
        answer = await client.ask(path)
        assert (answer.code, answer.body) == (200, b"ok")
    verbose = await client.ask("/healthz?verbose")
    assert verbose.body == b"[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n"
    assert (await client.ask("/healthz/other")).code == 404


async def test_what_is_wrong_is_told_in_detail_only_at_its_own_path(
    client: Client, node: FakeNode
) -> None:
    node.wrong["syncloop"] = "sync Loop took longer than expected"
    answer = await client.ask("/healthz")
    assert answer.code == 500
    assert answer.body == (
        b"[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n"
    )
    answer = await client.ask("/healthz/syncloop")
    assert answer.code == 500
    assert answer.body == b"internal server error: sync Loop took longer than expected\n"
    answer = await client.ask("/healthz?exclude=syncloop&exclude=no&verbose")
    assert answer.code == 200
    assert answer.body.decode().splitlines()[2:] == [
        "[+]syncloop excluded: ok",
        'warn: some health checks cannot be excluded: no matches for "no"',
        "healthz check passed",
    ]


async def test_health_may_be_asked_with_any_method(client: Client) -> None:
    for method in ("POST", "PUT", "OPTIONS"):
        assert (await client.ask("/healthz", method=method)).body == b"ok"
    assert (await client.ask("/healthz", method="HEAD")).code == 200


async def test_the_health_port_has_nothing_else(ports: NodePorts) -> None:
    client = Client(ports.ports["healthz"], tls=False)
    for path in ("/pods", "/metrics", "/"):
        answer = await client.ask(path)
        assert (answer.code, answer.body) == (404, b"404 page not found\n")


async def test_the_read_only_port_reads_and_does_nothing(ports: NodePorts, node: FakeNode) -> None:
    client = Client(ports.ports["read_only"], tls=False)
    for path in ("/pods", "/metrics", "/metrics/cadvisor", "/stats/summary", "/healthz"):
        assert (await client.ask(path)).code == 200
    for path in ("/exec/a/b/c", "/run/a/b/c", "/containerLogs/a/b/c", "/logs/", "/runningpods/"):
        answer = await client.ask(path, method="POST")
        assert (answer.code, answer.body) == (405, b"Debug endpoints are disabled.\n")
    for path in ("/configz", "/flagz", "/statusz", "/debug/flags/v", "/checkpoint/a/b/c"):
        assert (await client.ask(path)).code == 404
    assert node.reviews == []
    assert {one.server_type for one in node.tally.begun} == {"readonly"}


# --- paths and switches ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/pods/x", "//pods", "/pods/../metrics", "/%70ods", "/exec", "/exec/a/b",
     "/exec/a/b/c/d/e", "/healthz/", "/metrics/", "/stats", "/spec", "/attach/a//c"],
)  # fmt: skip
async def test_other_paths_are_not_found_by_anybody(client: Client, path: str) -> None:
    for one in (client, Client(client.port)):
        answer = await one.ask(path)
        assert (answer.code, answer.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/pods"), ("PUT", "/runningpods/"), ("GET", "/run/a/b/c"), ("POST", LOG),
     ("DELETE", "/exec/a/b/c"), ("GET", "/checkpoint/a/b/c"), ("POST", "/logs/")],
)  # fmt: skip
async def test_other_methods_are_refused_after_asking_who(
    client: Client, method: str, path: str
) -> None:
    answer = await client.ask(path, method=method)
    assert (answer.code, answer.body) == (405, b"405: Method Not Allowed")
    assert (await Client(client.port).ask(path, method=method)).code == 401


@pytest.mark.parametrize(
    ("switches", "paths", "text"),
    [
        (
            Switches(debugging=False),
            ["/exec/a/b/c", "/attach/a/b/c", "/portForward/a/b", "/run/a/b/c", LOG,
             "/runningpods/", "/debug/pprof/heap", "/logs/"],
            "Debug endpoints are disabled.\n",
        ),
        (Switches(system_logs=False), ["/logs/", "/logs/x"], "logs endpoint is disabled.\n"),
        (
            Switches(profiling=False),
            ["/debug/pprof/", "/debug/pprof/heap"],
            "profiling endpoint is disabled.\n",
        ),
        (Switches(debug_flags=False), ["/debug/flags/v"], "flags endpoint is disabled.\n"),
    ],
)  # fmt: skip
async def test_what_is_switched_off_says_so(
    node: FakeNode, switches: Switches, paths: list[str], text: str
) -> None:
    node.switches = switches
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        for path in paths:
            answer = await client.ask(path)
            assert (answer.code, answer.body.decode()) == (405, text)
            assert (await Client(client.port).ask(path)).code == 401
        assert (await client.ask("/pods")).code == 200


async def test_gates_take_their_paths_away(node: FakeNode) -> None:
    node.switches = Switches(checkpoints=False, flagz=False, statusz=False)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        for path in ("/checkpoint/a/b/c", "/flagz", "/statusz"):
            assert (await client.ask(path, method="POST")).code == 404


async def test_requests_are_counted_by_the_first_part_of_their_path(
    client: Client, node: FakeNode
) -> None:
    for path in ("/pods", "/metrics/cadvisor", "/healthz/ping", "/what/ever", LOG, "/exec/a/b/c"):
        await client.ask(path)
    assert [(one.path, one.long_running) for one in node.tally.begun] == [
        ("pods", False), ("metrics/cadvisor", False), ("healthz", False), ("other", False),
        ("containerLogs", False), ("exec", True),
    ]  # fmt: skip
    assert node.tally.finished == node.tally.begun


# --- container logs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "".join(f"{n}\n" for n in range(10))),
        ("tail=2", "8\n9\n"),
        ("tailLines=2", "8\n9\n"),
        ("tail=all&limitBytes=3", "0\n1"),
        ("sinceTime=2027-01-15T07:59:07Z", "7\n8\n9\n"),
        ("sinceSeconds=52", "8\n9\n"),
        ("tailLines=1&timestamps=true", "2027-01-15T07:59:09.000000001Z 9\n"),
        ("stream=All&tailLines=1", "9\n"),
    ],
)
async def test_a_log_with_its_options(
    client: Client, node: FakeNode, query: str, text: str
) -> None:
    log_file(node).write_text("".join(log_line(str(n), second=n) for n in range(10)))
    answer = await client.ask(f"{LOG}?{query}")
    assert (answer.code, answer.body.decode()) == (200, text)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["content-type"].startswith("text/plain")


async def test_the_log_of_the_run_before(client: Client, node: FakeNode) -> None:
    node.pods = [a_pod("web-node1", running(restarts=1))]
    log_file(node, 0).write_text(log_line("before"))
    log_file(node, 1).write_text(log_line("now"))
    assert (await client.ask(f"{LOG}?previous=true")).body == b"before\n"
    assert (await client.ask(LOG)).body == b"now\n"


async def test_a_log_is_followed_until_the_container_ends(client: Client, node: FakeNode) -> None:
    path = log_file(node)
    path.write_text(log_line("one"))
    async with client.open(f"{LOG}?follow=true") as stream:
        assert await stream.piece() == b"one\n"
        with path.open("a") as file:
            file.write(log_line("two"))
        assert await stream.piece() == b"two\n"
        node.pods = [a_pod("web-node1", waiting(reason="CrashLoopBackOff"))]
        assert await stream.rest() == b""


async def test_one_stream_of_a_log_behind_its_gate(node: FakeNode) -> None:
    log_file(node).write_text(log_line("one") + log_line("two", stream="stderr"))
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        answer = await client.ask(f"{LOG}?stream=Stdout")
        assert (answer.code, answer.body) == (
            400,
            b'unable to return the given log stream: "Stdout". Please enable'
            b" PodLogsQuerySplitStreams feature gate in kubelet",
        )
    node.switches = Switches(split_log_streams=True)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        assert (await client.ask(f"{LOG}?stream=Stdout")).body == b"one\n"
        assert (await client.ask(f"{LOG}?stream=Stderr")).body == b"two\n"
        assert (await client.ask(LOG)).body == b"one\ntwo\n"
        for query in ("stream=Stdin", "stream=Stdout&tailLines=1"):
            assert (await client.ask(f"{LOG}?{query}")).code == 422


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        (f"{LOG}?tailLines=x", 400, '{"message": "Unable to decode query."}'),
        (f"{LOG}?follow=perhaps", 400, '{"message": "Unable to decode query."}'),
        (f"{LOG}?tailLines=-1", 422, '{"message": "Invalid request."}'),
        (f"{LOG}?limitBytes=0", 422, '{"message": "Invalid request."}'),
        (f"{LOG}?previous=true", 400,
         'previous terminated container "web" in pod "web-node1" not found'),
        ("/containerLogs/default/none/web", 404, 'pod "none" does not exist'),
        ("/containerLogs/other/web-node1/web", 404, 'pod "web-node1" does not exist'),
        ("/containerLogs/default/web-node1/db", 404,
         'container "db" not found in pod "web-node1"'),
    ],
)  # fmt: skip
async def test_logs_that_cannot_be_had(client: Client, path: str, code: int, text: str) -> None:
    answer = await client.ask(path)
    assert (answer.code, answer.body.decode()) == (code, text)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("ErrImagePull", "is waiting to start: image can't be pulled"),
        ("ImagePullBackOff", "is waiting to start: trying and failing to pull image"),
        ("ContainerCreating", "is waiting to start: ContainerCreating"),
    ],
)
async def test_a_container_that_waits_has_no_log_yet(
    client: Client, node: FakeNode, reason: str, text: str
) -> None:
    node.pods = [a_pod("web-node1", waiting(reason=reason))]
    answer = await client.ask(LOG)
    assert (answer.code, answer.body.decode()) == (
        400, f'container "web" in pod "web-node1" {text}',
    )  # fmt: skip


# --- run, checkpoint, debug --------------------------------------------------------------------


async def test_run_answers_with_what_the_command_wrote(client: Client, node: FakeNode) -> None:
    for path in ("/run/default/web-node1/web", "/run/default/web-node1/uid-web-node1/web"):
        answer = await client.ask(f"{path}?cmd=ls%20-l%20/", method="POST")
        assert (answer.code, answer.body) == (200, b"outerr")
        assert answer.headers["content-type"] == "application/json"
    assert node.asked == [("run", "uid-web-node1-web", "ls", "-l", "/")] * 2


async def test_run_may_have_its_command_in_the_body(client: Client, node: FakeNode) -> None:
    await client.ask(
        "/run/default/web-node1/web",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=b"cmd=date",
    )
    assert node.asked == [("run", "uid-web-node1-web", "date")]


async def test_a_run_that_fails(client: Client, node: FakeNode) -> None:
    node.result = ExecResult(exit_code=3, stdout=b"out", stderr=b"bad\n")
    answer = await client.ask("/run/default/web-node1/web?cmd=a%20b", method="POST")
    assert (answer.code, answer.body) == (500, b"command 'a b' exited with 3: bad\n")
    node.refusal = CriError(op="ExecSync", target="x", detail="it broke")
    answer = await client.ask("/run/default/web-node1/web?cmd=a", method="POST")
    assert (answer.code, answer.body) == (500, b"it broke")
    node.running.clear()
    answer = await client.ask("/run/default/web-node1/web?cmd=a", method="POST")
    assert (answer.code, answer.body) == (500, b'container not found ("web")')
    answer = await client.ask("/run/default/none/web?cmd=a", method="POST")
    assert (answer.code, answer.body) == (404, b"pod does not exist")


async def test_a_checkpoint_is_a_file_on_the_node(client: Client, node: FakeNode) -> None:
    answer = await client.ask("/checkpoint/default/web-node1/web?timeout=7", method="POST")
    place = str(
        node.folder / "checkpoints/checkpoint-web-node1_default-web-2027-01-15T08:00:00Z.tar"
    )
    assert (answer.code, answer.json) == (200, {"items": [place]})
    assert node.asked == [("checkpoint", "uid-web-node1-web", place, "7")]


async def test_a_checkpoint_that_fails(client: Client, node: FakeNode) -> None:
    where = "/checkpoint/default/web-node1"
    for timeout in ("-1", "1_0", "9" * 19, "1" * 5000):
        odd = await client.ask(f"{where}/web?timeout={timeout}", method="POST")
        assert (odd.code, odd.body) == (404, b"cannot parse value of timeout parameter")
    answer = await client.ask(f"{where}/web?timeout=x", method="POST")
    assert (answer.code, answer.body) == (404, b"cannot parse value of timeout parameter")
    answer = await client.ask(f"{where}/db", method="POST")
    assert (answer.code, answer.body) == (404, b"container db does not exist")
    node.refusal = CriUnimplemented(op="Checkpoint", target="x", detail="unknown method")
    answer = await client.ask(f"{where}/web", method="POST")
    assert answer.code == 500
    assert answer.body == b"checkpointing of default/web-node1/web failed (unknown method)"
    node.running.clear()
    answer = await client.ask(f"{where}/web", method="POST")
    assert answer.body.endswith(b"failed (container web not found)")


async def test_profiles_tell_what_the_agent_does(client: Client) -> None:
    assert b"goroutine" in (await client.ask("/debug/pprof/")).body
    stacks = (await client.ask("/debug/pprof/goroutine?debug=2")).body.decode()
    assert "task " in stacks and "thread MainThread" in stacks
    assert b"objects: " in (await client.ask("/debug/pprof/heap")).body
    assert b"\0" in (await client.ask("/debug/pprof/cmdline")).body
    profile = (await client.ask("/debug/pprof/profile?seconds=1")).body.decode()
    assert profile.splitlines()[0].rpartition(" ")[2].isdigit()
    assert (await client.ask("/debug/pprof/none")).code == 404
    assert (await client.ask("/debug/pprof/profile?seconds=x")).code == 400
    for seconds in ("x", "-1", "1" * 5000):
        assert (await client.ask(f"/debug/pprof/profile?seconds={seconds}")).code == 400


async def test_the_verbosity_can_be_set(client: Client, node: FakeNode) -> None:
    answer = await client.ask("/debug/flags/v", method="PUT", body=b"5")
    assert answer.body == b"successfully set klog.logging.verbosity to 5\n"
    assert node.verbosity == 5
    answer = await client.ask("/debug/flags/v", method="PUT", body=b"much")
    assert (answer.code, node.verbosity) == (400, 5)
    answer = await client.ask("/debug/flags/v")
    assert (answer.code, answer.body) == (406, b"unsupported http method\n")


async def test_of_two_pods_of_one_name_the_one_that_stays_is_meant(
    client: Client, node: FakeNode
) -> None:
    old, new = a_pod(), a_pod()
    assert old.metadata and new.metadata
    leaving = msgspec.structs.replace(
        old.metadata, deletionTimestamp=old.metadata.creationTimestamp
    )
    fresh = msgspec.structs.replace(new.metadata, uid="uid-new")
    node.pods = [
        msgspec.structs.replace(old, metadata=leaving),
        msgspec.structs.replace(new, metadata=fresh),
    ]
    node.running = {("uid-new", "web")}
    await client.ask("/run/default/web-node1/web?cmd=a", method="POST")
    assert node.asked == [("run", "uid-new-web", "a")]


async def test_not_found_by_the_runtime_is_an_error_of_run(client: Client, node: FakeNode) -> None:
    node.refusal = CriNotFound(op="ExecSync", target="x", detail="gone")
    answer = await client.ask("/run/default/web-node1/web?cmd=a", method="POST")
    assert (answer.code, answer.body) == (500, b"gone")


async def test_ephemeral_containers_are_found_too(client: Client, node: FakeNode) -> None:
    pod = node.pods[0]
    assert pod.spec is not None
    debug = v1.EphemeralContainer(name="debugger", image="busybox")
    spec = msgspec.structs.replace(pod.spec, ephemeralContainers=[debug])
    node.pods = [msgspec.structs.replace(pod, spec=spec)]
    answer = await client.ask("/containerLogs/default/web-node1/debugger")
    assert answer.body == b'container "debugger" in pod "web-node1" is not available'


async def test_a_client_that_leaves_ends_the_following(client: Client, node: FakeNode) -> None:
    log_file(node).write_text(log_line("one"))
    async with client.open(f"{LOG}?follow=true") as stream:
        await stream.piece()
    async with asyncio.timeout(5):
        await node.tally.one_ended.wait()


async def test_checks_of_health_are_counted_where_all_are_asked_for(
    client: Client, node: FakeNode, ports: NodePorts
) -> None:
    node.wrong = {"ping": "", "log": "", "syncloop": "it is stuck"}
    await client.ask("/healthz?exclude=log")
    await client.ask("/healthz/log")
    assert node.tally.checks == [("ping", False), ("syncloop", True)]
    plain = Client(ports.ports["read_only"], tls=False)
    assert (await plain.ask("/metrics/slis", method="DELETE")).body == b"metrics reset\n"
    assert node.tally.checks == []
    assert (await client.ask("/metrics", method="DELETE")).body == b"page /metrics\n"
