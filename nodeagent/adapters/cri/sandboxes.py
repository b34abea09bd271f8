"""Making and ending sandboxes."""

from contextlib import suppress

from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.adapters.cri.requests import linux_resources, sandbox_config
from nodeagent.errors import CriNotFound, CriUnimplemented
from nodeagent.model.ids import SandboxId
from nodeagent.model.launch import Resources, SandboxConfig


class CriSandboxes:
    """Implements the engine's `Sandboxes`. `timeout` is runtimeRequestTimeout in seconds."""

    def __init__(self, calls: RuntimeCalls, *, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout

    async def create_sandbox(self, config: SandboxConfig) -> SandboxId:
        """Make and start a sandbox; it may take twice as long as other calls (CNI).

        CriRefused with reason NameReserved: there is one of that name, uid and attempt already.
        """
        request = pb.RunPodSandboxRequest(
            config=sandbox_config(config), runtime_handler=config.runtime_handler
        )
        with translated("RunPodSandbox", f"pod {config.namespace}/{config.name}"):
            answer = await self._calls.run_sandbox(request, timeout=2 * self._timeout)
        return SandboxId(answer.pod_sandbox_id)

    async def stop_sandbox(self, sandbox: SandboxId) -> None:
        """End its processes and network. containerd errs on an unknown one, against CRI."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox)
        with suppress(CriNotFound), translated("StopPodSandbox", sandbox):
            await self._calls.stop_sandbox(request, timeout=self._timeout)

    async def remove_sandbox(self, sandbox: SandboxId) -> None:
        """Forget it and its containers; the runtime stops what still runs."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox)
        with suppress(CriNotFound), translated("RemovePodSandbox", sandbox):
            await self._calls.remove_sandbox(request, timeout=self._timeout)

    async def update_sandbox(
        self, sandbox: SandboxId, resources: Resources, overhead: Resources | None
    ) -> None:
        """Tell the pod's resources; containerd 2.2 says in words alone that it lacks the call."""
        request = pb.UpdatePodSandboxResourcesRequest(
            pod_sandbox_id=sandbox,
            overhead=linux_resources(overhead) if overhead is not None else None,
            resources=linux_resources(resources),
        )
        with suppress(CriUnimplemented), translated("UpdatePodSandboxResources", sandbox):
            await self._calls.update_sandbox(request, timeout=self._timeout)
