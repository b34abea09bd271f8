"""Deletes and lists over HTTP, held against the small API server and a real one."""

from typing import Any

import pytest

from tests.apiserver.problems import Document
from tests.contracts.http_api import HttpApi, status_of
from tests.contracts.test_api_objects import a_map, a_pod, made, maps, pods, version


def bound(api: HttpApi, space: str, name: str = "a", **spec: Any) -> Document:
    """A pod on a node, which a delete therefore only begins to end."""
    return made(api.post(pods(space), a_pod(name, nodeName="node-2", **spec)))


def test_a_config_map_is_gone_at_once(api: HttpApi, space: str) -> None:
    uid = made(api.post(maps(space), a_map()))["metadata"]["uid"]
    answer = api.delete(maps(space, "a"))
    assert answer.code == 200
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": uid},
    }
    assert api.get(maps(space, "a")).code == 404


def test_a_pod_without_a_node_is_gone_at_once(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    answer = api.delete(pods(space, "a"))
    assert (answer.code, answer.body["kind"]) == (200, "Pod")
    assert api.get(pods(space, "a")).code == 404


def test_a_pod_on_a_node_has_its_time(api: HttpApi, space: str) -> None:
    old = bound(api, space, terminationGracePeriodSeconds=20)
    answer = api.delete(pods(space, "a"))
    assert answer.code == 200
    metadata = answer.body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 20
    assert metadata["deletionTimestamp"] and metadata["generation"] == 2
    assert version(answer.body) != version(old)
    again = api.delete(pods(space, "a"))
    assert version(again.body) == version(answer.body), "a second delete changes nothing"
    longer = api.delete(pods(space, "a"), {"gracePeriodSeconds": 100})
    assert longer.body["metadata"]["deletionGracePeriodSeconds"] == 20
    shorter = api.delete(pods(space, "a"), gracePeriodSeconds=5)
    assert shorter.body["metadata"]["deletionGracePeriodSeconds"] == 5
    assert api.delete(pods(space, "a"), {"gracePeriodSeconds": 0}).code == 200
    assert api.get(pods(space, "a")).code == 404


def test_a_pod_that_is_over_needs_no_time(api: HttpApi, space: str) -> None:
    bound(api, space)
    made(api.patch(pods(space, "a") + "/status", {"status": {"phase": "Succeeded"}}))
    assert api.delete(pods(space, "a")).code == 200
    assert api.get(pods(space, "a")).code == 404


@pytest.mark.parametrize("what", ["uid", "resourceVersion"])
def test_another_object_of_the_name_is_not_deleted(api: HttpApi, space: str, what: str) -> None:
    old = bound(api, space)
    wrong = {"uid": "11111111-2222-3333-4444-555555555555", "resourceVersion": "1"}[what]
    body = {"preconditions": {what: wrong}, "gracePeriodSeconds": 0}
    answer = api.delete(pods(space, "a"), body)
    assert answer.code == 409
    found = status_of(answer)
    assert found["reason"] == "Conflict"
    assert found["details"] == {"name": "a", "kind": "Pod"}
    word, other = {"uid": ("UID", "deleted and then recreated")}.get(
        what, ("ResourceVersion", "modified")
    )
    assert found["message"] == (
        f'Operation cannot be fulfilled on Pod "a": the {word} in the precondition ({wrong}) does '
        f"not match the {word} in record ({old['metadata'][what]}). The object might have been "
        f"{other}"
    )
    right = {"preconditions": {what: old["metadata"][what]}, "gracePeriodSeconds": 0}
    assert api.delete(pods(space, "a"), right).code == 200


def test_finalizers_keep_an_object(api: HttpApi, space: str) -> None:
    made(api.post(maps(space), a_map(finalizers=["example.com/f"])))
    answer = api.delete(maps(space, "a"))
    assert (answer.code, answer.body["kind"]) == (200, "ConfigMap")
    assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert made(api.get(maps(space, "a")))["metadata"]["deletionTimestamp"]
    assert api.patch(maps(space, "a"), {"metadata": {"finalizers": None}}).code == 200
    assert api.get(maps(space, "a")).code == 404


def test_many_are_deleted_by_label(api: HttpApi, space: str) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        made(api.post(maps(space), a_map(name, labels={"l": label})))
    answer = api.delete(maps(space), labelSelector="l=x")
    assert answer.code == 200
    assert answer.body["kind"] == "ConfigMapList"
    assert names(api, maps(space)) == {"c"}


# --- lists ----------------------------------------------------------------------------------


def names(api: HttpApi, path: str, **query: Any) -> set[str]:
    found = made(api.get(path, **query))["items"] or []
    return {one["metadata"]["name"] for one in found} - {"kube-root-ca.crt"}


def test_a_list_has_a_kind_and_its_items_have_none(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    found = made(api.get(pods(space)))
    assert (found["kind"], found["apiVersion"]) == ("PodList", "v1")
    assert set(found["metadata"]) == {"resourceVersion"}
    (item,) = found["items"]
    assert "kind" not in item and "apiVersion" not in item
    assert made(api.get(f"{pods(space)}", labelSelector="no=no"))["items"] == []


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("l=x", {"a"}),
        ("l==x", {"a"}),
        ("l!=x", {"b", "c"}),
        ("l", {"a", "b"}),
        ("!l", {"c"}),
        ("l in (x,y)", {"a", "b"}),
        ("l notin (x)", {"b", "c"}),
        ("l,m=1", {"b"}),
        ("l=x,m", set()),
    ],
)
def test_label_selectors(api: HttpApi, space: str, selector: str, expected: set[str]) -> None:
    for name, labels in (("a", {"l": "x"}), ("b", {"l": "y", "m": "1"}), ("c", {})):
        made(api.post(maps(space), a_map(name, labels=labels)))
    assert names(api, maps(space), labelSelector=selector) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=a", {"a"}),
        ("metadata.name!=a", {"b"}),
        ("spec.nodeName=node-2", {"a"}),
        ("spec.nodeName=", {"b"}),
        ("spec.nodeName!=node-2", {"b"}),
        ("status.phase=Pending,spec.nodeName=node-2", {"a"}),
        ("spec.restartPolicy=Always", {"a", "b"}),
    ],
)
def test_field_selectors(api: HttpApi, space: str, selector: str, expected: set[str]) -> None:
    bound(api, space)
    made(api.post(pods(space), a_pod("b")))
    assert names(api, pods(space), fieldSelector=selector) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"fieldSelector": "spec.hostname=a"},
        {"fieldSelector": "x"},
        {"labelSelector": "a b"},
        {"limit": "x"},
        {"continue": "x"},
        {"resourceVersion": "x"},
    ],
)
def test_questions_that_make_no_sense(api: HttpApi, space: str, query: Any) -> None:
    answer = api.get(pods(space), **query)
    assert (answer.code, status_of(answer)["reason"]) == (400, "BadRequest")


