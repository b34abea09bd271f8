"""Objects of the API to what the node keeps of them; what nobody here reads is left out."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.model.api import CLAIMS, CONFIG_MAPS, SECRETS, VOLUMES, ApiKind
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    CsiDriver,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
    key_of,
)
from nodeagent.model.pod_certificates import KeptCertificate
from nodeagent.model.tokens import KeptToken

_PROTECTION: Final = "kubernetes.io/pvc-protection"  # keeps a claim while pods use it
_GROWN_ALREADY = "volume.kubernetes.io/node-expansion-not-required"
API_KINDS: Final[Mapping[DataKind, ApiKind[Any]]] = {
    DataKind.CONFIG_MAP: CONFIG_MAPS,
    DataKind.SECRET: SECRETS,
    DataKind.CLAIM: CLAIMS,
    DataKind.VOLUME: VOLUMES,
}


def data_object(kind: DataKind, one: Any) -> DataObject:
    """A ConfigMap, Secret, PersistentVolumeClaim or PersistentVolume of the API as its value.

    Bytes that are no base64 are left out: the server does not let them in.
    """
    return _MAKERS[kind](one)


def service_facts(one: v1.Service) -> v1.Service:
    """What environment variables are made of."""
    meta, spec = one.metadata or meta_v1.ObjectMeta(), one.spec or v1.ServiceSpec()
    return v1.Service(
        metadata=meta_v1.ObjectMeta(name=meta.name, namespace=meta.namespace),
        spec=v1.ServiceSpec(
            clusterIP=spec.clusterIP,
            ports=[
                v1.ServicePort(port=port.port, name=port.name, protocol=port.protocol)
                for port in spec.ports or ()
            ],
        ),
    )


def version_of(one: Any) -> str:
    """Another text whenever the object is another; "" where there is none."""
    meta = one.metadata if one is not None else None
    return f"{meta.uid or ''}/{meta.resourceVersion or ''}" if meta is not None else ""


def _config_map(one: v1.ConfigMap) -> ConfigMap:
    meta = one.metadata or meta_v1.ObjectMeta()
    return ConfigMap(
        namespace=meta.namespace or "",
        name=meta.name or "",
        data=one.data or {},
        binary=_decoded(one.binaryData),
        immutable=bool(one.immutable),
    )


def _secret(one: v1.Secret) -> Secret:
    meta = one.metadata or meta_v1.ObjectMeta()
    return Secret(
        namespace=meta.namespace or "",
        name=meta.name or "",
        data=_decoded(one.data),
        type=one.type or "Opaque",
        immutable=bool(one.immutable),
    )


def _claim(one: v1.PersistentVolumeClaim) -> Claim:
    """Bound once its phase says so; a name in its spec alone is only a wish."""
    meta, spec = one.metadata or meta_v1.ObjectMeta(), one.spec or v1.PersistentVolumeClaimSpec()
    phase = one.status.phase if one.status else None
    bound = phase == "Bound" and bool(spec.volumeName)
    return Claim(
        namespace=meta.namespace or "",
        name=meta.name or "",
        spec=spec,
        volume=(spec.volumeName or "") if bound else "",
        why="" if bound else f"it is {phase or 'Pending'}",
        uid=meta.uid or "",
        owner=next((one.uid for one in meta.ownerReferences or () if one.controller), ""),
        capacity=(one.status.capacity or {}).get("storage", "") if one.status else "",
        deleting=meta.deletionTimestamp is not None and _PROTECTION not in (meta.finalizers or ()),
        grows_on_nodes=_GROWN_ALREADY not in (meta.annotations or {}),
    )


def _volume(one: v1.PersistentVolume) -> PersistentVolume:
    meta = one.metadata or meta_v1.ObjectMeta()
    return PersistentVolume(
        name=meta.name or "",
        spec=one.spec or v1.PersistentVolumeSpec(),
        labels=meta.labels or {},
        annotations=meta.annotations or {},
    )


def _decoded(values: Mapping[str, str] | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key, text in (values or {}).items():
        try:
            found[key] = base64.b64decode(text or "", validate=True)
        except (binascii.Error, ValueError):
            continue
    return found


_MAKERS: Final[Mapping[DataKind, Callable[[Any], DataObject]]] = {
    DataKind.CONFIG_MAP: _config_map,
    DataKind.SECRET: _secret,
    DataKind.CLAIM: _claim,
    DataKind.VOLUME: _volume,
}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it is put away for the time without a server; one field is set.

    `absent`: there is no such object. `services` are those of the namespace `home`; `classes` are
    the handlers of RuntimeClasses.
    """

    version: str = ""
    absent: DataKey | None = None
    config_map: ConfigMap | None = None
    secret: Secret | None = None
    claim: Claim | None = None
    volume: PersistentVolume | None = None
    home: str = ""
    services: tuple[v1.Service, ...] | None = None
    classes: dict[str, str] | None = None
    token: KeptToken | None = None
    certificate: KeptCertificate | None = None

    @property
    def confidential(self) -> bool:
        """Whether it is to be sealed on disk: all but what every pod may know."""
        return self.services is None and self.classes is None

    @property
    def object(self) -> DataObject | None:
        """The config map, secret, claim or volume."""
        return self.config_map or self.secret or self.claim or self.volume

    @property
    def key(self) -> DataKey | None:
        """Which object it is, or would be; None for services and classes."""
        return key_of(self.object) if self.object is not None else self.absent


def kept(key: DataKey, one: DataObject | None, version: str) -> Kept:
    """To be put away."""
    match one:
        case None:
            return Kept(absent=key)
        case ConfigMap():
            return Kept(version=version, config_map=one)
        case Secret():
            return Kept(version=version, secret=one)
        case Claim():
            return Kept(version=version, claim=one)
        case PersistentVolume():
            return Kept(version=version, volume=one)
        case CsiDriver():
            raise AssertionError("drivers are no objects that pods refer to")
