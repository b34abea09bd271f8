"""/logs/ of the node's port: files below /var/log and the journal, over real TLS."""

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nodeagent.core.log_query import MOST_LINES
from nodeagent.server.backing import Switches
from tests.fakes.node_port import FakeNode, serving_ports
from tests.server.node_client import Client


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


@pytest.fixture
async def client(node: FakeNode) -> AsyncIterator[Client]:
    async with serving_ports(node) as ports:
        yield Client(ports.ports["https"], token="admin")


@pytest.fixture
def var_log(node: FakeNode) -> Path:
    folder = node.folder / "system-logs"
    (folder / "pods").mkdir(parents=True)
    (folder / "syslog").write_text("hello\n")
    (folder / "a&b<c>").write_text("odd\n")
    (folder / "old.gz").write_bytes(gzip.compress(b"old"))
    (folder / "nginx.log").write_text("requests\n")
    (folder / "in").symlink_to("syslog")
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../..")
    os.mkfifo(folder / "pipe")
    return folder


async def test_a_folder_is_a_page_of_links(client: Client, var_log: Path) -> None:
    for path in ("/logs/", "/logs"):
        answer = await client.ask(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        text = answer.body.decode()
        assert '<a href="syslog">syslog</a>\n' in text
        assert '<a href="pods/">pods/</a>\n' in text
        assert '<a href="a%26b%3Cc%3E">a&amp;b&lt;c&gt;</a>\n' in text


async def test_files_below_are_shown_and_nothing_else(client: Client, var_log: Path) -> None:
    assert (await client.ask("/logs/syslog")).body == b"hello\n"
    assert (await client.ask("/logs/in")).body == b"hello\n"
    answer = await client.ask("/logs/old.gz")
    assert answer.headers["content-type"] == "application/gzip"
    assert gzip.decompress(answer.body) == b"old"
    for path in (
        "out", "up/", "up/etc/passwd", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "none",
        "..%2f..%2fetc%2fpasswd", "/etc/passwd", "pipe", "a%00b", "x" * 300,
    ):  # fmt: skip
        answer = await client.ask(f"/logs/{path}")
        assert (answer.code, answer.body) == (404, b"404 page not found\n"), path


async def test_a_long_file_comes_whole(client: Client, var_log: Path) -> None:
    data = os.urandom(3_000_000)
    (var_log / "long").write_bytes(data)
    assert (await client.ask("/logs/long")).body == data


async def test_the_journal_of_services(client: Client, node: FakeNode, var_log: Path) -> None:
    query = "query=kubelet&tailLines=5&pattern=err&boot=-1&sinceTime=2026-01-02T03:04:05%2B01:00"
    answer = await client.ask(f"/logs/?{query}")
    assert (answer.code, answer.body) == (200, b"one\ntwo\n")
    assert answer.headers["content-type"] == "text/plain;charset=UTF-8"
    assert node.asked == [
        ("journal", "--utc", "--no-pager", "--output=short-precise",
         "--since=2026-01-02 02:04:05", "--pager-end", "--lines=5", "--unit=kubelet",
         "--grep=err", "--case-sensitive=false", "--boot=-1"),
    ]  # fmt: skip
    packed = await client.ask("/logs/?query=kubelet", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"one\ntwo\n"


async def test_a_service_without_a_journal_has_files(client: Client, var_log: Path) -> None:
    assert (await client.ask("/logs/?query=nginx")).body == b"requests\n"
    assert (await client.ask("/logs/?query=/syslog")).body == b"hello\n"
    assert (await client.ask("/logs/?query=none")).body == b"\nlog not found for none\n"
    answer = await client.ask("/logs/?query=nginx&tailLines=1")
    assert b"options present and query resolved to log files for [nginx]" in answer.body


async def test_a_machine_without_a_journal_says_so(
    client: Client, node: FakeNode, var_log: Path
) -> None:
    node.units = None
    answer = await client.ask("/logs/?query=kubelet")
    assert (answer.code, answer.body) == (200, b"\nlog not found for kubelet\n")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query=", 400), ("query=%20", 400), ("sinceTime=yesterday&query=a", 400),
        ("boot=x&query=a", 400), ("query=a&query=/b", 406), ("query=/a&query=/b", 406),
        ("query=/a&boot=0", 406), ("query=a&boot=1", 406), ("tailLines=1", 406),
        (f"query=a&tailLines={MOST_LINES + 1}", 406), ("query=a&pattern=(", 406),
        ("query=a;b", 406), ("query=-a", 406), ("query=" + "a" * 257, 406),
        ("&".join(f"query=a{n}" for n in range(5)), 406),
        ("query=a&sinceTime=2026-01-02T00:00:00Z&untilTime=2026-01-01T00:00:00Z", 406),
    ],
)  # fmt: skip
async def test_questions_that_make_no_sense(
    client: Client, node: FakeNode, query: str, code: int
) -> None:
    assert (await client.ask(f"/logs/?{query}")).code == code
    assert node.asked == []


async def test_without_its_switch_a_query_is_not_seen(node: FakeNode, var_log: Path) -> None:
    node.switches = Switches(log_query=False)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        assert b"<pre>" in (await client.ask("/logs/?query=kubelet")).body
        assert node.asked == []
