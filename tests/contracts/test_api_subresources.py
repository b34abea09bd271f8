"""What is no plain object: subresources, reviews, tokens, certificates, and a node's rights."""

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.apiserver.problems import Document
from tests.contracts.control_plane import NODE, assets, has_controllers
from tests.contracts.http_api import STRATEGIC, HttpApi, status_of
from tests.contracts.test_api_objects import a_map, a_pod, made, maps, pods, version


def test_status_is_written_apart(api: HttpApi, space: str) -> None:
    old = made(api.post(pods(space), a_pod()))
    patch = {"status": {"phase": "Running"}, "metadata": {"annotations": {"a": "b"}}}
    found = made(api.patch(pods(space, "a"), patch))
    assert found["status"]["phase"] == "Pending" and found["metadata"]["annotations"] == {"a": "b"}
    patch = {"status": {"phase": "Running"}, "spec": {"hostNetwork": True}}
    found = made(api.patch(pods(space, "a") + "/status", patch, STRATEGIC))
    assert found["status"]["phase"] == "Running"
    assert found["spec"] == old["spec"] and found["metadata"]["generation"] == 1
    found = made(api.put(pods(space, "a") + "/status", {**found, "status": {"phase": "Failed"}}))
    assert found["status"]["phase"] == "Failed"
    assert made(api.get(pods(space, "a") + "/status"))["status"] == found["status"]


def a_binding(name: str, node: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def test_a_pod_is_bound_once(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod()))
    answer = api.post(pods(space, "a") + "/binding", a_binding("a", "node-2"))
    assert answer.code == 201
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    }
    pod = made(api.get(pods(space, "a")))
    assert pod["spec"]["nodeName"] == "node-2"
    (condition,) = pod["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
    assert condition["lastTransitionTime"] and condition["lastProbeTime"] is None
    answer = api.post(pods(space, "a") + "/binding", a_binding("a", "node-3"))
    assert answer.code == 409
    found = status_of(answer)
    assert found["reason"] == "Conflict"
    assert 'pod a is already assigned to node "node-2"' in found["message"]
    assert api.post(pods(space, "b") + "/binding", a_binding("b", "node-3")).code == 404


def test_a_pod_is_evicted(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod(nodeName="node-2")))
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    answer = api.post(pods(space, "a") + "/eviction", body)
    assert answer.code == 201
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert made(api.get(pods(space, "a")))["metadata"]["deletionTimestamp"]
    assert api.post(pods(space, "b") + "/eviction", body).code in (400, 404)


def test_a_container_for_debugging_joins(api: HttpApi, space: str) -> None:
    made(api.post(pods(space), a_pod(nodeName="node-2")))
    one = {"name": "debug", "image": "example.com/d:1", "targetContainerName": "main"}
    patch = {"spec": {"ephemeralContainers": [one]}}
    found = made(api.patch(pods(space, "a") + "/ephemeralcontainers", patch, STRATEGIC))
    assert found["spec"]["ephemeralContainers"] == [
        {
            **one,
            "imagePullPolicy": "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }
    ]
    assert found["metadata"]["generation"] == 2
    patch = {"spec": {"ephemeralContainers": [{**one, "image": "other"}]}}
    answer = api.patch(pods(space, "a") + "/ephemeralcontainers", patch, STRATEGIC)
    assert (answer.code, status_of(answer)["reason"]) == (422, "Invalid")


def test_a_pod_is_resized(api: HttpApi, space: str) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-2"}}
    assert api.post("/api/v1/nodes", node).code in (201, 409)
    amounts = {"cpu": "4", "memory": "4Gi", "pods": "110"}
    room = {"status": {"capacity": amounts, "allocatable": amounts}}
    made(api.patch("/api/v1/nodes/node-2/status", room))
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
    container = {"name": "main", "image": "example.com/i:1", "resources": resources}
    made(api.post(pods(space), a_pod(nodeName="node-2", containers=[container])))
    patch: Document = {"spec": {"containers": [{"name": "main"}]}}
    patch["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "150m"}}
    found = made(api.patch(pods(space, "a") + "/resize", patch, STRATEGIC))
    assert found["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "150m"},
        "limits": {"cpu": "200m"},
    }
    assert found["metadata"]["generation"] == 2
    patch["spec"]["containers"][0]["resources"]["requests"] = {"cpu": "1"}
    assert api.patch(pods(space, "a"), patch, STRATEGIC).code == 422, "only as what it is"
    answer = api.patch(pods(space, "a") + "/resize", patch, STRATEGIC)
    assert answer.code == 422, "more than the limit"


# --- who asks, and may it? ------------------------------------------------------------------


def accounts(space: str, name: str = "default") -> str:
    return f"/api/v1/namespaces/{space}/serviceaccounts/{name}"


def ask_token(api: HttpApi, space: str, *, code: int = 201, **spec: Any) -> Document:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = api.post(accounts(space) + "/token", body)
    assert answer.code == code, answer.text
    return answer.body


def claims(token: str) -> Document:
    text = token.split(".")[1]
    found: Document = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_a_token_says_for_whom_it_is(api: HttpApi, space: str) -> None:
    pod = made(api.post(pods(space), a_pod(nodeName="node-2")))
    reference = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "a",
        "uid": pod["metadata"]["uid"],
    }
    made_ = ask_token(
        api, space, audiences=["vault"], expirationSeconds=600, boundObjectRef=reference
    )
    assert made_["kind"] == "TokenRequest" and made_["apiVersion"] == "authentication.k8s.io/v1"
    assert made_["metadata"]["name"] == "default" and made_["metadata"]["namespace"] == space
    assert made_["spec"] == {
        "audiences": ["vault"],
        "expirationSeconds": 600,
        "boundObjectRef": reference,
    }
    assert set(made_["status"]) == {"token", "expirationTimestamp"}
    said = claims(made_["status"]["token"])
    assert said["aud"] == ["vault"] and said["exp"] - said["iat"] == 600
    assert said["sub"] == f"system:serviceaccount:{space}:default"
    inside = said["kubernetes.io"]
    assert inside["namespace"] == space
    assert inside["pod"] == {"name": "a", "uid": pod["metadata"]["uid"]}
    assert inside["serviceaccount"]["name"] == "default"


def test_tokens_that_are_not_made(api: HttpApi, space: str) -> None:
    answer = ask_token(api, space, code=422, audiences=[], expirationSeconds=60)
    assert "may not specify a duration less than 10 minutes" in answer["message"]
    made(api.post(pods(space), a_pod()))
    uid = "11111111-2222-3333-4444-555555555555"
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": uid}
    answer = ask_token(api, space, code=409, boundObjectRef=reference)
    assert answer["reason"] == "Conflict"
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "none"}
    assert ask_token(api, space, code=404, boundObjectRef=reference)["reason"] == "NotFound"
    assert api.post(accounts(space, "nobody") + "/token", {"spec": {}}).code == 404


