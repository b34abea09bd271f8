"""What the engine needs of the host, in memory: files, records, volumes, cgroups, events, hooks."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.references import pod_references
from nodeagent.errors import AgentError, HookFailed, HostError, MountFailed
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    CsiDriver,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
    key_of,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ends import OomKill
from nodeagent.model.events import NOT_ANNOTATED, Annotations, EventType, Subject
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.launch import PodCgroup, VolumePlace
from nodeagent.model.memory import PodMemory
from nodeagent.model.memory_use import MemoryUse


class FakeRecords:
    """Records as bytes, so that only what survives encoding comes back.

    `on_save` sees each one before it is stored; `full` makes the disk refuse.
    """

    def __init__(self) -> None:
        self.stored: dict[PodUid, bytes] = {}
        self.saves = 0
        self.full = False
        self.on_save: Callable[[PodMemory], None] = lambda _: None

    async def load_all(self) -> tuple[PodMemory, ...]:
        found = [self.stored[uid] for uid in sorted(self.stored)]
        return tuple(msgspec.json.decode(data, type=PodMemory) for data in found)

    async def save(self, memory: PodMemory) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise HostError(op="save record", target=memory.pod.uid, detail="no space left")
        self.saves += 1
        self.on_save(memory)
        self.stored[memory.pod.uid] = msgspec.json.encode(memory)

    def of(self, uid: str) -> PodMemory:
        return msgspec.json.decode(self.stored[PodUid(uid)], type=PodMemory)


class FakeFiles:
    """Pod folders; the record lies in the pod's folder and goes with it."""

    def __init__(self, records: FakeRecords) -> None:
        self._records = records
        self.pods: set[PodUid] = set()
        self.links: dict[str, str] = {}
        self.messages: dict[str, str] = {}
        self.removed_logs: list[str] = []
        self.log_counts: dict[str, int] = {}
        self.slow: dict[str, float] = {}  # seconds that reading counts takes, by the pod's uid
        self.full = False  # the disk takes no more
        self.unreadable = False  # messages cannot be read

    async def make_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        if self.full:
            raise HostError(op="make pod folders", target=uid, detail="no space left")
        self.pods.add(uid)

    async def make_container_files(
        self, uid: PodUid, container: str, *, log_directory: str, hosts: str | None, message: bool
    ) -> tuple[str, str]:
        at = f"/pods/{uid}"
        return (
            f"{at}/etc-hosts" if hosts is not None else "",
            f"{at}/{container}/termination-log" if message else "",
        )

    async def link_log(
        self, *, name: str, namespace: str, container: str, container_id: str, target: str
    ) -> None:
        if self.full:
            raise HostError(op="link log", target=target, detail="no space left")
        self.links[container_id] = target

    async def read_message(self, path: str, *, limit: int) -> str:
        if self.unreadable:
            raise HostError(op="read termination message", target=path, detail="I/O error")
        return self.messages.get(path, "")[-limit:]

    async def read_log_tail(self, path: str, *, lines: int, limit: int) -> str:
        return self.messages.get(path, "")[-limit:]

    async def used_restart_counts(self, log_directory: str) -> Mapping[str, int]:
        await asyncio.sleep(next((t for uid, t in self.slow.items() if uid in log_directory), 0.0))
        return self.log_counts

    async def remove_log(self, path: str, *, container_id: str) -> None:
        self.removed_logs.append(path)
        self.links.pop(container_id, None)

    async def remove_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        self.pods.discard(uid)
        self._records.stored.pop(uid, None)


class FakeOoms:
    """What the kernel killed, by container id."""

    def __init__(self) -> None:
        self.kills: dict[str, OomKill] = {}

    async def find(self, container: ContainerId) -> OomKill | None:
        return self.kills.get(container)


