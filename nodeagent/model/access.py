"""Who asks something of the node's port, and for what: values only."""

import msgspec

ANONYMOUS = "system:anonymous"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose identity was established."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


NOBODY = User(name=ANONYMOUS, groups=(UNAUTHENTICATED,))


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a request wants of the node: any one of the subresources allows it."""

    verb: str
    subresources: tuple[str, ...]
