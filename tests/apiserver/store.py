"""The API server's objects in memory: versions, graceful deletion, patches, watches with a history.

kmock was looked at first: it serves over aiohttp, knows neither resource versions, 410s, field
selectors, strategic merge patches, client certificates nor upgraded connections, and keeps whole
objects only; there was nothing to build on. The store knows no HTTP: the server in front of it and
the fake `Api` of engine tests share it.
"""

import copy
import datetime
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tests.apiserver import patches, problems
from tests.apiserver.checks import check_preconditions, check_replacement, check_version
from tests.apiserver.defaults import whole_seconds, with_defaults
from tests.apiserver.kinds import KINDS, Kind, kind_named
from tests.apiserver.pods import check_pod_update, graceful
from tests.apiserver.problems import Document
from tests.apiserver.selectors import field_judge, label_judge
from tests.apiserver.watching import Change, Watch

STANDARD_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
REMEMBERED: Final = 20_000  # changes before the oldest are forgotten
Key = tuple[str, str]  # namespace and name
Documents = list[Document]  # in Store, `list` is a method


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to delete: as DeleteOptions says it."""

    grace: int | None = None
    uid: str = ""
    version: str = ""
    dry_run: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of a list and the version of the list; `rest` is where the next chunk begins."""

    items: list[Document]
    version: str
    rest: str = ""
    remaining: int = 0


