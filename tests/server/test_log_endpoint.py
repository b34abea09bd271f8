"""Logs through the local API: options, choice of the run, following, rotation, state texts."""

from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from tests.fakes.local_node import LocalNode, a_pod, at, ended, log_line, running, serving, waiting
from tests.server.http_client import Answer, ask, open_stream

LOG = "/api/v1/namespaces/default/pods/web-node1/log"
DIED = v1.ContainerStateTerminated(
    exitCode=1, containerID="containerd://web-1", startedAt=at(9), finishedAt=at(5)
)


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path)


async def log_of(node: LocalNode, query: str = "") -> Answer:
    async with serving(node):
        return await ask(node.socket, LOG + (f"?{query}" if query else ""))


async def test_a_log_is_what_the_container_wrote(node: LocalNode) -> None:
    node.log_file().write_text(log_line("one") + log_line("two", stream="stderr"))
    answer = await log_of(node)
    assert (answer.code, answer.body) == (200, b"one\ntwo\n")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("tailLines=2", "8\n9\n"),
        ("tailLines=0", ""),
        ("tailLines=99", "".join(f"{n}\n" for n in range(10))),
        ("tail=all&limitBytes=3", "0\n1"),
        ("sinceTime=2027-01-15T07:59:07Z", "7\n8\n9\n"),
        ("sinceSeconds=52", "8\n9\n"),
        ("tailLines=1&timestamps=true", "2027-01-15T07:59:09.000000001Z 9\n"),
        ("follow=false&previous=0&tailLines=1", "9\n"),
    ],
)
async def test_options_narrow_the_log(node: LocalNode, query: str, text: str) -> None:
    node.log_file().write_text("".join(log_line(str(n), second=n) for n in range(10)))
    answer = await log_of(node, query)
    assert (answer.code, answer.body.decode()) == (200, text)


async def test_the_tail_of_a_long_log_is_found_across_blocks(node: LocalNode) -> None:
    node.log_file().write_text("".join(log_line(f"{n} " + "x" * 300) for n in range(2000)))
    answer = await log_of(node, "tailLines=700")
    lines = answer.body.decode().splitlines()
    assert len(lines) == 700
    assert lines[0].startswith("1300 ")


async def test_a_last_line_without_end_is_counted_as_a_line(node: LocalNode) -> None:
    node.log_file().write_text(log_line("one") + log_line("two") + log_line("three")[:-1])
    assert (await log_of(node, "tailLines=2")).body == b"two\nthree\n"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("tailLines=x", 400),
        ("tailLines=-1", 422),
        ("limitBytes=0", 422),
        ("sinceSeconds=0", 422),
        ("sinceSeconds=5&sinceTime=2027-01-15T07:59:07Z", 422),
        ("sinceTime=yesterday", 400),
        ("follow=perhaps", 400),
        ("container=none", 404),
    ],
)
async def test_wrong_options_are_refused(node: LocalNode, query: str, code: int) -> None:
    node.log_file().write_text(log_line("one"))
    answer = await log_of(node, query)
    assert (answer.code, answer.json["kind"]) == (code, "Status")


async def test_one_of_several_containers_must_be_named(node: LocalNode) -> None:
    node.pods = [a_pod("web-node1", running("web"), running("side"))]
    node.log_file(container="side").write_text(log_line("from the side"))
    assert (await log_of(node, "container=side")).body == b"from the side\n"
    answer = await log_of(node)
    assert answer.code == 400
    assert answer.json["message"].endswith("choose one of: [web side]")


async def test_the_previous_run_is_the_one_before(node: LocalNode) -> None:
    node.pods = [a_pod("web-node1", running(restarts=2))]
    for number in range(3):
        node.log_file(number).write_text(log_line(f"run {number}"))
    assert (await log_of(node)).body == b"run 2\n"
    assert (await log_of(node, "previous=true")).body == b"run 1\n"


