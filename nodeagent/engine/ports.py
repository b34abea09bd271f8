"""What the engine needs of the outside, in its own words. Adapters fit these by structure.

Every call may be cancelled at any await and repeated later. Errors are those of
`nodeagent.errors`; nothing else may leave a port.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from lightkube.models import core_v1 as v1

from nodeagent.model.credentials import Credential
from nodeagent.model.data import Claim, ConfigMap, DataKind, PersistentVolume, Secret
from nodeagent.model.desired import DesiredPod, SourceUpdate
from nodeagent.model.ends import OomKill
from nodeagent.model.events import Annotations, EventType, Subject
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.launch import (
    ContainerConfig,
    ExecResult,
    PodCgroup,
    Resources,
    SandboxConfig,
    VolumePlace,
)
from nodeagent.model.memory import PodMemory
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.observed import (
    ObservedPod,
    RuntimeEvent,
    RuntimeHealth,
    RuntimeInfo,
    SeenContainer,
    SeenImage,
    SeenSandbox,
)


class Runtime(Protocol):
    """The runtime as a whole."""

    async def info(self) -> RuntimeInfo:
        """Name, version, cgroup driver and features. CriUnavailable while it does not answer."""
        ...

    async def health(self) -> RuntimeHealth:
        """Its own RuntimeReady and NetworkReady conditions."""
        ...

    async def use_pod_range(self, cidr: str) -> None:
        """Addresses of pods come from here now (a range, or two with a comma between)."""
        ...

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Hints of changes, as they come, for ever: a broken stream is opened again inside.

        After every (re)connection, and whenever something may have been lost, a LOST event comes
        first. Only pods' containers and sandboxes are told. CriUnimplemented is raised at the
        first step where the runtime has no event source at all: then the caller relists.
        """
        ...


class Sight(Protocol):
    """Looking at what the runtime has. Answers are values as of the call; nothing is cached."""

    async def list_pods(self) -> tuple[ObservedPod, ...]:
        """Every pod with Kubernetes labels, by one list of sandboxes and one of containers.

        A list tells less than a status: exit codes, finish times, messages, IPs and mounts are
        missing and stay at their defaults, so compare phases and ids only.
        """
        ...

    async def look(self, uid: PodUid) -> ObservedPod:
        """One pod in full: its sandboxes and containers with their statuses.

        A pod the runtime does not know is an ObservedPod with nothing in it, not an error. A
        record that vanishes between list and status is left out.
        """
        ...

    async def look_container(self, container: ContainerId) -> SeenContainer | None:
        """One container in full; None where the runtime does not know it."""
        ...

    async def look_sandbox(self, sandbox: SandboxId) -> SeenSandbox | None:
        """One sandbox in full; None where the runtime does not know it."""
        ...


class Containers(Protocol):
    """Making and ending containers."""

    async def create_container(
        self, sandbox: SandboxId, config: ContainerConfig, sandbox_config: SandboxConfig
    ) -> ContainerId:
        """Make a container, not yet started. After CriUnavailable it may exist: look first."""
        ...

    async def start_container(self, container: ContainerId) -> None:
        """Start a created container."""
        ...

    async def stop_container(self, container: ContainerId, *, grace: float) -> None:
        """Send the stop signal, SIGKILL after `grace` seconds, and wait for the end.

        A container that is already ended or unknown counts as stopped.
        """
        ...

    async def remove_container(self, container: ContainerId) -> None:
        """Forget it, killing it first if need be; unknown counts as done."""
        ...

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        """Run a command inside, at most `limit` seconds (0: no limit); timing out is an answer."""
        ...

    async def update_resources(self, container: ContainerId, resources: Resources) -> None:
        """Change cgroup values of a running container."""
        ...

    async def reopen_log(self, container: ContainerId) -> None:
        """Make the runtime write to a new log file at the same path."""
        ...


class Images(Protocol):
    """Images on the node."""

    async def image_status(self, image: str) -> SeenImage | None:
        """What the node has under this name, digest or id; None where nothing."""
        ...

    async def pull_image(
        self, image: str, *, annotations: Mapping[str, str], credential: Credential | None = None
    ) -> ImageRef:
        """Bring the image, however long it takes. ImagePullFailed with the registry's words."""
        ...

    async def list_images(self) -> tuple[SeenImage, ...]:
        """Every image on the node."""
        ...

    async def remove_image(self, ref: ImageRef) -> None:
        """Remove it with all its names; unknown counts as done."""
        ...


class Volumes(Protocol):
    """Volumes of pods; the kinds are behind this."""

    def unsupported(self, pod: DesiredPod) -> str:
        """Why the pod's volumes cannot work here, naming volume and kind; "" if they can."""
        ...

    async def set_up(self, pod: DesiredPod) -> Mapping[str, VolumePlace]:
        """Set up every volume that a container of the pod uses; by volume name.

        May be repeated at any time, also half-way or after a restart of the agent. VolumeError
        names the first volume that failed.
        """
        ...

    async def prepare_subpaths(
        self, pod: DesiredPod, container: v1.Container, places: Mapping[str, VolumePlace]
    ) -> Mapping[int, str]:
        """Before a start: by index in `volumeMounts`, the host path for each with a `subPath`.

        `subPathExpr` is expanded into `subPath` already. A path that is not there is made; one
        that leads out of its volume is a ConfigError. May be repeated.
        """
        ...

    async def refresh(self, pod: DesiredPod) -> float:
        """Volumes made of objects or of the pod's own fields show them as they are now.

        Each is tried; VolumeError names the first that failed, and what it showed stays. Only for
        a pod whose volumes are set up. subPath mounts keep their bytes. Returns when one of them
        is to be refreshed again though nothing has changed (Unix seconds), 0.0 for never.
        """
        ...

    async def read_file(self, place: VolumePlace, path: str) -> str | None:
        """The text of a small file inside a volume, no link followed out of it; None if not there.

        ConfigError where it is no text file, or too large for variables (KEP-3721).
        """
        ...

    async def tear_down(self, uid: PodUid) -> None:
        """Unmount and remove everything of the pod's volumes, found on disk; may be repeated."""
        ...


