"""Objects over HTTP, and the words of refusals: the small API server says what a real one does."""

from typing import Any

import pytest

from tests.apiserver.problems import Document
from tests.contracts.http_api import (
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Answer,
    HttpApi,
    status_of,
)


def maps(space: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{space}/configmaps" + (f"/{name}" if name else "")


def pods(space: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{space}/pods" + (f"/{name}" if name else "")


def leases(space: str, name: str = "") -> str:
    where = f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases"
    return where + (f"/{name}" if name else "")


def a_map(name: str = "a", **metadata: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"one": "1", "two": "2"},
    }


def a_pod(name: str = "a", **spec: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "example.com/i:1"}],
            **spec,
        },
    }


def made(answer: Answer) -> Document:
    assert answer.code in (200, 201), answer.text
    return answer.body


def version(document: Document) -> str:
    found: str = document["metadata"]["resourceVersion"]
    return found


def test_a_new_object_is_given_identity_and_version(api: HttpApi, space: str) -> None:
    answer = api.post(maps(space), a_map(labels={"x": "y"}))
    assert answer.code == 201
    metadata = answer.body["metadata"]
    assert set(metadata) - {"managedFields"} == {
        *("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "labels"),
    }
    assert metadata["namespace"] == space and len(metadata["uid"]) == 36
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMap", "v1")
    assert api.get(maps(space, "a")).body == answer.body


def test_a_pod_is_filled_with_the_defaults(api: HttpApi, space: str) -> None:
    pod = made(api.post(pods(space), a_pod()))
    assert pod["spec"] == {
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "main",
                "image": "example.com/i:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{key}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for key in ("not-ready", "unreachable")
        ],
    }
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert pod["metadata"]["generation"] == 1