class FakeVolumes:
    """Volumes that are there at once; `broken` names pods whose set-up fails."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.hanging: set[str] = set()  # pods whose set-up never ends
        self.error: AgentError | None = None  # of every set-up
        self.stuck = False  # nothing can be unmounted
        self.refused: dict[str, str] = {}
        self.mounted: set[PodUid] = set()
        self.refreshed: list[PodUid] = []
        self.refresh_error: AgentError | None = None
        self.due: Callable[[], float] = lambda: 0.0  # when what they show has run out
        self.texts: dict[str, str] = {}
        self.places: dict[str, VolumePlace] = {}

    def unsupported(self, pod: DesiredPod) -> str:
        return self.refused.get(pod.name, "")

    async def set_up(self, pod: DesiredPod) -> Mapping[str, VolumePlace]:
        if self.error is not None:
            raise self.error
        if pod.uid in self.hanging:
            await asyncio.Event().wait()
        if pod.uid in self.broken:
            raise MountFailed(op="mount", target="volume data", detail="no such host")
        self.mounted.add(pod.uid)
        return self.places

    async def prepare_subpaths(
        self,
        pod: DesiredPod,
        container: v1.Container,
        places: Mapping[str, VolumePlace],
    ) -> Mapping[int, str]:
        return {}

    async def refresh(self, pod: DesiredPod) -> float:
        self.refreshed.append(pod.uid)
        if self.refresh_error is not None:
            raise self.refresh_error
        return self.due()

    async def read_file(self, place: VolumePlace, path: str) -> str | None:
        return self.texts.get(f"{place.host_path}/{path}")

    async def tear_down(self, uid: PodUid) -> None:
        if self.stuck:
            raise MountFailed(op="unmount", target=uid, detail="device is busy")
        self.mounted.discard(uid)


class FakeData:
    """Objects in memory; `put` and `remove` tell the pods that refer to them."""

    def __init__(self) -> None:
        self.objects: dict[DataKey, DataObject] = {}
        self.versions: dict[DataKey, int] = {}
        self.followed: dict[PodUid, frozenset[DataKey]] = {}
        self.on_change: Callable[[PodUid], None] = lambda _: None
        self.known_services: tuple[v1.Service, ...] | None = ()

    async def services(self, namespace: str) -> tuple[v1.Service, ...] | None:
        return self.known_services

    def put(self, one: DataObject) -> None:
        self.objects[key_of(one)] = one
        self._changed(key_of(one))

    def remove(self, one: DataObject) -> None:
        del self.objects[key_of(one)]
        self._changed(key_of(one))

    def _changed(self, key: DataKey) -> None:
        self.versions[key] = self.versions.get(key, 0) + 1
        for uid, keys in list(self.followed.items()):
            if key in keys:
                self.on_change(uid)

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        found = self.objects.get(DataKey(DataKind.CONFIG_MAP, namespace, name))
        return found if isinstance(found, ConfigMap) else None

    async def secret(self, namespace: str, name: str) -> Secret | None:
        found = self.objects.get(DataKey(DataKind.SECRET, namespace, name))
        return found if isinstance(found, Secret) else None

    async def claim(self, namespace: str, name: str) -> Claim | None:
        found = self.objects.get(DataKey(DataKind.CLAIM, namespace, name))
        return found if isinstance(found, Claim) else None

    async def volume(self, name: str) -> PersistentVolume | None:
        found = self.objects.get(DataKey(DataKind.VOLUME, "", name))
        return found if isinstance(found, PersistentVolume) else None

    async def csi_driver(self, name: str) -> CsiDriver | None:
        found = self.objects.get(DataKey(DataKind.CSI_DRIVER, "", name))
        return found if isinstance(found, CsiDriver) else None

    def place(self, kind: DataKind) -> str:
        return ""

    def follow(self, pod: DesiredPod) -> str:
        keys = self.followed[pod.uid] = pod_references(pod)
        return ".".join(str(self.versions.get(key, 0)) for key in sorted(keys))

    def forget(self, uid: PodUid) -> None:
        self.followed.pop(uid, None)


class FakeCgroups:
    """Pods that have a cgroup."""

    def __init__(self) -> None:
        self.pods: dict[PodUid, str] = {}
        self.made: list[PodCgroup] = []
        self.memory: dict[str, MemoryUse] = {}  # of every pod's cgroup, as `memory_use` tells it

    async def ensure_root(self, cgroup: PodCgroup) -> None:
        return None

    async def ensure_pod(self, cgroup: PodCgroup) -> None:
        self.made.append(cgroup)
        self.pods[PodUid(cgroup.path.rsplit("pod", 1)[-1])] = cgroup.path

    async def memory_use(self, path: str, *, below: bool = True) -> Mapping[str, MemoryUse]:
        return self.memory

    async def tasks(self, path: str) -> int | None:
        return None

    async def remove_pod(self, uid: PodUid) -> None:
        self.pods.pop(uid, None)

    async def list_pods(self) -> Mapping[PodUid, str]:
        return dict(self.pods)


class FakeRecorder:
    """Events in a list."""

    def __init__(self) -> None:
        self.told: list[tuple[Subject, EventType, str, str]] = []
        self.annotations: dict[tuple[str, str], Mapping[str, str]] = {}  # by uid and reason

    def event(
        self,
        subject: Subject,
        type_: EventType,
        reason: str,
        message: str,
        note: Annotations = NOT_ANNOTATED,
    ) -> None:
        self.told.append((subject, type_, reason, message))
        self.annotations[subject.uid, reason] = note

    def reasons(self, uid: str = "") -> list[str]:
        return [reason for subject, _, reason, _ in self.told if uid in ("", subject.uid)]

    def messages(self, reason: str) -> list[str]:
        return [message for _, _, said, message in self.told if said == reason]


class FakeHooks:
    """Hooks that take time as told; `fails` names containers whose postStart fails."""

    def __init__(self) -> None:
        self.fails: set[str] = set()
        self.takes: dict[str, float] = {}
        self.ran: list[tuple[str, str]] = []

    async def post_start(
        self, pod: DesiredPod, container: v1.Container, container_id: ContainerId, ip: str
    ) -> None:
        self.ran.append(("postStart", container.name))
        await asyncio.sleep(self.takes.get(container.name, 0.0))
        if container.name in self.fails:
            raise HookFailed(op="postStart", target=container.name, detail="it said no")

    async def pre_stop(
        self,
        pod: DesiredPod,
        container: v1.Container,
        container_id: ContainerId,
        ip: str,
        *,
        limit: float,
    ) -> None:
        self.ran.append(("preStop", container.name))
        await asyncio.sleep(min(self.takes.get(container.name, 0.0), limit))
