"""What a CSI driver says of itself, and what its CSIDriver object says of it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec


class CsiNodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The node as a driver knows it. `limit` is how many volumes it can have here, 0 unknown."""

    node_id: str
    limit: int = 0
    topology: dict[str, str] = {}


# What a driver says of the node now; DriverFailed where it does not answer.
AskDriver: TypeAlias = Callable[[], Awaitable[CsiNodeInfo]]


class TokenAudience(msgspec.Struct, frozen=True, kw_only=True):
    """A token that a driver wants of each pod; `seconds` 0 leaves its life to the server."""

    audience: str
    seconds: int = 0


class CsiDriverRules(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a CSIDriver object that a node acts by, with the defaults of the API.

    `exists` is False where there is no such object: then nothing but its defaults is known.
    """

    exists: bool = True
    attach: bool = True
    pod_info: bool = False
    republish: bool = False
    group_policy: str = "ReadWriteOnceWithFSType"
    modes: tuple[str, ...] = ("Persistent",)
    tokens: tuple[TokenAudience, ...] = ()
    tokens_in_secrets: bool = False
    limit_period: int = 0  # seconds between looks at how many volumes it can have, 0 never
