"""What pods refer to on a node of a cluster: of the API for pods of the API, else of files."""

from collections.abc import Callable
from typing import Protocol

from lightkube.models import core_v1 as v1

from nodeagent.engine.api_data import ApiData
from nodeagent.engine.api_services import ApiServices
from nodeagent.engine.ports import DataSource
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    CsiDriver,
    DataKey,
    DataKind,
    PersistentVolume,
    Secret,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid


class Local(DataSource, Protocol):
    """Files of the node; static pods alone use them."""

    def uses(self, key: DataKey) -> bool:
        """Whether a pod that is followed there refers to it, or to a claim bound to it."""
        ...

    async def csi_driver(self, name: str) -> CsiDriver | None:
        """A CSIDriver document."""
        ...


class JoinedData:
    """A `DataSource` of both.

    What a pod of the API refers to comes from the API, even where a file of the node has an object
    of the same name. What only static pods refer to comes from the files, so that these go on as
    they did before the node joined. `certificates` is another text whenever one of a pod was
    decided.
    """

    def __init__(
        self,
        api: ApiData,
        services: ApiServices,
        local: Local,
        *,
        certificates: Callable[[PodUid], str] = lambda _: "",
    ) -> None:
        self._api, self._services, self._local = api, services, local
        self._certificates = certificates

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """See `DataSource`."""
        source = self._of(DataKey(DataKind.CONFIG_MAP, namespace, name))
        return await source.config_map(namespace, name)

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """See `DataSource`."""
        source = self._of(DataKey(DataKind.SECRET, namespace, name))
        return await source.secret(namespace, name)

    async def claim(self, namespace: str, name: str) -> Claim | None:
        """See `DataSource`."""
        source = self._of(DataKey(DataKind.CLAIM, namespace, name))
        return await source.claim(namespace, name)

    async def volume(self, name: str) -> PersistentVolume | None:
        """See `DataSource`."""
        return await self._of(DataKey(DataKind.VOLUME, "", name)).volume(name)

    async def csi_driver(self, name: str) -> CsiDriver | None:
        """A CSIDriver document of the node's files."""
        return await self._local.csi_driver(name)

    async def services(self, namespace: str) -> tuple[v1.Service, ...] | None:
        """See `DataSource`."""
        return await self._services.services(namespace)

    def place(self, kind: DataKind) -> str:
        """See `DataSource`."""
        return ""

    def follow(self, pod: DesiredPod) -> str:
        """See `DataSource`."""
        self._services.follow(pod)
        source: Local | ApiData = self._local if pod.is_static else self._api
        return source.follow(pod) + self._certificates(pod.uid)

    def forget(self, uid: PodUid) -> None:
        """See `DataSource`."""
        self._services.forget(uid)
        self._api.forget(uid)
        self._local.forget(uid)

    def _of(self, key: DataKey) -> ApiData | Local:
        by_static_alone = key not in self._api.used and self._local.uses(key)
        return self._local if by_static_alone else self._api
