"""How full the volumes of a pod are."""

import msgspec

from nodeagent.model.usage import FileSystem


class VolumeStats(msgspec.Struct, frozen=True, kw_only=True):
    """One volume of a pod, by its name there.

    `claim` is "<namespace>/<name>" of the claim it comes from, "" if from none. `folder` is set
    for a volume that is a part of a larger file system (the node's own disk, or memory): then
    capacity, available and inodes in `space` are those of the whole, and what the volume itself
    takes is found by walking the folder, which is local and never hangs. `space` is None where it
    could not be had in time.
    """

    name: str
    claim: str = ""
    folder: str = ""
    in_memory: bool = False
    space: FileSystem | None = None