class DataSource(Protocol):
    """Where config maps, secrets, claims and volumes come from: the API, or files of the node.

    SourceUnknown where nobody could tell, now or earlier, whether there is such an object.
    Whoever builds it hands it a callback that takes the uids of followed pods; it is called
    whenever an object that one of them refers to came, went or changed.
    """

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """As it is now; None where there is none. Waits for the first answer of its origin."""
        ...

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """As it is now; None where there is none. Waits for the first answer of its origin."""
        ...

    async def claim(self, namespace: str, name: str) -> Claim | None:
        """As it is now, bound or not; None where there is none."""
        ...

    async def volume(self, name: str) -> PersistentVolume | None:
        """As it is now; None where there is none."""
        ...

    async def services(self, namespace: str) -> tuple[v1.Service, ...] | None:
        """Of the namespace of a followed pod, and `kubernetes`; None: not read even once yet."""
        ...

    def place(self, kind: DataKind) -> str:
        """Where objects of this kind are looked for, for messages; "" where that needs no word."""
        ...

    def follow(self, pod: DesiredPod) -> str:
        """From now on tell when an object the pod refers to changes; the version of them all.

        The version is another text whenever one of the objects is another. Cheap; called for
        every step of the pod.
        """
        ...

    def forget(self, uid: PodUid) -> None:
        """The pod is over; a pod that is not followed counts as forgotten."""
        ...


class Cgroups(Protocol):
    """The kubepods tree. Paths are from the cgroup root, driver-neutral ("/kubepods/...")."""

    async def ensure_root(self, cgroup: PodCgroup) -> None:
        """kubepods or a QoS parent exists with these limits afterwards."""
        ...

    async def ensure_pod(self, cgroup: PodCgroup) -> None:
        """The pod's cgroup exists with these limits afterwards, in every controller."""
        ...

    async def remove_pod(self, uid: PodUid) -> None:
        """Whatever cgroup the pod has under any QoS class is gone, its left processes killed."""
        ...

    async def list_pods(self) -> Mapping[PodUid, str]:
        """Pods that have a cgroup, with its path."""
        ...

    async def memory_use(self, path: str, *, below: bool = True) -> Mapping[str, MemoryUse]:
        """Memory of the cgroup under "", with `below` of each right below it by container id too.

        Path "" is the host's own, which cgroup v2 does not tell. What is gone is left out.
        """
        ...

    async def tasks(self, path: str) -> int | None:
        """How many processes and threads there are in it and below; None where nobody counts."""
        ...


class PodFiles(Protocol):
    """Folders and files the agent keeps for pods on the host."""

    async def make_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        """`pods/<uid>` with volumes and plugins (0750), and the log folder (0755), exist."""
        ...

    async def make_container_files(
        self, uid: PodUid, container: str, *, log_directory: str, hosts: str | None, message: bool
    ) -> tuple[str, str]:
        """Before a start: log folder, `etc-hosts` with that text, a new termination-log file.

        Returns the host paths of etc-hosts and of the termination log ("" where not asked).
        """
        ...

    async def link_log(
        self, *, name: str, namespace: str, container: str, container_id: str, target: str
    ) -> None:
        """The link in /var/log/containers exists."""
        ...

    async def read_message(self, path: str, *, limit: int) -> str:
        """The last `limit` bytes of a termination message; "" where there is none."""
        ...

    async def read_log_tail(self, path: str, *, lines: int, limit: int) -> str:
        """The text of the last log lines, without timestamps, at most `limit` bytes."""
        ...

    async def used_restart_counts(self, log_directory: str) -> Mapping[str, int]:
        """By container name, the highest N for which `<N>.log*` exists."""
        ...

    async def remove_log(self, path: str, *, container_id: str) -> None:
        """The container's log, its rotated ones and its link are gone."""
        ...

    async def remove_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        """The pod's folders and logs are gone. HostError where something is still mounted below."""
        ...


class OomLog(Protocol):
    """What the kernel killed for want of memory."""

    async def find(self, container: ContainerId) -> OomKill | None:
        """The container's last process that was; None where none is known. Never fails."""
        ...


class Records(Protocol):
    """The agent's memory of pods on disk."""

    async def load_all(self) -> tuple[PodMemory, ...]:
        """Every record that can be read; one that cannot is set aside and named in the log."""
        ...

    async def save(self, memory: PodMemory) -> None:
        """Replace the pod's record, whole or not at all."""
        ...


class Recorder(Protocol):
    """Where events go."""

    def event(
        self, subject: Subject, type_: EventType, reason: str, message: str, note: Annotations = ...
    ) -> None:
        """Take an event; never blocks, never fails."""
        ...


class Hooks(Protocol):
    """Lifecycle hooks."""

    async def post_start(
        self, pod: DesiredPod, container: v1.Container, container_id: ContainerId, ip: str
    ) -> None:
        """Run the hook if there is one. HookFailed where it fails."""
        ...

    async def pre_stop(
        self,
        pod: DesiredPod,
        container: v1.Container,
        container_id: ContainerId,
        ip: str,
        *,
        limit: float,
    ) -> None:
        """Run the hook if there is one, at most `limit` seconds; its failure is only an event."""
        ...


class ManifestSource(Protocol):
    """A source of pods."""

    def updates(self) -> AsyncIterator[SourceUpdate]:
        """The whole of what the source wants, first at once and then whenever it changed."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Unix seconds."""
        ...
