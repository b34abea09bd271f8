"""Where pods live in the cgroup tree, in the spelling of either driver."""

import re
from typing import Final

from nodeagent.core.qos import QosClass
from nodeagent.model.ids import PodUid

KUBEPODS: Final = "kubepods"
BURSTABLE: Final = "burstable"
BEST_EFFORT: Final = "besteffort"
SYSTEMD: Final = "systemd"
_SLICE: Final = ".slice"
_SCOPE: Final = ".scope"
_PARENT: Final = {
    QosClass.GUARANTEED: KUBEPODS,
    QosClass.BURSTABLE: f"{KUBEPODS}/{BURSTABLE}",
    QosClass.BEST_EFFORT: f"{KUBEPODS}/{BEST_EFFORT}",
}
_POD_FOLDER: Final = re.compile(r"pod(.+)")
_POD_SLICE: Final = re.compile(r".*?kubepods(?:-\w+)?-pod(.+)\.slice")


def pod_cgroup_path(uid: PodUid, qos: QosClass, *, root: str = "") -> str:
    """The driver-neutral path of a pod from the cgroup root: "/kubepods/burstable/pod<uid>"."""
    return f"{root.rstrip('/')}/{_PARENT[qos]}/pod{uid}"


def qos_paths(*, root: str = "") -> tuple[str, ...]:
    """The driver-neutral folders that hold pods, kubepods itself first."""
    base = root.rstrip("/")
    return tuple(f"{base}/{parent}" for parent in _PARENT.values())


def driver_path(path: str, driver: str) -> str:
    """A driver-neutral path as the driver has it below a controller's mount.

    systemd names each slice after its whole ancestry, and a "-" inside one name becomes "_"
    (systemd.slice(5)): /kubepods/burstable/podX is
    /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podX.slice.
    """
    parts = _parts(path, driver)
    if driver != SYSTEMD:
        return "/" + "/".join(parts)
    escaped = [part.replace("-", "_") for part in parts]
    return "".join(f"/{'-'.join(escaped[: n + 1])}{_SLICE}" for n in range(len(escaped)))


def cgroup_parent(path: str, driver: str) -> str:
    """What CRI takes as cgroup_parent: the path for cgroupfs, the slice's name for systemd."""
    whole = driver_path(path, driver)
    return whole.rpartition("/")[2] if driver == SYSTEMD else whole


def uid_of_path(path: str) -> PodUid | None:
    """The pod a cgroup path of either driver belongs to, also from below the pod; else None."""
    if KUBEPODS not in path:
        return None
    for part in reversed(path.strip("/").split("/")):
        is_slice = part.endswith(_SLICE)
        match = (_POD_SLICE if is_slice else _POD_FOLDER).fullmatch(part)
        if match is not None:
            return PodUid(match[1].replace("_", "-") if is_slice else match[1])
    return None


def container_of(folder: str) -> str:
    """The container id in the name of a cgroup below a pod's: "cri-containerd-<id>.scope"."""
    return folder.removesuffix(_SCOPE).rpartition("-")[2] if folder.endswith(_SCOPE) else folder


def cpu_shares(weight: int) -> int:
    """cpu.shares for a cpu.weight of cgroup v2: the way back (KEP-2254).

    An idle cgroup (cpu.idle) has the weight 0, and the least shares there are.
    """
    return 2 + max(weight - 1, 0) * 262142 // 9999


def cpu_weight(shares: int) -> int:
    """cpu.weight of cgroup v2 for a number of cpu.shares (KEP-2254); 0 stays 0, not set."""
    return 1 + (shares - 2) * 9999 // 262142 if shares else 0


def _parts(path: str, driver: str) -> list[str]:
    """The names of a path; a cgroup root given as a systemd slice is taken apart first."""
    parts = [part for part in path.split("/") if part]
    slices = [n for n, part in enumerate(parts) if part.endswith(_SLICE)]
    if driver != SYSTEMD or not slices:
        return parts
    last = parts[slices[-1]].removesuffix(_SLICE)
    return [name.replace("_", "-") for name in last.split("-") if name] + parts[slices[-1] + 1 :]
