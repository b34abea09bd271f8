"""What the engine tells those who count changes of resources: quick calls, which never fail."""

from typing import Protocol


class ResizeMeter(Protocol):
    """Hears what becomes of changes of running pods' resources."""

    def requested(self, resource: str, requirement: str, operation: str) -> None:
        """A container is to have more or less: "memory", "limits", "increase"."""
        ...

    def infeasible(self, reason: str) -> None:
        """A change can never be made here."""
        ...

    def deferred_accepted(self, trigger: str) -> None:
        """A change that had to wait is granted; `trigger` says what came free."""
        ...

    def carried_out(self, seconds: float, *, failed: bool) -> None:
        """Cgroups and containers were changed, or were to be."""
        ...
