"""Keeps one certificate of the node: asks for it, waits for its issue, renews it in time."""

import asyncio
import base64
import binascii
import random
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

import msgspec
import structlog
from lightkube.models import certificates_v1 as certificates
from lightkube.models import meta_v1

from nodeagent.aio.bell import Bell
from nodeagent.core.certificates import (
    EARLIEST,
    LATEST,
    Held,
    Refused,
    Wish,
    decision,
    pause_after,
)
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.errors import AgentError, ApiError, CertificateRefused
from nodeagent.model.api import SIGNING_REQUESTS, Purpose

log = structlog.get_logger()

PATIENCE: Final = 15 * 60.0  # seconds one request may wait for its approval
LOOK_AGAIN: Final = 600.0  # a file that others changed is noticed so late at most
JITTER: Final = 0.1
WITHOUT: Final = 5 * 60.0  # seconds without a certificate that works, while the server refuses
REFUSALS: Final = (401, 403, 404)
BREATH: Final = 60.0  # between two renewals, should a certificate be as good as over when it comes


class Draft(Protocol):
    """A key and the request for its certificate (PEM)."""

    @property
    def key(self) -> bytes: ...

    @property
    def request(self) -> bytes: ...


class Pairs(Protocol):
    """Certificates with their keys on disk. All calls may be repeated; errors are HostError."""

    async def held(self) -> Held | None:
        """The pair in use, None where there is none that works."""
        ...

    async def draft(self, wish: Wish) -> Draft:
        """A new key and a request."""
        ...

    async def keep(self, draft_key: bytes, certificate: bytes, *, now: float) -> Held:
        """Use this pair from now on; it survives a crash."""
        ...


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a certificate is kept.

    Without `renews` one good certificate is enough; `at_once` replaces the one there is. With
    `gives_up` the keeper ends by CertificateRefused, and the agent with it, after five minutes
    without a certificate that works in which the server answers and refuses: who watches over the
    agent may then put new credentials in place. Source: a kubelet's certificate/transport.go.
    """

    renews: bool = True
    at_once: bool = False
    gives_up: bool = False


class CertificateKeeper:
    """One certificate, for ever. `wish` says what it is to be for, None if that is not known yet.

    `api` gives the way to ask by, for what is held now (None: nothing that works). `on_change` is
    called after each new pair, with the seconds that the one before lived (None for the first).
    `granted` is set once there is one that works. Figures for metrics: `held`, and `failures` of
    all time.
    """

    def __init__(
        self,
        *,
        name: str,
        pairs: Pairs,
        wish: Callable[[], Wish | None],
        api: Callable[[Held | None], Api],
        clock: Clock,
        on_change: Callable[[float | None], None],
        manner: Manner | None = None,
    ) -> None:
        self._name, self._pairs, self._wish, self._api = name, pairs, wish, api
        self._clock, self._on_change = clock, on_change
        self._manner = manner or Manner()
        self._at_once = self._manner.at_once
        self._good_at = clock.now()  # when there was last one that works, or nothing was known
        self.granted = asyncio.Event()
        self._share = random.uniform(EARLIEST, LATEST)
        self._tries = 0  # that failed, since one went well
        self.bell = Bell()  # ring it when the wish may have changed
        self.held: Held | None = None
        self.failures = 0

    def left(self) -> float:
        """Whole seconds until the certificate ends; without any, no end is near."""
        now = self._clock.now()
        return float("inf") if self.held is None else float(int(self.held.not_after - now))

    async def run(self) -> None:
        """Renew whenever it is due. Failures are told and tried again."""
        while True:
            pause = await self._step()
            await self.bell.wait(at_most=pause)

    async def obtain(self) -> None:
        """A new certificate now, or its error: one try, for who waits for it."""
        wish = self._wish()
        assert wish is not None, "it must be known what for"
        await self._renew(wish)

    async def _step(self) -> float:
        """Do what is due; seconds until the next look."""
        self.held = await self._pairs.held()
        wish, now = self._wish(), self._clock.now()
        self._note(now)
        if wish is None:
            return 1.0
        due = self._due_at(wish, now)
        if due > now:
            return min(due - now, LOOK_AGAIN)
        try:
            async with asyncio.timeout(PATIENCE):
                age = await self._renew(wish)
        except (AgentError, TimeoutError) as error:
            self._check_lost(error)
            return self._failed(error)
        self._note(self._clock.now())
        self._tries, self._at_once = 0, False
        self._on_change(age)
        return BREATH

    def _due_at(self, wish: Wish, now: float) -> float:
        held = self.held
        if held is None or not held.is_good(now) or self._at_once:
            return now
        if not self._manner.renews:
            return now + LOOK_AGAIN
        return held.renew_at(self._share) if held.fits(wish) else now

    async def _renew(self, wish: Wish) -> float | None:
        before, api = self.held, self._api(self.held)
        draft = await self._pairs.draft(wish)
        name = await self._ask(api, wish, draft)
        issued = await self._answer(api, name)
        self.held = await self._pairs.keep(draft.key, issued, now=self._clock.now())
        self._share = random.uniform(EARLIEST, LATEST)
        log.info(
            "certificate issued",
            certificate=self._name,
            request=name,
            days=round((self.held.not_after - self._clock.now()) / 86400, 1),
        )
        return None if before is None else self._clock.now() - before.not_before

    async def _ask(self, api: Api, wish: Wish, draft: Draft) -> str:
        body = certificates.CertificateSigningRequest(
            apiVersion=SIGNING_REQUESTS.api_version,
            kind=SIGNING_REQUESTS.kind,
            metadata=meta_v1.ObjectMeta(generateName="csr-"),
            spec=certificates.CertificateSigningRequestSpec(
                request=base64.b64encode(draft.request).decode(),
                signerName=wish.signer,
                usages=list(wish.usages),
            ),
        )
        made = await api.create(SIGNING_REQUESTS, body, purpose=Purpose.CERTIFICATES)
        name = (made.metadata.name if made.metadata else None) or ""
        log.info("certificate requested", certificate=self._name, request=name)
        return name

    async def _answer(self, api: Api, name: str) -> bytes:
        """The issued certificate. CertificateRefused where it is denied, failed or gone."""
        fields = f"metadata.name={name}"
        watch = api.watch(SIGNING_REQUESTS, purpose=Purpose.CERTIFICATES, fields=fields)
        try:
            async for seen in watch:
                issued = _issued(seen.items.get(name), name)
                if issued is not None:
                    return issued
        finally:
            if isinstance(watch, AsyncGenerator):
                await watch.aclose()
        raise AssertionError("a watch does not end")

    def _note(self, now: float) -> None:
        if self.held is not None and self.held.is_good(now):
            self._good_at = now
            self.granted.set()

    def _check_lost(self, error: AgentError | TimeoutError) -> None:
        """Give up where asking again will not help."""
        without = self._clock.now() - self._good_at
        refused = isinstance(error, ApiError) and error.code in REFUSALS
        if self._manner.gives_up and refused and without > WITHOUT:
            raise _refused(
                f"{self._name} certificate",
                f"there is none that works for {without:.0f} s, and the server refuses to give one "
                f"({error}); put a bootstrap kubeconfig with a valid token in place",
            )

    def _failed(self, error: AgentError | TimeoutError) -> float:
        self.failures += 1
        self._tries += 1
        pause = pause_after(self._tries) * random.uniform(1, 1 + JITTER)
        log.warning(
            "certificate not obtained",
            certificate=self._name,
            error=str(error) or f"nobody approved the request within {PATIENCE:.0f} s",
            again_in=round(pause, 1),
        )
        return pause


def _issued(request: certificates.CertificateSigningRequest | None, name: str) -> bytes | None:
    if request is None:
        raise _refused(name, "the request was deleted")
    found = decision(request)
    if isinstance(found, Refused):
        raise _refused(name, found.why)
    try:
        return None if found is None else base64.b64decode(found, validate=True)
    except binascii.Error:
        raise _refused(name, "the certificate is no base64") from None


def _refused(name: str, why: str) -> CertificateRefused:
    return CertificateRefused(op="obtain certificate", target=name, detail=why)