class Store:
    """Objects of every kind, each changed only as a whole; what is handed out are copies."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._version = 1000
        self._objects: dict[str, dict[Key, Document]] = {kind.resource: {} for kind in KINDS}
        self._history: list[Change] = []
        self._oldest = self._version  # every change after this version is remembered
        self._rests: dict[str, Documents] = {}  # of lists in chunks, by their tokens
        self._watches: set[Watch] = set()
        self.listeners: list[Callable[[Change], None]] = []
        for name in STANDARD_NAMESPACES:
            self.add_namespace(name)

    @property
    def version(self) -> str:
        """The version of the newest change."""
        return str(self._version)

    # --- conveniences for tests --------------------------------------------------------------

    def add_namespace(self, name: str) -> None:
        """A namespace, if there is none of this name."""
        if (("", name)) not in self._objects["namespaces"]:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.create(_must("v1", "Namespace"), body)

    def put(self, document: Document) -> Document:
        """Create the object or put it in the place of what has its name, status and all.

        Its namespace is made as well: what an administrator and the controllers would do.
        """
        kind = _must(document["apiVersion"], document["kind"])
        name = document["metadata"]["name"]
        namespace = document["metadata"].get("namespace") or "default" if kind.namespaced else ""
        if namespace:
            self.add_namespace(namespace)
        old = self.find(kind, name, namespace)
        if old is None:
            self.create(kind, document, namespace)
        else:
            fresh = {**document, "metadata": dict(document["metadata"])}
            fresh["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            self.update(kind, fresh, namespace, name=name)
        if kind.has_status and "status" in document:
            return self.patch(
                kind,
                name,
                {"status": document["status"]},
                namespace,
                how="application/merge-patch+json",
                subresource="status",
            )
        return self.get(kind, name, namespace)

    # --- reading -----------------------------------------------------------------------------

    def find(self, kind: Kind, name: str, namespace: str = "") -> Document | None:
        """The object, or None."""
        found = self._objects[kind.resource].get((namespace, name))
        return None if found is None else copy.deepcopy(found)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Document:
        """The object; 404 where there is none."""
        found = self.find(kind, name, namespace)
        if found is None:
            raise problems.not_found(kind.resource, name)
        return found

    def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        start: str = "",
    ) -> Listing:
        """The objects that fit, by namespace and name; in chunks of `limit` where it is given."""
        if start:
            version, found = self._rest_of(start)
        else:
            version, by_label = self.version, label_judge(labels)
            by_field = field_judge(fields, kind=kind.kind)
            found = [
                one
                for key, one in sorted(self._objects[kind.resource].items())
                if (not namespace or key[0] == namespace) and by_label(one) and by_field(one)
            ]
        chunk, rest = (found[:limit], found[limit:]) if limit else (found, [])
        token = ""
        if rest:
            token = f"{version}:{uuid.uuid4()}"
            self._rests[token] = rest
        return Listing(items=copy.deepcopy(chunk), version=version, rest=token, remaining=len(rest))

    def _rest_of(self, token: str) -> tuple[str, Documents]:
        """What is left of a list in chunks, as it was; 410 once changes since are forgotten."""
        version, colon, _ = token.partition(":")
        if not colon:
            raise problems.bad_request("continue key is not valid")
        if int(version) < self._oldest or token not in self._rests:
            raise problems.expired("The provided continue parameter is too old")
        return version, self._rests[token]

    # --- writing -----------------------------------------------------------------------------

    def create(
        self, kind: Kind, body: Document, namespace: str = "", *, dry_run: bool = False
    ) -> Document:
        """Make it, with what the server adds. 409 where its name is taken."""
        document: Document = whole_seconds(copy.deepcopy(body))
        metadata = document.setdefault("metadata", {})
        if not kind.namespaced:
            metadata.pop("namespace", None)
        elif metadata.setdefault("namespace", namespace) != namespace:
            raise problems.bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        if kind.namespaced and ("", namespace) not in self._objects["namespaces"]:
            raise problems.not_found("namespaces", namespace)
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise problems.invalid(
                    kind.kind, "", "metadata.name: Required value: name or generateName is required"
                )
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        key = (namespace if kind.namespaced else "", metadata["name"])
        if key in self._objects[kind.resource]:
            raise problems.exists(kind.resource, key[1])
        document["apiVersion"], document["kind"] = kind.api_version, kind.kind
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self._stamp()
        if kind.has_status and kind.kind != "Node":
            document.pop("status", None)
        if _has_generation(kind):
            metadata["generation"] = 1
        document = with_defaults(document)
        return document if dry_run else self._write(kind, key, document)

    def update(
        self,
        kind: Kind,
        body: Document,
        namespace: str = "",
        *,
        name: str,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Document:
        """Put it in the place of what is there. 409 where its resourceVersion or uid is another."""
        old = self.get(kind, name, namespace)
        metadata = dict(body.get("metadata") or {})
        if metadata.get("name", name) != name:
            raise problems.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL "
                f"({name})"
            )
        check_replacement(kind, body, name)
        given = metadata.get("resourceVersion")
        if given and given != old["metadata"]["resourceVersion"]:
            raise problems.changed(kind.resource, name)
        uid = metadata.get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise problems.conflict(
                kind.resource,
                name,
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
                f"{old['metadata']['uid']}",
            )
        fresh = self._merged(kind, old, body, subresource)
        return fresh if dry_run else self._settle(kind, (namespace, name), old, fresh)

    def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        how: str,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Document:
        """Change what is there; `how` is the media type of the patch."""
        old = self.get(kind, name, namespace)
        if how == "application/json-patch+json":
            fresh = patches.apply_json_patch(old, patch)
        elif how == "application/merge-patch+json":
            fresh = patches.merge(old, patch)
        elif how in ("application/strategic-merge-patch+json", "application/apply-patch+yaml"):
            fresh = patches.strategic(old, patch, kind=kind.kind)
        else:
            raise problems.StatusError(415, "UnsupportedMediaType", f"no such patch: {how}")
        return self.update(
            kind, fresh, namespace, name=name, subresource=subresource, dry_run=dry_run
        )

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        options: Options = Options(),  # noqa: B008 - a frozen value
    ) -> Document:
        """Delete it, or begin to: pods end gracefully, finalizers are waited for."""
        old = self.get(kind, name, namespace)
        check_preconditions(kind, old, uid=options.uid, version=options.version)
        if kind.kind == "Namespace":
            self._empty(name)
        fresh = copy.deepcopy(old)
        if kind.kind == "Pod":
            grace = graceful(old, options.grace)
            if grace is None:
                return old  # it ends already, and no later
            if grace > 0:
                fresh["metadata"]["deletionTimestamp"] = self._stamp(grace)
                fresh["metadata"]["deletionGracePeriodSeconds"] = grace
                if "deletionTimestamp" not in old["metadata"]:
                    fresh["metadata"]["generation"] = fresh["metadata"].get("generation", 0) + 1
                return fresh if options.dry_run else self._write(kind, (namespace, name), fresh)
            fresh["metadata"]["deletionGracePeriodSeconds"] = 0
            fresh["metadata"].setdefault("deletionTimestamp", self._stamp())
        if options.dry_run:
            return fresh
        if old["metadata"].get("finalizers"):
            fresh["metadata"].setdefault("deletionTimestamp", self._stamp())
            fresh["metadata"].setdefault("deletionGracePeriodSeconds", 0)
            return self._write(kind, (namespace, name), fresh)
        return self._remove(kind, (namespace, name), fresh)

    def bind(self, name: str, namespace: str, node: str) -> None:
        """What the scheduler does. 409 where the pod has a node already."""
        kind = _must("v1", "Pod")
        pod = self.get(kind, name, namespace)
        if pod["spec"].get("nodeName"):
            raise problems.conflict(
                "pods/binding",
                name,
                f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"',
            )
        pod["spec"]["nodeName"] = node
        conditions = pod["status"].setdefault("conditions", [])
        conditions.append(
            {
                "type": "PodScheduled",
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": self._stamp(),
            }
        )
        self._write(kind, (namespace, name), pod)

    # --- watching ----------------------------------------------------------------------------

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        since: str = "",
        labels: str = "",
        fields: str = "",
        bookmarks: bool = False,
        initial: bool = False,
    ) -> Watch:
        """Changes after a version; without one, first what is there now. 410 for a forgotten one.

        With `initial`, a bookmark tells the end of what was there ("Streaming lists").
        """
        by_label, by_field = label_judge(labels), field_judge(fields, kind=kind.kind)

        def judge(document: Document) -> bool:
            there = not namespace or document["metadata"].get("namespace") == namespace
            return there and by_label(document) and by_field(document)

        if since and since != "0" and not initial:
            if check_version(since) < self._oldest:
                raise problems.expired(f"too old resource version: {since} ({self._oldest})")
            past = [change for change in self._history if change.version > int(since)]
        else:
            past = [
                Change(kind=kind, version=self._version, old=None, new=one)
                for _, one in sorted(self._objects[kind.resource].items())
            ]
        watch = Watch(kind, judge, bookmarks=bookmarks, on_close=self._watches.discard)
        for change in past:
            watch.tell(change)
        if initial:
            watch.bookmark(self.version, initial_end=True)
        self._watches.add(watch)
        return watch

    def send_bookmarks(self) -> None:
        """Every watch that asked for bookmarks gets one."""
        for watch in list(self._watches):
            watch.bookmark(self.version)

    def compact(self) -> None:
        """Forget every change so far: watches from an older version get 410."""
        self._history.clear()
        self._rests.clear()
        self._oldest = self._version

    def expire_watches(self) -> None:
        """Forget every change so far, and tell every watch that its version is too old."""
        self.compact()
        for watch in list(self._watches):
            watch.expire(self.version)

    def cut_watches(self) -> None:
        """End every watch, as a server does after some minutes."""
        for watch in list(self._watches):
            watch.close()

    # --- inside ------------------------------------------------------------------------------

    def _merged(self, kind: Kind, old: Document, body: Document, subresource: str) -> Document:
        """What an update of the object or of one of its subresources makes of it."""
        fresh: Document = whole_seconds(copy.deepcopy(body))
        kept, metadata = old["metadata"], dict(fresh.get("metadata") or {})
        for field in _SERVERS_OWN:
            metadata.pop(field, None)
            if field in kept:
                metadata[field] = kept[field]
        fresh["metadata"] = metadata
        fresh["apiVersion"], fresh["kind"] = kind.api_version, kind.kind
        if subresource in ("status", "approval"):
            metadata = {**kept, **{k: v for k, v in metadata.items() if k in _LABELLING}}
            self._date(fresh.get("status") or {}, subresource)
            return {**old, "metadata": metadata, "status": fresh.get("status", {})}
        if subresource == "":
            if kind.has_status:
                fresh.pop("status", None)
                if "status" in old:
                    fresh["status"] = old["status"]
            if kind.kind == "Secret":
                fresh = with_defaults(fresh)
        if kind.kind == "Pod":
            fresh = check_pod_update(old, fresh, subresource)
        if _has_generation(kind) and fresh.get("spec") != old.get("spec"):
            fresh["metadata"]["generation"] = kept.get("generation", 0) + 1
        return fresh

    def _date(self, status: Document, subresource: str) -> None:
        for condition in (status.get("conditions") or []) if subresource == "approval" else ():
            condition.setdefault("lastUpdateTime", self._stamp())
            condition.setdefault("lastTransitionTime", self._stamp())

    def _settle(self, kind: Kind, key: Key, old: Document, fresh: Document) -> Document:
        going = fresh["metadata"].get("deletionTimestamp")
        held = fresh["metadata"].get("finalizers")
        grace = fresh["metadata"].get("deletionGracePeriodSeconds") or 0
        if going and not held and old["metadata"].get("finalizers") and grace == 0:
            return self._remove(kind, key, fresh)
        return copy.deepcopy(old) if fresh == old else self._write(kind, key, fresh)

    def _write(self, kind: Kind, key: Key, document: Document) -> Document:
        old = self._objects[kind.resource].get(key)
        self._version += 1
        document["metadata"]["resourceVersion"] = self.version
        self._objects[kind.resource][key] = document
        self._tell(Change(kind=kind, version=self._version, old=old, new=document))
        return copy.deepcopy(document)

    def _remove(self, kind: Kind, key: Key, last: Document) -> Document:
        old = self._objects[kind.resource].pop(key)
        self._version += 1
        last["metadata"]["resourceVersion"] = self.version
        self._tell(Change(kind=kind, version=self._version, old=old, new=None, last=last))
        return copy.deepcopy(last)

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > REMEMBERED:
            dropped = self._history[: REMEMBERED // 2]
            self._history = self._history[REMEMBERED // 2 :]
            self._oldest = dropped[-1].version
        for watch in list(self._watches):
            watch.tell(change)
        for listener in self.listeners:
            listener(change)

    def _empty(self, namespace: str) -> None:
        for kind in KINDS:
            for where, name in [k for k in self._objects[kind.resource] if k[0] == namespace]:
                self.delete(kind, name, where)

    def _stamp(self, ahead: float = 0) -> str:
        return stamp(self._now() + ahead)


_SERVERS_OWN: Final = (
    *("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"),
    *("deletionGracePeriodSeconds", "generation", "resourceVersion", "generateName"),
)
_LABELLING: Final = ("labels", "annotations")


def stamp(at: float) -> str:
    """A time as the API writes it, in whole seconds."""
    moment = datetime.datetime.fromtimestamp(int(at), datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def key_text(document: Mapping[str, Any]) -> str:
    """ "<namespace>/<name>" of an object, or "<name>"."""
    metadata = document["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _must(api_version: str, kind: str) -> Kind:
    found = kind_named(api_version, kind)
    if found is None:
        raise problems.bad_request(f'no matches for kind "{kind}" in version "{api_version}"')
    return found


def _has_generation(kind: Kind) -> bool:
    return kind.kind in ("Pod", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job")
