"""Pods of a URL: what each kind of answer does, and one real server."""

import asyncio
import json
from collections.abc import Sequence

import pytest
import tornado.httpserver
import tornado.testing
import tornado.web

from nodeagent.adapters.manifests.url import Answer, Headers, UrlSource, fetch
from nodeagent.errors import ManifestError
from nodeagent.model.desired import DesiredPod, Source, SourceUpdate

URL = "http://manifests.example/pods"


def pod(name: str, image: str = "a:1") -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def a_list(*pods: dict[str, object]) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "PodList", "items": pods}).encode()


class Server:
    """Answers in turn; the last one for ever."""

    def __init__(self, *answers: Answer | ManifestError | bytes) -> None:
        self._answers = list(answers)
        self.asked_at: list[float] = []

    async def get(self, url: str, headers: Headers) -> Answer:
        assert url == URL
        self.asked_at.append(asyncio.get_running_loop().time())
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ManifestError):
            raise answer
        return Answer(200, answer) if isinstance(answer, bytes) else answer


async def told(
    server: Server, *, rounds: int, last_good: Sequence[DesiredPod] = ()
) -> list[SourceUpdate]:
    """Everything the source tells while the server answers so often."""
    source = UrlSource(URL, node_name="n", get=server.get, last_good=last_good, now=lambda: 5.0)
    updates: list[SourceUpdate] = []
    try:
        async with asyncio.timeout(20.0 * rounds - 10):
            async for update in source.updates():
                updates.append(update)
    except TimeoutError:
        pass
    assert len(server.asked_at) == rounds
    return updates


def names(update: SourceUpdate) -> list[str]:
    return [one.name for one in update.pods]


def words(update: SourceUpdate) -> str:
    return "; ".join(problem.message for problem in update.problems)


@pytest.mark.looptime
async def test_it_asks_every_twenty_seconds_and_tells_changes_only() -> None:
    server = Server(a_list(pod("a")), a_list(pod("a")), a_list(pod("a"), pod("b")))
    updates = await told(server, rounds=4)
    assert [names(update) for update in updates] == [["a-n"], ["a-n", "b-n"]]
    assert [
        later - first for first, later in zip(server.asked_at, server.asked_at[1:], strict=False)
    ] == (pytest.approx([20.0] * 3))
    assert {one.source for one in updates[-1].pods} == {Source.HTTP}
    assert {one.origin for one in updates[-1].pods} == {URL}


@pytest.mark.looptime
async def test_a_pod_that_stays_is_the_same_value() -> None:
    updates = await told(Server(a_list(pod("a")), a_list(pod("b"), pod("a"))), rounds=2)
    assert updates[0].pods[0] is updates[1].pods[1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(500, b""), "answered with status 500, not 200"),
        (Answer(404, a_list(pod("b"))), "answered with status 404, not 200"),
        (ManifestError(op="get", target=URL, detail="refused"), "refused"),
        (b"{", "not valid YAML"),
        (a_list(pod("b", "")), "spec.containers[0].image: is missing"),
    ],
)
@pytest.mark.looptime
async def test_a_bad_answer_keeps_the_pods_and_tells_why(
    answer: Answer | ManifestError | bytes, problem: str
) -> None:
    first = a_list(pod("a"))
    updates = await told(Server(first, answer, answer, first), rounds=5)
    assert [names(update) for update in updates] == [["a-n"]] * 3
    assert problem in words(updates[1])
    assert updates[2].problems == ()


@pytest.mark.looptime
async def test_an_empty_answer_means_no_pods_and_is_a_problem() -> None:
    updates = await told(Server(a_list(pod("a")), b"", a_list()), rounds=3)
    assert [names(update) for update in updates] == [["a-n"], [], []]
    assert "answered with nothing" in words(updates[1])
    assert updates[2].problems == ()


@pytest.mark.looptime
async def test_a_bad_body_stays_told_after_a_failure_in_between() -> None:
    updates = await told(Server(b"{", Answer(500, b""), b"{"), rounds=3)
    assert ["status" in words(update) for update in updates] == [False, True, False]
    assert "not valid YAML" in words(updates[2])


@pytest.mark.looptime
async def test_after_a_restart_the_pods_of_before_are_told_at_once() -> None:
    [first] = await told(Server(a_list(pod("a"))), rounds=1)
    updates = await told(Server(Answer(500, b"")), rounds=1, last_good=first.pods)
    assert [names(update) for update in updates] == [["a-n"], ["a-n"]]
    assert updates[0].problems == () and updates[1].problems != ()
    again = await told(Server(a_list(pod("a"))), rounds=1, last_good=first.pods)
    assert len(again) == 1 and again[0].pods[0] is first.pods[0]


@pytest.mark.looptime
async def test_a_password_in_the_url_shows_nowhere() -> None:
    async def get(url: str, headers: Headers) -> Answer:
        assert url == "http://me:secret@host:8/x?y=1"
        return Answer(500, b"")

    source = UrlSource("http://me:secret@host:8/x?y=1", node_name="n", get=get)
    update = await anext(source.updates())
    assert update.problems[0].origin == "http://host:8/x?y=1"


class Echo(tornado.web.RequestHandler):
    """Shows the headers it got; /slow never answers."""

    async def get(self, path: str) -> None:
        if path == "slow":
            await asyncio.sleep(60)
        if path == "missing":
            self.set_status(404)
        self.write(",".join(self.request.headers.get_list("X-Key")))


async def test_a_real_server_gets_the_headers_and_its_status_is_told() -> None:
    socket, port = tornado.testing.bind_unused_port()
    server = tornado.httpserver.HTTPServer(tornado.web.Application([(r"/(.*)", Echo)]))
    server.add_socket(socket)
    base = f"http://127.0.0.1:{port}"
    try:
        assert await fetch(f"{base}/", {"X-Key": ["a", "b"]}) == Answer(200, b"a,b")
        assert await fetch(f"{base}/", {}) == Answer(200, b"")
        assert (await fetch(f"{base}/missing", {})).status == 404
        with pytest.raises(ManifestError, match="Timeout"):
            await fetch(f"{base}/slow", {}, limit=0.05)
    finally:
        server.stop()
        await server.close_all_connections()


async def test_no_answer_and_no_url_are_manifest_errors() -> None:
    socket, port = tornado.testing.bind_unused_port()
    socket.close()
    for url in (f"http://127.0.0.1:{port}/", "ftp://host/", "http://[", "nonsense"):
        with pytest.raises(ManifestError):
            await fetch(url, {})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 301 X\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http_is_a_manifest_error(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ManifestError):
            await fetch(f"http://127.0.0.1:{port}/", {}, limit=2.0)
