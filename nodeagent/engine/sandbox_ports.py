"""What the engine needs to make and end pods' sandboxes; the rules of `ports` hold."""

from typing import Protocol

from nodeagent.model.ids import SandboxId
from nodeagent.model.launch import Resources, SandboxConfig


class Sandboxes(Protocol):
    """Making and ending sandboxes."""

    async def create_sandbox(self, config: SandboxConfig) -> SandboxId:
        """Make and start a sandbox. After CriUnavailable it may exist: look before trying again."""
        ...

    async def stop_sandbox(self, sandbox: SandboxId) -> None:
        """End its processes and network; already stopped or unknown counts as done."""
        ...

    async def remove_sandbox(self, sandbox: SandboxId) -> None:
        """Forget it, stopping it first if need be; unknown counts as done."""
        ...

    async def update_sandbox(
        self, sandbox: SandboxId, resources: Resources, overhead: Resources | None
    ) -> None:
        """Tell what its containers get together from now on, and what comes on top of that.

        A runtime that has no such call need not be told.
        """
        ...
