"""What CSI volumes need of the rest of the agent."""

from collections.abc import Mapping
from typing import Protocol

from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent
from nodeagent.model.tokens import Token, TokenWish


class CsiFacts(Protocol):
    """What the cluster knows, or on a node without one its files."""

    async def rules(self, driver: str) -> CsiDriverRules:
        """What the driver's CSIDriver object says. Waits for the first answer of its origin."""
        ...

    async def attached(self, driver: str, handle: str, unique_name: str) -> Mapping[str, str]:
        """What attaching the volume to this node has told. MountFailed while it is not attached."""
        ...

    async def token(self, wish: TokenWish) -> Token:
        """A token of a service account; ApiError or VolumeError where none is given."""
        ...

    async def may_grow(self, claim: Claim) -> bool:
        """Whether it is for the node now to let the claim's volume grow. ApiError."""
        ...

    async def expanded(self, claim: Claim, size: str) -> None:
        """The claim's file system has this size now. ApiError where that cannot be told."""
        ...

    async def not_expanded(self, claim: Claim, words: str, *, size: str, infeasible: bool) -> None:
        """It has not grown to `size`, and never will where that is `infeasible`. ApiError."""
        ...

    def tell(self, pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
        """See `Tell`."""
        ...
