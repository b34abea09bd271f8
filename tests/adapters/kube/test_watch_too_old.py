"""A watch whose version the server has forgotten, as after the server's restart."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from nodeagent.adapters.kube.reply import Reply
from nodeagent.adapters.kube.watch import Follower, Selection
from nodeagent.model.api import CONFIG_MAPS, PODS, ApiKind, Purpose

pytestmark = pytest.mark.looptime


class ForgetfulServer:
    """Lists and watches as the API server answers them: it has no history before `oldest`.

    A list with a limit and a version other than "0" is of exactly that version.
    """

    connected = True

    def __init__(self, *, oldest: int) -> None:
        self.oldest, self.newest = oldest, oldest
        self.watched: list[int] = []
        self.lists = 0
        self._replies: list[Reply] = []

    async def call(
        self, method: str, path: str, *, purpose: Purpose, query: Mapping[str, str] | None = None
    ) -> bytes:
        """A list of one object."""
        asked = (query or {}).get("resourceVersion", "0")
        version = asked if asked != "0" else str(self.newest)
        self.lists += 1
        item = {"metadata": {"name": "a", "namespace": "n", "resourceVersion": version}}
        return json.dumps({"metadata": {"resourceVersion": version}, "items": [item]}).encode()

    async def stream(self, path: str, *, purpose: Purpose, query: Mapping[str, str]) -> Reply:
        """A watch: an error event where the version is too old, else silence."""
        since = int(query["resourceVersion"])
        self.watched.append(since)
        reply = Reply(taken=lambda _: None, left=lambda: None)
        reply.start(200, {})
        if since < self.oldest:
            status = {"kind": "Status", "code": 410, "message": "too old resource version"}
            event = {"type": "ERROR", "object": status}
            reply.add(json.dumps(event).encode() + b"\n", 1)
            reply.end()
        self._replies.append(reply)
        return reply

    async def returned(self, *, at_most: float) -> bool:
        """It never was away."""
        await asyncio.sleep(at_most)
        return True

    def restart(self) -> None:
        """The watches end, and what was before is forgotten."""
        self.newest = self.oldest = self.newest + 2
        for reply in self._replies:
            reply.end()
        self._replies = []


async def _follow(server: ForgetfulServer, kind: ApiKind[Any]) -> None:
    chosen = Selection(kind=kind, namespace="", purpose=Purpose.DATA, fields="", labels="")
    async for _ in Follower[Any](server, chosen).updates():
        pass


@pytest.mark.parametrize("kind", [CONFIG_MAPS, PODS])
async def test_a_version_that_the_server_forgot_is_answered_by_the_newest_list(
    kind: ApiKind[Any],
) -> None:
    server = ForgetfulServer(oldest=10)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_follow(server, kind))
        await asyncio.sleep(60)
        server.restart()
        await asyncio.sleep(60)
        following.cancel()

    assert server.watched == [10, 10, 12]
    assert server.lists == 2


async def test_a_server_that_forgets_at_once_is_asked_ever_less_often() -> None:
    server = ForgetfulServer(oldest=10)
    server.newest = 5  # whatever it lists is too old to be watched
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_follow(server, CONFIG_MAPS))
        await asyncio.sleep(300)
        following.cancel()

    assert len(server.watched) < 20