def test_a_list_comes_in_chunks_of_one_version(api: HttpApi, space: str) -> None:
    for name in "abcde":
        made(api.post(pods(space), a_pod(name)))
    first = made(api.get(pods(space), limit=2))
    assert [one["metadata"]["name"] for one in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    made(api.post(pods(space), a_pod("ba")))
    second = made(api.get(pods(space), **{"limit": 2, "continue": first["metadata"]["continue"]}))
    assert [one["metadata"]["name"] for one in second["items"]] == ["c", "d"]
    assert version(second) == version(first)
    third = made(api.get(pods(space), **{"limit": 2, "continue": second["metadata"]["continue"]}))
    assert [one["metadata"]["name"] for one in third["items"]] == ["e"]
    assert "continue" not in third["metadata"] and "remainingItemCount" not in third["metadata"]


def test_a_list_of_a_version_that_is_not_yet(api: HttpApi, space: str) -> None:
    answer = api.get(pods(space), resourceVersion="99999999999")
    assert answer.code == 504
    found = status_of(answer)
    assert found["reason"] == "Timeout"
    assert found["message"].startswith(
        "Timeout: Too large resource version: 99999999999, current: "
    )
    assert found["details"]["retryAfterSeconds"] == 1
    (cause,) = found["details"]["causes"]
    assert cause == {
        "reason": "ResourceVersionTooLarge",
        "message": "Too large resource version",
    }


def test_metadata_alone_and_tables(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    kind = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = made(api.get(pods(space), accept=kind))
    assert found["kind"] == "PartialObjectMetadataList"
    assert {"metadata"} <= set(found["items"][0]) <= {"kind", "apiVersion", "metadata"}
    table = made(api.get(pods(space), accept="application/json;as=Table;g=meta.k8s.io;v=v1"))
    assert table["kind"] == "Table"
    named = [one["name"] for one in table["columnDefinitions"]]
    assert named[:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:4] == ["a", "0/1", "Pending", "0"]
