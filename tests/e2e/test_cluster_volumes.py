"""Volumes of pods of an API server: what is edited there reaches the containers here."""

import base64
import json
from collections.abc import Iterator

import pytest

from tests.e2e.member import Member, running_member
from tests.e2e.objects import config_map, mount, secret
from tests.e2e.pods import Document, container, pod
from tests.e2e.runtime import Runtime
from tests.e2e.shown import proc_root, seconds_until, seconds_until_shown, texts

_IDENTITY = "/var/run/secrets/kubernetes.io/serviceaccount"
_IDENTITY_FILES = ("token", "ca.crt", "namespace")
LIMIT = 1.0  # seconds from an edit in the API to the file in the container


@pytest.fixture(scope="module")
def node(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with running_member(runtime, tmp_path_factory.mktemp("cluster")) as member:
        yield member


def change(node: Member, document: Document, **metadata: object) -> None:
    """Create or replace an object, without the time that kubectl takes."""
    found = node.cluster.object(
        document["apiVersion"], document["kind"], document["metadata"]["name"], "default"
    )
    kept = found["metadata"] if found is not None else {"namespace": "default"}
    merged = {**kept, **document["metadata"], **metadata}
    node.cluster.put({**(found or {}), **document, "metadata": merged})


def test_edits_in_the_api_reach_the_files_within_a_second(node: Member) -> None:
    change(node, config_map("app", word="w"))
    change(node, secret("app", key="k"))
    me = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    volumes = [
        {"name": "conf", "configMap": {"name": "app"}},
        {"name": "keys", "secret": {"secretName": "app"}},
        {"name": "me", "downwardAPI": {"items": [me]}},
        {"name": "all", "projected": {"sources": [
            {"configMap": {"name": "app"}},
            {"secret": {"name": "app"}},
            {"secret": {"name": "later", "optional": True}},
            {"downwardAPI": {"items": [me]}},
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        ]}},
    ]  # fmt: skip
    mounts = [mount(one, f"/{one}") for one in ("conf", "keys", "me", "all")]
    node.apply(pod("web", container(volumeMounts=mounts), volumes=volumes, labels={"color": "red"}))
    node.wait_phase("web")
    root = proc_root(node, "web")
    assert texts(root, "/conf/word", "/keys/key", "/me/labels") == ("w", "k", 'color="red"')
    token = texts(root, "/all/token")[0]
    assert token.count(".") == 2
    took = []
    for number in range(5):
        word, key = f"w{number}", f"k{number}"
        change(node, config_map("app", word=word))
        took.append(seconds_until_shown(root, {"/conf/word": word, "/all/word": word}))
        change(node, secret("app", key=key))
        took.append(seconds_until_shown(root, {"/keys/key": key, "/all/key": key}))
        labels = f'color="{number}"'
        found = node.api_pod("web")
        assert found is not None
        change(node, found, labels={"color": str(number)})
        took.append(seconds_until_shown(root, {"/me/labels": labels, "/all/labels": labels}))
    change(node, secret("later", more="m"))
    took.append(seconds_until(lambda: (root / "all/more").exists()))
    print(f"\nseconds from an edit in the API to the files: {[round(one, 3) for one in took]}")
    assert max(took) < LIMIT
    assert texts(root, "/all/token") == (token,), "no edit asks for another token"


def test_a_pod_has_the_identity_that_the_api_server_gives_it_unless_it_wants_none(
    node: Member,
) -> None:
    node.apply(pod("known"), pod("nobody", automountServiceAccountToken=False))
    found = node.wait_phase("known")
    root = proc_root(node, "known")
    token, authority, home = texts(root, *(f"{_IDENTITY}/{one}" for one in _IDENTITY_FILES))
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert claims["kubernetes.io"]["pod"] == {"name": "known", "uid": found["metadata"]["uid"]}
    assert authority.encode() == node.cluster.authority.pem
    assert home == "default"
    node.wait_phase("nobody")
    assert not (proc_root(node, "nobody") / _IDENTITY.lstrip("/")).exists()


def test_an_immutable_object_is_not_watched_and_shows_what_it_was(node: Member) -> None:
    change(node, {**config_map("fixed", word="first"), "immutable": True})
    change(node, config_map("free", word="first"))
    volumes = [{"name": one, "configMap": {"name": one}} for one in ("fixed", "free")]
    mounts = [mount(one, f"/{one}") for one in ("fixed", "free")]
    node.apply(pod("fixed", container(volumeMounts=mounts), volumes=volumes))
    node.wait_phase("fixed")
    root = proc_root(node, "fixed")
    change(node, {**config_map("fixed", word="second"), "immutable": True})
    change(node, config_map("free", word="second"))
    seconds_until_shown(root, {"/free/word": "second"})
    assert texts(root, "/fixed/word") == ("first",)


def test_a_pod_waits_for_what_is_missing_and_starts_once_it_is_there(node: Member) -> None:
    reference = {"configMapKeyRef": {"name": "missing", "key": "word"}}
    node.apply(
        pod("by-env", container(env=[{"name": "W", "valueFrom": reference}])),
        pod(
            "by-volume",
            container(volumeMounts=[mount("conf", "/conf")]),
            volumes=[{"name": "conf", "configMap": {"name": "missing"}}],
        ),
    )
    node.until(
        lambda: any(reason == "FailedMount" for reason, _ in node.events("by-volume")),
        what="an event",
    )
    told = dict(node.events("by-volume"))["FailedMount"]
    assert told.startswith('MountVolume.SetUp failed for volume "conf" : configmap "missing"')
    node.until(
        lambda: "CreateContainerConfigError" in str(node.api_pod("by-env")), what="its reason"
    )
    change(node, config_map("missing", word="here"))
    for name in ("by-env", "by-volume"):
        node.wait_phase(name)
    assert node.sh("by-env", "echo $W") == "here\n"
