"""Asks the runtime where it streams a command, a container's own streams, or ports of a pod."""

from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.model.ids import ContainerId, SandboxId


class CriStreams:
    """URLs, each good for one connection within about a minute; and checkpoints.

    `timeout` is runtimeRequestTimeout in seconds.
    """

    def __init__(self, calls: RuntimeCalls, *, timeout: float) -> None:
        self._calls, self._timeout = calls, timeout

    async def exec(
        self,
        container: ContainerId,
        command: tuple[str, ...],
        *,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
    ) -> str:
        """Prepare a command. CriRefused for streams that do not go together."""
        request = pb.ExecRequest(
            container_id=container,
            cmd=command,
            tty=tty,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        with translated("Exec", container):
            answer = await self._calls.exec(request, timeout=self._timeout)
        return str(answer.url)

    async def attach(
        self, container: ContainerId, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Prepare to join the container's own streams; `tty` as its container has it."""
        request = pb.AttachRequest(
            container_id=container, stdin=stdin, tty=tty, stdout=stdout, stderr=stderr
        )
        with translated("Attach", container):
            answer = await self._calls.attach(request, timeout=self._timeout)
        return str(answer.url)

    async def forward(self, sandbox: SandboxId, ports: tuple[int, ...]) -> str:
        """Prepare to forward ports; they are needed for a WebSocket client only."""
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox, port=ports)
        with translated("PortForward", sandbox):
            answer = await self._calls.port_forward(request, timeout=self._timeout)
        return str(answer.url)

    async def checkpoint(self, container: ContainerId, location: str, *, limit: int) -> None:
        """Write the container's state to a tar file on the host.

        `limit` is in seconds, 0 for the usual one. CriUnimplemented where the runtime cannot.
        """
        request = pb.CheckpointContainerRequest(
            container_id=container, location=location, timeout=limit
        )
        with translated("CheckpointContainer", container):
            await self._calls.checkpoint(request, timeout=limit or self._timeout)
