"""The real `Api`: objects of the API server over a few long-lived connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
import structlog

from nodeagent.adapters.kube.access import Access
from nodeagent.adapters.kube.connections import Connections
from nodeagent.adapters.kube.counts import ApiCounts
from nodeagent.adapters.kube.encoding import Unreadable, decode, encode
from nodeagent.adapters.kube.limits import Limits
from nodeagent.adapters.kube.pace import Pace
from nodeagent.adapters.kube.refusal import refusal
from nodeagent.adapters.kube.reply import TOO_LARGE, Broken, Reply, Request, TooLarge
from nodeagent.adapters.kube.watch import Follower, Selection
from nodeagent.aio.threads import Threads
from nodeagent.errors import ApiConflict, ApiError, ApiForbidden, ApiNotFound, ApiUnavailable
from nodeagent.model.api import ApiKind, Objects, Patch, Purpose

log = structlog.get_logger()

T = TypeVar("T")

CHECK_PERIOD: Final = 10.0  # how often files of certificates and tokens are looked at
_UNPACED: Final = (Purpose.LEASE, Purpose.NODE, Purpose.EVENTS)  # events have a rate of their own
_JSON: Final = "application/json"


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """kubeAPIQPS and kubeAPIBurst; a `qps` of 0 means no limit."""

    qps: float = 50.0
    burst: int = 100


class KubeClient:
    """See `Api`. `run` is its component; without it changed certificates go unnoticed.

    Nothing is connected before the first request. Connections are made and mended by whoever asks
    for something; `counts` is what all of it took.
    """

    def __init__(
        self,
        access: Access,
        *,
        threads: Threads,
        rate: Rate | None = None,
        agent: str = "",
        limits: Limits | None = None,
    ) -> None:
        rate, limits = rate or Rate(), limits or Limits()
        self.access, self.counts, self._limits = access, ApiCounts(), limits
        self._connections = Connections(access, self.counts, threads, limits)
        self._pace = Pace(rate=rate.qps, burst=rate.burst)
        self._agent = agent or "nodeagent"

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connections.connected

    async def returned(self, *, at_most: float) -> bool:
        """Wait for a server that was away to be there again; whether it was, within `at_most`."""
        return await self._connections.returned(at_most=at_most)

    def renew(self) -> None:
        """Read certificates and tokens again now and connect anew; watches go on by themselves."""
        self._connections.forget_credentials()

    async def run(self) -> None:
        """Notice changed files of certificates and tokens, for ever. Its end closes everything."""
        try:
            while True:
                await asyncio.sleep(CHECK_PERIOD)
                await self._connections.refresh()
                self._connections.tidy()
        finally:
            self.close()

    def close(self) -> None:
        """End all connections. The next request would make a new one."""
        self._connections.drop("closed")

    # --- the port ---------------------------------------------------------------------------

    async def read(
        self, kind: ApiKind[T], name: str, namespace: str = "", *, purpose: Purpose
    ) -> T | None:
        """See `Api`."""
        try:
            raw = await self.call("GET", kind.path(namespace, name), purpose=purpose)
        except ApiNotFound:
            return None
        return self._decoded(raw, kind, name)

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
        path = kind.path(namespace, name, subresource)
        raw = await self.call("POST", path, purpose=purpose, body=encode(body))
        return self._decoded(raw, kind, name)

    async def replace(
        self, kind: ApiKind[T], body: T, namespace: str = "", *, purpose: Purpose
    ) -> T:
        """See `Api`."""
        name: str = body.metadata.name  # type: ignore[attr-defined]
        path = kind.path(namespace, name)
        raw = await self.call("PUT", path, purpose=purpose, body=encode(body))
        return self._decoded(raw, kind, name)

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
        path = kind.path(namespace, name, subresource)
        raw = await self.call(
            "PATCH", path, purpose=purpose, body=encode(patch), content_type=how.value
        )
        return self._decoded(raw, kind, name)

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
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid:
            options["preconditions"] = {"uid": uid}
        path = kind.path(namespace, name)
        try:
            await self.call("DELETE", path, purpose=purpose, body=encode(options))
        except ApiNotFound:
            return False
        except ApiConflict:
            if uid:
                return False
            raise
        return True

    def watch(
        self,
        kind: ApiKind[T],
        namespace: str = "",
        *,
        purpose: Purpose,
        fields: str = "",
        labels: str = "",
    ) -> AsyncIterator[Objects[T]]:
        """See `Api`."""
        chosen = Selection(
            kind=kind, namespace=namespace, purpose=purpose, fields=fields, labels=labels
        )
        return Follower(self, chosen).updates()

    # --- requests ---------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        *,
        purpose: Purpose,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = _JSON,
    ) -> bytes:
        """One request and the body of its answer, of a status below 300. ApiError as in `Api`."""
        request = self._request(method, path, query, purpose, body, content_type)
        began, counts = time.monotonic(), self.counts
        try:
            await self._turn(request)
            return await self._answer(request, path)
        finally:
            counts.times.took(method, counts.host, time.monotonic() - began, len(body))

    async def _answer(self, request: Request, path: str) -> bytes:
        method, purpose, limits = request.method, request.purpose, self._limits
        limit = limits.heartbeat if purpose in _UNPACED else limits.answer
        try:
            async with asyncio.timeout(limit):
                reply = await self._ask(request)
                try:
                    answer = await reply.body()
                finally:
                    reply.close()
        except TimeoutError:
            self.counts.answered(purpose, method, 0)
            detail = f"no answer within {limit:.0f} s"
            raise ApiUnavailable(op=method.lower(), target=path, detail=detail) from None
        except Broken as error:
            self.counts.answered(purpose, method, 0)
            raise ApiUnavailable(
                op=method.lower(),
                target=path,
                detail=str(error),
                reason=TOO_LARGE if isinstance(error, TooLarge) else "",
            ) from error
        self.counts.times.answered(method, self.counts.host, len(answer))
        return self._accepted(request, reply, answer)

    async def stream(self, path: str, *, purpose: Purpose, query: Mapping[str, str]) -> Reply:
        """A request whose answer does not end soon, once its head is there with a status of 200."""
        request = self._request("GET", path, query, purpose, b"", _JSON)
        await self._turn(request)
        try:
            async with asyncio.timeout(self._limits.answer):
                reply = await self._ask(request)
                if reply.status != 200:
                    try:
                        self._accepted(request, reply, await reply.body())
                    finally:
                        reply.close()
        except TimeoutError:
            detail = f"no answer within {self._limits.answer:.0f} s"
            raise ApiUnavailable(op="watch", target=path, detail=detail) from None
        except Broken as error:
            raise ApiUnavailable(op="watch", target=path, detail=str(error)) from error
        self.counts.answered(purpose, "GET", reply.status)
        return reply

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        purpose: Purpose,
        body: bytes,
        content_type: str,
    ) -> Request:
        headers = [("accept", _JSON), ("user-agent", self._agent)]
        if body:
            headers.append(("content-type", content_type))
        return Request(
            purpose=purpose,
            method=method,
            path=f"{path}?{urlencode(query)}" if query else path,
            headers=tuple(headers),
            body=body,
        )

    async def _turn(self, request: Request) -> None:
        if request.purpose not in _UNPACED:
            waited = await self._pace.turn()
            self.counts.waited += waited
            self.counts.times.held(request.method, self.counts.host, waited)

    async def _ask(self, request: Request) -> Reply:
        """Send it; once more where the connection ended and the server cannot have acted on it."""
        try:
            return await self._connections.ask(request)
        except Broken as error:
            if not error.unseen and request.method != "GET":
                raise
        self.counts.times.retried(request.method, self.counts.host)
        return await self._connections.ask(request)

    def _accepted(self, request: Request, reply: Reply, answer: bytes) -> bytes:
        self.counts.answered(request.purpose, request.method, reply.status)
        if reply.status < 300:
            return answer
        target = request.path.partition("?")[0]
        error = refusal(request.method.lower(), target, reply.status, answer, reply.headers)
        if isinstance(error, ApiForbidden) and error.code == 401:
            log.warning("the API server does not know this node", error=error.detail)
            self.renew()
        raise error

    def _decoded(self, raw: bytes, kind: ApiKind[T], name: str) -> T:
        try:
            return decode(raw, kind.type)
        except Unreadable as error:
            target = f"{kind.plural} {name}".strip()
            raise ApiError(op="read the answer for", target=target, detail=str(error)) from error
