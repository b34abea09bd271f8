"""Manifests of small pods, and how a pod that the agent tells of is read."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from docs.samples.images.build import BUSYBOX_IMAGE

Document = dict[str, Any]
Judge = Callable[["View"], bool]

IDLE = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"
"""A shell script that does nothing and ends at once when told to."""


def container(script: str = IDLE, *, name: str = "main", **fields: Any) -> Document:
    """A container that runs a shell script."""
    image = fields.pop("image", BUSYBOX_IMAGE)
    command = fields.pop("command", ["sh", "-c", script])
    return {"name": name, "image": image, "command": command, **fields}


def pod(
    name: str,
    *containers: Document,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Document:
    """A pod with a short grace; `spec` are fields of its spec."""
    metadata: Document = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    spec.setdefault("terminationGracePeriodSeconds", 5)
    spec["containers"] = list(containers) or [container()]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


class View:
    """A pod as the agent shows it, with short ways to what tests ask for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.metadata: Mapping[str, Any] = document["metadata"]
        self.status: Mapping[str, Any] = document.get("status") or {}

    def __str__(self) -> str:
        return json.dumps({"name": self.name, "status": self.status}, indent=1)

    __repr__ = __str__

    @property
    def name(self) -> str:
        """The pod's name with the node's suffix."""
        return str(self.metadata["name"])

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.metadata["uid"])

    @property
    def phase(self) -> str:
        """The pod's phase."""
        return str(self.status.get("phase", ""))

    @property
    def reason(self) -> str:
        """Why the pod as a whole is over."""
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        """The text beside the reason."""
        return str(self.status.get("message", ""))

    @property
    def ip(self) -> str:
        """The pod's address."""
        return str(self.status.get("podIP", ""))

    @property
    def qos(self) -> str:
        """The pod's QoS class."""
        return str(self.status["qosClass"])

    @property
    def conditions(self) -> dict[str, Mapping[str, Any]]:
        """Conditions by their type."""
        return {one["type"]: one for one in self.status.get("conditions") or ()}

    @property
    def is_ready(self) -> bool:
        """Whether the Ready condition is True."""
        return self.conditions.get("Ready", {}).get("status") == "True"

    @property
    def containers(self) -> dict[str, Mapping[str, Any]]:
        """Statuses of all containers by name."""
        kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        return {one["name"]: one for kind in kinds for one in self.status.get(kind) or ()}

    def id_of(self, name: str) -> str:
        """A container's id as the runtime says it."""
        return str(self.containers[name]["containerID"]).partition("://")[2]

    def restarts(self, name: str = "main") -> int:
        """A container's restart count."""
        return int(self.containers.get(name, {}).get("restartCount", 0))

    def state(self, name: str = "main") -> str:
        """Which state a container is in: waiting, running, terminated, or "" before the first."""
        return next(iter(self.containers.get(name, {}).get("state") or {}), "")

    def waiting(self, name: str = "main") -> str:
        """A container's reason to wait, "" if it does not."""
        return str(self._in(name, "waiting").get("reason", ""))

    def waiting_message(self, name: str = "main") -> str:
        """The text beside the reason to wait."""
        return str(self._in(name, "waiting").get("message", ""))

    def ended(self, name: str = "main") -> Mapping[str, Any]:
        """How a container ended: its present state, else its last."""
        now = self._in(name, "terminated")
        last: Mapping[str, Any] = self.containers.get(name, {}).get("lastState") or {}
        return now or last.get("terminated") or {}

    def _in(self, name: str, state: str) -> Mapping[str, Any]:
        states: Mapping[str, Any] = self.containers.get(name, {}).get("state") or {}
        return states.get(state) or {}


def ready(view: View) -> bool:
    """The judge of most tests."""
    return view.is_ready


def phase(name: str) -> Judge:
    """A judge of the phase."""
    return lambda view: view.phase == name


def waits(reason: str, name: str = "main") -> Judge:
    """A judge of a container's reason to wait."""
    return lambda view: view.waiting(name) == reason


def ended(name: str = "main") -> Judge:
    """A judge that likes a container that has ended, now or before its last start."""
    return lambda view: bool(view.ended(name))
