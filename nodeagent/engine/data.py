"""What one pod knows of the objects it refers to, and what it gathers of them for a start."""

from collections.abc import Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.env import Lookup
from nodeagent.core.references import env_files, env_references
from nodeagent.core.refresh import volume_stamp
from nodeagent.engine.ports import DataSource, Volumes
from nodeagent.errors import ConfigError, SourceUnknown
from nodeagent.model.data import DataKind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.memory import PodMemory, Trouble


class PodData:
    """Follows the objects of one pod. A change of one ends every wait that it may have caused."""

    def __init__(self, source: DataSource) -> None:
        self._source = source
        self._version: str | None = None

    def take(self, memory: PodMemory) -> tuple[PodMemory, bool]:
        """The memory with what volumes are to show now; True where an object changed.

        Containers whose configuration could not be built may then be tried at once. A pod that
        ends is no longer followed.
        """
        if memory.ending is not None or memory.torn_down:
            self._source.forget(memory.pod.uid)
            return memory, False
        version = self._source.follow(memory.pod)
        before, self._version = self._version, version
        shows = volume_stamp(memory.pod, version)
        if shows != memory.shows:
            memory = msgspec.structs.replace(memory, shows=shows, refresh_at=0.0)
        if before in (None, version):
            return memory, False
        troubles = {name: _eased(trouble) for name, trouble in memory.troubles.items()}
        return msgspec.structs.replace(memory, troubles=troubles), True


def _eased(trouble: Trouble) -> Trouble:
    if trouble.reason != ConfigError.default_reason:
        return trouble
    return msgspec.structs.replace(trouble, retry_at=0.0)


async def gather(
    source: DataSource,
    volumes: Volumes,
    pod: DesiredPod,
    container: v1.Container,
    places: Mapping[str, VolumePlace],
) -> Lookup:
    """Everything the container's environment refers to, as it is now; what is absent is left out.

    ConfigError where a file of variables cannot be read, or nobody can tell what an object is.
    """
    try:
        return await _gather(source, volumes, pod, container, places)
    except SourceUnknown as error:
        raise ConfigError(op=error.op, target=error.target, detail=error.detail) from error


async def _gather(
    source: DataSource,
    volumes: Volumes,
    pod: DesiredPod,
    container: v1.Container,
    places: Mapping[str, VolumePlace],
) -> Lookup:
    config_maps: dict[str, Mapping[str, str]] = {}
    secrets: dict[str, Mapping[str, bytes]] = {}
    for key in sorted(env_references(pod, container)):
        if key.kind is DataKind.CONFIG_MAP:
            found = await source.config_map(key.namespace, key.name)
            if found is not None:
                config_maps[key.name] = found.data
        else:
            secret = await source.secret(key.namespace, key.name)
            if secret is not None:
                secrets[key.name] = secret.data
    files: dict[tuple[str, str], str] = {}
    for volume, path in sorted(env_files(container)):
        place = places.get(volume)
        text = await volumes.read_file(place, path) if place is not None else None
        if text is not None:
            files[volume, path] = text
    services = await source.services(pod.namespace)
    return Lookup(config_maps=config_maps, secrets=secrets, files=files, services=services)
