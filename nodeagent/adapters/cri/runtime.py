"""The runtime as a whole: who it is, how it feels, what happens in it."""

from collections.abc import AsyncIterator

from nodeagent.adapters.cri.calls import ContainerdCalls, RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.events import EventFeed
from nodeagent.adapters.cri.parse import parse_health, parse_info
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriUnimplemented
from nodeagent.model.observed import RuntimeEvent, RuntimeHealth, RuntimeInfo

_RUNTIME = "container runtime"


class CriRuntime:
    """Implements the engine's `Runtime`. `timeout` is runtimeRequestTimeout in seconds."""

    def __init__(self, calls: RuntimeCalls, containerd: ContainerdCalls, *, timeout: float) -> None:
        self._calls = calls
        self._containerd = containerd
        self._timeout = timeout

    async def info(self) -> RuntimeInfo:
        """Name, version, cgroup driver and features; asks verbosely, so not for a short period."""
        with translated("Version", _RUNTIME):
            version = await self._calls.version(pb.VersionRequest(), timeout=self._timeout)
        with translated("Status", _RUNTIME):
            request = pb.StatusRequest(verbose=True)
            status = await self._calls.status(request, timeout=self._timeout)
        return parse_info(version, status, await self._config())

    async def health(self) -> RuntimeHealth:
        """RuntimeReady and NetworkReady."""
        with translated("Status", _RUNTIME):
            answer = await self._calls.status(pb.StatusRequest(), timeout=self._timeout)
        return parse_health(answer.status)

    async def use_pod_range(self, cidr: str) -> None:
        """Only a containerd that writes its own CNI configuration heeds it."""
        network = pb.NetworkConfig(pod_cidr=cidr)
        config = pb.RuntimeConfig(network_config=network)
        request = pb.UpdateRuntimeConfigRequest(runtime_config=config)
        with translated("UpdateRuntimeConfig", _RUNTIME):
            await self._calls.update_config(request, timeout=self._timeout)

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Hints of changes for ever; see `EventFeed`."""
        return EventFeed(self._calls, self._containerd, timeout=self._timeout).events()

    async def _config(self) -> pb.RuntimeConfigResponse | None:
        try:
            with translated("RuntimeConfig", _RUNTIME):
                request = pb.RuntimeConfigRequest()
                return await self._calls.runtime_config(request, timeout=self._timeout)
        except CriUnimplemented:
            return None
