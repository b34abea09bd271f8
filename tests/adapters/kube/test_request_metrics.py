"""Requests and bytes of the API client show as metrics."""

import asyncio

from h2.errors import ErrorCodes
from lightkube.models import core_v1 as v1
from prometheus_client import CollectorRegistry

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.counts import ApiCounts
from nodeagent.adapters.kube.request_metrics import RequestCollector
from nodeagent.metrics import AgentMetrics
from nodeagent.model.api import NODES, Purpose
from tests.adapters.kube.scripted import scripted
from tests.fakes.figures import value

NODE = b'{"kind":"Node","metadata":{"name":"n","resourceVersion":"7"}}'


def test_requests_are_told_by_status_and_by_purpose() -> None:
    counts = ApiCounts()
    counts.host = "10.0.0.1:6443"
    counts.answered(Purpose.STATUS, "PATCH", 200)
    counts.answered(Purpose.NODE, "PATCH", 200)
    counts.answered(Purpose.NODE, "PATCH", 0)
    counts.sent[Purpose.NODE] += 70
    counts.connections = 2
    registry = CollectorRegistry()
    registry.register(RequestCollector(counts))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    total = "rest_client_requests_total"
    assert value(total, code="200", method="PATCH", host="10.0.0.1:6443") == 2
    assert value(total, code="<error>", method="PATCH", host="10.0.0.1:6443") == 1
    ours = "nodeagent_api_requests_total"
    assert value(ours, purpose="node", method="PATCH", code="200") == 1
    assert value("nodeagent_api_bytes_total", purpose="node", direction="sent") == 70
    assert value("nodeagent_api_connections_total") == 2


async def read(client: KubeClient) -> v1.Node | None:
    return await client.read(NODES, "n", purpose=Purpose.NODE)


async def test_what_requests_take_is_told_for_each_try_that_was_answered() -> None:
    metrics = AgentMetrics()
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        client.counts.times = metrics.rest
        patch = {"metadata": {"labels": {"a": "b"}}}
        asking = group.create_task(client.patch(NODES, "n", patch, purpose=Purpose.STATUS))
        asked = await server.next()
        asked.answer(NODE)
        await asking
        reading = group.create_task(read(client))
        (await server.next()).reset(ErrorCodes.REFUSED_STREAM)
        (await server.next()).answer(NODE)
        await reading
        of_patch = {"verb": "PATCH", "host": client.counts.host}
        of_get = {"verb": "GET", "host": client.counts.host}
    name = "rest_client_request_duration_seconds_count"
    assert value(metrics, name, **of_patch) == value(metrics, name, **of_get) == 1
    assert value(metrics, "rest_client_request_size_bytes_sum", **of_patch) == len(asked.body)
    assert value(metrics, "rest_client_response_size_bytes_sum", **of_patch) == len(NODE)
    waits = "rest_client_rate_limiter_duration_seconds_count"
    assert value(metrics, waits, **of_patch) == 1
    assert value(metrics, waits, **of_get) == 0, "what keeps the node alive does not wait"
    assert value(metrics, "rest_client_request_retries_total", code="<error>", **of_get) == 1
