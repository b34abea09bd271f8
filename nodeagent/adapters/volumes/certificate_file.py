"""podCertificate: a part of a projected volume with a key of the pod and its certificate."""

from typing import Protocol

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.payload import Made, VolumeFile, file_path
from nodeagent.core.tokens import closed_file
from nodeagent.errors import NotSupported
from nodeagent.model.desired import DesiredPod
from nodeagent.model.pod_certificates import CertificateWish, Shown


class CertificateSource(Protocol):
    """Where certificates come from."""

    async def shown(self, wish: CertificateWish) -> Shown:
        """The one to be shown now. MountFailed: refused, or not issued yet."""
        ...


class CertificateFile:
    """Makes the files of one certificate: one with all in it, or key and chain apart."""

    def __init__(self, certificates: CertificateSource) -> None:
        self._certificates = certificates

    async def make(self, pod: DesiredPod, part: v1.VolumeProjection, mode: int) -> Made:
        """The files that the source names, and when to look again."""
        source = part.podCertificate
        assert source is not None
        if pod.is_static:
            detail = "a pod of a file has no service account; use a secret from a file of the node"
            raise NotSupported(op="project", target="podCertificate", detail=detail)
        found = await self._certificates.shown(_wish(pod, source))
        key, chain = found.credential.key, found.credential.chain
        bits, owner = closed_file(pod, mode)
        given = (
            (source.credentialBundlePath, key + chain),
            (source.keyPath, key),
            (source.certificateChainPath, chain),
        )
        files = {
            file_path(path): VolumeFile(data=data, mode=bits, uid=owner)
            for path, data in given
            if path
        }
        return Made(files=files, again_at=found.again_at)


def _wish(pod: DesiredPod, source: v1.PodCertificateProjection) -> CertificateWish:
    """Sources of one pod that say the same in everything share one certificate."""
    return CertificateWish(
        namespace=pod.namespace,
        pod=pod.name,
        uid=pod.uid,
        account=pod.spec.serviceAccountName or "default",
        source=msgspec.json.encode(source, order="sorted").decode(),
        signer=source.signerName,
        key_type=source.keyType,
        seconds=source.maxExpirationSeconds,
        annotations=tuple(sorted((source.userAnnotations or {}).items())),
    )
