"""Making, changing and ending containers."""

import math
from contextlib import suppress

import grpc
import grpc.aio

from nodeagent.adapters.cri import requests
from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriNotFound
from nodeagent.model.ids import ContainerId, SandboxId
from nodeagent.model.launch import ContainerConfig, ExecResult, Resources, SandboxConfig

_LONGEST_GRACE = 2**31 - 1  # seconds; a manifest may ask for more than the wire can carry


class CriContainers:
    """Implements the engine's `Containers`. `timeout` is runtimeRequestTimeout in seconds."""

    def __init__(self, calls: RuntimeCalls, *, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout

    async def create_container(
        self, sandbox: SandboxId, config: ContainerConfig, sandbox_config: SandboxConfig
    ) -> ContainerId:
        """Make a container, not yet started.

        CriRefused with reason NameReserved: the sandbox has one of that name and attempt already.
        """
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox,
            config=requests.container_config(config),
            sandbox_config=requests.sandbox_config(sandbox_config),
        )
        with translated("CreateContainer", f"{config.name} in sandbox {sandbox}"):
            answer = await self._calls.create_container(request, timeout=self._timeout)
        return ContainerId(answer.container_id)

    async def start_container(self, container: ContainerId) -> None:
        """Start a created container."""
        request = pb.StartContainerRequest(container_id=container)
        with translated("StartContainer", container):
            await self._calls.start_container(request, timeout=self._timeout)

    async def stop_container(self, container: ContainerId, *, grace: float) -> None:
        """Stop and wait for the end. The runtime counts whole seconds: grace is rounded up."""
        seconds = min(math.ceil(max(0.0, grace)), _LONGEST_GRACE)
        request = pb.StopContainerRequest(container_id=container, timeout=seconds)
        with suppress(CriNotFound), translated("StopContainer", container):
            await self._calls.stop_container(request, timeout=seconds + self._timeout)

    async def remove_container(self, container: ContainerId) -> None:
        """Forget it, killing it first if need be."""
        request = pb.RemoveContainerRequest(container_id=container)
        with suppress(CriNotFound), translated("RemoveContainer", container):
            await self._calls.remove_container(request, timeout=self._timeout)

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        """Run a command inside; past the limit the runtime kills it, and that is an answer.

        The runtime counts whole seconds: the limit is rounded up.
        """
        seconds = math.ceil(max(0.0, limit))
        request = pb.ExecSyncRequest(container_id=container, cmd=command, timeout=seconds)
        deadline = seconds + self._timeout if seconds else None
        with translated("ExecSync", container):
            try:
                answer = await self._calls.exec_sync(request, timeout=deadline)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    return ExecResult(exit_code=-1, timed_out=True)
                raise
        return ExecResult(exit_code=answer.exit_code, stdout=answer.stdout, stderr=answer.stderr)

    async def open_exec(
        self, container: ContainerId, command: tuple[str, ...], *, stdin: bool, tty: bool
    ) -> str:
        """Prepare a command; the URL of its streams, which waits about a minute for one caller.

        With `tty` there is no stderr of its own.
        """
        request = pb.ExecRequest(
            container_id=container, cmd=command, tty=tty, stdin=stdin, stdout=True, stderr=not tty
        )
        with translated("Exec", container):
            answer = await self._calls.exec(request, timeout=self._timeout)
        return str(answer.url)

    async def update_resources(self, container: ContainerId, resources: Resources) -> None:
        """Change cgroup values of a running container."""
        request = pb.UpdateContainerResourcesRequest(
            container_id=container, linux=requests.linux_resources(resources)
        )
        with translated("UpdateContainerResources", container):
            await self._calls.update_resources(request, timeout=self._timeout)

    async def reopen_log(self, container: ContainerId) -> None:
        """Make the runtime write to a new log file at the same path."""
        request = pb.ReopenContainerLogRequest(container_id=container)
        with translated("ReopenContainerLog", container):
            await self._calls.reopen_log(request, timeout=self._timeout)
