"""Image volumes (KEP-4639): images that a container mounts, brought like its own image."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.memory import ImageOutcome
from nodeagent.model.node import NodeFacts

_FIRST: Final = (2, 1)  # the first containerd that mounts images
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")


def image_keys(pod: DesiredPod, container: v1.Container) -> tuple[str, ...]:
    """Under what the outcomes of all images that a start needs are remembered, its own first.

    An image volume's is "<container>/<volume>", which no container can be called.
    """
    images = {volume.name for volume in pod.spec.volumes or () if volume.image is not None}
    if not images:
        return (container.name,)
    mounted = dict.fromkeys(mount.name for mount in container.volumeMounts or ())
    return (container.name, *(f"{container.name}/{name}" for name in mounted if name in images))


def as_container(pod: DesiredPod, key: str) -> v1.Container:
    """The image of a volume as if it were a container's, for whoever brings images."""
    name = key.partition("/")[2]
    volume = next(one for one in pod.spec.volumes or () if one.name == name)
    assert volume.image is not None
    return v1.Container(
        name=key, image=volume.image.reference, imagePullPolicy=volume.image.pullPolicy
    )


def with_images(
    places: Mapping[str, VolumePlace], images: Mapping[str, ImageOutcome], container: str
) -> Mapping[str, VolumePlace]:
    """The places with the images that were brought for this container."""
    if not any(place.image for place in places.values()):
        return places
    found = dict(places)
    for name, place in places.items():
        outcome = images.get(f"{container}/{name}")
        if place.image and outcome is not None:
            found[name] = msgspec.structs.replace(place, image=outcome.ref)
    return found


def refuses_images(node: NodeFacts) -> str:
    """Why the node's runtime cannot mount images; "" if it can, or is not known not to."""
    match = _VERSION.match(node.runtime_version)
    if node.runtime_name != "containerd" or match is None:
        return ""
    if (int(match[1]), int(match[2])) >= _FIRST:
        return ""
    return (
        f"image volumes need containerd 2.1, this node has {node.runtime_version}; copy the files"
        " in an init container that runs the image into an emptyDir instead"
    )
