"""Watches over HTTP, held against the small API server and a real one."""

from collections.abc import Iterator

from tests.apiserver.problems import Document
from tests.contracts.http_api import HttpApi
from tests.contracts.test_api_objects import a_map, a_pod, made, maps, pods, version


def told(event: Document) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def past_bookmarks(events: Iterator[Document]) -> Document:
    """The next event that is no bookmark."""
    return next(one for one in events if one["type"] != "BOOKMARK")


def test_changes_after_a_list(api: HttpApi, space: str) -> None:
    made(api.post(maps(space), a_map()))
    since = version(made(api.get(maps(space))))
    with api.watch(maps(space), resourceVersion=since) as events:
        added = made(api.post(maps(space), a_map("b")))
        event = next(events)
        assert event == {"type": "ADDED", "object": added}
        changed = made(api.patch(maps(space, "a"), {"data": {"one": "x"}}))
        assert next(events) == {"type": "MODIFIED", "object": changed}
        api.delete(maps(space, "b"))
        event = next(events)
        assert told(event) == ("DELETED", "b")
        assert int(version(event["object"])) > int(version(changed)), "the version of the end"


def test_without_a_version_what_is_there_comes_first(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    for query in ({}, {"resourceVersion": "0"}):
        with api.watch(pods(space), **query) as events:
            assert told(next(events)) == ("ADDED", "a")


def test_a_pod_ends_in_two_events(api: HttpApi, space: str) -> None:
    since = version(made(api.post(pods(space), a_pod(nodeName="node-2"))))
    with api.watch(pods(space), resourceVersion=since) as events:
        api.delete(pods(space, "a"))
        event = next(events)
        assert event["type"] == "MODIFIED" and event["object"]["metadata"]["deletionTimestamp"]
        api.delete(pods(space, "a"), {"gracePeriodSeconds": 0})
        assert [next(events)["type"]] in (["MODIFIED"], ["DELETED"])


def test_what_comes_to_fit_is_added_and_what_ceases_to_is_deleted(api: HttpApi, space: str) -> None:
    since = version(made(api.post(maps(space), a_map())))
    query = {"resourceVersion": since, "labelSelector": "x=y"}
    with api.watch(maps(space), **query) as events:
        made(api.post(maps(space), a_map("other")))
        made(api.patch(maps(space, "a"), {"metadata": {"labels": {"x": "y"}}}))
        assert told(next(events)) == ("ADDED", "a")
        away = made(api.patch(maps(space, "a"), {"metadata": {"labels": None}}))
        event = next(events)
        assert told(event) == ("DELETED", "a")
        assert version(event["object"]) == version(away), "the version at which it ceased to fit"
        assert event["object"]["metadata"]["labels"] == {"x": "y"}, "as it was when it fitted"


def test_pods_of_one_node(api: HttpApi, space: str) -> None:
    since = version(made(api.get(pods(space))))
    query = {"resourceVersion": since, "fieldSelector": "spec.nodeName=node-2"}
    with api.watch(pods(space), **query) as events:
        made(api.post(pods(space), a_pod("far", nodeName="node-3")))
        made(api.post(pods(space), a_pod("later")))
        target = {"apiVersion": "v1", "kind": "Node", "name": "node-2"}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "later"}}
        made(api.post(pods(space, "later") + "/binding", {**body, "target": target}))
        assert told(next(events)) == ("ADDED", "later")


def test_one_object_alone(api: HttpApi, space: str) -> None:
    since = version(made(api.post(maps(space), a_map())))
    query = {"resourceVersion": since, "fieldSelector": "metadata.name=a"}
    with api.watch(maps(space), **query) as events:
        made(api.post(maps(space), a_map("b")))
        made(api.patch(maps(space, "a"), {"data": {"one": "x"}}))
        assert told(next(events)) == ("MODIFIED", "a")


def test_a_version_that_is_forgotten(api: HttpApi, space: str) -> None:
    with api.watch(maps(space), resourceVersion="1") as events:
        event = next(events)
        assert event["type"] == "ERROR"
        status = event["object"]
        assert (status["kind"], status["status"]) == ("Status", "Failure")
        assert (status["reason"], status["code"]) == ("Expired", 410)
        assert status["message"].startswith("too old resource version: 1 (")
        assert list(events) == []


def test_a_list_as_a_watch_ends_with_a_bookmark(api: HttpApi, space: str) -> None:
    made(api.post(maps(space), a_map()))
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "fieldSelector": "metadata.name=a",
    }
    with api.watch(maps(space), **query) as events:
        assert told(next(events)) == ("ADDED", "a")
        mark = next(events)
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["kind"] == "ConfigMap" and mark["object"]["apiVersion"] == "v1"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        changed = made(api.patch(maps(space, "a"), {"data": {"one": "x"}}))
        assert past_bookmarks(events) == {"type": "MODIFIED", "object": changed}


def test_a_watch_tells_how_far_it_is_and_ends_in_time(api: HttpApi, space: str) -> None:
    since = version(made(api.post(maps(space), a_map())))
    query = {"resourceVersion": since, "allowWatchBookmarks": "true", "timeoutSeconds": "5"}
    with api.watch(maps(space), **query) as events:
        other = version(made(api.post(maps("default"), _elsewhere(space))))
        marks = list(events)
    assert {one["type"] for one in marks} == {"BOOKMARK"}
    about = marks[-1]["object"]
    assert (about["kind"], about["apiVersion"]) == ("ConfigMap", "v1")
    assert set(about["metadata"]) <= {"resourceVersion", "creationTimestamp"}
    assert int(version(about)) >= int(other), "further than anything that it told"


def _elsewhere(name: str) -> Document:
    return a_map(name)


def test_a_watch_without_bookmarks_has_none(api: HttpApi, space: str) -> None:
    since = version(made(api.get(maps(space))))
    query = {"resourceVersion": since, "timeoutSeconds": "4"}
    with api.watch(maps(space), **query) as events:
        assert list(events) == []
