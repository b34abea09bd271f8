"""An event as the API has it (core/v1)."""

from zlib import crc32

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.event_correlation import COMBINED, Correlated
from nodeagent.core.strategic_patch import Document
from nodeagent.core.times import as_time

COMPONENT = "kubelet"
LONGEST_MESSAGE = 1024


def event_namespace(event: Correlated) -> str:
    """Where the event is: beside its object, and "default" for one without a namespace."""
    return event.subject.namespace or "default"


def event_name(event: Correlated) -> str:
    """A name that no other event of the object has: its first time, and its words in the last bits.

    Made again for the same event it is the same, so that a create may be repeated.
    """
    words = crc32("\0".join(event.key).encode(errors="replace"))
    stamp = int(event.first_at * 1e9) & ~0xFFFF | words & 0xFFFF
    return f"{event.subject.name}.{stamp:x}"


def event_object(event: Correlated, *, name: str, node: str, version: str = "") -> v1.Event:
    """The whole event, as it is created; `version` is the one of the object it is about."""
    about = event.subject
    return v1.Event(
        apiVersion="v1",
        kind="Event",
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace=event_namespace(event),
            annotations=dict(event.annotations) or None,
        ),
        involvedObject=v1.ObjectReference(
            apiVersion="v1",
            kind=about.kind,
            namespace=about.namespace or None,
            name=about.name,
            uid=about.uid or None,
            resourceVersion=version or None,
            fieldPath=about.field_path or None,
        ),
        type=event.type.value,
        reason=event.reason,
        message=event.message[:LONGEST_MESSAGE],
        source=v1.EventSource(component=COMPONENT, host=node),
        reportingComponent=COMPONENT,
        reportingInstance=node,
        firstTimestamp=as_time(event.first_at),
        lastTimestamp=as_time(event.last_at),
        count=event.count,
    )


def event_patch(event: Correlated) -> Document:
    """What changes of an event that happened again."""
    patch: Document = {
        "count": event.count,
        "lastTimestamp": as_time(event.last_at),
    }
    if event.message.startswith(COMBINED):
        patch["message"] = event.message[:LONGEST_MESSAGE]
    return patch
