"""clusterTrustBundle: a part of a projected volume with certificates of the cluster."""

import time
from typing import Protocol

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.payload import Made, VolumeFile, file_path
from nodeagent.core.tokens import closed_file
from nodeagent.errors import SourceMissing
from nodeagent.model.desired import DesiredPod

REFRESH = 60.0  # seconds until a volume looks whether its bundle is another


class TrustSource(Protocol):
    """Where bundles come from. MountFailed while they are not known."""

    async def by_name(self, name: str) -> str | None:
        """One bundle; None where there is none."""
        ...

    async def by_signer(self, signer: str, labels: meta_v1.LabelSelector | None) -> str | None:
        """All of a signer, joined; None where there is none."""
        ...


class TrustFile:
    """Makes the file of one bundle."""

    def __init__(self, bundles: TrustSource) -> None:
        self._bundles = bundles

    async def make(self, pod: DesiredPod, part: v1.VolumeProjection, mode: int) -> Made:
        """The file; empty where an optional bundle is not there. SourceMissing names it."""
        source = part.clusterTrustBundle
        assert source is not None
        if source.name:
            text, what = await self._bundles.by_name(source.name), f'"{source.name}"'
        else:
            signer = source.signerName or ""
            text = await self._bundles.by_signer(signer, source.labelSelector)
            what = f'of signer "{signer}" with these labels'
        if text is None and not source.optional:
            detail = f"clustertrustbundle {what} not found"
            raise SourceMissing(op="project", target="clusterTrustBundle", detail=detail)
        bits, owner = closed_file(pod, mode)
        file = VolumeFile(data=(text or "").encode(), mode=bits, uid=owner)
        return Made(files={file_path(source.path): file}, again_at=time.time() + REFRESH)
