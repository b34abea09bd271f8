"""One CSI volume of one pod: everything that its driver is told, from the pod and the volume."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Place
from nodeagent.adapters.volumes.csi.record import Record
from nodeagent.adapters.volumes.csi.wire import Skills, Use
from nodeagent.core.csi import (
    EPHEMERAL,
    PERSISTENT,
    GroupWish,
    attachment_name,
    block_folder,
    first_access,
    gives_to_group,
    inline_handle,
    staging_folder,
)
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod

SecretRef: TypeAlias = tuple[str, str] | None  # namespace and name


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `claim` and the secrets of stage and expand only a claim's volume has."""

    pod: DesiredPod
    place: Place
    record: Record
    rules: CsiDriverRules
    read_only: bool
    access: tuple[str, ...] = ()
    fstype: str = ""
    flags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = {}
    stage_secret: SecretRef = None
    publish_secret: SecretRef = None
    expand_secret: SecretRef = None
    size: str = ""
    claim: Claim | None = None

    @property
    def is_block(self) -> bool:
        """Whether the pod gets a device."""
        return bool(self.record.block)

    @property
    def is_inline(self) -> bool:
        """Whether the volume is written in the pod itself."""
        return self.record.mode == EPHEMERAL

    @property
    def home(self) -> str:
        """The folder of its record."""
        return self.place.meta if self.is_block else self.place.path

    @property
    def group(self) -> int | None:
        """The pod's fsGroup."""
        context = self.pod.spec.securityContext
        return context.fsGroup if context is not None else None

    def use(self, skills: Skills, attached: Mapping[str, str]) -> Use:
        """What stage, publish and expand have in common."""
        return Use(
            handle=self.record.handle,
            access=first_access(self.access),
            block=self.is_block,
            fstype=self.fstype,
            flags=self.flags,
            group=self.group if skills.group and not self.is_block else None,
            staging=self.record.staging,
            attached=attached,
            attributes=self.attributes,
        )

    def gives_to_group(self, skills: Skills) -> bool:
        """Whether it is for the agent to give the files to the pod's group."""
        if self.is_block or self.group is None or skills.group:
            return False
        wish = GroupWish(
            fstype=self.fstype,
            access=self.access,
            inline=self.is_inline,
            read_only=self.read_only,
        )
        return gives_to_group(self.rules, wish)


def inline_job(
    pod: DesiredPod, volume: v1.Volume, place: Place, *, rules: CsiDriverRules, node: str
) -> Job:
    """A volume that is written in the pod."""
    source = volume.csi
    assert source is not None
    secret = source.nodePublishSecretRef
    return Job(
        pod=pod,
        place=place,
        record=Record(
            driver=source.driver,
            handle=inline_handle(pod.uid, volume.name),
            spec=volume.name,
            node=node,
            mode=EPHEMERAL,
            rules=_written(rules),
            target=f"{place.path}/mount",
            volume=volume.name,
        ),
        rules=rules,
        read_only=bool(source.readOnly),
        fstype=source.fsType or "",
        attributes=source.volumeAttributes or {},
        publish_secret=(pod.namespace, secret.name or "") if secret is not None else None,
    )


def persistent_job(
    pod: DesiredPod,
    volume: PersistentVolume,
    place: Place,
    *,
    claim: Claim,
    rules: CsiDriverRules,
    node: str,
    read_only: bool,
) -> Job:
    """A claim's volume."""
    source, spec = volume.spec.csi, volume.spec
    assert source is not None
    block = spec.volumeMode == "Block"
    attach = attachment_name(source.volumeHandle, source.driver, node) if rules.attach else ""
    return Job(
        pod=pod,
        place=place,
        record=Record(
            driver=source.driver,
            handle=source.volumeHandle,
            spec=volume.name,
            node=node,
            attachment=attach,
            mode=PERSISTENT,
            rules=_written(rules),
            target="" if block else f"{place.path}/mount",
            block="true" if block else "",
            claim=f"{claim.namespace}/{claim.name}",
        ),
        rules=rules,
        read_only=read_only,
        access=tuple(spec.accessModes or ()),
        fstype=source.fsType or "",
        flags=tuple(spec.mountOptions or ()),
        attributes=source.volumeAttributes or {},
        stage_secret=_secret(source.nodeStageSecretRef),
        publish_secret=_secret(source.nodePublishSecretRef),
        expand_secret=_secret(source.nodeExpandSecretRef),
        size=(spec.capacity or {}).get("storage", ""),
        claim=claim,
    )


def placed(job: Job, root: str, *, stage: bool) -> Job:
    """The job with the places of its volume, `stage`: on a driver that stages."""
    record, staging, target = job.record, "", job.record.target
    if job.is_block:
        top = block_folder(root)
        target = f"{top}/publish/{record.spec}/{job.pod.uid}"
        staging = f"{top}/staging/{record.spec}"
    elif not job.is_inline:
        staging = f"{staging_folder(root, record.driver, record.handle)}/globalmount"
    staging = staging if stage and not job.is_inline else ""
    return msgspec.structs.replace(
        job, record=msgspec.structs.replace(record, staging=staging, target=target)
    )


def _written(rules: CsiDriverRules) -> str:
    return msgspec.json.encode(rules).decode()


def _secret(reference: v1.SecretReference | None) -> SecretRef:
    if reference is None or not reference.name:
        return None
    return reference.namespace or "default", reference.name
