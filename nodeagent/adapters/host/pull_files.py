"""Records of pulled images under `image_manager`, in the shape that kubelet writes (KEP-2535)."""

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import structlog

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.model.credentials import Openers, PulledRecord, SecretName, SecretUse
from nodeagent.model.ids import ImageRef

API_VERSION = "kubelet.config.k8s.io/v1beta1"
_log: structlog.stdlib.BoundLogger = structlog.get_logger("nodeagent.pulls")


class _Secret(msgspec.Struct, rename="camel"):
    uid: str = ""
    namespace: str = ""
    name: str = ""
    credential_hash: str = ""


class _Openers(msgspec.Struct, rename="camel", omit_defaults=True):
    kubernetes_secrets: list[_Secret] = []
    node_pods_accessible: bool = False


class _Pulled(msgspec.Struct, rename="camel", kw_only=True):
    kind: str = "ImagePulledRecord"
    api_version: str = API_VERSION
    last_updated_time: dt.datetime
    image_ref: str
    credential_mapping: dict[str, _Openers] = {}


class _Intent(msgspec.Struct, rename="camel", kw_only=True):
    kind: str = "ImagePullIntent"
    api_version: str = API_VERSION
    image: str


class HostPullFiles:
    """Implements the engine's `PullFiles` under `<root>/image_manager`."""

    def __init__(self, root: str, threads: Threads) -> None:
        self._home = f"{root.rstrip('/')}/image_manager"
        self._threads = threads

    async def load(self) -> tuple[tuple[PulledRecord, ...], frozenset[str]]:
        """Every record and intent that can be read; others are named in the log and left."""
        pulled = await self._threads.run(_read_all, f"{self._home}/pulled", _Pulled)
        intents = await self._threads.run(_read_all, f"{self._home}/pulling", _Intent)
        return tuple(_value(one) for one in pulled), frozenset(one.image for one in intents)

    async def intend(self, image: str) -> None:
        """The intent file exists."""
        await self._threads.run(_save, self._home, "pulling", image, _Intent(image=image))

    async def unintend(self, image: str) -> None:
        """The intent file is gone."""
        await self._threads.run(_remove, f"{self._home}/pulling/{_name(image)}")

    async def save(self, record: PulledRecord) -> None:
        """Replace the image's record."""
        await self._threads.run(_save, self._home, "pulled", record.ref, _document(record))

    async def forget(self, ref: ImageRef) -> None:
        """The record is gone."""
        await self._threads.run(_remove, f"{self._home}/pulled/{_name(ref)}")


def _name(key: str) -> str:
    return f"sha256-{hashlib.sha256(key.encode()).hexdigest()}"


def _save(home: str, kind: str, key: str, document: msgspec.Struct) -> None:
    folder = Path(home, kind)
    path = f"{folder}/{_name(key)}"
    with translated("save pull record", path):
        for made in (folder.parent, folder):
            made.mkdir(mode=0o700, exist_ok=True)
        write_atomic(path, msgspec.json.encode(document))


def _remove(path: str) -> None:
    with translated("remove pull record", path):
        Path(path).unlink(missing_ok=True)


def _read_all(folder: str, kind: type[Any]) -> list[Any]:
    found = []
    with translated("read pull records", folder):
        try:
            names = [name for name in os.listdir(folder) if name.startswith("sha256-")]  # noqa: PTH208
        except FileNotFoundError:
            return []
        for name in sorted(names):
            try:
                found.append(msgspec.json.decode(Path(folder, name).read_bytes(), type=kind))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                _log.warning("pull record cannot be read", path=f"{folder}/{name}", why=str(error))
    return found


def _value(one: _Pulled) -> PulledRecord:
    return PulledRecord(
        ref=ImageRef(one.image_ref),
        at=one.last_updated_time.timestamp(),
        openers={
            name: Openers(
                everyone=found.node_pods_accessible,
                secrets=tuple(
                    SecretUse(
                        secret=SecretName(namespace=s.namespace, name=s.name, uid=s.uid),
                        digest=s.credential_hash,
                    )
                    for s in found.kubernetes_secrets
                ),
            )
            for name, found in one.credential_mapping.items()
        },
    )


def _document(record: PulledRecord) -> _Pulled:
    return _Pulled(
        last_updated_time=dt.datetime.fromtimestamp(int(record.at), dt.UTC),
        image_ref=record.ref,
        credential_mapping={
            name: _Openers(
                node_pods_accessible=openers.everyone,
                kubernetes_secrets=[
                    _Secret(
                        uid=use.secret.uid,
                        namespace=use.secret.namespace,
                        name=use.secret.name,
                        credential_hash=use.digest,
                    )
                    for use in openers.secrets
                ],
            )
            for name, openers in record.openers.items()
        },
    )
