"""How many pods and containers there are, under a kubelet's names, counted at scrape time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.core.status import TERMINAL
from nodeagent.engine.state import NodeState
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import Phase


class PodCounts(Collector):
    """Register it with the agent's own registry."""

    def __init__(
        self, state: NodeState, memories: Callable[[], Iterable[PodMemory]], *, node: str
    ) -> None:
        self._state, self._memories, self._node = state, memories, node

    def collect(self) -> Iterator[Metric]:
        """The node's name, pods wanted, at work and running, and containers by state."""
        name = GaugeMetricFamily("kubelet_node_name", "The node's name; always 1.", labels=["node"])
        name.add_metric([self._node], 1)
        yield name
        yield from self._of_the_runtime()
        wanted = Counter(pod.is_static for pod in self._state.all_desired())
        yield _by_kind("kubelet_desired_pods", "Pods that sources want here.", wanted)
        active = Counter(m.pod.is_static for m in self._memories() if not _is_over(m))
        yield _by_kind("kubelet_active_pods", "Pods that are not over.", active)

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


def _by_kind(name: str, text: str, counted: Counter[bool]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["static"])
    for static, label in ((True, "true"), (False, "")):
        family.add_metric([label], counted[static])
    return family


def _is_over(memory: PodMemory) -> bool:
    phase = memory.status.phase if memory.status else None
    return memory.torn_down or phase in TERMINAL
