"""Reviews at the API server: what is asked, and what the answers mean."""

import pytest

from nodeagent.engine.reviews import LIMIT, Reviews
from nodeagent.errors import ApiUnavailable
from nodeagent.metrics import AgentMetrics
from nodeagent.model.access import User
from tests.apiserver.special import User as Known
from tests.fakes.api import FakeApi
from tests.fakes.figures import value


async def test_a_token_tells_its_user() -> None:
    api = FakeApi()
    api.reviews.tokens["secret"] = Known(
        name="kate", groups=("ops",), uid="u1", extra={"why": ["because"]}
    )
    reviews = Reviews(lambda: api, node="node1")
    assert await reviews.token("secret") == User(
        name="kate", groups=("ops",), uid="u1", extra=(("why", ("because",)),)
    )
    assert await reviews.token("other") is None


async def test_access_is_asked_about_this_node() -> None:
    api = FakeApi()
    api.reviews.allow = lambda spec: spec["user"] == "kate"
    reviews = Reviews(lambda: api, node="node1")
    kate = User(name="kate", uid="u1", groups=("ops",), extra=(("why", ("because",)),))
    assert await reviews.access(kate, "get", "metrics")
    assert not await reviews.access(User(name="mallory"), "create", "proxy")
    assert api.asked[0].body["spec"] == {
        "user": "kate",
        "uid": "u1",
        "groups": ["ops"],
        "extra": {"why": ["because"]},
        "resourceAttributes": {
            "verb": "get",
            "version": "v1",
            "resource": "nodes",
            "subresource": "metrics",
            "name": "node1",
        },
    }


async def test_without_an_api_server_nobody_can_say() -> None:
    reviews = Reviews(lambda: None, node="node1")
    with pytest.raises(ApiUnavailable):
        await reviews.token("secret")
    with pytest.raises(ApiUnavailable):
        await reviews.access(User(name="kate"), "get", "metrics")


@pytest.mark.looptime
async def test_an_answer_is_not_waited_for_for_ever() -> None:
    api = FakeApi()
    api.delay = LIMIT * 2
    with pytest.raises(ApiUnavailable, match="no answer within 10 seconds"):
        await Reviews(lambda: api, node="node1").token("secret")


async def test_reviews_are_counted_by_how_they_were_answered() -> None:
    api, metrics = FakeApi(), AgentMetrics()
    reviews = Reviews(lambda: api, node="node1", tell=metrics.asked.reviewed)
    await reviews.token("x")
    await reviews.access(User(name="kate"), "get", "metrics")
    api.down = True
    with pytest.raises(ApiUnavailable):
        await reviews.token("x")
    assert value(metrics, "apiserver_delegated_authn_request_total", code="201") == 1
    assert value(metrics, "apiserver_delegated_authn_request_total", code="<error>") == 1
    seconds = "apiserver_delegated_authn_request_duration_seconds_count"
    assert value(metrics, seconds, code="201") == value(metrics, seconds, code="<error>") == 1
    assert value(metrics, "apiserver_delegated_authz_request_total", code="201") == 1
    assert value(metrics, "apiserver_delegated_authz_request_total", code="<error>") == 0
    seconds = "apiserver_delegated_authz_request_duration_seconds_count"
    assert value(metrics, seconds, code="201") == 1
