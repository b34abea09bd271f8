"""How many pods and containers there are, under a kubelet's names, counted at scrape time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.core.status import TERMINAL
from nodeagent.engine.state import NodeState
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import Phase

_KINDS = ((True, "true"), (False, ""))
_LIFECYCLES = ("sync", "terminating", "terminated")


class PodCounts(Collector):
    """Register it with the agent's own registry. `mirrors`: how many mirror pods the API has."""

    def __init__(
        self,
        state: NodeState,
        memories: Callable[[], Iterable[PodMemory]],
        *,
        node: str,
        mirrors: Callable[[], int] = lambda: 0,
    ) -> None:
        self._state, self._memories, self._node = state, memories, node
        self._mirrors = mirrors

    def collect(self) -> Iterator[Metric]:
        """The node's name, pods wanted, at work and running, and containers by state."""
        name = GaugeMetricFamily("kubelet_node_name", "The node's name; always 1.", labels=["node"])
        name.add_metric([self._node], 1)
        yield name
        memories = tuple(self._memories())
        yield from self._of_the_runtime()
        wanted = Counter(pod.is_static for pod in self._state.all_desired())
        yield _by_kind("kubelet_desired_pods", "Pods that sources want here.", wanted)
        active = Counter(m.pod.is_static for m in memories if not _is_over(m))
        yield _by_kind("kubelet_active_pods", "Pods that are not over.", active)
        yield GaugeMetricFamily(
            "kubelet_mirror_pods", "Copies of static pods in the API.", value=self._mirrors()
        )
        yield self._working(memories)
        yield GaugeMetricFamily(
            "kubelet_managed_ephemeral_containers",
            "Ephemeral containers of the pods that are wanted here.",
            value=sum(len(p.spec.ephemeralContainers or ()) for p in self._state.all_desired()),
        )
        yield from _resizes(memories)

    def _of_the_runtime(self) -> Iterator[Metric]:
        states = Counter({phase.value.lower(): 0 for phase in Phase})
        running = 0
        for pod in self._state.all_observed():
            states.update(container.phase.value.lower() for container in pod.containers)
            running += pod.sandbox is not None and pod.sandbox.ready
        yield GaugeMetricFamily(
            "kubelet_running_pods", "Pods that have a ready sandbox.", value=running
        )
        containers = GaugeMetricFamily(
            "kubelet_running_containers",
            "Containers in the runtime, by state.",
            labels=["container_state"],
        )
        for state, number in states.items():
            containers.add_metric([state], number)
        yield containers

    def _working(self, memories: Iterable[PodMemory]) -> Metric:
        """Every pod that has a worker, by how far it is and whether somebody wants it."""
        found = Counter((_lifecycle(m), *self._config(m)) for m in memories)
        family = GaugeMetricFamily(
            "kubelet_working_pods",
            "Pods that are worked on, by how far they are, whether a source has them (desired),"
            " had them (orphan) or only the runtime has (runtime_only), and whether static.",
            labels=["lifecycle", "config", "static"],
        )
        configs = [(config, kind) for config in ("desired", "orphan") for _, kind in _KINDS]
        for config, static in (*configs, ("runtime_only", "unknown")):
            for lifecycle in _LIFECYCLES:
                family.add_metric([lifecycle, config, static], found[(lifecycle, config, static)])
        return family

    def _config(self, memory: PodMemory) -> tuple[str, str]:
        if not memory.pod.origin and memory.pod.is_static:
            return "runtime_only", "unknown"
        is_wanted = self._state.desired(memory.pod.uid) is not None
        return "desired" if is_wanted else "orphan", "true" if memory.pod.is_static else ""


def _lifecycle(memory: PodMemory) -> str:
    if memory.torn_down:
        return "terminated"
    return "sync" if memory.ending is None else "terminating"


def _resizes(memories: Iterable[PodMemory]) -> Iterator[Metric]:
    memories = tuple(memories)
    waiting = Counter(m.pending.why.value.lower() for m in memories if m.pending is not None)
    pending = GaugeMetricFamily(
        "kubelet_pod_pending_resizes",
        "Pods whose change of resources is not granted, by why.",
        labels=["reason"],
    )
    for reason in ("deferred", "infeasible"):
        pending.add_metric([reason], waiting[reason])
    yield pending
    yield GaugeMetricFamily(
        "kubelet_pod_in_progress_resizes",
        "Pods whose change of resources is granted and not carried out yet.",
        value=sum(m.resize is not None for m in memories),
    )


def _by_kind(name: str, text: str, counted: Counter[bool]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["static"])
    for static, label in _KINDS:
        family.add_metric([label], counted[static])
    return family


def _is_over(memory: PodMemory) -> bool:
    phase = memory.status.phase if memory.status else None
    return memory.torn_down or phase in TERMINAL
