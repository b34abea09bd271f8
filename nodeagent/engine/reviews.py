"""Asks the API server who a token is, and whether a user may do something with this node."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lightkube.models import authentication_v1, authorization_v1, meta_v1

from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiError, ApiUnavailable
from nodeagent.model.access import User
from nodeagent.model.api import ACCESS_REVIEWS, TOKEN_REVIEWS, Purpose

_MADE, _NO_ANSWER = "201", "<error>"
LIMIT = 10.0  # seconds for one review; whoever waits for it waits at the node's port


class Reviews:
    """TokenReview and SubjectAccessReview about the node of that name.

    `api` is None while there is no API server to ask: ApiUnavailable then, as where it is away.
    `tell` hears of each review: "authn" or "authz", its status or "<error>", and its seconds.
    """

    def __init__(
        self,
        api: Callable[[], Api | None],
        *,
        node: str,
        tell: Callable[[str, str, float], None] = lambda kind, code, seconds: None,
    ) -> None:
        self._api, self._node, self._tell = api, node, tell

    async def token(self, token: str) -> User | None:
        """Whose token it is; None where it is not good."""
        spec = authentication_v1.TokenReviewSpec(token=token)
        body = authentication_v1.TokenReview(spec=spec, metadata=meta_v1.ObjectMeta())
        async with self._told("authn"), _limited("review a token"):
            answer = await self._reached("review a token").create(
                TOKEN_REVIEWS, body, purpose=Purpose.REVIEWS
            )
        status = answer.status
        if status is None or not status.authenticated or status.user is None:
            return None
        user = status.user
        return User(
            name=user.username or "",
            uid=user.uid or "",
            groups=tuple(user.groups or ()),
            extra=tuple((key, tuple(texts)) for key, texts in (user.extra or {}).items()),
        )

    async def access(self, user: User, verb: str, subresource: str) -> bool:
        """Whether the user may do so with `nodes/<subresource>` of this node."""
        spec = authorization_v1.SubjectAccessReviewSpec(
            user=user.name,
            uid=user.uid or None,
            groups=list(user.groups) or None,
            extra={key: list(texts) for key, texts in user.extra} or None,
            resourceAttributes=authorization_v1.ResourceAttributes(
                verb=verb,
                version="v1",
                resource="nodes",
                subresource=subresource,
                name=self._node,
            ),
        )
        body = authorization_v1.SubjectAccessReview(spec=spec, metadata=meta_v1.ObjectMeta())
        async with self._told("authz"), _limited("review access"):
            answer = await self._reached("review access").create(
                ACCESS_REVIEWS, body, purpose=Purpose.REVIEWS
            )
        return bool(answer.status and answer.status.allowed)

    @asynccontextmanager
    async def _told(self, kind: str) -> AsyncIterator[None]:
        began, code = time.monotonic(), _NO_ANSWER
        try:
            yield
            code = _MADE
        except ApiError as error:
            code = str(error.code) if error.code else _NO_ANSWER
            raise
        finally:
            self._tell(kind, code, time.monotonic() - began)

    def _reached(self, op: str) -> Api:
        api = self._api()
        if api is None:
            raise ApiUnavailable(op=op, target="API server", detail="there is none yet")
        return api


@asynccontextmanager
async def _limited(op: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(LIMIT):
            yield
    except TimeoutError as error:
        detail = f"no answer within {LIMIT:g} seconds"
        raise ApiUnavailable(op=op, target="API server", detail=detail) from error
