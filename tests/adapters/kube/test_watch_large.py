"""A list whose pages are larger than what is taken of one answer."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from nodeagent.adapters.kube.reply import TOO_LARGE, Reply
from nodeagent.adapters.kube.watch import Follower, Selection
from nodeagent.errors import ApiUnavailable
from nodeagent.model.api import PODS, SERVICES, ApiKind, Purpose

pytestmark = pytest.mark.looptime
NAMES = [f"pod-{number:02}" for number in range(30)]


class LargeServer:
    """Answers with more than `most` objects at once are too large; "0" takes no limit."""

    connected = True

    def __init__(self, *, most: int) -> None:
        self.most = most
        self.limits: list[int] = []

    async def call(
        self, method: str, path: str, *, purpose: Purpose, query: Mapping[str, str] | None = None
    ) -> bytes:
        """One page; the token to go on is where the next one begins."""
        asked = query or {}
        limit = len(NAMES) if asked.get("resourceVersion") == "0" else int(asked["limit"])
        begin = int(asked.get("continue", "0"))
        self.limits.append(int(asked["limit"]))
        page, rest = NAMES[begin : begin + limit], NAMES[begin + limit :]
        if len(page) > self.most:
            raise ApiUnavailable(op="get", target=path, detail="large", reason=TOO_LARGE)
        token = str(begin + limit) if rest else ""
        items = [
            {"metadata": {"name": name, "namespace": "n", "resourceVersion": "5"}} for name in page
        ]
        metadata = {"resourceVersion": "9", "continue": token}
        return json.dumps({"metadata": metadata, "items": items}).encode()

    async def stream(self, path: str, *, purpose: Purpose, query: Mapping[str, str]) -> Reply:
        """Silence."""
        reply = Reply(taken=lambda _: None, left=lambda: None)
        reply.start(200, {})
        return reply

    async def returned(self, *, at_most: float) -> bool:
        """It never was away."""
        await asyncio.sleep(at_most)
        return True


@pytest.mark.parametrize("kind", [PODS, SERVICES])
@pytest.mark.parametrize(("most", "limits"), [(10, [500, 62, 7]), (1, [500, 62, 7, 1])])
async def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(
    kind: ApiKind[Any], most: int, limits: list[int]
) -> None:
    server = LargeServer(most=most)
    chosen = Selection(kind=kind, namespace="", purpose=Purpose.DATA, fields="", labels="")
    async with asyncio.timeout(60):
        async for told in Follower[Any](server, chosen).updates():
            assert sorted(told.items) == [f"n/{name}" for name in NAMES]
            break
    assert list(dict.fromkeys(server.limits)) == limits
