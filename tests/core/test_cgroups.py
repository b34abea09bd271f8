"""Paths of pods in the cgroup tree, for both drivers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.cgroups import (
    cgroup_parent,
    cpu_weight,
    driver_path,
    pod_cgroup_path,
    qos_paths,
    uid_of_path,
)
from nodeagent.core.qos import QosClass
from nodeagent.model.ids import PodUid

UID = PodUid("0e1f-22aa")


@pytest.mark.parametrize(
    ("qos", "root", "path", "slices", "name"),
    [
        (
            QosClass.GUARANTEED,
            "",
            "/kubepods/pod0e1f-22aa",
            "/kubepods.slice/kubepods-pod0e1f_22aa.slice",
            "kubepods-pod0e1f_22aa.slice",
        ),
        (
            QosClass.BURSTABLE,
            "/",
            "/kubepods/burstable/pod0e1f-22aa",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0e1f_22aa.slice",
            "kubepods-burstable-pod0e1f_22aa.slice",
        ),
        (
            QosClass.BEST_EFFORT,
            "/my-test",
            "/my-test/kubepods/besteffort/pod0e1f-22aa",
            "/my_test.slice/my_test-kubepods.slice/my_test-kubepods-besteffort.slice"
            "/my_test-kubepods-besteffort-pod0e1f_22aa.slice",
            "my_test-kubepods-besteffort-pod0e1f_22aa.slice",
        ),
        (
            QosClass.GUARANTEED,
            "/a.slice/a-b_c.slice",
            "/a.slice/a-b_c.slice/kubepods/pod0e1f-22aa",
            "/a.slice/a-b_c.slice/a-b_c-kubepods.slice/a-b_c-kubepods-pod0e1f_22aa.slice",
            "a-b_c-kubepods-pod0e1f_22aa.slice",
        ),
    ],
)
def test_each_driver_spells_the_path_its_own_way(
    qos: QosClass, root: str, path: str, slices: str, name: str
) -> None:
    neutral = pod_cgroup_path(UID, qos, root=root)
    assert neutral == path
    assert driver_path(neutral, "cgroupfs") == path
    assert cgroup_parent(neutral, "cgroupfs") == path
    assert driver_path(neutral, "systemd") == slices
    assert cgroup_parent(neutral, "systemd") == name


def test_pods_are_in_three_folders() -> None:
    assert qos_paths(root="/x/") == (
        "/x/kubepods",
        "/x/kubepods/burstable",
        "/x/kubepods/besteffort",
    )


@given(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    st.sampled_from(QosClass),
    st.sampled_from(["cgroupfs", "systemd"]),
    st.sampled_from(["", "/top", "/some-root/below"]),
)
def test_the_uid_comes_back_from_either_path(
    uid: str, qos: QosClass, driver: str, root: str
) -> None:
    path = driver_path(pod_cgroup_path(PodUid(uid), qos, root=root), driver)
    assert uid_of_path(path) == uid
    assert uid_of_path(path + "/0123456789abcdef") == uid


@pytest.mark.parametrize(
    "path",
    ["", "/", "/kubepods", "/kubepods/burstable", "/kubepods.slice/kubepods-burstable.slice",
     "/machine/podman", "/system.slice/foo-pod1.slice"],
)  # fmt: skip
def test_other_paths_belong_to_no_pod(path: str) -> None:
    assert uid_of_path(path) is None


@pytest.mark.parametrize(("shares", "weight"), [(0, 0), (2, 1), (1024, 39), (262144, 10000)])
def test_shares_become_weights(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight
