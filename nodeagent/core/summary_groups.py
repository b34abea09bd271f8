"""What is read for /stats/summary."""

from nodeagent.model.usage import CgroupKind, Group

_BASE = frozenset((Group.CPU, Group.MEMORY, Group.SWAP, Group.LIMITS, Group.PSI))
CPU_AND_MEMORY: dict[CgroupKind, frozenset[Group]] = {
    CgroupKind.ROOT: _BASE,
    CgroupKind.SLICE: _BASE,
    CgroupKind.POD: _BASE,
    CgroupKind.CONTAINER: _BASE,
}
EVERYTHING: dict[CgroupKind, frozenset[Group]] = {
    **CPU_AND_MEMORY,
    CgroupKind.CONTAINER: _BASE | {Group.TASKS},
    CgroupKind.SANDBOX: frozenset((Group.TASKS,)),
}
