"""Docker credentials: documents read, and matched with images."""

import base64
import json
from typing import Any

import pytest

from nodeagent.core.credentials import (
    Wallet,
    is_match,
    matching,
    node_config_paths,
    read_config,
    read_secret,
)
from nodeagent.model.credentials import Credential, SecretName
from nodeagent.model.data import Secret


def auth(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


def config(**auths: Any) -> bytes:
    return json.dumps({"auths": auths}).encode()


def wallet(*keys: str) -> tuple[Credential, ...]:
    """One entry for each key, with the key as its user."""
    entries = {key: {"username": key, "password": "p"} for key in keys}
    return read_config(config(**entries), legacy=False).credentials


def users(image: str, *keys: str) -> list[str]:
    return [credential.username for credential in matching(image, wallet(*keys))]


@pytest.mark.parametrize(
    ("pattern", "repository", "matches"),
    [
        ("registry.io", "registry.io/a/b", True),
        ("registry.io", "registry.io:5000/a", False),
        ("registry.io:5000", "registry.io:5000/a", True),
        ("*.registry.io", "eu.registry.io/a", True),
        ("*.registry.io", "registry.io/a", False),
        ("*.registry.io", "a.b.registry.io/a", False),
        ("*.*.registry.io", "a.b.registry.io/a", True),
        ("pre*.registry.io", "prefix.registry.io/a", True),
        ("registry.io/team", "registry.io/team/app", True),
        ("registry.io/team", "registry.io/other/app", False),
        ("registry.io/*", "registry.io/team", False),
        ("https://registry.io/v1/", "registry.io/team", True),
        ("https://registry.io/v2/team", "registry.io/team/app", True),
        ("127.0.0.1:5000", "127.0.0.1:5000/x", True),
    ],
)
def test_patterns_match_hosts_by_label_and_paths_by_prefix(
    pattern: str, repository: str, matches: bool
) -> None:
    assert is_match(pattern, repository) is matches


def test_the_longer_path_is_tried_first() -> None:
    keys = ("r.io", "r.io/team/app", "r.io/team", "other.io")
    assert users("r.io/team/app:1", *keys) == ["r.io/team/app", "r.io/team", "r.io"]


@pytest.mark.parametrize("image", ["busybox", "docker.io/library/busybox:1", "me/app"])
def test_docker_hub_is_found_under_the_name_docker_gives_it(image: str) -> None:
    assert users(image, "https://index.docker.io/v1/", "r.io") == ["https://index.docker.io/v1/"]


def test_other_registries_do_not_get_the_hubs_password() -> None:
    assert users("r.io/busybox", "https://index.docker.io/v1/") == []


def test_the_same_credential_under_two_keys_is_tried_once() -> None:
    found = read_config(config(**{"r.io": auth("u", "p"), "r.io/a": auth("u", "p")}), legacy=False)
    assert len(matching("r.io/a/b", found.credentials)) == 1


@pytest.mark.parametrize(
    "entry",
    [auth("u", "p:q"), {"username": "u", "password": "p:q"}, auth("u", "p:q\0\0")],
    ids=["auth", "plain", "padded with zeros"],
)
def test_names_and_passwords_are_read_in_each_spelling(entry: dict[str, str]) -> None:
    (found,) = read_config(config(**{"r.io": entry}), legacy=False).credentials
    assert (found.username, found.password) == ("u", "p:q")


def test_an_entry_for_a_helper_is_no_credential() -> None:
    data = json.dumps({"auths": {"r.io": {}}, "credsStore": "desktop"}).encode()
    assert read_config(data, legacy=False) == Wallet()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "no JSON"),
        (b'{"auths":' * 5000 + b"{}" + b"}" * 5000, "no JSON"),
        (b'{"auths": []}', "keyed by registry"),
        (config(**{"r.io": {"auth": "!"}}), "no base64"),
        (config(**{"r.io": {"auth": base64.b64encode(b"x").decode()}}), "no colon"),
        (config(**{"r.io": "x"}), "must be an object"),
        (config(**{"r.io": {"username": 1}}), "must be strings"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_rest_is_read(data: bytes, problem: str) -> None:
    found = read_config(data, legacy=False)
    assert not found.credentials and problem in found.problems[0]


def test_secrets_of_both_types_are_read_and_others_are_not() -> None:
    legacy = json.dumps({"r.io": auth("old", "p")}).encode()
    new = config(**{"r.io": auth("new", "p")})

    def of(type_: str, data: dict[str, bytes]) -> Wallet:
        return read_secret(Secret(namespace="ns", name="s", type=type_, data=data))

    dockercfg = of("kubernetes.io/dockercfg", {".dockercfg": legacy})
    json_ = of("kubernetes.io/dockerconfigjson", {".dockerconfigjson": new})
    assert [w.credentials[0].username for w in (dockercfg, json_)] == ["old", "new"]
    assert json_.credentials[0].secret == SecretName(namespace="ns", name="s")
    assert of("Opaque", {".dockerconfigjson": new}) == Wallet()
    assert of("kubernetes.io/dockercfg", {}).problems == ("it has no .dockercfg",)


def test_a_password_never_shows() -> None:
    (found,) = wallet("r.io")
    assert "'p'" not in repr(found) and "password" not in repr(found)


def test_the_nodes_files_are_looked_for_in_order() -> None:
    paths = node_config_paths(root="/var/lib/kubelet", working_dir="/", home="/root")
    assert paths == (
        ("/var/lib/kubelet/config.json", False),
        ("/config.json", False),
        ("/root/.docker/config.json", False),
        ("/.docker/config.json", False),
        ("/var/lib/kubelet/.dockercfg", True),
        ("/.dockercfg", True),
        ("/root/.dockercfg", True),
        ("/.dockercfg", True),
    )
