"""ClusterTrustBundles: certificates that a cluster says are to be trusted (KEP-3257)."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from lightkube.models import certificates_v1beta1, meta_v1

from nodeagent.core.claims import selects
from nodeagent.core.pem import joined_certificates
from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiError, MountFailed
from nodeagent.model.api import ApiKind, Purpose

log = structlog.get_logger()

SYNC_LIMIT: Final = 3.0  # seconds that a volume waits for the first answer
_AGAIN: Final = 30.0
_KIND: Final = ApiKind(
    type=certificates_v1beta1.ClusterTrustBundle,
    plural="clustertrustbundles",
    group="certificates.k8s.io",
    version="v1beta1",
    namespaced=False,
)


class TrustBundles:
    """Follows all bundles of the cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._bundles: Mapping[str, certificates_v1beta1.ClusterTrustBundle] = {}
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Follow, for ever."""
        while True:
            try:
                async for objects in self._api.watch(_KIND, purpose=Purpose.DATA):
                    self._bundles = objects.items
                    self._answered.set()
            except ApiError as error:
                log.warning("trust bundles cannot be watched", error=str(error))
            await asyncio.sleep(_AGAIN)

    async def by_name(self, name: str) -> str | None:
        """Its certificates as PEM; None where there is no such bundle. MountFailed: not known."""
        await self._known()
        found = self._bundles.get(name)
        return joined_certificates([found.spec.trustBundle]) if found is not None else None

    async def by_signer(self, signer: str, labels: meta_v1.LabelSelector | None) -> str | None:
        """Those of all bundles of a signer that the selector picks, each certificate once.

        None where there is no such bundle; no selector picks none. MountFailed: not known.
        """
        await self._known()
        found = [
            one.spec.trustBundle
            for _, one in sorted(self._bundles.items())
            if one.spec.signerName == signer and _picked(one, labels)
        ]
        return joined_certificates(found) if found else None

    async def _known(self) -> None:
        try:
            async with asyncio.timeout(SYNC_LIMIT):
                await self._answered.wait()
        except TimeoutError as error:
            detail = "ClusterTrustBundles are not known yet: the API server has not answered"
            raise MountFailed(op="project", target="clusterTrustBundle", detail=detail) from error


def _picked(
    one: certificates_v1beta1.ClusterTrustBundle, labels: meta_v1.LabelSelector | None
) -> bool:
    own = (one.metadata.labels if one.metadata is not None else None) or {}
    return labels is not None and selects(labels, own)
