"""Which events the API is told, and how often: like ones are counted, floods are cut off.

Source: client-go's event correlator (tools/record), with its numbers.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

import msgspec

from nodeagent.core.bucket import Bucket
from nodeagent.model.events import Annotations, EventType, SeenEvent, Subject

MOST_REMEMBERED = 4096
SIMILAR_MOST = 10  # messages that differ, of one reason about one object, told one by one
SIMILAR_SECONDS = 600.0
COMBINED = "(combined from similar events): "
FLOOD_BURST = 25  # events about one object at once,
FLOOD_RATE = 1 / 300  # and then so many a second

Key = tuple[str, ...]
Value = TypeVar("Value")


class Correlated(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the API: all events of one `key` are one object there, counted."""

    key: Key
    subject: Subject
    type: EventType
    reason: str
    message: str
    first_at: float
    last_at: float
    count: int
    annotations: Annotations = {}


class _Group(msgspec.Struct):
    messages: set[str]
    last_at: float


class _Recent(Generic[Value]):
    """The values used last, so many of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)


class Correlator:
    """Remembers what was told lately, within bounds."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._groups: _Recent[_Group] = _Recent(most)
        self._told: _Recent[Correlated] = _Recent(most)
        self._floods: _Recent[Bucket] = _Recent(most)

    def take(self, event: SeenEvent) -> Correlated | None:
        """The event as the API is to have it now; None where its object has had too many."""
        key, message = self._grouped(event)
        before = self._told.get(key)
        now = event.last_at
        told = Correlated(
            key=key,
            subject=event.subject,
            type=event.type,
            reason=event.reason,
            message=message,
            first_at=before.first_at if before is not None else now,
            last_at=now,
            count=before.count + 1 if before is not None else 1,
            annotations=event.annotations,
        )
        self._told.put(key, told)
        return told if self._allows(event.subject, now) else None

    def _grouped(self, event: SeenEvent) -> tuple[Key, str]:
        """Under what it is counted, and its words: those of a group that varies too much join."""
        base = (*_about(event.subject), event.type.value, event.reason)
        known = self._groups.get(base)
        if known is None or event.last_at - known.last_at > SIMILAR_SECONDS:
            known = _Group(messages=set(), last_at=event.last_at)
        known.last_at = event.last_at
        known.messages.add(event.message)
        self._groups.put(base, known)
        if len(known.messages) < SIMILAR_MOST:
            return (*base, event.message), event.message
        known.messages.pop()
        return base, COMBINED + event.message

    def _allows(self, subject: Subject, now: float) -> bool:
        about = _about(subject)[:-1]
        bucket = self._floods.get(about) or Bucket(rate=FLOOD_RATE, burst=FLOOD_BURST)
        self._floods.put(about, bucket)
        return bucket.take(now)


def _about(subject: Subject) -> Key:
    return (
        subject.kind,
        subject.namespace,
        subject.name,
        subject.uid,
        subject.field_path,
    )
