"""The API server in memory, as the engine sees it: an `Api` over the store of tests/apiserver.

Errors are those of the real client. Faults are set by the test: `down`, `delay`, and `fail`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from nodeagent.errors import (
    ApiConflict,
    ApiError,
    ApiForbidden,
    ApiGone,
    ApiInvalid,
    ApiNotFound,
    ApiUnavailable,
)
from nodeagent.model.api import ApiKind, Objects, Patch, Purpose
from tests.apiserver.kinds import Kind, kind_at
from tests.apiserver.problems import Document, StatusError, not_found
from tests.apiserver.special import Reviews
from tests.apiserver.store import Options, Store, key_text

T = TypeVar("T")
_BY_CODE: dict[int, type[ApiError]] = {
    400: ApiInvalid,
    401: ApiForbidden,
    403: ApiForbidden,
    404: ApiNotFound,
    409: ApiConflict,
    410: ApiGone,
    422: ApiInvalid,
    429: ApiUnavailable,
}
PAUSE = 1.0  # between two tries of a watch


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came in."""

    verb: str  # "get", "create", "update", "patch", "delete", "watch"
    plural: str
    name: str
    namespace: str
    purpose: Purpose
    subresource: str = ""
    body: Any = None


class Fault(msgspec.Struct, kw_only=True):
    """How the next `times` requests that fit fail; "" fits any verb and kind."""

    code: int
    reason: str
    times: int
    verb: str = ""
    plural: str = ""
    subresource: str | None = None
    retry_after: float = 0.0

    def fits(self, asked: Asked) -> bool:
        """Whether this request is meant."""
        return (
            self.times > 0
            and self.verb in ("", asked.verb)
            and self.plural in ("", asked.plural)
            and self.subresource in (None, asked.subresource)
        )


