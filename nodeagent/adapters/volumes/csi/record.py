"""`vol_data.json`: what is on disk of a CSI volume before its driver is asked for anything.

The keys that a kubelet writes too have its names; ours have a domain, and a kubelet skips them.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from nodeagent.core.csi import PERSISTENT, block_folder, staging_folder
from nodeagent.model.csi import CsiDriverRules

log = structlog.get_logger()

FILE = "vol_data.json"
MAYBE, YES = "maybe", "true"  # whether it was published
_OURS = "nodeagent.dev/"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One volume of one pod. `spec` is its name: of the PersistentVolume, or of the pod's volume.

    `attachment` names the VolumeAttachment, "" where nothing is attached; `staging` is the folder
    where the driver has it for the whole node, "" for a driver that does not stage. `capacity` is
    the size it was last known to have, `claim` is "<namespace>/<name>". `rules` is how the driver
    was called, for a reboot at which nobody can be asked.
    """

    driver: str = msgspec.field(name="driverName")
    handle: str = msgspec.field(name="volumeHandle")
    spec: str = msgspec.field(name="specVolID", default="")
    node: str = msgspec.field(name="nodeName", default="")
    attachment: str = msgspec.field(name="attachmentID", default="")
    mode: str = msgspec.field(name="volumeLifecycleMode", default="Persistent")
    staging: str = msgspec.field(name=f"{_OURS}staging", default="")
    target: str = msgspec.field(name=f"{_OURS}target", default="")
    block: str = msgspec.field(name=f"{_OURS}block", default="")  # "true", for texts only
    capacity: str = msgspec.field(name=f"{_OURS}capacity", default="")
    claim: str = msgspec.field(name=f"{_OURS}claim", default="")
    volume: str = msgspec.field(name=f"{_OURS}volume", default="")  # its name in the pod
    published: str = msgspec.field(name=f"{_OURS}published", default="")
    rules: str = msgspec.field(name=f"{_OURS}rules", default="")

    @property
    def known_rules(self) -> CsiDriverRules | None:
        """None where they are not known."""
        try:
            return msgspec.json.decode(self.rules, type=CsiDriverRules) if self.rules else None
        except msgspec.MsgspecError:
            return None

    @property
    def key(self) -> str:
        """Which volume of the world it is."""
        return f"{self.driver}^{self.handle}"

    @property
    def unique_name(self) -> str:
        """As node.status.volumesInUse names it."""
        return f"kubernetes.io/csi/{self.key}"


class Staged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A volume as the node has it; `boot` is the id of the boot in which it was staged.

    A kubelet that follows knows a block volume by what is beside: its name, node and attachment.
    """

    driver: str = msgspec.field(name="driverName")
    handle: str = msgspec.field(name="volumeHandle")
    boot: str = msgspec.field(name=f"{_OURS}boot", default="")
    spec: str = msgspec.field(name="specVolID", default="")
    node: str = msgspec.field(name="nodeName", default="")
    attachment: str = msgspec.field(name="attachmentID", default="")


def write(folder: str, record: Record | Staged) -> None:
    """The record is in the folder, whole and on the disk. Blocks; OSError."""
    Path(folder).mkdir(mode=0o750, parents=True, exist_ok=True)
    draft = f"{folder}/.{FILE}.tmp"
    with Path(draft).open("wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, f"{folder}/{FILE}")  # noqa: PTH105


def remove(folder: str) -> None:
    """There is no record in the folder afterwards. Blocks; OSError."""
    for name in (FILE, f".{FILE}.tmp"):
        with suppress(FileNotFoundError):
            os.unlink(f"{folder}/{name}")  # noqa: PTH108


def read_staged(folder: str) -> Staged | None:
    """The record of a staged volume; None where there is none that can be read."""
    try:
        return msgspec.json.decode(Path(folder, FILE).read_bytes(), type=Staged)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def read_all(root: str) -> dict[str, Record]:
    """Every pod's records by their folders. What cannot be read is left out and told. Blocks."""
    found: dict[str, Record] = {}
    for folder, file in _homes(root):
        try:
            data = Path(file).read_bytes()
            record = msgspec.json.decode(data, type=Record)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("record of a CSI volume cannot be read", folder=folder, error=str(error))
            continue
        found[folder] = record if record.target else _adopted(root, folder, record)
    return found


def _adopted(root: str, folder: str, record: Record) -> Record:
    """The record of a kubelet: it says less, so everything may have been done."""
    pod = Path(folder).parts[-4]
    if Path(folder).parts[-3] == "plugins":
        top = block_folder(root)
        return msgspec.structs.replace(
            record,
            block="true",
            target=f"{top}/publish/{record.spec}/{pod}",
            staging=f"{top}/staging/{record.spec}",
            published=MAYBE,
        )
    staging = ""
    if record.mode == PERSISTENT:
        staging = f"{staging_folder(root, record.driver, record.handle)}/globalmount"
    return msgspec.structs.replace(
        record, target=f"{folder}/mount", staging=staging, published=MAYBE
    )


def _homes(root: str) -> Iterator[tuple[str, str]]:
    """The folder of each record of a pod, and its file; of a block volume a kubelet has one file
    for all pods.
    """
    for kind in ("volumes", "plugins"):
        for place in Path(root, "pods").glob(f"*/{kind}/kubernetes.io~csi/*"):
            yield str(place), f"{place}/{FILE}"
    for link in Path(root, "pods").glob("*/volumeDevices/kubernetes.io~csi/*"):
        home = link.parents[2] / "plugins" / link.parent.name / link.name
        if not Path(home, FILE).exists():
            yield str(home), f"{block_folder(root)}/{link.name}/data/{FILE}"
