"""What there is to know of CSI volumes on a node without an API server: documents of the node."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from nodeagent.adapters.volumes.base import Tell, silent
from nodeagent.core.csi import MISSING
from nodeagent.errors import MountFailed, NotSupported
from nodeagent.model.csi import AskDriver, CsiDriverRules, CsiNodeInfo
from nodeagent.model.data import Claim, CsiDriver
from nodeagent.model.tokens import Token, TokenWish


class LocalFacts:
    """A CSIDriver document says how a driver is called; without one the API's defaults count.

    Nothing is ever attached: there is no controller that would.
    """

    def __init__(
        self, find: Callable[[str], Awaitable[CsiDriver | None]], *, tell: Tell = silent
    ) -> None:
        self._find, self.tell = find, tell

    async def rules(self, driver: str) -> CsiDriverRules:
        """See `CsiFacts`."""
        found = await self._find(driver)
        rules = MISSING if found is None else found.rules
        return msgspec.structs.replace(rules, attach=False)

    async def attached(self, driver: str, handle: str, unique_name: str) -> Mapping[str, str]:
        """See `CsiFacts`."""
        raise MountFailed(
            op="attach", target=handle, detail="nothing is attached without a cluster"
        )

    async def token(self, wish: TokenWish) -> Token:
        """See `CsiFacts`."""
        detail = "its driver wants a token of a service account, which only an API server gives"
        raise NotSupported(op="request token of", target=wish.account, detail=detail)

    async def may_grow(self, claim: Claim) -> bool:
        """See `CsiFacts`: nobody else has a say."""
        return True

    async def expanded(self, claim: Claim, size: str) -> None:
        """See `CsiFacts`: the record of the volume remembers it."""

    async def not_expanded(self, claim: Claim, words: str, *, size: str, infeasible: bool) -> None:
        """See `CsiFacts`: the event of the pod says it."""

    async def add(self, driver: str, info: CsiNodeInfo, ask: AskDriver) -> None:
        """See `Listed`: nobody else wants to know."""

    async def remove(self, driver: str) -> None:
        """See `Listed`."""
