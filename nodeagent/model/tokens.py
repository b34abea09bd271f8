"""Tokens of service accounts: what is asked for, and what was given."""

import msgspec

from nodeagent.model.ids import PodUid


class TokenWish(msgspec.Struct, frozen=True, kw_only=True):
    """A token of an account for one pod; `audience` "" means the API server itself.

    `seconds` is the life that is asked for, 0 to leave it to the server.
    """

    namespace: str
    account: str
    pod: str
    uid: PodUid
    audience: str = ""
    seconds: int = 0


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, valid until `expires_at`, to be replaced from `refresh_at` on (Unix seconds).

    Its value never shows in a text made of it.
    """

    value: str
    expires_at: float
    refresh_at: float

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at})"


class KeptToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is put away for the time without a server."""

    wish: TokenWish
    token: Token
