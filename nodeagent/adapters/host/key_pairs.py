"""Certificates with their keys in the certificate folder, as a kubelet lays them out.

`<pair>-<date>.pem` holds a certificate and its key; the link `<pair>-current.pem` names the one in
use and is replaced whole, so that a reader, or a crash, sees the old pair or the new one.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.keys import work
from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.core.certificates import Held, Wish, file_name, is_address
from nodeagent.errors import HostError

CLIENT: Final = "kubelet-client"
SERVING: Final = "kubelet-server"
_HALF_DONE: Final = "kubelet-client.key.tmp"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A key of which no certificate is issued yet, and the request for one (both PEM)."""

    key: bytes
    request: bytes

    def __repr__(self) -> str:
        return "Draft(...)"


class KeyPairs:
    """The pairs of one kind, `pair`, in `folder`. HostError names the file that failed.

    `keep_key` writes a draft's key down until its certificate is there, so that an agent that
    starts anew goes on with the same one (a kubelet without rotation does so).
    """

    def __init__(
        self, folder: Path, pair: str, threads: Threads, *, keep_key: bool = False
    ) -> None:
        self._folder, self._pair, self._threads = folder, pair, threads
        self._draft = folder / _HALF_DONE if keep_key else None

    @property
    def current(self) -> Path:
        """The file of the pair in use; it may not be there yet."""
        return self._folder / f"{self._pair}-current.pem"

    async def held(self) -> Held | None:
        """The pair in use; None where there is none or it cannot be used."""
        return await self._threads.run(read_pair, self.current)

    async def draft(self, wish: Wish) -> Draft:
        """A new key, and the request for a certificate of it."""
        return await self._threads.run(self._make, wish)

    async def keep(self, draft_key: bytes, certificate: bytes, *, now: float) -> Held:
        """Use this pair from now on. HostError where both do not belong together."""
        return await self._threads.run(self._keep, draft_key, certificate, now)

    def keep_now(self, key: bytes, certificate: bytes, *, now: float) -> Held:
        """The same before a loop runs; blocks."""
        return self._keep(key, certificate, now)

    def _make(self, wish: Wish) -> Draft:
        made = work(
            "draft",
            key=self._kept_key(),
            subject=[wish.organization, wish.common_name],
            names=list(wish.names),
            addresses=[one for one in wish.addresses if is_address(one)],
        )
        draft = Draft(key=made["key"].encode(), request=made["request"].encode())
        if self._draft is not None:
            with translated("keep the key", str(self._draft)):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
                write_atomic(str(self._draft), draft.key, durable=True)
        return draft

    def _kept_key(self) -> str:
        """The key of an earlier draft; whatever else is in its file is not used."""
        if self._draft is not None:
            with suppress(OSError, UnicodeDecodeError):
                return self._draft.read_text()
        return ""

    def _keep(self, key: bytes, certificate: bytes, now: float) -> Held:
        found = _checked(key, certificate, target=str(self._folder / self._pair))
        path = self._folder / file_name(self._pair, now)
        link = self._folder / f"{self._pair}-updated.pem"
        with translated("keep the certificate", str(path)):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_atomic(str(path), certificate.rstrip() + b"\n" + key, durable=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path)
            link.replace(self.current)
            if self._draft is not None:
                self._draft.unlink(missing_ok=True)
        return found


def read_pair(path: Path) -> Held | None:
    """What the certificate in this file is for; None where the pair cannot be used. Blocks."""
    try:
        text = path.read_text()
        found = work("read_pair", key=text, certificate=text)
    except (OSError, ValueError):
        return None
    return None if found is None else msgspec.convert(found, Held)


def held(certificate: bytes) -> Held:
    """What a certificate (PEM) is for. ValueError where it is none. Blocks."""
    return msgspec.convert(work("read", certificate=certificate.decode()), Held)


def _checked(key: bytes, certificate: bytes, *, target: str) -> Held:
    try:
        found = work("read_pair", key=key.decode(), certificate=certificate.decode())
    except ValueError as error:
        raise HostError(
            op="keep the certificate", target=target, detail="it is no certificate"
        ) from error
    if found is None:
        detail = "it was issued for another key"
        raise HostError(op="keep the certificate", target=target, detail=detail)
    return msgspec.convert(found, Held)
