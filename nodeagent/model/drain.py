"""How far the emptying of the node is."""

import msgspec


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that has not ended. `until`: when what is left of it is killed, 0.0 if not ending."""

    namespace: str
    name: str
    state: str
    until: float = 0.0
    critical: bool = False


class DrainState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a drain is; it is done once `left` is empty."""

    draining: bool
    left: tuple[Left, ...] = ()
