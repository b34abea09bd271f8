"""The questions that a data source answers, for one that knows its objects by their keys."""

from abc import ABC, abstractmethod
from typing import TypeVar

from nodeagent.model.data import (
    Claim,
    ConfigMap,
    CsiDriver,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
)

T = TypeVar("T", ConfigMap, Secret, Claim, PersistentVolume, CsiDriver)


class ByKey(ABC):
    """Objects by namespace and name, None where there is none, each as `_get` knows it."""

    @abstractmethod
    async def _get(self, key: DataKey) -> DataObject | None:
        """The object as it is now; None where there is none."""

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """A config map."""
        return await self._of_type(ConfigMap, DataKey(DataKind.CONFIG_MAP, namespace, name))

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """A secret."""
        return await self._of_type(Secret, DataKey(DataKind.SECRET, namespace, name))

    async def claim(self, namespace: str, name: str) -> Claim | None:
        """A claim, bound or not."""
        return await self._of_type(Claim, DataKey(DataKind.CLAIM, namespace, name))

    async def volume(self, name: str) -> PersistentVolume | None:
        """A volume."""
        return await self._of_type(PersistentVolume, DataKey(DataKind.VOLUME, "", name))

    async def csi_driver(self, name: str) -> CsiDriver | None:
        """What a storage driver says of itself."""
        return await self._of_type(CsiDriver, DataKey(DataKind.CSI_DRIVER, "", name))

    async def _of_type(self, kind: type[T], key: DataKey) -> T | None:
        found = await self._get(key)
        return found if isinstance(found, kind) else None