def review(api: HttpApi, token: str, *audiences: str) -> Document:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, **({"audiences": list(audiences)} if audiences else {})},
    }
    answer = api.post("/apis/authentication.k8s.io/v1/tokenreviews", body)
    assert (answer.code, answer.body["kind"]) == (201, "TokenReview")
    status: Document = answer.body["status"]
    return status


def test_a_token_is_reviewed(api: HttpApi, space: str) -> None:
    pod = made(api.post(pods(space), a_pod(nodeName="node-2")))
    uid = pod["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": uid}
    token = ask_token(api, space, audiences=["vault"], boundObjectRef=reference)["status"]["token"]
    status = review(api, token, "vault", "other")
    account = made(api.get(accounts(space)))
    assert status["authenticated"] is True and status["audiences"] == ["vault"]
    user = status["user"]
    assert user["username"] == f"system:serviceaccount:{space}:default"
    assert user["uid"] == account["metadata"]["uid"]
    assert set(user["groups"]) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{space}",
        "system:authenticated",
    }
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["a"]
    assert user["extra"]["authentication.kubernetes.io/pod-uid"] == [uid]
    assert "authenticated" not in review(api, token, "other")
    api.delete(pods(space, "a"), {"gracePeriodSeconds": 0})
    assert "authenticated" not in review(api, token, "vault"), "its pod is gone"
    for nonsense in ("x", "a.b.c", ".."):
        status = review(api, nonsense)
        assert "authenticated" not in status and status["user"] == {}


def test_access_is_reviewed(api: HttpApi, space: str) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "root",
            "groups": ["system:masters"],
            "resourceAttributes": {"verb": "get", "resource": "nodes", "subresource": "proxy"},
        },
    }
    answer = api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert (answer.code, answer.body["kind"]) == (201, "SubjectAccessReview")
    assert answer.body["spec"] == body["spec"]
    assert answer.body["status"]["allowed"] is True
    answer = api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {}})
    assert answer.code == 422


def a_request(*, signer: str, usages: list[str]) -> Document:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{NODE}"),
        ]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-"},
        "spec": {"signerName": signer, "usages": usages, "request": text},
    }


PROGRAMS = assets()
REAL = ["control plane"] if PROGRAMS is not None and has_controllers(PROGRAMS) else []
SIGNING = ["small server", *REAL]
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"


