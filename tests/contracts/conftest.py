"""Servers that the contracts of the API are held against: the small one, and a real one."""

import uuid
from collections.abc import Iterator

import pytest

from nodeagent.adapters.kube.access import Access
from tests.apiserver.cluster import running_cluster
from tests.contracts.control_plane import (
    NODE,
    NODE_TOKEN,
    TOKEN,
    assets,
    real_control_plane,
)
from tests.contracts.http_api import HttpApi, bearer, with_certificate

SERVERS = ["small server", *(["control plane"] if assets() is not None else [])]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A real one, with the account that its controllers would make."""
    programs = assets()
    assert programs is not None
    with real_control_plane(programs, tmp_path_factory.mktemp("control-plane")) as access:
        bearer(access.server, TOKEN).make_account("default")
        yield access


@pytest.fixture(scope="session", params=SERVERS)
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HttpApi]:
    """HTTP as the administrator; `node` of it asks as a node."""
    if request.param == "control plane":
        access = request.getfixturevalue("control_plane")
        made = bearer(access.server, TOKEN)
        made.node = bearer(access.server, NODE_TOKEN)
        yield made
        return
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.do(lambda one: setattr(one.signer, "approves", lambda _: False))
        cluster.do(lambda one: setattr(one.controllers, "schedule", False))
        made = with_certificate(cluster.url, cluster.do(lambda one: one.administrator()))
        made.node = with_certificate(cluster.url, cluster.do(lambda one: one.node(NODE)))
        yield made


@pytest.fixture
def space(api: HttpApi) -> str:
    """A namespace of this test alone."""
    name = f"space-{uuid.uuid4().hex[:8]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert api.post("/api/v1/namespaces", body).code == 201
    api.make_account(name)
    return name
