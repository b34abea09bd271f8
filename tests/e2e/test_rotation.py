"""Certificates of the client and of the port end while the agent runs, and others take over."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from nodeagent.adapters.host.key_pairs import read_pair
from tests.apiserver.authority import YEAR
from tests.e2e.member import KUBECTL, Member, running_member
from tests.e2e.pods import container, pod
from tests.e2e.runtime import Runtime

LIFE = 40.0  # seconds: renewed after 28 to 36
TALK = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.5; done"


@pytest.fixture
def member(runtime: Runtime, tmp_path: Path) -> Iterator[Member]:
    with running_member(
        runtime, tmp_path, kubelet={"serverTLSBootstrap": True}, life=LIFE
    ) as member:
        yield member


def serial(text: str) -> int:
    return x509.load_pem_x509_certificate(text.encode()).serial_number


def test_certificates_are_replaced_while_everything_goes_on(member: Member) -> None:
    cluster = member.cluster
    client = member.certificates / "kubelet-client-current.pem"
    serving = member.certificates / "kubelet-server-current.pem"
    member.until(serving.exists, what="a serving certificate")
    cluster.do(lambda one: setattr(one.signer, "seconds", YEAR))
    first, first_served = client.read_text(), serving.read_text()

    def presented() -> int:
        return serial(ssl.get_server_certificate(("127.0.0.1", member.port)))

    member.apply(pod("talker", container(TALK)))
    member.wait_phase("talker")
    member.until(lambda: presented() == serial(first_served), what="the port's own certificate")
    with subprocess.Popen(
        [KUBECTL, "logs", "-f", "talker"], stdout=subprocess.PIPE, env=member.environment
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == b"line 1\n"
        member.until(
            lambda: client.read_text() != first and serving.read_text() != first_served,
            what="new certificates",
            within=60,
        )
        member.until(lambda: presented() == serial(serving.read_text()), what="the port to use it")
        new = serial(client.read_text())
        member.until(
            lambda: new in followers(member), what="the pods to be watched with the new one"
        )
        pair = read_pair(client)
        assert pair is not None and pair.common_name == "system:node:node"
        mark = cluster.do(lambda one: len(one.server.parts.seen))
        member.apply(pod("later"))
        member.wait_phase("later")
        asked = cluster.do(lambda one: one.server.parts.seen[mark:])
        assert {one.serial for one in asked if "system:node:" in one.user} == {new}
        lines = [following.stdout.readline() for _ in range(2)]
        following.kill()
    assert lines == [b"line 2\n", b"line 3\n"], "the log was followed all the time"
    assert member.pods()["talker"].restarts() == 0
    assert member.condition("Ready") == "True"
    assert member.kubectl("exec", "talker", "--", "echo", "works") == "works\n"


def followers(member: Member) -> set[int]:
    """Certificates by which pods were watched."""
    seen = member.cluster.do(lambda one: list(one.server.parts.seen))
    return {one.serial for one in seen if one.path == "/api/v1/pods" and "watch=true" in one.query}
