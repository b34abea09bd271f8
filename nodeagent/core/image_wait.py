"""How a status says that a container waits for its image, and how the table of pods reads it.

The reason stays the one that Kubernetes gives to a container that does not run yet; the message,
which Kubernetes leaves empty then, says what it waits for.
"""

from collections.abc import Mapping

from lightkube.models import core_v1 as v1

from nodeagent.model.memory import ImageOutcome, ImageState

PULLING, QUEUED = "image is being pulled", "image waits for its turn to be pulled"
_WORDS = {PULLING: "Pulling", QUEUED: "PullQueued"}
_NOT_YET = ("ContainerCreating", "PodInitializing")


def image_wait(images: Mapping[str, ImageOutcome], container: str) -> str | None:
    """The message while images of the container or of its image volumes are pulled, else None."""
    pulls = [
        outcome.queued
        for key, outcome in images.items()
        if key.partition("/")[0] == container
        and outcome.state is ImageState.PULLING
        and outcome.begun
    ]
    if not pulls:
        return None
    return QUEUED if all(pulls) else PULLING


def pull_word(waiting: v1.ContainerStateWaiting) -> str:
    """`Pulling` or `PullQueued` where `image_wait` is why the container waits, else ""."""
    return _WORDS.get(waiting.message or "", "") if waiting.reason in _NOT_YET else ""
