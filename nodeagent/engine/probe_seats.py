"""The scheduler's notes on pods and their probes: mutable, owned by `probing.py` alone."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Health
from nodeagent.model.observed import SeenContainer
from nodeagent.model.probes import (
    BUCKETS,
    Look,
    ProbeCount,
    ProbeKind,
    ProbeMemory,
    ProbeSpec,
    ProbeState,
)


class ProbeSeat:
    """One probe: what it is, what is known, and when (loop time) it is due.

    `tick_at` is the next try the spec declares; between two of them there may be quick tries.
    `aligned` says that the ticks have got their place on the grid.
    """

    __slots__ = (
        "_buckets",
        "_failed",
        "_seconds",
        "_successful",
        "aligned",
        "due",
        "look",
        "spec",
        "state",
        "task",
        "tick_at",
        "uid",
    )

    def __init__(self, uid: PodUid, spec: ProbeSpec, state: ProbeState | None) -> None:
        self.uid, self.spec, self.state = uid, spec, state
        self.look: Look | None = None
        self.due: float | None = None
        self.tick_at = 0.0
        self.aligned = False
        self.task: asyncio.Task[None] | None = None
        self._successful = self._failed = 0
        self._seconds = 0.0
        self._buckets = [0] * (len(BUCKETS) + 1)

    def note_success(self, took: float) -> None:
        """Count a success that took so many seconds."""
        self._successful += 1
        self._seconds += took
        self._buckets[bisect_left(BUCKETS, took)] += 1

    def note_failure(self) -> None:
        """Count a failure."""
        self._failed += 1

    def count(self) -> ProbeCount:
        """The counters as a value."""
        subject = self.spec.subject
        return ProbeCount(
            namespace=subject.namespace,
            pod=subject.name,
            pod_uid=subject.uid,
            container=self.spec.container,
            kind=self.spec.kind,
            successful=self._successful,
            failed=self._failed,
            unknown=0,
            seconds=self._seconds,
            buckets=tuple(self._buckets),
        )


class PodSeat:
    """One pod: its probes by container, and their containers' health."""

    def __init__(self, restored: ProbeMemory) -> None:
        self.desired: DesiredPod | None = None
        self.seen: tuple[str, bool, tuple[SeenContainer, ...]] | None = None
        self.ip = ""
        self.by_container: dict[str, list[ProbeSeat]] = {}
        self.health: dict[str, Health] = {}
        self._restored = {(s.container, s.kind): s for s in restored.states}

    def probes(self) -> Iterator[ProbeSeat]:
        """Every probe of the pod."""
        return (probe for probes in self.by_container.values() for probe in probes)

    def memory(self) -> ProbeMemory:
        """Every state of the pod's probes, those not yet taken up again included."""
        return ProbeMemory(
            states=(
                *(probe.state for probe in self.probes() if probe.state is not None),
                *self._restored.values(),
            )
        )

    def take_specs(self, specs: Iterable[ProbeSpec]) -> list[ProbeSeat]:
        """Seat these probes, keeping the states of those of the same container and kind.

        Returns the seats that are no longer used.
        """
        old = {_key(probe.spec): probe for probe in self.probes()}
        self.by_container = {}
        for spec in specs:
            known = old.get(_key(spec))
            if known is not None and replace(known.spec, fast=spec.fast) == spec:
                seat = old.pop(_key(spec))
                seat.spec = spec  # its pace changes nothing that is under way
            else:
                state = known.state if known else self._restored.pop(_key(spec), None)
                seat = ProbeSeat(spec.subject.uid, spec, state)
            self.by_container.setdefault(spec.container, []).append(seat)
        self._restored = {}
        self.health = {k: v for k, v in self.health.items() if k in self.by_container}
        return list(old.values())


def _key(spec: ProbeSpec) -> tuple[str, ProbeKind]:
    return spec.container, spec.kind
