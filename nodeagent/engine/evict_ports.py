"""What eviction needs of the outside; the rules of `ports` hold."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from nodeagent.model.desired import DesiredPod
from nodeagent.model.eviction import Observed, PodUse, Signal
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndRequest, PodMemory
from nodeagent.model.node import Pressure
from nodeagent.model.observed import ObservedPod


class Gauge(Protocol):
    """Measures the node and its pods."""

    async def node(self) -> Mapping[Signal, Observed]:
        """Every signal that can be measured, as it is now; cheap."""
        ...

    async def pods(self, pods: Iterable[DesiredPod]) -> Mapping[PodUid, PodUse]:
        """Memory and tasks of pods as they are now, their disk as it was last measured."""
        ...

    def disks(self, uids: Iterable[PodUid]) -> Mapping[PodUid, PodUse]:
        """What is known of pods' disks; asks for them to be measured anew if that is old."""
        ...

    def has_own_images(self) -> bool:
        """Whether images and containers are on another file system than the agent's folder."""
        ...


class Pods(Protocol):
    """The pods of the node."""

    def memories(self) -> tuple[PodMemory, ...]:
        """What is remembered of every pod."""
        ...

    def memory(self, uid: PodUid) -> PodMemory | None:
        """What is remembered of one; None once it is forgotten."""
        ...

    def seen(self, uid: PodUid) -> ObservedPod:
        """What the runtime has of it."""
        ...

    def end(self, uid: PodUid, request: EndRequest) -> None:
        """End a pod; one that ends already keeps its reason."""
        ...


class Presses(Protocol):
    """Who is told what the node is short of."""

    def press(self, pressure: Pressure) -> None:
        """This is so from now on."""
        ...
