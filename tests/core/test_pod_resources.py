"""Which pods and containers the pod resources API tells of."""

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.pod_resources import active_pods, pod_holds
from nodeagent.model.pod_resources import ContainerHolds, Held, PodHolds


def a_pod(phase: str = "Running") -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="u1"),
        spec=v1.PodSpec(
            initContainers=[
                v1.Container(name="init"),
                v1.Container(name="sidecar", restartPolicy="Always"),
            ],
            containers=[v1.Container(name="app")],
            ephemeralContainers=[v1.EphemeralContainer(name="debug")],
        ),
        status=v1.PodStatus(phase=phase),
    )


def test_sidecars_and_containers_are_told_of() -> None:
    held = Held(cpus=(1,))
    found = pod_holds(a_pod(), lambda uid, name: held if (uid, name) == ("u1", "app") else Held())
    assert found == PodHolds(
        name="web",
        namespace="default",
        containers=(ContainerHolds(name="sidecar"), ContainerHolds(name="app", held=held)),
    )


def test_a_pod_without_spec_has_no_containers() -> None:
    pod = v1.Pod(metadata=meta_v1.ObjectMeta(name="web", namespace="default"))
    assert pod_holds(pod, lambda *_: Held()).containers == ()


def test_pods_that_have_ended_hold_nothing() -> None:
    running, done = a_pod(), a_pod("Succeeded")
    fresh = v1.Pod(metadata=meta_v1.ObjectMeta(name="new"))
    assert active_pods([running, done, a_pod("Failed"), fresh]) == (running, fresh)
