"""Names, attributes and choices that CSI drivers are called by; those of a kubelet throughout."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

import msgspec
from lightkube.models import storage_v1

from nodeagent.core.times import as_time
from nodeagent.model.csi import CsiDriverRules, TokenAudience
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.tokens import Token

PERSISTENT: Final = "Persistent"
EPHEMERAL: Final = "Ephemeral"
TOKENS_KEY: Final = "csi.storage.k8s.io/serviceAccount.tokens"
_DOMAIN: Final = "csi.storage.k8s.io/"
_SINGLE: Final = ("ReadWriteOnce", "ReadWriteOncePod")
MISSING: Final = CsiDriverRules(exists=False)


def driver_rules(spec: storage_v1.CSIDriverSpec | None) -> CsiDriverRules:
    """What a CSIDriver object says, with the API's defaults for what it does not say."""
    if spec is None:
        return CsiDriverRules()
    return CsiDriverRules(
        attach=spec.attachRequired is not False,
        pod_info=bool(spec.podInfoOnMount),
        republish=bool(spec.requiresRepublish),
        group_policy=spec.fsGroupPolicy or CsiDriverRules().group_policy,
        modes=tuple(spec.volumeLifecycleModes or (PERSISTENT,)),
        tokens=tuple(
            TokenAudience(audience=one.audience, seconds=one.expirationSeconds or 0)
            for one in spec.tokenRequests or ()
        ),
        tokens_in_secrets=bool(spec.serviceAccountTokenInSecrets),
        limit_period=spec.nodeAllocatableUpdatePeriodSeconds or 0,
    )


def attachment_name(handle: str, driver: str, node: str) -> str:
    """The name of the VolumeAttachment of a volume to a node."""
    return f"csi-{_digest(handle + driver + node)}"


def inline_handle(uid: PodUid, volume: str) -> str:
    """The handle of a volume that is written in the pod itself."""
    return f"csi-{_digest(uid + volume)}"


def staging_folder(root: str, driver: str, handle: str) -> str:
    """The folder of a volume with a file system, as the whole node has it."""
    return f"{root}/plugins/kubernetes.io/csi/{driver}/{_digest(handle)}"


def block_folder(root: str) -> str:
    """The folder of block volumes: staging/<name>, publish/<name>/<pod>, <name>/data."""
    return f"{root}/plugins/kubernetes.io/csi/volumeDevices"


def pod_attributes(pod: DesiredPod, *, inline: bool) -> dict[str, str]:
    """What podInfoOnMount adds to the volume's attributes."""
    return {
        f"{_DOMAIN}pod.name": pod.name,
        f"{_DOMAIN}pod.namespace": pod.namespace,
        f"{_DOMAIN}pod.uid": pod.uid,
        f"{_DOMAIN}serviceAccount.name": pod.spec.serviceAccountName or "",
        f"{_DOMAIN}ephemeral": "true" if inline else "false",
    }


def tokens_text(tokens: Mapping[str, Token]) -> str:
    """Tokens by audience, as drivers read them."""
    return json.dumps(
        {
            audience: {
                "token": token.value,
                "expirationTimestamp": as_time(token.expires_at).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for audience, token in sorted(tokens.items())
        },
        separators=(",", ":"),
    )


class GroupWish(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether the agent gives a volume's files to the pod's group."""

    fstype: str
    access: tuple[str, ...]  # of the PersistentVolume
    inline: bool
    read_only: bool


def gives_to_group(rules: CsiDriverRules, wish: GroupWish) -> bool:
    """By the driver's fsGroupPolicy ("CSI Driver fsGroup Support")."""
    if rules.group_policy == "None" or wish.read_only:
        return False
    if rules.group_policy == "File":
        return True
    single = any(mode in _SINGLE for mode in wish.access)
    return bool(wish.fstype) and (wish.inline or single)


def refuses_mode(rules: CsiDriverRules, driver: str, mode: str) -> str:
    """Why volumes of this lifecycle cannot be had of the driver, "" if they can."""
    if mode == EPHEMERAL and not rules.exists:
        return f'volume mode "{mode}" not supported by driver {driver} (no CSIDriver object)'
    if mode in rules.modes:
        return ""
    has = " ".join(f'"{one}"' for one in rules.modes)
    return f'volume mode "{mode}" not supported by driver {driver} (only supports [{has}])'


def first_access(modes: Iterable[str] | None) -> str:
    """The mode that the driver is told of those of a PersistentVolume."""
    return next(iter(modes or ()), "ReadWriteOnce")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
