"""Configuration data that pods refer to: config maps, secrets, claims and volumes, as values."""

import enum
from typing import TypeAlias

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.csi import CsiDriverRules


class DataKind(enum.StrEnum):
    """The kinds of objects, with the Kubernetes spelling."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"
    CLAIM = "PersistentVolumeClaim"
    VOLUME = "PersistentVolume"
    CSI_DRIVER = "CSIDriver"


class DataKey(msgspec.Struct, frozen=True, order=True):
    """Which object; `namespace` is "" for a PersistentVolume and a CSIDriver."""

    kind: DataKind
    namespace: str
    name: str


class ConfigMap(msgspec.Struct, frozen=True, kw_only=True):
    """A config map. No key is in both maps."""

    namespace: str
    name: str
    data: dict[str, str] = {}
    binary: dict[str, bytes] = {}
    immutable: bool = False


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, decoded; its values never show in a text made of it."""

    namespace: str
    name: str
    data: dict[str, bytes] = {}
    type: str = "Opaque"
    immutable: bool = False

    def __repr__(self) -> str:
        return f"Secret({self.namespace}/{self.name}, keys {', '.join(self.data) or 'none'})"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A PersistentVolumeClaim. `volume` is the one it is bound to, "" while it is not: `why`.

    What follows `why` only an API server tells: the claim's uid, the uid of the object that
    controls it, `capacity` of its status ("" unknown), and whether it is being deleted with
    nothing that holds it back (a claim under protection may still be used), and whether nodes have
    a part in its growing.
    """

    namespace: str
    name: str
    spec: v1.PersistentVolumeClaimSpec
    volume: str = ""
    why: str = ""
    uid: str = ""
    owner: str = ""
    capacity: str = ""
    deleting: bool = False
    grows_on_nodes: bool = True


class PersistentVolume(msgspec.Struct, frozen=True, kw_only=True):
    """A PersistentVolume as its owner wrote it."""

    name: str
    spec: v1.PersistentVolumeSpec
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class CsiDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A CSIDriver: how a storage driver wants to be called."""

    name: str
    rules: CsiDriverRules


DataObject: TypeAlias = ConfigMap | Secret | Claim | PersistentVolume | CsiDriver


def key_of(one: DataObject) -> DataKey:
    """The key under which an object is known."""
    match one:
        case ConfigMap():
            return DataKey(DataKind.CONFIG_MAP, one.namespace, one.name)
        case Secret():
            return DataKey(DataKind.SECRET, one.namespace, one.name)
        case Claim():
            return DataKey(DataKind.CLAIM, one.namespace, one.name)
        case PersistentVolume():
            return DataKey(DataKind.VOLUME, "", one.name)
        case CsiDriver():
            return DataKey(DataKind.CSI_DRIVER, "", one.name)
