"""Tokens of service accounts for the pods of this node, asked for once and kept while good."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable

import structlog
from lightkube.models import authentication_v1

from nodeagent.core.api_objects import Kept
from nodeagent.core.times import as_seconds
from nodeagent.core.tokens import JITTER, replace_at
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.errors import ApiError, ApiForbidden, ApiUnavailable
from nodeagent.model.api import ApiKind, Purpose
from nodeagent.model.ids import PodUid
from nodeagent.model.tokens import KeptToken, Token, TokenWish

log = structlog.get_logger()

_KIND = ApiKind(type=authentication_v1.TokenRequest, plural="serviceaccounts")
_LAGS = (0.1, 0.2, 0.4)  # waits after 403s: the server's authorizer learns of a pod after we do
_TRY_AGAIN = 30.0  # seconds until a token that could not be replaced is asked for again


class Tokens:
    """A token is replaced at 80 % of its life or after a day; kept while that fails and it lasts.

    While there is no server one that has expired is kept too: without it a pod could not even be
    started after a reboot, and it is replaced once somebody is there to take it. `on_kept` is
    called when the token of a wish became another or is no longer used.
    """

    def __init__(
        self, api: Api, clock: Clock, *, on_kept: Callable[[TokenWish], None] = lambda _: None
    ) -> None:
        self._api, self._clock, self._on_kept = api, clock, on_kept
        self._tokens: dict[TokenWish, Token] = {}

    def restore(self, found: Iterable[Kept]) -> None:
        """Those that an earlier run was given."""
        for one in found:
            if one.token is not None:
                self._tokens[one.token.wish] = one.token.token

    def to_keep(self, wish: TokenWish) -> Kept | None:
        """The token to be put away; None where there is none any more."""
        token = self._tokens.get(wish)
        return None if token is None else Kept(token=KeptToken(wish=wish, token=token))

    def keep_only(self, pods: Collection[PodUid]) -> frozenset[TokenWish]:
        """Forget those of other pods, which an earlier run had; what is left."""
        for uid in {wish.uid for wish in self._tokens} - set(pods):
            self.forget(uid)
        return frozenset(self._tokens)

    async def token(self, wish: TokenWish) -> Token:
        """A token that is valid now. ApiError where there is none and none is given."""
        known, now = self._tokens.get(wish), self._clock.now()
        if known is not None and now < known.refresh_at:
            return known
        try:
            fresh = await (self._ask(wish) if known is not None else self._ask_first(wish))
        except ApiError as error:
            away = isinstance(error, ApiUnavailable)
            if known is None or (known.expires_at <= now and not away):
                raise
            log.warning(
                "token not replaced",
                namespace=wish.namespace,
                account=wish.account,
                pod=wish.pod,
                valid_for=round(known.expires_at - now),
                error=str(error),
            )
            lasts = known.expires_at if known.expires_at > now else now + _TRY_AGAIN
            again_at = min(now + _TRY_AGAIN, lasts)
            return Token(value=known.value, expires_at=known.expires_at, refresh_at=again_at)
        self._tokens[wish] = fresh
        self._on_kept(wish)
        return fresh

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        for wish in [one for one in self._tokens if one.uid == uid]:
            del self._tokens[wish]
            self._on_kept(wish)

    async def _ask_first(self, wish: TokenWish) -> Token:
        for lag in _LAGS:
            try:
                return await self._ask(wish)
            except ApiForbidden:
                await asyncio.sleep(lag)
        return await self._ask(wish)

    async def _ask(self, wish: TokenWish) -> Token:
        body = authentication_v1.TokenRequest(
            spec=authentication_v1.TokenRequestSpec(
                audiences=[wish.audience] if wish.audience else [],
                expirationSeconds=wish.seconds or None,
                boundObjectRef=authentication_v1.BoundObjectReference(
                    apiVersion="v1", kind="Pod", name=wish.pod, uid=wish.uid
                ),
            )
        )
        given = await self._api.create(
            _KIND,
            body,
            wish.namespace,
            purpose=Purpose.TOKENS,
            name=wish.account,
            subresource="token",
        )
        status = given.status
        if status is None or not status.token or status.expirationTimestamp is None:
            raise ApiUnavailable(
                op="request token of", target=wish.account, detail="the answer has no token"
            )
        expires_at = as_seconds(status.expirationTimestamp)
        asked = given.spec.expirationSeconds if given.spec is not None else None
        life = float(asked or wish.seconds or expires_at - self._clock.now())
        jitter = random.random() * JITTER
        return Token(
            value=status.token,
            expires_at=expires_at,
            refresh_at=replace_at(expires_at=expires_at, life=life, jitter=jitter),
        )