def test_a_certificate_is_asked_for_and_decided_upon(api: HttpApi, space: str) -> None:
    usages = ["client auth", "digital signature"]
    body = a_request(signer=CLIENT, usages=usages)
    asked = made(api.node.post(CSRS, body))
    spec = asked["spec"]
    assert spec["username"] == f"system:node:{NODE}" and "system:nodes" in spec["groups"]
    assert spec["request"] == body["spec"]["request"] and set(spec["usages"]) == set(usages)
    assert asked["status"] == {}
    name = asked["metadata"]["name"]
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": "yes"}
    decided = {**asked, "status": {"conditions": [condition]}}
    found = made(api.put(f"{CSRS}/{name}/approval", decided))
    (kept,) = found["status"]["conditions"]
    assert kept["type"] == "Approved" and kept["lastUpdateTime"] and kept["lastTransitionTime"]
    assert version(found) != version(asked)
    assert made(api.node.get(f"{CSRS}/{name}"))["status"]["conditions"] == [kept]


def until_signed(api: HttpApi, name: str) -> Document:
    """The status once there is a certificate, or a verdict that there is none."""
    with api.watch(CSRS, fieldSelector=f"metadata.name={name}") as events:
        for event in events:
            status: Document = event["object"].get("status") or {}
            kinds = [one["type"] for one in status.get("conditions") or []]
            if status.get("certificate") or "Failed" in kinds:
                return status
    raise AssertionError(f"nobody signs {name}")


def approved(api: HttpApi, body: Document) -> str:
    asked = made(api.node.post(CSRS, body))
    name: str = asked["metadata"]["name"]
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": "yes"}
    made(api.put(f"{CSRS}/{name}/approval", {**asked, "status": {"conditions": [condition]}}))
    return name


@pytest.mark.parametrize("api", SIGNING, indirect=True)
def test_what_is_approved_is_signed(api: HttpApi) -> None:
    body = a_request(signer=CLIENT, usages=["client auth", "digital signature"])
    status = until_signed(api, approved(api, body))
    found = x509.load_pem_x509_certificate(base64.b64decode(status["certificate"]))
    request = x509.load_pem_x509_csr(base64.b64decode(body["spec"]["request"]))
    assert found.subject == request.subject and found.public_key() == request.public_key()
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("api", SIGNING, indirect=True)
def test_what_the_signer_does_not_sign_has_failed(api: HttpApi) -> None:
    body = a_request(signer=CLIENT, usages=["server auth", "digital signature"])
    status = until_signed(api, approved(api, body))
    assert "certificate" not in status
    (failed,) = [one for one in status["conditions"] if one["type"] == "Failed"]
    assert (failed["status"], failed["reason"]) == ("True", "SignerValidationFailure")
    assert failed["message"].startswith("usages did not match")


@pytest.mark.parametrize("change", [{"request": "eA=="}, {"signerName": ""}, {"usages": []}])
def test_requests_for_certificates_that_make_no_sense(
    api: HttpApi, space: str, change: Document
) -> None:
    body = a_request(signer=CLIENT, usages=["client auth"])
    body["spec"] |= change
    assert api.post(CSRS, body).code == 422


# --- a node's rights ------------------------------------------------------------------------


def test_a_node_reads_what_its_pods_use(api: HttpApi, space: str) -> None:
    for name in ("used", "other"):
        made(api.post(maps(space), a_map(name)))
    volume = {"name": "v", "configMap": {"name": "used"}}
    made(api.post(pods(space), a_pod(nodeName=NODE, volumes=[volume])))
    assert api.node.get(maps(space, "used")).code == 200
    answer = api.node.get(maps(space, "other"))
    assert answer.code == 403
    found = status_of(answer)
    assert found["reason"] == "Forbidden"
    assert found["message"].startswith(
        f'configmaps "other" is forbidden: User "system:node:{NODE}" cannot get resource '
        f'"configmaps" in API group "" in the namespace "{space}"'
    )
    assert found["details"] == {"name": "other", "kind": "configmaps"}
    assert api.node.get(maps(space)).code == 403, "not all of them"
    one = api.node.get(maps(space), fieldSelector="metadata.name=used")
    assert one.code == 200 and len(one.body["items"]) == 1


def test_a_node_writes_its_own(api: HttpApi, space: str) -> None:
    for name, node in (("mine", NODE), ("theirs", "node-3")):
        made(api.post(pods(space), a_pod(name, nodeName=node)))
    patch = {"status": {"phase": "Running"}}
    assert api.node.patch(pods(space, "mine") + "/status", patch).code == 200
    assert api.node.patch(pods(space, "theirs") + "/status", patch).code == 403
    assert api.node.patch(pods(space, "mine"), {"metadata": {"labels": {"a": "b"}}}).code == 403
    assert api.node.post(pods(space), a_pod("new", nodeName=NODE)).code == 403
    assert api.node.delete(pods(space, "theirs"), {"gracePeriodSeconds": 0}).code == 403
    assert api.node.delete(pods(space, "mine"), {"gracePeriodSeconds": 0}).code == 200
    other = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-9"}}
    assert api.node.post("/api/v1/nodes", other).code == 403
