"""Paths of objects, whose names pods may choose as they like: no name leads elsewhere."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.errors import ApiInvalid
from nodeagent.model.api import CLAIMS, NODES, Purpose
from tests.adapters.kube.scripted import scripted


def test_a_name_stays_one_part_of_its_path() -> None:
    odd = CLAIMS.path("shop", "a b?watch=1#\n\u00e9")
    assert odd == "/api/v1/namespaces/shop/persistentvolumeclaims/a%20b%3Fwatch=1%23%0A%C3%A9"
    assert NODES.path("", "n:1", "status") == "/api/v1/nodes/n:1/status"


@pytest.mark.parametrize("name", [".", "..", "../secrets/a", "a%2fb"])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ApiInvalid, match="invalid resource name"):
        CLAIMS.path("shop", name)


async def test_a_claims_name_that_http_cannot_carry_is_asked_for_and_not_found() -> None:
    async def read(client: KubeClient) -> v1.PersistentVolumeClaim | None:
        return await client.read(CLAIMS, "a b\nx: y\u00e9", "shop", purpose=Purpose.DATA)

    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        asked = await server.next()
        assert asked.path.endswith("/persistentvolumeclaims/a%20b%0Ax:%20y%C3%A9")
        asked.answer(status="404")
        assert await reading is None
        with pytest.raises(ApiInvalid):
            await client.read(CLAIMS, "../a", "shop", purpose=Purpose.DATA)
