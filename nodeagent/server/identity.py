"""Who asks: by client certificate, by bearer token, or nobody in particular.

Source: section 10.3 of the reference; a kubelet tries certificate, then token, then anonymous.
"""

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from nodeagent.model.access import AUTHENTICATED, NOBODY, User
from nodeagent.server.remembered import Remembered

ReviewToken: TypeAlias = Callable[[str], Awaitable[User | None]]

_CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
_WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."
_LONGEST_TOKEN = 64 * 1024


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brings. `certificate` is as `getpeercert` tells one that was verified."""

    certificate: Mapping[str, Any] | None = None
    der: bytes = b""
    token: str | None = None  # None: none was given, "" one that is empty


class Unproven(Exception):
    """Credentials were given and are not good: not even anonymous then."""


class Identity:
    """Tells users. Tokens are remembered `ttl` seconds, by their hash, good ones and bad ones.

    `review` asks the API server about a token and is None where nobody can be asked: every token
    is refused then. Its AgentError leaves `user`.
    """

    def __init__(
        self,
        *,
        review: ReviewToken | None,
        anonymous: bool,
        ttl: float,
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self._review, self._anonymous, self._ttl, self._now = review, anonymous, ttl, now
        self._tokens = Remembered[User | None](steady)

    async def user(self, given: Credentials) -> User | None:
        """The user; None where nothing was given and anonymous is off. Unproven: see there."""
        if given.certificate:
            user = certificate_user(given.certificate, given.der, now=self._now())
            if user is not None:
                return user
        if given.token:
            found = await self._by_token(given.token)
            if found is None:
                raise Unproven("the token is not valid")
            return with_group(found, AUTHENTICATED)
        return NOBODY if self._anonymous else None

    async def _by_token(self, token: str) -> User | None:
        review = self._review
        if review is None or len(token) > _LONGEST_TOKEN:
            return None
        key = hashlib.sha256(token.encode()).digest()
        return await self._tokens.get(key, lambda: review(token), keep=lambda _: self._ttl)


def certificate_user(certificate: Mapping[str, Any], der: bytes, *, now: float) -> User | None:
    """The subject: its common name, its organizations as groups. None for one without a name.

    Unproven where the certificate is out of its time, for a connection may outlast it.
    """
    names: list[str] = []
    groups: list[str] = []
    for part in certificate.get("subject", ()):
        for kind, text in part:
            if kind == "commonName":
                names.append(text)
            elif kind == "organizationName":
                groups.append(text)
    for field, early in (("notBefore", True), ("notAfter", False)):
        limit = certificate.get(field)
        if limit and (now < ssl.cert_time_to_seconds(limit)) is early:
            raise Unproven(f"the client's certificate is not valid now ({field} {limit})")
    if not names or not names[-1]:
        return None
    print_ = hashlib.sha256(der).hexdigest()
    extra = ((_CREDENTIAL_ID, (f"X509SHA256={print_}",)),) if der else ()
    return with_group(User(name=names[-1], groups=tuple(groups), extra=extra), AUTHENTICATED)


def with_group(user: User, group: str) -> User:
    """The user, in this group too."""
    if group in user.groups:
        return user
    return msgspec.structs.replace(user, groups=(*user.groups, group))


def bearer_token(authorization: str, protocols: str) -> str | None:
    """The token of an Authorization header, or of a WebSocket's subprotocols; None for none."""
    found = re.fullmatch(r"\s*bearer\s+(\S*)\s*", authorization, re.IGNORECASE)
    if found:
        return found[1]
    for one in split_protocols(protocols):
        if one.startswith(_WEBSOCKET_TOKEN):
            return _decoded(one.removeprefix(_WEBSOCKET_TOKEN))
    return None


def split_protocols(header: str) -> list[str]:
    """The subprotocols that a WebSocket asks for, in its order."""
    return [one for one in (part.strip() for part in header.split(",")) if one]


def without_token(protocols: Iterable[str]) -> list[str]:
    """Subprotocols but for one that is a token: it must not travel further."""
    return [one for one in protocols if not one.startswith(_WEBSOCKET_TOKEN)]


def _decoded(text: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return raw.decode()
    except (binascii.Error, ValueError):
        return ""
