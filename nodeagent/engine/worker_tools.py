"""What every pod's worker is handed."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from nodeagent.engine.pod_meter import PodMeter
from nodeagent.engine.ports import Clock, DataSource, Recorder, Records
from nodeagent.engine.probing import Probing
from nodeagent.engine.pulls import Pulls
from nodeagent.engine.state import NodeState
from nodeagent.model.actions import Plan
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import IdRange
from nodeagent.model.memory import PodMemory, Rejected
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.model.observed import ObservedPod


class Neighbours(Protocol):
    """What a worker may know of the other pods of the node."""

    def is_blocked(self, memory: PodMemory) -> bool:
        """Whether an older pod of the same full name has not ended yet."""
        ...

    def comes_later(self, memory: PodMemory) -> bool:
        """Whether an older pod has not asked for admission yet: what it gets cannot be had."""
        ...

    def ring_next(self, memory: PodMemory) -> None:
        """This pod has asked: the next one looks again."""
        ...

    def refuse(self, memory: PodMemory) -> Rejected | None:
        """Admission's answer for a pod that has not run yet."""
        ...

    def as_told(self, memory: PodMemory, refused: Rejected) -> Rejected:
        """The refusal in the words for a pod that will not be asked about again."""
        ...

    def must_wait(self, memory: PodMemory) -> bool:
        """Whether admission has to wait for the end of pods that are leaving."""
        ...

    def ring_waiting(self, why: str) -> None:
        """Something of the node came free: who waits for it looks again, in the order of need."""
        ...

    @property
    def freed_by(self) -> str:
        """Why something came free last, "" if nothing did yet."""
        ...

    def id_range(self, memory: PodMemory) -> IdRange | None:
        """User ids for a pod with hostUsers: false; None where it wants none or none are left."""
        ...


class WorkerTools(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker uses."""

    state: NodeState
    records: Records
    probing: Probing
    pulls: Pulls
    data: DataSource
    recorder: Recorder
    clock: Clock
    node: Callable[[], NodeFacts]
    rules: Callable[[], NodeRules]
    neighbours: Neighbours
    publish: Callable[[PodMemory, ObservedPod], None]
    meter: PodMeter
    count_plan: Callable[[Plan], None]
    count_bug: Callable[[], None]
    look_soon: Callable[[PodUid], None]

    def host_ip(self, pod: DesiredPod) -> str:
        """The address of a pod that shares the node's; "" for any other."""
        ips = self.node().ips
        return ips[0] if pod.spec.hostNetwork and ips else ""
