"""QoS class, importance and oom_score_adj."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.qos import (
    QosClass,
    is_critical,
    is_node_critical,
    is_static,
    may_preempt,
    oom_score_adj,
    qos_class,
)

GI = 2**30


def a_container(
    name: str = "c", requests: dict[str, str] | None = None, limits: dict[str, str] | None = None
) -> v1.Container:
    return v1.Container(
        name=name, resources=v1.ResourceRequirements(requests=requests, limits=limits)
    )


def a_sidecar(requests: dict[str, str] | None = None) -> v1.Container:
    return v1.Container(
        name="side",
        restartPolicy="Always",
        resources=v1.ResourceRequirements(requests=requests),
    )


BOTH = {"cpu": "1", "memory": "1Gi"}


def a_pod(
    *containers: v1.Container,
    priority: int | None = None,
    priority_class: str | None = None,
    annotations: dict[str, str] | None = None,
    init: list[v1.Container] | None = None,
    resources: v1.ResourceRequirements | None = None,
) -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name="p", annotations=annotations),
        spec=v1.PodSpec(
            containers=list(containers) or [v1.Container(name="c")],
            initContainers=init,
            priority=priority,
            priorityClassName=priority_class,
            resources=resources,
        ),
    )


def spec_of(pod: v1.Pod) -> v1.PodSpec:
    assert pod.spec is not None
    return pod.spec


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(), QosClass.BEST_EFFORT),
        (a_pod(a_container(requests={"cpu": "0"})), QosClass.BEST_EFFORT),
        (a_pod(a_container(requests={"ephemeral-storage": "1Gi"})), QosClass.BEST_EFFORT),
        (a_pod(a_container(requests={"cpu": "1m"})), QosClass.BURSTABLE),
        (a_pod(a_container(limits={"cpu": "1"})), QosClass.BURSTABLE),
        (a_pod(a_container(requests=BOTH, limits=BOTH)), QosClass.GUARANTEED),
        (a_pod(a_container(requests={"cpu": "1000m", "memory": "1024Mi"}, limits=BOTH)),
         QosClass.GUARANTEED),
        (a_pod(a_container(limits=BOTH)), QosClass.BURSTABLE),
        (a_pod(a_container(requests=BOTH, limits=BOTH), a_container("d")), QosClass.BURSTABLE),
        (a_pod(a_container(requests=BOTH, limits=BOTH), init=[a_container("i")]),
         QosClass.BURSTABLE),
        (a_pod(a_container(), resources=v1.ResourceRequirements(requests=BOTH, limits=BOTH)),
         QosClass.GUARANTEED),
        (a_pod(a_container(requests=BOTH, limits=BOTH),
               resources=v1.ResourceRequirements(requests={"cpu": "2"})), QosClass.BURSTABLE),
    ],
)  # fmt: skip
def test_the_class_follows_from_cpu_and_memory(pod: v1.Pod, expected: QosClass) -> None:
    assert qos_class(spec_of(pod)) is expected


STATIC = {"kubernetes.io/config.source": "file"}
FROM_API = {"kubernetes.io/config.source": "api"}
MIRROR = {"kubernetes.io/config.mirror": "abc"}


@pytest.mark.parametrize(
    ("pod", "static", "critical"),
    [
        (a_pod(), False, False),
        (a_pod(annotations=FROM_API), False, False),
        (a_pod(annotations=STATIC), True, True),
        (a_pod(annotations=MIRROR), False, True),
        (a_pod(priority=2_000_000_000), False, True),
        (a_pod(priority=1_999_999_999), False, False),
        (v1.Pod(), False, False),
    ],
)
def test_static_mirror_and_system_priority_pods_are_critical(
    pod: v1.Pod, static: bool, critical: bool
) -> None:
    assert is_static(pod) is static
    assert is_critical(pod) is critical


def test_node_critical_needs_the_class_and_the_priority() -> None:
    assert is_node_critical(a_pod(priority_class="system-node-critical", annotations=STATIC))
    assert not is_node_critical(a_pod(priority_class="system-node-critical", priority=5))
    assert not is_node_critical(a_pod(annotations=STATIC))
    assert not is_node_critical(v1.Pod())


@pytest.mark.parametrize(
    ("preemptor", "other", "may"),
    [
        (a_pod(annotations=STATIC), a_pod(), True),
        (a_pod(annotations=STATIC), a_pod(annotations=STATIC), False),
        (a_pod(priority=2_000_001_000), a_pod(priority=2_000_000_000), True),
        (a_pod(priority=1), a_pod(priority=2), False),
        (a_pod(priority=1), a_pod(), False),
        (a_pod(), a_pod(), False),
    ],
)
def test_the_more_important_pod_may_preempt(preemptor: v1.Pod, other: v1.Pod, may: bool) -> None:
    assert may_preempt(preemptor, other) is may


def a_mem(request: str) -> v1.Container:
    return a_container(requests={"memory": request})


@pytest.mark.parametrize(
    ("pod", "share", "expected"),
    [
        (a_pod(), 0, 1000),
        (a_pod(a_container(requests=BOTH, limits=BOTH)), 0, -997),
        (a_pod(priority_class="system-node-critical", priority=2_000_001_000), 0, -997),
        (a_pod(a_mem("2Gi")), 0, 800),
        (a_pod(a_mem("2Gi")), GI, 700),
        (a_pod(a_mem("100Gi")), 0, 3),
        (a_pod(a_mem("1")), 0, 999),
        (a_pod(a_container(requests={"cpu": "1"})), 0, 999),
    ],
)
def test_the_oom_score_falls_with_the_memory_request(
    pod: v1.Pod, share: int, expected: int
) -> None:
    first = spec_of(pod).containers[0]
    assert oom_score_adj(pod, first, memory_capacity=10 * GI, share=share) == expected


@pytest.mark.parametrize(
    ("own", "expected"), [(None, 800), ({"memory": "1Gi"}, 800), ({"memory": "5Gi"}, 500)]
)
def test_a_sidecar_is_killed_no_earlier_than_the_smallest_regular_container(
    own: dict[str, str] | None, expected: int
) -> None:
    side = a_sidecar(own)
    pod = a_pod(a_mem("2Gi"), a_mem("3Gi"), init=[side])
    assert oom_score_adj(pod, side, memory_capacity=10 * GI) == expected
