"""The local API through a real unix socket: objects, lists, tables, watches, errors."""

import asyncio
import os
import socket
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from nodeagent.errors import HostError
from nodeagent.model.desired import Problem
from nodeagent.model.ids import PodUid
from nodeagent.server.local import LocalApi
from tests.fakes.local_node import LocalNode, a_pod, an_event, running, serving
from tests.server.http_client import ask, open_stream

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path)


async def test_pods_are_listed_with_status_and_version(node: LocalNode) -> None:
    async with serving(node):
        answer = await ask(node.socket, "/api/v1/pods")
    assert answer.code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json["kind"], answer.json["apiVersion"]) == ("PodList", "v1")
    [pod] = answer.json["items"]
    assert pod["metadata"]["name"] == "web-node1"
    assert pod["status"]["phase"] == "Running"
    assert pod["metadata"]["resourceVersion"] == answer.json["metadata"]["resourceVersion"]


async def test_one_pod_comes_by_name_and_an_unknown_one_is_a_status(node: LocalNode) -> None:
    async with serving(node):
        found = await ask(node.socket, "/api/v1/namespaces/default/pods/web-node1")
        wrong_namespace = await ask(node.socket, "/api/v1/namespaces/other/pods/web-node1")
        missing = await ask(node.socket, "/api/v1/namespaces/default/pods/none")
    assert found.json["kind"] == "Pod"
    assert wrong_namespace.code == 404
    assert missing.code == 404
    assert missing.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "none" not found',
        "reason": "NotFound",
        "details": {"name": "none", "kind": "pods"},
        "code": 404,
    }


async def test_lists_are_narrowed_by_namespace_labels_and_fields(node: LocalNode) -> None:
    node.pods = [
        a_pod("a", labels={"app": "x"}),
        a_pod("b", labels={"app": "y"}, phase="Pending"),
        a_pod("c", namespace="kube-system"),
    ]
    wanted = {
        "/api/v1/pods": ["a", "b", "c"],
        "/api/v1/namespaces/default/pods": ["a", "b"],
        "/api/v1/pods?labelSelector=app%3Dx": ["a"],
        "/api/v1/pods?labelSelector=app+in+(x,y),app!%3Dy": ["a"],
        "/api/v1/pods?labelSelector=!app": ["c"],
        "/api/v1/pods?labelSelector=app+notin+(x)": ["b", "c"],
        "/api/v1/pods?labelSelector=app,app!%3Dx": ["b"],
        "/api/v1/pods?fieldSelector=status.phase%3DPending": ["b"],
        "/api/v1/pods?fieldSelector=metadata.name!%3Da,metadata.namespace%3Ddefault": ["b"],
    }
    async with serving(node):
        for path, names in wanted.items():
            answer = await ask(node.socket, path)
            assert [p["metadata"]["name"] for p in answer.json["items"]] == names, path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/pods?fieldSelector=spec.colour%3Dred", "spec.colour"),
        ("/api/v1/pods?fieldSelector=nonsense", "nonsense"),
        ("/api/v1/pods?labelSelector=a%3D%3D%3Db", "a===b"),
        ("/api/v1/pods?watch=1&resourceVersion=abc", "abc"),
        ("/api/v1/pods?watch=1&resourceVersion=%C2%B2", "²"),
        (f"/api/v1/pods?watch=1&resourceVersion={'1' * 5000}", "1" * 5000),
    ],
)
async def test_a_selector_that_cannot_be_read_is_named(
    node: LocalNode, path: str, words: str
) -> None:
    async with serving(node):
        answer = await ask(node.socket, path)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
    assert words in answer.json["message"]


async def test_the_table_form_has_kubectls_columns(node: LocalNode) -> None:
    node.pods = [a_pod("web-node1", running(restarts=2))]
    async with serving(node):
        answer = await ask(node.socket, "/api/v1/pods", accept=TABLE)
    table = answer.json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    plain = [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0]
    assert plain == ["Name", "Ready", "Status", "Restarts", "Age", "IP"]
    [row] = table["rows"]
    assert row["cells"][:6] == ["web-node1", "1/1", "Running", "2 (30s ago)", "5m", "10.1.0.7"]
    assert row["object"]["metadata"]["namespace"] == "default"


async def test_events_of_one_pod_are_selected_by_its_reference(node: LocalNode) -> None:
    node.events = [an_event(), an_event(pod="other", reason="BackOff", warning=True, count=7)]
    async with serving(node):
        answer = await ask(
            node.socket, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=other"
        )
    [event] = answer.json["items"]
    assert (event["reason"], event["type"], event["count"]) == ("BackOff", "Warning", 7)
    assert event["involvedObject"]["fieldPath"] == "spec.containers{web}"
    assert event["lastTimestamp"].endswith("Z")


