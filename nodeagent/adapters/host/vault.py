"""What the API told, sealed at rest: on disk, readable only with a key that lies elsewhere."""

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import explain, translated
from nodeagent.aio.threads import Threads
from nodeagent.core.api_objects import Kept

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC: Final = b"nodeagent-sealed-1\n"
_PLAIN: Final = b"nodeagent-kept-1\n"
_SUFFIXES: Final = (".sealed", ".kept")
_NONCE: Final = 12
_KEY: Final = 32

_log: structlog.stdlib.BoundLogger = structlog.get_logger("nodeagent.vault")
_decoder = msgspec.json.Decoder(Kept)
_encoder = msgspec.json.Encoder()


class _Unusable(Exception):
    """Why a file cannot be unsealed."""


class SealedVault:
    """Implements the engine's `Vault`: one file an object under `<root>/api-data`.

    The key is 32 random bytes in `key`, a file that only root may read, made when it is first
    needed; copies of `root` are worth nothing without it, unless it lies there, of which the log
    warns. Names of objects do not show either: files are named by a keyed hash of them. What every
    pod may know is only written down, so that the cipher (8 MB) is loaded where it is needed.
    """

    def __init__(self, root: str, *, key: Path, threads: Threads) -> None:
        self._home, self._key_file = f"{root.rstrip('/')}/api-data", key
        self._threads = threads
        self._key = b""
        if key.is_relative_to(root):
            _log.warning(
                "the key of secrets that are kept for a reboot lies beside them",
                key=str(key),
                fix=f"put the kubeconfig (--kubeconfig) outside of {root}",
            )

    async def load(self) -> tuple[Kept, ...]:
        """See `Vault`."""
        return await self._threads.run(self._load)

    async def save(self, name: str, one: Kept) -> None:
        """See `Vault`."""
        await self._threads.run(self._save, name, one)

    async def remove(self, name: str) -> None:
        """See `Vault`."""
        await self._threads.run(self._remove, name)

    async def keep_only(self, names: frozenset[str]) -> None:
        """See `Vault`. Files that could not be unsealed go too."""
        await self._threads.run(self._keep_only, names)

    # --- in a thread ------------------------------------------------------------------------

    def _load(self) -> tuple[Kept, ...]:
        found: list[Kept] = []
        spoilt: dict[str, int] = {}
        for path in self._files():
            try:
                found.append(self._unsealed(path))
            except _Unusable as error:
                spoilt[str(error)] = spoilt.get(str(error), 0) + 1
        for why, count in spoilt.items():
            _log.warning(
                "kept data of the API cannot be unsealed",
                folder=self._home,
                key=str(self._key_file),
                files=count,
                why=why,
            )
        return tuple(found)

    def _files(self) -> list[Path]:
        try:
            return sorted(one for one in Path(self._home).iterdir() if one.suffix in _SUFFIXES)
        except FileNotFoundError:
            return []
        except OSError as error:
            _log.warning("kept data of the API cannot be read", why=explain(error))
            return []

    def _unsealed(self, path: Path) -> Kept:
        try:
            key = self._key or _read_key(self._key_file)
            text = path.read_bytes()
        except OSError as error:
            raise _Unusable(explain(error)) from error
        self._key = key
        magic = _MAGIC if path.suffix == ".sealed" else _PLAIN
        if not text.startswith(magic):
            raise _Unusable("it is of another version")
        if magic is _PLAIN:
            return _decoded(text[len(_PLAIN) :])
        from cryptography.exceptions import InvalidTag

        head = len(_MAGIC) + _NONCE
        nonce, body = text[len(_MAGIC) : head], text[head:]
        try:
            plain = _cipher(key).decrypt(nonce, body, path.stem.encode())
        except (InvalidTag, ValueError) as error:
            raise _Unusable("it was sealed with another key, or changed since") from error
        return _decoded(plain)

    def _save(self, name: str, one: Kept) -> None:
        with translated("keep data of the API", self._home):
            stem = self._stem(name)
            sealed, plain = (Path(self._home, stem + suffix) for suffix in _SUFFIXES)
            path, other = (sealed, plain) if one.confidential else (plain, sealed)
            text = self._sealed(stem, one) if one.confidential else _PLAIN + _encoder.encode(one)
            try:
                write_atomic(str(path), text)
            except FileNotFoundError:
                Path(self._home).mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomic(str(path), text)
            other.unlink(missing_ok=True)

    def _sealed(self, stem: str, one: Kept) -> bytes:
        nonce = os.urandom(_NONCE)
        return (
            _MAGIC + nonce + _cipher(self._key).encrypt(nonce, _encoder.encode(one), stem.encode())
        )

    def _remove(self, name: str) -> None:
        with translated("remove data of the API", self._home):
            for suffix in _SUFFIXES:
                Path(self._home, self._stem(name) + suffix).unlink(missing_ok=True)

    def _keep_only(self, names: frozenset[str]) -> None:
        with translated("remove data of the API", self._home):
            wanted = {self._stem(name) for name in names}
            for path in self._files():
                if path.stem not in wanted:
                    path.unlink(missing_ok=True)

    def _stem(self, name: str) -> str:
        if not self._key:
            self._key = _made_key(self._key_file)
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:32]


def _decoded(text: bytes) -> Kept:
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise _Unusable("it is of another version") from error


def _cipher(key: bytes) -> "AESGCM":
    # late: only a node of a cluster pays for the library
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _read_key(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != _KEY:
        raise OSError(f"{path} needs to hold {_KEY} bytes, has {len(key)}")
    return key


def _made_key(path: Path) -> bytes:
    """The key, made where there is none yet; two agents that make one at once agree on one."""
    try:
        return _read_key(path)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        write_atomic(str(draft), os.urandom(_KEY), mode=0o600, durable=True)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return _read_key(path)