class FakeApi:
    """Implements `nodeagent.engine.api_ports.Api`; `asked` has every request in order."""

    def __init__(self, store: Store | None = None, reviews: Reviews | None = None) -> None:
        self.store = store or Store()
        self.reviews = reviews or Reviews(self.store)
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.delay = 0.0  # seconds each answer takes
        self._up = asyncio.Event()
        self._up.set()

    # --- what tests set and ask --------------------------------------------------------------

    @property
    def down(self) -> bool:
        """Whether the server is out of reach."""
        return not self._up.is_set()

    @down.setter
    def down(self, value: bool) -> None:
        if value:
            self._up.clear()
            self.store.cut_watches()
        else:
            self._up.set()

    def fail(
        self,
        code: int,
        *,
        reason: str = "",
        times: int = 1,
        verb: str = "",
        plural: str = "",
        subresource: str | None = None,
        retry_after: float = 0.0,
    ) -> Fault:
        """Let the next requests that fit fail with this status."""
        fault = Fault(
            code=code,
            reason=reason,
            times=times,
            verb=verb,
            plural=plural,
            subresource=subresource,
            retry_after=retry_after,
        )
        self.faults.append(fault)
        return fault

    def requests(self, verb: str = "", plural: str = "") -> list[Asked]:
        """Those so far of this verb and kind."""
        return [one for one in self.asked if verb in ("", one.verb) and plural in ("", one.plural)]

    # --- the port ----------------------------------------------------------------------------

    async def read(
        self, kind: ApiKind[T], name: str, namespace: str = "", *, purpose: Purpose
    ) -> T | None:
        """See `Api`."""
        await self._take(_asked("get", kind, name, namespace, purpose))
        with translated("get", name):
            found = self.store.find(_kind(kind), name, _place(kind, namespace))
        return None if found is None else decoded(found, kind)

    async def create(
        self,
        kind: ApiKind[T],
        body: T,
        namespace: str = "",
        *,
        purpose: Purpose,
        name: str = "",
        subresource: str = "",
    ) -> T:
        """See `Api`."""
        document = encoded(body, kind)
        await self._take(_asked("create", kind, name, namespace, purpose, subresource, document))
        with translated("create", name or str(document.get("metadata", {}).get("name", ""))):
            made = self._post(kind, document, namespace, name, subresource)
        return decoded(made, kind)

    async def replace(
        self, kind: ApiKind[T], body: T, namespace: str = "", *, purpose: Purpose
    ) -> T:
        """See `Api`."""
        document = encoded(body, kind)
        name = document["metadata"]["name"]
        await self._take(_asked("update", kind, name, namespace, purpose, "", document))
        with translated("update", name):
            made = self.store.update(_kind(kind), document, _place(kind, namespace), name=name)
        return decoded(made, kind)

    async def patch(
        self,
        kind: ApiKind[T],
        name: str,
        patch: Mapping[str, Any] | list[Any],
        namespace: str = "",
        *,
        purpose: Purpose,
        how: Patch = Patch.STRATEGIC,
        subresource: str = "",
    ) -> T:
        """See `Api`."""
        body = msgspec.json.decode(msgspec.json.encode(patch))
        await self._take(_asked("patch", kind, name, namespace, purpose, subresource, body))
        with translated("patch", name):
            made = self.store.patch(
                _kind(kind),
                name,
                body,
                _place(kind, namespace),
                how=how.value,
                subresource=subresource,
            )
        return decoded(made, kind)

    async def delete(
        self,
        kind: ApiKind[T],
        name: str,
        namespace: str = "",
        *,
        purpose: Purpose,
        uid: str = "",
        grace: int | None = None,
    ) -> bool:
        """See `Api`."""
        options = Options(grace=grace, uid=uid)
        body = {"gracePeriodSeconds": grace, "uid": uid}
        await self._take(_asked("delete", kind, name, namespace, purpose, "", body))
        place = _place(kind, namespace)
        found = self.store.find(_kind(kind), name, place)
        if found is None or (uid and found["metadata"]["uid"] != uid):
            return False
        with translated("delete", name):
            self.store.delete(_kind(kind), name, place, options)
        return True

    async def watch(
        self,
        kind: ApiKind[T],
        namespace: str = "",
        *,
        purpose: Purpose,
        fields: str = "",
        labels: str = "",
    ) -> AsyncIterator[Objects[T]]:
        """See `Api`; each change comes by itself."""
        while True:
            await self._up.wait()
            try:
                await self._take(_asked("watch", kind, "", namespace, purpose))
            except ApiForbidden:
                raise
            except ApiError:
                await asyncio.sleep(PAUSE)
                continue
            listing = self.store.list(_kind(kind), namespace, fields=fields, labels=labels)
            items = {key_text(one): decoded(one, kind) for one in listing.items}
            yield Objects(items=dict(items), changed=frozenset(items))
            watch = self.store.watch(
                _kind(kind), namespace, since=listing.version, fields=fields, labels=labels
            )
            try:
                while (event := await watch.next()) is not None and event["type"] != "ERROR":
                    key, one = key_text(event["object"]), decoded(event["object"], kind)
                    is_gone = event["type"] == "DELETED"
                    if is_gone:
                        items.pop(key, None)
                    else:
                        items[key] = one
                    yield Objects(
                        items=dict(items),
                        changed=frozenset({key}),
                        deleted={key: one} if is_gone else {},
                    )
            finally:
                watch.close()

    # --- inside ------------------------------------------------------------------------------

    async def _take(self, asked: Asked) -> None:
        """One request: it is noted, waits its time, and may fail."""
        self.asked.append(asked)
        await asyncio.sleep(self.delay)
        if self.down:
            raise ApiUnavailable(op=asked.verb, target=asked.plural, detail="connection refused")
        fault = next((one for one in self.faults if one.fits(asked)), None)
        if fault is not None:
            fault.times -= 1
            raise _BY_CODE.get(fault.code, ApiUnavailable)(
                op=asked.verb,
                target=asked.plural,
                detail=f"answered {fault.code}",
                reason=fault.reason,
                code=fault.code,
                retry_after=fault.retry_after,
            )

    def _post(
        self, kind: ApiKind[Any], document: Document, namespace: str, name: str, subresource: str
    ) -> Document:
        special = self.reviews.post(document, kind.plural, namespace, name, subresource)
        if special is not None:
            return special
        return self.store.create(_kind(kind), document, _place(kind, namespace))


def encoded(body: Any, kind: ApiKind[Any]) -> Document:
    """An object as it goes over the wire."""
    document: Document = msgspec.json.decode(msgspec.json.encode(body))
    return {**document, "apiVersion": kind.api_version, "kind": kind.kind}


def decoded(document: Document, kind: ApiKind[T]) -> T:
    """An object as it comes from the wire."""
    return msgspec.json.decode(msgspec.json.encode(document), type=kind.type)


@contextmanager
def translated(op: str, target: str) -> Iterator[None]:
    """Refusals of the store as the errors of the port."""
    try:
        yield
    except StatusError as error:
        raise _BY_CODE.get(error.code, ApiUnavailable)(
            op=op,
            target=target,
            detail=error.message,
            reason=error.reason,
            code=error.code,
            retry_after=float(error.retry_after),
        ) from error


def _asked(
    verb: str,
    kind: ApiKind[Any],
    name: str,
    namespace: str,
    purpose: Purpose,
    subresource: str = "",
    body: Any = None,
) -> Asked:
    return Asked(
        verb=verb,
        plural=kind.plural,
        name=name,
        namespace=namespace,
        purpose=purpose,
        subresource=subresource,
        body=body,
    )


def _kind(kind: ApiKind[Any]) -> Kind:
    found = kind_at(kind.plural, kind.group, kind.version)
    if found is None:
        raise not_found("resources", kind.plural)
    return found


def _place(kind: ApiKind[Any], namespace: str) -> str:
    return namespace if kind.namespaced else ""