async def test_the_node_and_the_namespaces_of_pods_are_there(node: LocalNode) -> None:
    node.pods.append(a_pod("dns", namespace="kube-system"))
    async with serving(node):
        nodes = await ask(node.socket, "/api/v1/nodes", accept=TABLE)
        one = await ask(node.socket, "/api/v1/nodes/node1")
        spaces = await ask(node.socket, "/api/v1/namespaces")
    assert nodes.json["rows"][0]["cells"][:2] == ["node1", "Ready"]
    assert one.json["metadata"]["name"] == "node1"
    names = [item["metadata"]["name"] for item in spaces.json["items"]]
    assert names == ["default", "kube-system"]


async def test_discovery_tells_what_there_is(node: LocalNode) -> None:
    async with serving(node):
        core = await ask(node.socket, "/api/v1")
        versions = await ask(node.socket, "/api")
        groups = await ask(node.socket, "/apis")
        version = await ask(node.socket, "/version")
        health = await ask(node.socket, "/healthz")
    names = {resource["name"] for resource in core.json["resources"]}
    assert names == {"pods", "pods/log", "events", "nodes", "namespaces"}
    assert versions.json["versions"] == ["v1"]
    assert groups.json["groups"] == []
    assert (version.json["major"], version.json["minor"]) == ("1", "36")
    assert health.body == b"ok"


@pytest.mark.parametrize("path", ["/", "/api/v1/services", "/api/v2/pods", "/api/v1/pods/x/y/z"])
async def test_an_unknown_path_is_a_status_404(node: LocalNode, path: str) -> None:
    async with serving(node):
        answer = await ask(node.socket, path)
    assert (answer.code, answer.json["kind"]) == (404, "Status")


async def test_changing_anything_is_refused_with_the_way_to_do_it(node: LocalNode) -> None:
    async with serving(node):
        answer = await ask(
            node.socket, "/api/v1/namespaces/default/pods/web-node1", method="DELETE"
        )
    assert (answer.code, answer.json["reason"]) == (405, "MethodNotAllowed")
    assert "manifest" in answer.json["message"]


async def test_a_fault_inside_is_told_as_status_500(node: LocalNode) -> None:
    node.pods = [a_pod()]
    node.problems = [object()]  # type: ignore[list-item]
    async with serving(node):
        answer = await ask(node.socket, "/nodeagent/v1/problems")
        after = await ask(node.socket, "/api/v1/pods")
    assert (answer.code, answer.json["reason"]) == (500, "InternalError")
    assert after.code == 200


async def test_a_watch_starts_with_what_is_there_and_tells_each_change(node: LocalNode) -> None:
    async with serving(node):
        stream = await open_stream(node.socket, "/api/v1/pods?watch=1")
        first = msgspec.json.decode(await stream.piece())
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "web-node1")
        node.change_status(phase="Failed")
        second = msgspec.json.decode(await stream.piece())
        assert (second["type"], second["object"]["status"]["phase"]) == ("MODIFIED", "Failed")
        node.pods.clear()
        node.ring()
        third = msgspec.json.decode(await stream.piece())
        assert third["type"] == "DELETED"
        await stream.close()


async def test_a_watch_from_a_list_misses_nothing_in_between(node: LocalNode) -> None:
    async with serving(node):
        version = (await ask(node.socket, "/api/v1/pods")).json["metadata"]["resourceVersion"]
        node.pods.append(a_pod("late"))
        await ask(node.socket, "/api/v1/pods")
        stream = await open_stream(
            node.socket, f"/api/v1/pods?watch=1&resourceVersion={version}&timeoutSeconds=2"
        )
        step = msgspec.json.decode(await stream.piece())
        assert (step["type"], step["object"]["metadata"]["name"]) == ("ADDED", "late")
        await stream.close()


async def test_a_watch_narrowed_by_name_is_silent_about_others(node: LocalNode) -> None:
    node.pods = [a_pod("a"), a_pod("b")]
    async with serving(node):
        stream = await open_stream(
            node.socket, "/api/v1/pods?watch=1&fieldSelector=metadata.name%3Db&timeoutSeconds=1"
        )
        node.change_status(0, phase="Failed")
        text = (await stream.rest()).decode()
        await stream.close()
    names = [msgspec.json.decode(x)["object"]["metadata"]["name"] for x in text.splitlines()]
    assert names == ["b"]


