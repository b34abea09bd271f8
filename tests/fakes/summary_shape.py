"""What /stats/summary is made of: fields and types as a kubelet's own answer has them.

A name with a question mark may be missing; everything else must be there, and nothing beside it.
"""

from typing import Any, TypeAlias

Shape: TypeAlias = Any  # a type, a dict of names and shapes, or a list of one shape

_PSI = {
    which: {"total": int, "avg10": float, "avg60": float, "avg300": float}
    for which in ("full", "some")
}
CPU = {"time": str, "usageNanoCores": int, "usageCoreNanoSeconds": int, "psi": _PSI}
MEMORY = {
    "time": str,
    "availableBytes?": int,  # where there is a limit
    "usageBytes": int,
    "workingSetBytes": int,
    "rssBytes": int,
    "pageFaults": int,
    "majorPageFaults": int,
    "psi": _PSI,
}
SWAP = {"time": str, "swapAvailableBytes?": int, "swapUsageBytes": int}
IO = {"time": str, "psi": _PSI}
FS = {
    "time": str,
    "availableBytes": int,
    "capacityBytes": int,
    "usedBytes": int,
    "inodesFree": int,
    "inodes": int,
    "inodesUsed": int,
}
_INTERFACE = {"name": str, "rxBytes": int, "rxErrors": int, "txBytes": int, "txErrors": int}
_MAIN = {"name": str} | {f"{one}?": int for one in _INTERFACE if one != "name"}
NETWORK = {"time": str, **_MAIN, "interfaces": [_INTERFACE]}
_NAMED = {"name": str, "startTime": str, "cpu": CPU, "memory": MEMORY, "swap": SWAP}
_POD = {"podRef": {"name": str, "namespace": str, "uid": str}, "startTime": str}
_SUMS = {"cpu": CPU, "memory": MEMORY, "swap": SWAP}
_NODE = {"nodeName": str, "startTime": str, **_SUMS}
_VOLUME = {**FS, "name": str, "pvcRef?": {"name": str, "namespace": str}}
WHOLE = {
    "node": {
        **_NODE,
        "systemContainers": [{**_NAMED, "io": IO}],
        "io": IO,
        "network": NETWORK,
        "fs": FS,
        "runtime": {"imageFs": FS, "containerFs": FS},
        "rlimit": {"time": str, "maxpid": int, "curproc": int},
    },
    "pods": [
        {
            **_POD,
            **_SUMS,
            "containers": [{**_NAMED, "io": IO, "rootfs": FS, "logs": FS}],
            "io": IO,
            "network": NETWORK,
            "volume?": [_VOLUME],
            "ephemeral-storage": FS,
            "process_stats": {"process_count": int},
        }
    ],
}
CPU_AND_MEMORY = {
    "node": {**_NODE, "systemContainers": [_NAMED]},
    "pods": [{**_POD, **_SUMS, "containers": [_NAMED]}],
}


def differences(told: Any, shape: Shape, where: str = "") -> list[str]:
    """What is missing, of another type, or too much."""
    if isinstance(shape, list):
        if not isinstance(told, list):
            return [f"{where}: no list"]
        return [
            d for i, one in enumerate(told) for d in differences(one, shape[0], f"{where}[{i}]")
        ]
    if not isinstance(shape, dict):
        kinds = (int, float) if shape is float else (shape,)
        return [] if type(told) in kinds else [f"{where}: {told!r}"]
    if not isinstance(told, dict):
        return [f"{where}: no object"]
    names = {name.removesuffix("?"): (name, inner) for name, inner in shape.items()}
    found = [f"{where}.{name}: too much" for name in told.keys() - names.keys()]
    for name, (written, inner) in names.items():
        if name in told:
            found += differences(told[name], inner, f"{where}.{name}")
        elif not written.endswith("?"):
            found.append(f"{where}.{name}: missing")
    return found
