"""What a cluster's controllers do to objects, as far as nodes notice."""

import copy
from typing import Final

from tests.apiserver.kinds import Kind, kind_named
from tests.apiserver.problems import Document, StatusError, forbidden
from tests.apiserver.store import Store
from tests.apiserver.watching import Change

_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


class Controllers:
    """Listens to the store, and gives namespaces their account and CA, and pods a ready node."""

    def __init__(self, store: Store, authority: bytes) -> None:
        self._store, self._authority = store, authority
        self.schedule = True
        store.listeners.append(self._changed)
        for namespace in store.list(_must("v1", "Namespace")).items:
            self._furnish(namespace["metadata"]["name"])

    def _changed(self, change: Change) -> None:
        if change.new is None:
            return
        if change.kind.kind == "Namespace" and change.old is None:
            self._furnish(change.new["metadata"]["name"])
        elif change.kind.kind in ("Pod", "Node") and self.schedule:
            self._schedule()

    def _furnish(self, namespace: str) -> None:
        self._store.put(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": namespace},
            }
        )
        self._store.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "kube-root-ca.crt", "namespace": namespace},
                "data": {"ca.crt": self._authority.decode()},
            }
        )

    def _schedule(self) -> None:
        pods = [
            pod
            for pod in self._store.list(_must("v1", "Pod"), fields="spec.nodeName=").items
            if "deletionTimestamp" not in pod["metadata"]
        ]
        nodes = [n for n in self._store.list(_must("v1", "Node")).items if _takes_pods(n)]
        for pod in pods if nodes else ():
            try:
                self._store.bind(
                    pod["metadata"]["name"],
                    pod["metadata"]["namespace"],
                    nodes[0]["metadata"]["name"],
                )
            except StatusError:
                continue  # bound by what the binding of another set off


def admit_pod(store: Store, pod: Document, namespace: str) -> Document:
    """The pod with what the ServiceAccount admission gives it; 403 where the account is missing."""
    spec = pod.get("spec") or {}
    if "kubernetes.io/config.mirror" in (pod.get("metadata", {}).get("annotations") or {}):
        return pod
    name = spec.get("serviceAccountName") or "default"
    account = store.find(_must("v1", "ServiceAccount"), name, namespace)
    if account is None:
        raise forbidden(
            f'pods "{pod.get("metadata", {}).get("name", "")}" is forbidden: error looking up '
            f'service account {namespace}/{name}: serviceaccount "{name}" not found'
        )
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken", True)
    if not wanted:
        return pod
    result = copy.deepcopy(pod)
    spec = result["spec"]
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    lacking = [one for one in containers if not _has_mount(one)]
    if lacking:
        spec.setdefault("volumes", []).append(_access())
        for container in lacking:
            container.setdefault("volumeMounts", []).append(
                {"name": _ACCESS, "readOnly": True, "mountPath": _MOUNT}
            )
    return result


_ACCESS: Final = "kube-api-access-tests"


def _access() -> Document:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": _ACCESS,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
            ],
        },
    }


def _has_mount(container: Document) -> bool:
    return any(one["mountPath"] == _MOUNT for one in container.get("volumeMounts") or [])


def _takes_pods(node: Document) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def _must(api_version: str, kind: str) -> Kind:
    found = kind_named(api_version, kind)
    assert found is not None
    return found