def test_a_pod_with_everything_is_filled_with_the_defaults(api: HttpApi, space: str) -> None:
    probe = {"httpGet": {"port": 80}}
    container = {
        **{"name": "main", "image": "example.com/i"},
        "ports": [{"containerPort": 80}],
        "readinessProbe": probe,
        "livenessProbe": {"tcpSocket": {"port": 80}},
        "startupProbe": {"grpc": {"port": 80}},
        "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Ki"}},
    }
    volumes = [
        {"name": "nothing"},
        {"name": "host", "hostPath": {"path": "/tmp"}},
        {"name": "map", "configMap": {"name": "x"}},
        {"name": "secret", "secret": {"secretName": "x"}},
        {
            "name": "own",
            "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]},
        },
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    pod = made(api.post(pods(space), a_pod(containers=[container], volumes=volumes)))
    (found,) = pod["spec"]["containers"]
    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1}
    numbers["failureThreshold"] = 3
    assert found["imagePullPolicy"] == "Always"
    assert found["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    http = {"port": 80, "path": "/", "scheme": "HTTP"}
    assert found["readinessProbe"] == {"httpGet": http, **numbers}
    assert found["livenessProbe"] == {"tcpSocket": {"port": 80}, **numbers}
    assert found["startupProbe"] == {"grpc": {"port": 80, "service": ""}, **numbers}
    assert found["lifecycle"] == {"preStop": {"httpGet": http}}
    field = {"apiVersion": "v1", "fieldPath": "metadata.name"}
    assert found["env"] == [{"name": "A", "valueFrom": {"fieldRef": field}}]
    amounts = {"cpu": "500m", "memory": "1Mi"}
    assert found["resources"] == {"limits": amounts, "requests": amounts}
    assert pod["status"]["qosClass"] == "Guaranteed"
    assert pod["spec"]["volumes"] == [
        {"name": "nothing", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/tmp", "type": ""}},
        {"name": "map", "configMap": {"name": "x", "defaultMode": 420}},
        {"name": "secret", "secret": {"secretName": "x", "defaultMode": 420}},
        {
            "name": "own",
            "downwardAPI": {"items": [{"path": "a", "fieldRef": field}], "defaultMode": 420},
        },
        {
            "name": "all",
            "projected": {
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                "defaultMode": 420,
            },
        },
    ]


def test_a_name_may_be_begun_only(api: HttpApi, space: str) -> None:
    body = a_map()
    body["metadata"] = {"generateName": "begun-"}
    names = {made(api.post(maps(space), body))["metadata"]["name"] for _ in range(2)}
    assert len(names) == 2 and all(len(n) == 11 and n.startswith("begun-") for n in names)


def test_what_is_taken_is_told(api: HttpApi, space: str) -> None:
    made(api.post(maps(space), a_map()))
    answer = api.post(maps(space), a_map())
    assert answer.code == 409
    assert status_of(answer) == {
        "reason": "AlreadyExists",
        "message": 'configmaps "a" already exists',
        "details": {"name": "a", "kind": "configmaps"},
    }


def test_what_is_missing_is_told(api: HttpApi, space: str) -> None:
    for answer in (
        api.get(pods(space, "no")),
        api.patch(pods(space, "no"), {}),
        api.delete(pods(space, "no")),
    ):
        assert answer.code == 404
        assert status_of(answer) == {
            "reason": "NotFound",
            "message": 'pods "no" not found',
            "details": {"name": "no", "kind": "pods"},
        }
    group = "coordination.k8s.io"
    assert status_of(api.get(leases(space, "no"))) == {
        "reason": "NotFound",
        "message": f'leases.{group} "no" not found',
        "details": {"name": "no", "group": group, "kind": "leases"},
    }
    assert status_of(api.post(maps("nowhere"), a_map())) == {
        "reason": "NotFound",
        "message": 'namespaces "nowhere" not found',
        "details": {"name": "nowhere", "kind": "namespaces"},
    }


def test_paths_that_lead_nowhere(api: HttpApi, space: str) -> None:
    answer = api.get(f"/api/v1/namespaces/{space}/nothings")
    assert answer.code == 404
    assert status_of(answer) == {
        "reason": "NotFound",
        "message": "the server could not find the requested resource",
        "details": {},
    }
    answer = api.get("/apis/no.such.group/v1/things")
    assert (answer.code, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"kind": 1}', b'"x"'])
def test_what_is_no_object_is_refused(api: HttpApi, space: str, body: bytes) -> None:
    answer = api.post(maps(space), body)
    assert (answer.code, status_of(answer)["reason"]) == (400, "BadRequest")


def test_an_object_of_another_kind_or_place_is_refused(api: HttpApi, space: str) -> None:
    assert api.post(maps(space), a_pod()).code == 400
    answer = api.post(maps(space), a_map(namespace="default"))
    assert answer.code == 400
    assert status_of(answer)["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )
    made(api.post(maps(space), a_map()))
    answer = api.put(maps(space, "a"), a_map("b"))
    assert answer.code == 400
    assert status_of(answer)["message"] == (
        "the name of the object (b) does not match the name on the URL (a)"
    )


def test_other_media_types_are_refused(api: HttpApi, space: str) -> None:
    made(api.post(maps(space), a_map()))
    answer = api.ask("POST", maps(space), b"x", kind="text/plain")
    assert (answer.code, status_of(answer)["reason"]) == (415, "UnsupportedMediaType")
    answer = api.patch(maps(space, "a"), {}, kind="application/json")
    assert (answer.code, status_of(answer)["reason"]) == (415, "UnsupportedMediaType")


# --- replacing ------------------------------------------------------------------------------


def test_an_old_version_does_not_replace_a_newer_one(api: HttpApi, space: str) -> None:
    old = made(api.post(maps(space), a_map()))
    new = made(api.put(maps(space, "a"), {**old, "data": {"x": "1"}}))
    assert version(new) != version(old) and new["data"] == {"x": "1"}
    answer = api.put(maps(space, "a"), old)
    assert answer.code == 409
    assert status_of(answer) == {
        "reason": "Conflict",
        "message": 'Operation cannot be fulfilled on configmaps "a": the object has been '
        "modified; please apply your changes to the latest version and try again",
        "details": {"name": "a", "kind": "configmaps"},
    }
    assert made(api.put(maps(space, "a"), a_map()))["data"] == {"one": "1", "two": "2"}


def test_what_is_replaced_by_itself_keeps_its_version(api: HttpApi, space: str) -> None:
    old = made(api.post(maps(space), a_map()))
    assert version(made(api.put(maps(space, "a"), old))) == version(old)


def test_an_object_of_another_uid_is_not_replaced(api: HttpApi, space: str) -> None:
    old = made(api.post(maps(space), a_map()))
    uid = "11111111-2222-3333-4444-555555555555"
    answer = api.put(maps(space, "a"), a_map(uid=uid))
    assert answer.code == 409
    found = status_of(answer)
    assert found["reason"] == "Conflict"
    assert found["details"] == {"name": "a", "kind": "configmaps"}
    assert found["message"].endswith(
        f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
        f"{old['metadata']['uid']}"
    )


def test_a_lease_is_replaced_with_its_version_only(api: HttpApi, space: str) -> None:
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "a"},
        "spec": {"holderIdentity": "me", "renewTime": "2026-01-02T03:04:05.006000Z"},
    }
    old = made(api.post(leases(space), body))
    assert old["spec"]["renewTime"] == "2026-01-02T03:04:05.006000Z"
    answer = api.put(leases(space, "a"), body)
    assert answer.code == 422
    assert status_of(answer)["reason"] == "Invalid"
    assert "metadata.resourceVersion" in status_of(answer)["message"]
    again = {**old, "spec": {**old["spec"], "holderIdentity": "you"}}
    assert made(api.put(leases(space, "a"), again))["spec"]["holderIdentity"] == "you"


def test_nothing_comes_of_a_dry_run(api: HttpApi, space: str) -> None:
    answer = api.post(maps(space), a_map(), dryRun="All")
    assert answer.code == 201 and answer.body["metadata"]["uid"]
    assert api.get(maps(space, "a")).code == 404
    made(api.post(maps(space), a_map()))
    assert made(api.patch(maps(space, "a"), {"data": {"x": "y"}}, dryRun="All"))["data"]["x"]
    assert api.delete(maps(space, "a"), dryRun="All").code == 200
    assert "x" not in made(api.get(maps(space, "a")))["data"]


# --- patching -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        (MERGE, {"data": {"one": None, "three": "3"}}),
        (STRATEGIC, {"data": {"one": None, "three": "3"}}),
        (
            JSON_PATCH,
            [
                {"op": "test", "path": "/data/one", "value": "1"},
                {"op": "remove", "path": "/data/one"},
                {"op": "add", "path": "/data/three", "value": "3"},
            ],
        ),
    ],
)
def test_three_kinds_of_patch(api: HttpApi, space: str, kind: str, patch: Any) -> None:
    made(api.post(maps(space), a_map()))
    assert made(api.patch(maps(space, "a"), patch, kind))["data"] == {"two": "2", "three": "3"}


