"""How much memory a cgroup uses, as far as decisions about limits ask."""

import msgspec


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """Memory charged to a cgroup; the working set leaves out files that nobody used of late."""

    used_bytes: int
    working_set_bytes: int
