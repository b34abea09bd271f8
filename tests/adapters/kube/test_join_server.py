"""The first talk with a server: wrong clocks, other authorities, other answers."""

import time
from pathlib import Path

import pytest

from nodeagent.adapters.kube.join import Server
from nodeagent.core.join import parse_address, parse_token
from nodeagent.errors import JoinError
from tests.apiserver.authority import Authority
from tests.apiserver.bootstrap import put_cluster_info
from tests.apiserver.cluster import running_cluster


def test_a_clock_an_hour_off_is_told(tmp_path: Path) -> None:
    with running_cluster(tmp_path) as cluster:
        token = parse_token(str(cluster.do(lambda one: one.add_token())))
        host, port = parse_address(cluster.address)
        server = Server(host, port, patience=1, now=time.time() - 3600)
        with pytest.raises(JoinError) as caught:
            server.discover(token, (cluster.authority.pin,))
        assert caught.value.reason == "ClockWrong"
        assert "behind the server" in str(caught.value)


def test_a_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    other = Authority()
    with running_cluster(tmp_path) as cluster:
        given = cluster.do(lambda one: one.add_token())
        cluster.do(
            lambda one: put_cluster_info(
                one.store, server=one.url, authority=other.pem, tokens=[given]
            )
        )
        host, port = parse_address(cluster.address)
        server, token = Server(host, port, patience=1), parse_token(str(given))
        info = server.discover(token, (other.pin,))
        with pytest.raises(JoinError) as caught:
            server.confirm(info, token)
        assert caught.value.reason == "AuthorityMismatch"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1:6443", ("10.0.0.1", 6443)),
        ("cp.example.com", ("cp.example.com", 6443)),
        ("https://cp:8443/", ("cp", 8443)),
        ("[fd00::1]:6443", ("fd00::1", 6443)),
        ("[fd00::1]", ("fd00::1", 6443)),
    ],
)
def test_addresses_are_read_in_each_form(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", ":6443", "host:", "host:port", "host:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(JoinError):
        parse_address(text)