async def test_in_back_off_the_log_of_the_run_that_ended_is_shown(node: LocalNode) -> None:
    node.pods = [a_pod("web-node1", waiting(reason="CrashLoopBackOff", restarts=1, last=DIED))]
    node.log_file(0).write_text(log_line("first"))
    node.log_file(1).write_text(log_line("second"))
    assert (await log_of(node)).body == b"second\n"
    assert (await log_of(node, "previous=true")).body == b"second\n"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (waiting(reason="ErrImagePull"), "is waiting to start: image can't be pulled"),
        (
            waiting(reason="ImagePullBackOff"),
            "is waiting to start: trying and failing to pull image",
        ),
        (waiting(reason="ContainerCreating"), "is waiting to start: ContainerCreating"),
        (waiting(reason=""), "is waiting to start - no logs yet"),
        (
            waiting(reason="CrashLoopBackOff", last=v1.ContainerStateTerminated(exitCode=128)),
            "is terminated",
        ),
    ],
)
async def test_a_container_without_a_log_says_why(
    node: LocalNode, status: v1.ContainerStatus, text: str
) -> None:
    node.pods = [a_pod("web-node1", status)]
    answer = await log_of(node)
    assert answer.code == 400
    assert answer.json["message"] == f'container "web" in pod "web-node1" {text}'


async def test_a_run_that_never_was_is_not_found(node: LocalNode) -> None:
    answer = await log_of(node, "previous=true")
    assert answer.code == 400
    assert answer.json["message"] == (
        'previous terminated container "web" in pod "web-node1" not found'
    )


async def test_a_pod_or_file_that_is_not_there_is_404(node: LocalNode) -> None:
    async with serving(node):
        pod = await ask(node.socket, LOG.replace("web-node1", "none"))
        file = await ask(node.socket, LOG)
    assert (pod.code, pod.json["message"]) == (404, 'pods "none" not found')
    assert file.code == 404
    assert "no log of container" in file.json["message"]


async def test_following_ends_when_the_container_did_and_all_is_read(node: LocalNode) -> None:
    path = node.log_file()
    path.write_text(log_line("one"))
    async with serving(node):
        stream = await open_stream(node.socket, f"{LOG}?follow=true")
        assert await stream.piece() == b"one\n"
        with path.open("a") as file:
            file.write(log_line("two"))
        assert await stream.piece() == b"two\n"
        node.pods = [a_pod("web-node1", ended())]
        with path.open("a") as file:
            file.write(log_line("last words"))
        assert await stream.rest() == b"last words\n"
        await stream.close()


async def test_following_goes_on_in_the_file_that_rotation_made(node: LocalNode) -> None:
    path = node.log_file()
    path.write_text(log_line("one"))
    async with serving(node):
        stream = await open_stream(node.socket, f"{LOG}?follow=true")
        assert await stream.piece() == b"one\n"
        old = path.with_suffix(".log.20270115-075900")
        path.rename(old)
        for words in ("still", "the same"):
            with old.open("a") as file:
                file.write(log_line(words))
            assert await stream.piece() == f"{words}\n".encode()
        with old.open("a") as file:
            file.write(log_line("late in the old file"))
        path.write_text(log_line("new file"))
        assert await stream.piece() == b"late in the old file\n"
        assert await stream.piece() == b"new file\n"
        await stream.close()


async def test_following_a_file_that_is_cut_short_starts_over(node: LocalNode) -> None:
    path = node.log_file()
    path.write_text(log_line("a long first line that is cut away"))
    async with serving(node):
        stream = await open_stream(node.socket, f"{LOG}?follow=true")
        await stream.piece()
        path.write_text(log_line("short"))
        assert await stream.piece() == b"short\n"
        await stream.close()


async def test_a_long_log_comes_whole(node: LocalNode) -> None:
    text = "".join(f"{n} line\n" for n in range(50_000))
    node.log_file().write_text("".join(log_line(line) for line in text.splitlines()))
    assert (await log_of(node)).body.decode() == text
