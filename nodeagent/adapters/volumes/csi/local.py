"""What there is to know of CSI volumes on a node without an API server: documents of the node."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from nodeagent.core.csi import MISSING
from nodeagent.errors import MountFailed, NotSupported
from nodeagent.model.csi import CsiDriverRules, CsiNodeInfo
from nodeagent.model.data import Claim, CsiDriver
from nodeagent.model.tokens import Token, TokenWish


class LocalFacts:
    """A CSIDriver document says how a driver is called; without one the API's defaults count.

    Nothing is ever attached: there is no controller that would.
    """

    def __init__(self, find: Callable[[str], Awaitable[CsiDriver | None]]) -> None:
        self._find = find

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

    async def expanded(self, claim: Claim, size: str) -> None:
        """See `CsiFacts`: the record of the volume remembers it."""

    async def add(self, driver: str, info: CsiNodeInfo) -> None:
        """See `Listed`: nobody else wants to know."""

    async def remove(self, driver: str) -> None:
        """See `Listed`."""
