"""Image volumes: their images are brought with the container's own, or the runtime is named."""

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.image_volumes import as_container, image_keys, refuses_images, with_images
from nodeagent.core.plan import plan_pod
from nodeagent.core.status import derive_status
from nodeagent.model.actions import EnsureImage, StartContainer
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ImageRef
from nodeagent.model.launch import VolumePlace
from nodeagent.model.memory import ImageOutcome, ImageState
from nodeagent.model.node import NodeFacts
from tests.fakes.pods import NODE, RULES, a_container, a_pod, an_image, remembered, sight

SOURCE = v1.ImageVolumeSource(reference="models:1", pullPolicy="Never")
KEY = "web/model"


def with_image() -> DesiredPod:
    mounts = [v1.VolumeMount(name=name, mountPath=f"/{name}") for name in ("model", "data")]
    volumes = [
        v1.Volume(name="model", image=SOURCE),
        v1.Volume(name="unused", image=SOURCE),
        v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource()),
    ]
    return a_pod(a_container(volumeMounts=mounts), a_container("other"), volumes=volumes)


def test_a_container_needs_its_own_image_and_those_it_mounts() -> None:
    pod = with_image()
    assert image_keys(pod, pod.spec.containers[0]) == ("web", KEY)
    assert image_keys(pod, pod.spec.containers[1]) == ("other",)
    asked = as_container(pod, KEY)
    assert (asked.name, asked.image, asked.imagePullPolicy) == (KEY, "models:1", "Never")


def test_a_container_starts_once_all_its_images_are_there() -> None:
    memory = remembered(with_image(), images_at={"web": 0, "other": 0})

    def actions(**images: ImageOutcome) -> list[object]:
        known = msgspec.structs.replace(memory, images={**memory.images, **images})
        plan = plan_pod(known, sight(), rules=RULES, now=5.0)
        return [a for a in plan.actions if getattr(a, "name", "") in ("web", KEY)]

    assert actions() == [EnsureImage(name=KEY, attempt=0)]
    pulling = ImageOutcome(attempt=0, state=ImageState.PULLING)
    assert actions(**{KEY: pulling}) == []
    (start,) = actions(**{KEY: an_image(0)})
    assert isinstance(start, StartContainer)


def test_a_failed_image_of_a_volume_is_the_containers_reason_to_wait() -> None:
    failed = ImageOutcome(attempt=0, state=ImageState.FAILED, reason="ErrImagePull", message="no")
    memory = remembered(with_image(), images={KEY: failed})
    status = derive_status(memory, sight(), node=NODE, rules=RULES, now=5.0)
    shown = {one.name: one.state for one in status.containerStatuses or ()}
    web, other = shown["web"], shown["other"]
    assert web is not None and web.waiting is not None
    assert (web.waiting.reason, web.waiting.message) == ("ErrImagePull", "no")
    assert other is not None and other.waiting is not None
    assert other.waiting.reason == "ContainerCreating"


def test_the_runtime_is_given_what_was_brought() -> None:
    places = {"model": VolumePlace(image="models:1"), "data": VolumePlace(host_path="/d")}
    images = {KEY: msgspec.structs.replace(an_image(0), ref=ImageRef("sha256:2"))}
    assert with_images(places, images, "web")["model"].image == "sha256:2"
    assert with_images(places, images, "other")["model"].image == "models:1"
    plain = {"data": places["data"]}
    assert with_images(plain, images, "web") is plain


@pytest.mark.parametrize(
    ("name", "version", "refused"),
    [
        ("containerd", "1.6.20~ds1", True),
        ("containerd", "v1.7.24", True),
        ("containerd", "2.0.4", True),
        ("containerd", "v2.1.0", False),
        ("containerd", "3.0", False),
        ("containerd", "", False),
        ("cri-o", "1.29.0", False),
    ],
)
def test_a_runtime_that_cannot_mount_images_is_refused_by_its_version(
    name: str, version: str, refused: bool
) -> None:
    said = refuses_images(NodeFacts(name="n", runtime_name=name, runtime_version=version))
    assert bool(said) is refused
    assert not refused or (version in said and "init container" in said)
