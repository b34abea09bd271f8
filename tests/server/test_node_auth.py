"""The node's port asks who one is and whether one may: over real TLS."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nodeagent.errors import ApiUnavailable, HostError
from nodeagent.model.access import User
from nodeagent.settings.names import TlsVersion
from tests.fakes.node_port import FakeNode, serving_ports
from tests.server.http_client import Answer
from tests.server.node_client import Client
from tests.server.pki import SERVER, Authority, client_context

AWAY = ApiUnavailable(op="review", target="API server", detail="no answer")


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


@pytest.fixture
async def client(node: FakeNode) -> AsyncIterator[Client]:
    async with serving_ports(node) as ports:
        yield Client(ports.ports["https"], token="admin")


async def as_somebody(client: Client, certificate: Path | None, path: str = "/pods") -> Answer:
    return await Client(client.port, client_context(certificate)).ask(path)


async def test_a_good_token_opens(client: Client, node: FakeNode) -> None:
    answer = await client.ask("/pods")
    assert answer.code == 200
    assert [pod["metadata"]["name"] for pod in answer.json["items"]] == ["web-node1"]
    assert node.reviews == ["admin", "admin get pods"]


async def test_nothing_or_a_wrong_token_is_unauthorized(client: Client, node: FakeNode) -> None:
    for token in ("", "mallory"):
        answer = await Client(client.port, token=token).ask("/pods")
        assert (answer.code, answer.body) == (401, b"Unauthorized")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert node.reviews == ["mallory"]


@pytest.mark.parametrize("given", ["Basic YTpi", "Bearer", "Bearer ", "bearer a b", "Bearer \t"])
async def test_other_ways_to_say_who_one_is_are_none(
    client: Client, node: FakeNode, given: str
) -> None:
    answer = await Client(client.port).ask("/pods", headers={"Authorization": given})
    assert (answer.code, node.reviews) == (401, [])


async def test_the_word_bearer_may_be_written_as_one_likes(client: Client) -> None:
    answer = await Client(client.port).ask("/pods", headers={"Authorization": "bEaReR admin"})
    assert answer.code == 200


async def test_a_token_may_come_among_the_protocols_of_a_websocket(client: Client) -> None:
    protocols = "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWRtaW4"
    answer = await Client(client.port).ask("/pods", headers={"Sec-WebSocket-Protocol": protocols})
    assert answer.code == 200


async def test_a_token_is_asked_about_once_in_two_minutes(client: Client, node: FakeNode) -> None:
    for _ in range(3):
        await client.ask("/pods")
        await Client(client.port, token="mallory").ask("/pods")
    assert sorted(node.reviews) == ["admin", "admin get pods", "mallory"]
    node.clock = 121
    await client.ask("/pods")
    assert node.reviews.count("admin") == 2


async def test_a_certificate_of_our_authority_tells_user_and_groups(
    client: Client, node: FakeNode
) -> None:
    seen: list[User] = []

    async def note(user: User, verb: str, subresource: str) -> bool:
        seen.append(user)
        return True

    node.review_access = note  # type: ignore[method-assign]
    async with serving_ports(node) as ports:
        port = Client(ports.ports["https"])
        answer = await as_somebody(port, node.ca.sign("kate", ("team-a", "team-b")))
    assert answer.code == 200
    assert (seen[0].name, seen[0].groups) == ("kate", ("team-a", "team-b", "system:authenticated"))
    [(key, (value,))] = seen[0].extra
    assert key == "authentication.kubernetes.io/credential-id"
    assert value.startswith("X509SHA256=") and len(value) == len("X509SHA256=") + 64


async def test_a_certificate_wins_over_a_token(client: Client, node: FakeNode) -> None:
    certificate = client_context(node.ca.sign("kate"))
    answer = await Client(client.port, certificate, token="mallory").ask("/pods")
    assert (answer.code, node.reviews) == (200, ["kate get pods"])


async def test_a_certificate_without_a_name_is_nobody(client: Client, node: FakeNode) -> None:
    assert (await as_somebody(client, node.ca.sign("", ("team-a",)))).code == 401


async def test_certificates_that_are_not_ours_are_turned_away(
    client: Client, node: FakeNode, tmp_path: Path
) -> None:
    others = Authority(tmp_path, "another-ca")
    for certificate in (
        others.sign("kate"),
        node.ca.sign("old", seconds=-60),
        node.ca.sign("server", usage=SERVER),
    ):
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await as_somebody(client, certificate)
    assert node.reviews == []


async def test_without_a_bundle_no_certificate_is_asked_for(node: FakeNode) -> None:
    node.client_ca = None
    async with serving_ports(node) as ports:
        port = Client(ports.ports["https"])
        assert (await as_somebody(port, node.ca.sign("kate"))).code == 401


async def test_anonymous_is_somebody_only_if_switched_on(node: FakeNode) -> None:
    node.anonymous = True
    async with serving_ports(node) as ports:
        assert (await Client(ports.ports["https"]).ask("/pods")).code == 200
        assert node.reviews == ["system:anonymous get pods"]
        answer = await Client(ports.ports["https"], token="mallory").ask("/pods")
        assert answer.code == 401, "a wrong token is not nobody"


@pytest.mark.parametrize(
    ("method", "path", "asked", "listed"),
    [
        ("GET", "/pods", ["get pods", "get proxy"], "pods proxy"),
        ("GET", "/healthz", ["get healthz", "get proxy"], "healthz proxy"),
        ("GET", "/configz", ["get configz", "get proxy"], "configz proxy"),
        ("GET", "/metrics", ["get metrics"], "metrics"),
        ("GET", "/stats/summary", ["get stats"], "stats"),
        ("GET", "/logs/", ["get log"], "log"),
        ("GET", "/flagz", ["get configz"], "configz"),
        ("POST", "/run/default/web-node1/web?cmd=ls", ["create proxy"], "proxy"),
        ("POST", "/exec/default/web-node1/web", ["create proxy"], "proxy"),
        ("POST", "/checkpoint/default/web-node1/web", ["create checkpoint"], "checkpoint"),
        ("PUT", "/debug/flags/v", ["update proxy"], "proxy"),
    ],
)
async def test_who_may_not_is_told_what_was_missing(
    client: Client, node: FakeNode, method: str, path: str, asked: list[str], listed: str
) -> None:
    node.allowed = set()
    answer = await client.ask(path, method=method)
    verb = asked[0].split()[0]
    assert answer.code == 403
    assert answer.body.decode() == (
        f"Forbidden (user=admin, verb={verb}, resource=nodes, subresource(s)=[{listed}])\n"
    )
    assert node.reviews == ["admin", *(f"admin {one}" for one in asked)]


async def test_either_the_fine_or_the_coarse_right_is_enough(
    client: Client, node: FakeNode
) -> None:
    node.allowed = {("admin", "get", "proxy")}
    assert (await client.ask("/pods")).code == 200
    assert (await client.ask("/metrics")).code == 403
    node.allowed = {("admin", "get", "healthz")}
    assert (await client.ask("/healthz")).code == 200


async def test_a_right_is_kept_five_minutes_and_its_lack_half_a_one(
    client: Client, node: FakeNode
) -> None:
    node.allowed = {("admin", "get", "metrics")}
    assert (await client.ask("/metrics")).code == 200
    assert (await client.ask("/logs/")).code == 403
    node.allowed = {("admin", "get", "log")}
    node.clock = 29
    assert (await client.ask("/metrics")).code == 200
    assert (await client.ask("/logs/")).code == 403
    node.clock = 31
    assert (await client.ask("/metrics")).code == 200
    assert (await client.ask("/logs/nothing")).code == 404
    node.clock = 301
    assert (await client.ask("/metrics")).code == 403


async def test_an_api_server_away_refuses_and_is_asked_again(
    client: Client, node: FakeNode
) -> None:
    node.trouble = AWAY
    assert (await client.ask("/pods")).body == b"Unauthorized"
    answer = await as_somebody(client, node.ca.sign("kate"))
    assert answer.code == 500
    assert answer.body == (
        b"Authorization error (user=kate, verb=get, resource=nodes, subresource=pods)"
    )
    node.trouble = None
    assert (await client.ask("/pods")).code == 200


async def test_many_at_once_ask_about_one_token_once(client: Client, node: FakeNode) -> None:
    answers = await asyncio.gather(*(client.ask("/metrics") for _ in range(20)))
    assert {answer.code for answer in answers} == {200}
    assert node.reviews == ["admin", "admin get metrics"]


async def test_old_versions_of_tls_are_refused(node: FakeNode) -> None:
    async with serving_ports(node) as ports:
        old = client_context()
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await Client(ports.ports["https"], old, token="admin").ask("/pods")).code == 200
    node.least = TlsVersion.V13
    async with serving_ports(node) as ports:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Client(ports.ports["https"], old, token="admin").ask("/pods")


async def test_a_new_serving_certificate_is_taken(node: FakeNode, tmp_path: Path) -> None:
    async with serving_ports(node) as ports:
        other = Authority(tmp_path, "new-ca")
        fresh = other.sign("node", usage=SERVER)
        trusting = Client(ports.ports["https"], client_context(trust=other.file), token="admin")
        with pytest.raises(ssl.SSLError):
            await trusting.ask("/pods")
        os.replace(fresh, node.certificate)  # noqa: PTH105
        await until(trusting, 200)


async def test_another_bundle_is_taken_and_the_old_one_forgotten(
    node: FakeNode, tmp_path: Path
) -> None:
    async with serving_ports(node) as ports:
        port = ports.ports["https"]
        others = Authority(tmp_path, "another-ca")
        kate, olga = node.ca.sign("kate"), others.sign("olga")
        kept = Client(port, client_context(kate))
        reader, writer = await kept.connect()
        writer.write(kept.head("GET", "/pods", {}))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        os.replace(others.file, node.ca.file)  # noqa: PTH105
        await until(Client(port, client_context(olga)), 200)
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await kept.ask("/pods")
        writer.write(kept.head("GET", "/pods", {}))
        async with asyncio.timeout(5):
            rest = await reader.read()
        assert b"HTTP/1.1 401 " in rest, "an old connection is not good for a new bundle"
        writer.close()


async def until(client: Client, code: int) -> None:
    """Ask until the answer is that."""
    async with asyncio.timeout(10):
        while True:
            try:
                if (await client.ask("/pods")).code == code:
                    return
            except (OSError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(0.02)


async def test_files_that_cannot_be_used_change_nothing(node: FakeNode) -> None:
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        node.certificate.write_text("rubbish")
        await asyncio.sleep(0.3)
        assert (await client.ask("/pods")).code == 200


async def test_a_port_waits_for_the_certificate_that_is_asked_for(node: FakeNode) -> None:
    node.late = True
    there, node.certificate = node.certificate, node.folder / "kubelet-server-current.pem"
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client.ask("/pods")
        node.certificate.symlink_to(there)
        await until(client, 200)


@pytest.mark.parametrize("file", ["certificate", "client_ca"])
async def test_a_file_that_is_missing_at_the_start_stops_it(node: FakeNode, file: str) -> None:
    setattr(node, file, node.folder / "nothing")
    with pytest.raises(HostError, match="nothing"):
        async with serving_ports(node):
            pass


async def test_a_port_that_is_taken_stops_it(node: FakeNode) -> None:
    from nodeagent.server.node_port import Place, listen_on

    with listen_on(Place("127.0.0.1", 0)) as taken, pytest.raises(HostError, match="in use"):
        listen_on(Place("127.0.0.1", taken.getsockname()[1]))


async def test_a_plain_request_to_the_tls_port_gets_nothing(client: Client) -> None:
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await Client(client.port, tls=False, token="admin").ask("/pods")
