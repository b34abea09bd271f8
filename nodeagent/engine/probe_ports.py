"""What probes need of the outside, beside `ports.py`."""

from collections.abc import Mapping
from typing import Protocol

from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Health
from nodeagent.model.probes import Check, ProbeResult, Target


class Checks(Protocol):
    """Asking a container how it is."""

    async def check(self, check: Check, target: Target, *, limit: float) -> ProbeResult:
        """Ask once; over within `limit` seconds whatever the other side does.

        A refusal, nonsense or a passed deadline is an answer, never an exception. Cancelling ends
        the try at once. No socket or process of the try is left in either case.
        """
        ...


class Pressure(Protocol):
    """How starved the node is."""

    def read(self) -> Mapping[str, float]:
        """Ten-second averages in percent: "cpu.some", "memory.some", "memory.full"; what the
        kernel does not tell is missing. Quick enough for the loop; asked only after a timeout."""
        ...


class Listener(Protocol):
    """Who hears what probes decide; both calls come within the loop turn of the result."""

    def health_changed(self, uid: PodUid, container: str, health: Health) -> None:
        """The container's health is another than before."""
        ...

    def memory_changed(self, uid: PodUid) -> None:
        """`memory(uid)` is worth saving; comes only when a streak, verdict or instance changes."""
        ...
