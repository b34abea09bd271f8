"""What opens a registry, and what is remembered of who opened which image."""

import msgspec

from nodeagent.model.ids import ImageRef


class SecretName(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which secret a credential came from."""

    namespace: str
    name: str
    uid: str = ""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A name and a password for the registries that `key` matches; never shown in a text.

    `secret` is None for credentials that every pod of the node may use. `digest` tells equal
    credentials from others without telling what they are.
    """

    key: str
    username: str
    password: str
    digest: str = ""
    secret: SecretName | None = None

    def __repr__(self) -> str:
        return f"Credential({self.key}, {self.username})"


class SecretUse(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of a secret that has opened an image."""

    secret: SecretName
    digest: str


class Openers(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use an image by one of its repository names: all pods, or those with a secret."""

    everyone: bool = False
    secrets: tuple[SecretUse, ...] = ()


class PulledRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An image that this agent pulled; `openers` by repository name."""

    ref: ImageRef
    at: float
    openers: dict[str, Openers] = {}
