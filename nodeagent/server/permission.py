"""Whether a user may do what was asked: the API server's word, kept for a while."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from nodeagent.model.access import User, Wish
from nodeagent.server.remembered import Remembered

# User, verb, subresource of this node -> allowed.
ReviewAccess: TypeAlias = Callable[[User, str, str], Awaitable[bool]]

_encode = msgspec.json.Encoder().encode


class Permission:
    """`review` None allows everything (AlwaysAllow). Answers are kept `yes` and `no` seconds."""

    def __init__(
        self,
        *,
        review: ReviewAccess | None,
        yes: float,
        no: float,
        steady: Callable[[], float],
    ) -> None:
        self._review, self._yes, self._no = review, yes, no
        self._known = Remembered[bool](steady)

    async def allows(self, user: User, wish: Wish) -> bool:
        """Whether one of the subresources is allowed, asked in their order.

        AgentError of `review` leaves it.
        """
        review = self._review
        if review is None:
            return True
        for subresource in wish.subresources:
            if await self._ask(review, user, wish.verb, subresource):
                return True
        return False

    async def _ask(self, review: ReviewAccess, user: User, verb: str, subresource: str) -> bool:
        return await self._known.get(
            _encode((user, verb, subresource)),
            lambda: review(user, verb, subresource),
            keep=lambda allowed: self._yes if allowed else self._no,
        )
