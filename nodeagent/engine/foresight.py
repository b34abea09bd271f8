"""Answer `plan`: look up images and host paths for manifests that are not in place yet."""

from collections.abc import Awaitable, Callable, Iterable

from nodeagent.core.check_files import ManifestFile
from nodeagent.core.containers import each_container
from nodeagent.core.foresee import Future, Present, Seen, candidates, foresee, host_paths
from nodeagent.engine.ports import Images
from nodeagent.errors import AgentError
from nodeagent.model.desired import DesiredPod


class Foresight:
    """Only looks: nothing is pulled, made or remembered."""

    def __init__(
        self,
        *,
        images: Images,
        present: Callable[[], Present],
        kind: Callable[[str], Awaitable[str]],
    ) -> None:
        """`kind` tells what is at a host path as hostPath types spell it, "" for nothing."""
        self._images, self._present, self._kind = images, present, kind

    async def foresee(self, files: Iterable[ManifestFile]) -> Future:
        """What would happen if these manifests were put in place now."""
        asked = candidates(files, self._present())
        pods = [pod for _, pod in asked.pods]
        seen = Seen(images=await self._sizes(pods), paths=await self._kinds(pods))
        return foresee(asked, self._present(), seen)

    async def _sizes(self, pods: list[DesiredPod]) -> dict[str, int | None]:
        wanted = {c.image or "" for pod in pods for _, c in each_container(pod.spec)}
        found: dict[str, int | None] = {}
        for image in sorted(wanted):
            try:
                seen = await self._images.image_status(image)
            except AgentError:
                seen = None  # a name that cannot be read, or no runtime: not known to be here
            found[image] = None if seen is None else seen.size_bytes
        return found

    async def _kinds(self, pods: list[DesiredPod]) -> dict[str, str]:
        paths = {path for pod in pods for _, path, kind in host_paths(pod) if kind}
        found: dict[str, str] = {}
        for path in sorted(paths):
            try:
                found[path] = await self._kind(path)
            except AgentError:
                found[path] = ""
        return found
