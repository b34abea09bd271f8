"""Pods and containers are counted when somebody asks."""

import msgspec
from prometheus_client import CollectorRegistry

from nodeagent.engine.pod_counts import PodCounts
from nodeagent.engine.state import NodeState
from nodeagent.model.observed import Phase
from tests.fakes.pods import a_pod, ended, remembered, seen, sight


def test_wanted_active_and_running_are_counted_apart() -> None:
    state, pod = NodeState(), a_pod()
    state.want({pod.uid: pod})
    state.saw(sight(seen(phase=Phase.RUNNING), ended()))
    memory = remembered(pod)
    over = msgspec.structs.replace(memory, torn_down=True)
    registry = CollectorRegistry()
    registry.register(PodCounts(state, lambda: (memory, over), node="n1"))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("kubelet_node_name", node="n1") == 1
    assert value("kubelet_running_pods") == 1
    assert value("kubelet_running_containers", container_state="running") == 1
    assert value("kubelet_running_containers", container_state="exited") == 1
    assert value("kubelet_running_containers", container_state="created") == 0
    assert value("kubelet_desired_pods", static="true") == 1
    assert value("kubelet_desired_pods", static="") == 0
    assert value("kubelet_active_pods", static="true") == 1
