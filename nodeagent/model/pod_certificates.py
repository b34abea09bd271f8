"""Certificates of pods: what is asked for, and what was issued."""

import msgspec

from nodeagent.model.ids import PodUid


class CertificateWish(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate for one pod, of one source of its volumes.

    `source` tells sources of one pod apart. `seconds` is the longest life, None to leave it to
    the server; `annotations` are for the signer.
    """

    namespace: str
    pod: str
    uid: PodUid
    account: str
    source: str
    signer: str
    key_type: str
    seconds: int | None = None
    annotations: tuple[tuple[str, str], ...] = ()


class KeyProof(msgspec.Struct, frozen=True, kw_only=True):
    """A new private key (PKCS#8, PEM), and an empty signing request (DER) that proves it."""

    key: bytes
    request: bytes

    def __repr__(self) -> str:
        return "KeyProof(...)"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its certificate chain (PEM). It is replaced from `refresh_at` on (Unix seconds),
    and good until `not_after`. Its key never shows in a text made of it.
    """

    key: bytes
    chain: bytes
    refresh_at: float
    not_after: float

    def __repr__(self) -> str:
        return f"Credential(not_after={self.not_after})"


class KeptCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it is put away for the time without a server."""

    wish: CertificateWish
    credential: Credential


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it is to be shown now, to be looked at again at `again_at`."""

    credential: Credential
    again_at: float
