"""The kinds of object the local API shows: where they come from, their columns, their versions."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core import table
from nodeagent.core.times import as_time
from nodeagent.model.events import SeenEvent
from nodeagent.server.ledger import Change, Ledger
from nodeagent.server.selectors import Match, field_of
from nodeagent.server.view import View

T = TypeVar("T", v1.Pod, v1.Node, v1.Namespace)
_ALWAYS_SELECTABLE = frozenset(("metadata.name", "metadata.namespace"))


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of object. `look` takes the agent's present objects into the ledger.

    `fields` are those a field selector may name.
    """

    plural: str
    name: str
    namespaced: bool
    short: tuple[str, ...]
    columns: tuple[table.Column, ...]
    cells: Callable[..., list[table.Cell]]
    look: Callable[[], tuple[Any, ...]]
    since: Callable[[int], list[Change[Any]]]
    version: Callable[[], int]
    fields: frozenset[str] = _ALWAYS_SELECTABLE


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects of a kind a request is about."""

    namespace: str = ""
    labels: Match | None = None
    fields: Match | None = None
    paths: frozenset[str] = frozenset()

    def holds(self, one: Any) -> bool:
        metadata = one.metadata
        if self.namespace and metadata.namespace != self.namespace:
            return False
        if self.labels and not self.labels(metadata.labels or {}):
            return False
        return not self.fields or self.fields(self._values(one))

    def _values(self, one: Any) -> Mapping[str, str]:
        return {path: field_of(one, path) for path in self.paths}


def kinds_of(view: View) -> dict[str, Kind]:
    """Every kind by its plural name, with ledgers of their own."""
    start = int(view.now())
    pods = Ledger[v1.Pod, v1.Pod](key=_full_name, show=_stamped, start=start)
    events = Ledger[SeenEvent, v1.Event](
        key=event_name,
        show=lambda seen, at: event_object(seen, at, node=view.node_name),
        start=start,
    )
    nodes = Ledger[v1.Node, v1.Node](key=_full_name, show=_stamped, start=start)
    spaces = Ledger[v1.Namespace, v1.Namespace](key=_full_name, show=_stamped, start=start)
    all_kinds = (
        Kind(
            plural="pods",
            name="Pod",
            namespaced=True,
            short=("po",),
            columns=table.POD_COLUMNS,
            cells=table.pod_cells,
            look=lambda: pods.refresh(view.list_pods()),
            since=pods.since,
            version=lambda: pods.version,
            fields=_ALWAYS_SELECTABLE
            | {"spec.nodeName", "status.phase", "status.podIP", "spec.restartPolicy"},
        ),
        Kind(
            plural="events",
            name="Event",
            namespaced=True,
            short=("ev",),
            columns=table.EVENT_COLUMNS,
            cells=table.event_cells,
            look=lambda: events.refresh(view.events()),
            since=events.since,
            version=lambda: events.version,
            fields=_ALWAYS_SELECTABLE
            | {"type", "reason", "source"}
            | {f"involvedObject.{part}" for part in ("kind", "name", "namespace", "uid")}
            | {"involvedObject.fieldPath", "involvedObject.apiVersion"}
            | {"involvedObject.resourceVersion"},
        ),
        Kind(
            plural="nodes",
            name="Node",
            namespaced=False,
            short=("no",),
            columns=table.NODE_COLUMNS,
            cells=table.node_cells,
            look=lambda: nodes.refresh(filter(None, (view.node(),))),
            since=nodes.since,
            version=lambda: nodes.version,
        ),
        Kind(
            plural="namespaces",
            name="Namespace",
            namespaced=False,
            short=("ns",),
            columns=table.NAMESPACE_COLUMNS,
            cells=table.namespace_cells,
            look=lambda: spaces.refresh(_namespaces(view.list_pods())),
            since=spaces.since,
            version=lambda: spaces.version,
        ),
    )
    return {kind.plural: kind for kind in all_kinds}


def _namespaces(pods: Iterable[v1.Pod]) -> list[v1.Namespace]:
    """The namespaces that pods are in, and `default`."""
    names = {"default"} | {pod.metadata.namespace or "" for pod in pods if pod.metadata}
    return [
        v1.Namespace(
            metadata=meta_v1.ObjectMeta(name=name, labels={"kubernetes.io/metadata.name": name}),
            status=v1.NamespaceStatus(phase="Active"),
        )
        for name in sorted(names - {""})
    ]


def _full_name(one: v1.Pod | v1.Node | v1.Namespace) -> str:
    metadata = one.metadata or meta_v1.ObjectMeta()
    return f"{metadata.namespace}/{metadata.name}/{metadata.uid}"


def _stamped(one: T, version: str) -> T:
    metadata = one.metadata or meta_v1.ObjectMeta()
    return msgspec.structs.replace(
        one, metadata=msgspec.structs.replace(metadata, resourceVersion=version)
    )


def event_name(event: SeenEvent) -> str:
    """The name of an event's object: the same for events of the same words."""
    subject = event.subject
    words = (subject.kind, subject.namespace, subject.uid, subject.field_path, event.type)
    text = "\0".join((*words, event.reason, event.message))
    return f"{subject.name}.{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def event_object(event: SeenEvent, version: str, *, node: str) -> v1.Event:
    """The core/v1 Event that clients see; events of the node are in `default`."""
    subject = event.subject
    return v1.Event(
        metadata=meta_v1.ObjectMeta(
            name=event_name(event),
            namespace=subject.namespace or "default",
            annotations=dict(event.annotations) or None,
            creationTimestamp=as_time(event.first_at),
            resourceVersion=version,
        ),
        involvedObject=v1.ObjectReference(
            apiVersion="v1",
            kind=subject.kind,
            name=subject.name,
            namespace=subject.namespace or None,
            uid=subject.uid or None,
            fieldPath=subject.field_path or None,
        ),
        type=str(event.type),
        reason=event.reason,
        message=event.message,
        count=event.count,
        firstTimestamp=as_time(event.first_at),
        lastTimestamp=as_time(event.last_at),
        source=v1.EventSource(component="kubelet", host=node),
        reportingComponent="kubelet",
        reportingInstance=node,
    )
