"""Fields that are refused, by the table that says so."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.rules import enforced_capacity
from nodeagent.core.support import refused_fields
from nodeagent.settings import NodeIdentity, Settings
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.names import Enforce


def a_pod(**spec: object) -> v1.Pod:
    containers = spec.pop("containers", [v1.Container(name="web")])
    made = v1.PodSpec(containers=containers, **spec)  # type: ignore[arg-type]
    return v1.Pod(metadata=meta_v1.ObjectMeta(name="web"), spec=made)


@pytest.mark.parametrize(
    ("pod", "path", "why"),
    [
        (
            a_pod(resourceClaims=[v1.PodResourceClaim(name="a", resourceClaimName="x")]),
            ("spec", "resourceClaims"),
            "devices are not allocated by claims here",
        ),
        (
            a_pod(volumes=[v1.Volume(name="v", emptyDir=v1.EmptyDirVolumeSource(mode=448))]),
            ("spec", "volumes", 0, "emptyDir", "mode"),
            "newer than Kubernetes v1.36, so it would be passed over in silence",
        ),
        (
            a_pod(
                containers=[
                    v1.Container(
                        name="web",
                        volumeMounts=[
                            v1.VolumeMount(name="v", mountPath="/v", bindMountOptions=["noexec"])
                        ],
                    )
                ]
            ),
            ("spec", "containers", 0, "volumeMounts", 0, "bindMountOptions"),
            "newer than Kubernetes v1.36, so it would be passed over in silence",
        ),
    ],
)
def test_what_could_not_be_kept_is_refused(
    pod: v1.Pod, path: tuple[str | int, ...], why: str
) -> None:
    assert list(refused_fields(pod)) == [(path, f"is not supported: {why}")]


def test_what_validation_or_admission_refuse_in_their_own_words_is_left_to_them() -> None:
    volume = v1.Volume(name="v", gitRepo=v1.GitRepoVolumeSource(repository="x"))
    assert not list(refused_fields(a_pod(volumes=[volume], schedulingGates=[])))


@pytest.mark.parametrize(
    ("words", "expected"),
    [((Enforce.PODS,), {"memory": 10}), ((), {}), ((Enforce.NONE,), {})],
)
def test_pods_as_a_whole_are_limited_where_that_is_enforced(
    words: tuple[Enforce, ...], expected: dict[str, int]
) -> None:
    kubelet = KubeletConfiguration(enforce_node_allocatable=words)
    settings = Settings(node=NodeIdentity(name="n"), kubelet=kubelet)
    assert enforced_capacity(settings, {"memory": 10}) == expected
