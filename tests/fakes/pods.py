"""Small pods, records and sights for tests."""

from typing import Any

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.hashing import spec_hash
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.memory import ImageOutcome, ImageState, PodMemory
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox

UID = PodUid("u1")
BOX = SandboxId("box-0")
NODE = NodeFacts(name="n1", ips=("192.0.2.1",))
RULES = NodeRules()


def a_container(name: str = "web", **fields: Any) -> v1.Container:
    """A container with an image of its own name."""
    return v1.Container(name=name, image=fields.pop("image", "busybox:1"), **fields)


def a_pod(*containers: v1.Container, uid: str = UID, **spec: Any) -> DesiredPod:
    """A static pod; `spec` are fields of the pod spec, and name, annotations, deleting, grace."""
    deleting, grace = spec.pop("deleting", False), spec.pop("grace", None)
    annotations, name = spec.pop("annotations", None), spec.pop("name", "web")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    return DesiredPod(
        uid=PodUid(uid),
        source=Source.FILE,
        origin=f"/m/{name}.yaml",
        deleting=deleting,
        grace=grace,
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(
                name=f"{name}-n1", namespace="default", uid=uid, annotations=annotations
            ),
            spec=v1.PodSpec(containers=list(containers or (a_container(),)), **spec),
        ),
    )


def an_api_pod(*containers: v1.Container, generation: int = 1, **spec: Any) -> DesiredPod:
    """A pod of the API server in one of its generations."""
    pod, name = a_pod(*containers, **spec), spec.get("name", "web")
    before = pod.pod.metadata or meta_v1.ObjectMeta()
    metadata = msgspec.structs.replace(before, name=name, generation=generation)
    return msgspec.structs.replace(
        pod,
        source=Source.API,
        origin="",
        pod=msgspec.structs.replace(pod.pod, metadata=metadata),
    )


def a_box(**fields: Any) -> SeenSandbox:
    """A ready sandbox with an address."""
    fields.setdefault("id", BOX)
    fields.setdefault("attempt", 0)
    fields.setdefault("ready", True)
    fields.setdefault("created_at", 1.0)
    fields.setdefault("ips", ("10.0.0.2",))
    return SeenSandbox(**fields)


def seen(name: str = "web", **fields: Any) -> SeenContainer:
    """A container record; running unless told otherwise, with the right hash."""
    count = fields.setdefault("restart_count", 0)
    fields.setdefault("attempt", count)
    fields.setdefault("id", ContainerId(f"{name}-{count}"))
    fields.setdefault("sandbox_id", BOX)
    fields.setdefault("phase", Phase.RUNNING)
    fields.setdefault("created_at", 10.0 + count)
    fields.setdefault("started_at", 10.0 + count)
    fields.setdefault("spec_hash", spec_hash(a_container(name)))
    return SeenContainer(name=name, **fields)


def ended(name: str = "web", *, code: int = 0, at: float = 100.0, **fields: Any) -> SeenContainer:
    """An exited container record."""
    return seen(name, phase=Phase.EXITED, exit_code=code, finished_at=at, **fields)


def sight(*containers: SeenContainer, boxes: tuple[SeenSandbox, ...] | None = None) -> ObservedPod:
    """What is seen of the pod: a ready sandbox unless told otherwise."""
    found = tuple(sorted(containers, key=lambda c: -c.created_at))
    return ObservedPod(
        uid=UID,
        name="web-n1",
        namespace="default",
        sandboxes=(a_box(),) if boxes is None else boxes,
        containers=found,
    )


def remembered(pod: DesiredPod | None = None, **fields: Any) -> PodMemory:
    """A pod's memory: admitted, prepared, every image ready for attempt `images_at`."""
    pod = pod or a_pod()
    counts = fields.pop("images_at", {})
    fields.setdefault("admitted", True)
    fields.setdefault("prepared", True)
    memory = PodMemory(pod=pod, seen_at=1.0, **fields)
    ready = {name: an_image(attempt) for name, attempt in counts.items()}
    return msgspec.structs.replace(memory, images={**memory.images, **ready})


def an_image(attempt: int = 0) -> ImageOutcome:
    """An image that is there."""
    return ImageOutcome(
        attempt=attempt, state=ImageState.READY, image="busybox:1", ref=ImageRef("sha256:1")
    )
