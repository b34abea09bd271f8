"""Events as Kubernetes tells them, before they have an API object."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from nodeagent.model.ids import PodUid

Annotations: TypeAlias = Mapping[str, str]  # what an event carries as annotations
NOT_ANNOTATED: Final[Annotations] = MappingProxyType({})


class EventType(enum.StrEnum):
    """The two types of core/v1 events."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an event is about: a pod, a container of it (`field_path`), or the node."""

    kind: str = "Pod"
    name: str
    namespace: str = ""
    uid: PodUid = PodUid("")
    field_path: str = ""  # "spec.containers{web}"


class VolumeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened with a volume of a pod."""

    type: EventType = EventType.NORMAL
    reason: str
    message: str


class SeenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `count` events of the same words between `first_at` and `last_at`.

    `annotations` are those of the newest of them.
    """

    subject: Subject
    type: EventType
    reason: str
    message: str
    first_at: float
    last_at: float
    count: int = 1
    annotations: Annotations = {}