def test_a_patch_that_changes_nothing_leaves_the_version(api: HttpApi, space: str) -> None:
    old = made(api.post(maps(space), a_map()))
    for kind in (MERGE, STRATEGIC):
        assert version(made(api.patch(maps(space, "a"), {"data": {"one": "1"}}, kind))) == (
            version(old)
        )


def test_a_patch_of_an_old_version_is_a_conflict(api: HttpApi, space: str) -> None:
    old = made(api.post(maps(space), a_map()))
    made(api.patch(maps(space, "a"), {"data": {"one": "x"}}))
    patch = {"metadata": {"resourceVersion": version(old)}, "data": {"one": "y"}}
    answer = api.patch(maps(space, "a"), patch)
    assert (answer.code, status_of(answer)["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "test", "path": "/data/one", "value": "2"}], 422),
        ([{"op": "remove", "path": "/data/none"}], 422),
        ([{"op": "odd", "path": "/data"}], 422),
        ({"op": "add"}, 400),
    ],
)
def test_json_patches_that_do_not_fit(api: HttpApi, space: str, patch: Any, code: int) -> None:
    made(api.post(maps(space), a_map()))
    answer = api.patch(maps(space, "a"), patch, JSON_PATCH)
    assert answer.code == code, answer.text


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, JSON_PATCH])
def test_what_is_no_patch_is_refused(api: HttpApi, space: str, kind: str) -> None:
    made(api.post(maps(space), a_map()))
    answer = api.patch(maps(space, "a"), b"{", kind)
    assert (answer.code, status_of(answer)["reason"]) == (400, "BadRequest")


def test_lists_are_merged_by_their_keys(api: HttpApi, space: str) -> None:
    containers = [{"name": n, "image": f"example.com/{n}:1"} for n in ("one", "two")]
    made(api.post(pods(space), a_pod(containers=containers)))
    patch: Document = {"spec": {"containers": [{"name": "two", "image": "example.com/new:1"}]}}
    images = [c["image"] for c in _patched(api, space, patch)["spec"]["containers"]]
    assert images == ["example.com/one:1", "example.com/new:1"]
    conditions = [{"type": t, "status": "True"} for t in ("Ready", "Initialized")]
    found = _patched(api, space, {"status": {"conditions": conditions}}, "/status")
    assert [c["type"] for c in found["status"]["conditions"]] == ["Ready", "Initialized"]
    patch = {
        "status": {
            "$setElementOrder/conditions": [{"type": "Initialized"}, {"type": "Ready"}],
            "conditions": [{"type": "Ready", "status": "False"}],
        }
    }
    found = _patched(api, space, patch, "/status")
    assert [(c["type"], c["status"]) for c in found["status"]["conditions"]] == [
        ("Initialized", "True"),
        ("Ready", "False"),
    ]
    patch = {"status": {"conditions": [{"type": "Ready", "$patch": "delete"}]}}
    found = _patched(api, space, patch, "/status")
    assert [c["type"] for c in found["status"]["conditions"]] == ["Initialized"]
    patch = {"status": {"conditions": [{"$patch": "replace"}, {"type": "X", "status": "True"}]}}
    found = _patched(api, space, patch, "/status")
    assert [c["type"] for c in found["status"]["conditions"]] == ["X"]


def _patched(api: HttpApi, space: str, patch: Document, subresource: str = "") -> Document:
    return made(api.patch(pods(space, "a") + subresource, patch, STRATEGIC))


def test_a_pods_spec_cannot_be_changed(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    answer = api.patch(pods(space, "a"), {"spec": {"hostNetwork": True}})
    assert answer.code == 422
    found = status_of(answer)
    assert found["reason"] == "Invalid"
    assert found["message"].startswith(
        'Pod "a" is invalid: spec: Forbidden: pod updates may not change fields other than '
    )
    details = found["details"]
    assert (details["name"], details["kind"]) == ("a", "Pod")
    (cause,) = details["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueForbidden", "spec")
    assert cause["message"].startswith("Forbidden: pod updates may not change fields other than ")