async def test_a_watch_from_an_unknown_version_must_list_again(node: LocalNode) -> None:
    async with serving(node):
        old = await ask(node.socket, "/api/v1/pods?watch=1&resourceVersion=5")
        future = await ask(node.socket, "/api/v1/pods?watch=1&resourceVersion=99999999999")
    assert (old.code, old.json["reason"]) == (410, "Expired")
    assert future.code == 410


async def test_watching_tables_sends_one_row_a_step(node: LocalNode) -> None:
    async with serving(node):
        stream = await open_stream(node.socket, "/api/v1/pods?watch=true", accept=TABLE)
        step = msgspec.json.decode(await stream.piece())
        await stream.close()
    assert step["object"]["kind"] == "Table"
    assert step["object"]["rows"][0]["cells"][0] == "web-node1"


async def test_refused_manifests_are_listed_with_line_and_column(node: LocalNode) -> None:
    node.problems = [
        Problem(origin="/m/web.yaml", message="bad", line=3, column=7, pod="default/web-node1")
    ]
    async with serving(node):
        answer = await ask(node.socket, "/nodeagent/v1/problems")
    [item] = answer.json["items"]
    assert item["text"] == "/m/web.yaml:3:7: bad"
    assert (item["pod"], item["reason"]) == ("default/web-node1", "InvalidManifest")


async def test_a_pod_nobody_knows_cannot_be_explained(node: LocalNode) -> None:
    async with serving(node):
        answer = await ask(node.socket, "/nodeagent/v1/namespaces/default/pods/none/why")
    assert (answer.code, answer.json["message"]) == (404, 'pods "none" not found')


async def test_events_of_an_earlier_pod_of_the_same_name_explain_nothing(node: LocalNode) -> None:
    old = an_event("Killing", "old")
    subject = msgspec.structs.replace(old.subject, uid=PodUid("earlier"))
    node.events = [msgspec.structs.replace(old, subject=subject), an_event("Started", "new")]
    async with serving(node):
        answer = await ask(node.socket, "/nodeagent/v1/namespaces/default/pods/web-node1/why")
    told = [moment["what"] for moment in answer.json["timeline"]]
    assert told == ["Started [web]: new"]


async def test_a_closed_agent_does_not_remove_the_socket_of_its_successor(
    node: LocalNode, tmp_path: Path
) -> None:
    first = AsyncExitStack()
    await first.enter_async_context(serving(node))
    node.socket.unlink()
    async with serving(LocalNode(tmp_path)):
        await first.aclose()
        assert (await ask(node.socket, "/healthz")).code == 200


async def test_only_root_and_the_agents_own_user_may_ask(node: LocalNode) -> None:
    api = LocalApi(node.view(), path=node.socket, allowed_uids=frozenset((54321,)))
    node.api = api
    async with serving(node):
        answer = await ask(node.socket, "/api/v1/pods")
    assert (answer.code, answer.json["reason"]) == (403, "Forbidden")
    assert str(os.geteuid()) in answer.json["message"]


async def test_the_socket_is_private_and_goes_away_with_the_agent(node: LocalNode) -> None:
    async with serving(node):
        assert stat.S_IMODE(node.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(node.socket.parent.stat().st_mode) == 0o700
    assert not node.socket.exists()


async def test_a_dead_socket_is_taken_over(node: LocalNode) -> None:
    node.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(node.socket))
    async with serving(node):
        assert (await ask(node.socket, "/healthz")).code == 200


async def test_a_second_agent_is_told_so_and_the_first_goes_on(
    node: LocalNode, tmp_path: Path
) -> None:
    async with serving(node):
        with pytest.raises(HostError, match="another agent listens there"):
            async with serving(LocalNode(tmp_path)):
                pass
        assert (await ask(node.socket, "/healthz")).code == 200


async def test_a_place_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    node = LocalNode(tmp_path)
    node.socket.parent.mkdir(mode=0o700)
    node.socket.write_text("not a socket")
    with pytest.raises(HostError, match="no socket; move it away"):
        async with serving(node):
            pass
    node.socket.unlink()
    node.socket.parent.chmod(0o777)
    with pytest.raises(HostError, match="chmod go-w"):
        async with serving(node):
            pass
    long = LocalApi(node.view(), path=tmp_path / ("x" * 120) / "s")
    with pytest.raises(HostError, match="longer than 107 bytes"):
        await long.run()


async def test_closing_the_agent_ends_its_watches(node: LocalNode) -> None:
    async with serving(node):
        stream = await open_stream(node.socket, "/api/v1/pods?watch=1")
        await stream.piece()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
        await stream.piece()
    await stream.close()
