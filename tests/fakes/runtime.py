"""A container runtime in memory that keeps state as a real one does; contract tests prove it."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from nodeagent.core.images import full_name
from nodeagent.errors import CriNotFound, CriRefused, CriUnavailable, ImagePullFailed
from nodeagent.model.credentials import Credential
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.launch import ContainerConfig, ExecResult, Resources, SandboxConfig
from nodeagent.model.observed import (
    EventKind,
    ObservedPod,
    Phase,
    RuntimeEvent,
    RuntimeHealth,
    RuntimeInfo,
    SeenContainer,
    SeenImage,
    SeenSandbox,
)

STOP_TAKES = 0.01
RUN_SECONDS = 0.05
RESERVED = "NameReserved"


class FakeRuntime:
    """Every runtime port in one object.

    `ignores_term` names containers that end only by SIGKILL. `fail` and `hang` map a call's name
    to a predicate on its target: a matching call raises, or never answers. `late` does so for the
    two create calls: the caller is told of a timeout, and the object appears so many seconds
    later; until then its name is reserved. While `away` nothing answers and events are lost.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids = itertools.count()
        self.boxes: dict[SandboxId, tuple[SandboxConfig, SeenSandbox]] = {}
        self.containers: dict[ContainerId, tuple[ContainerConfig, SeenContainer]] = {}
        self.images: dict[str, SeenImage] = {"docker.io/library/busybox:1": _image("busybox:1")}
        self.registry: set[str] = set()
        self.network_trouble = ""  # why it can give pods no network
        self.locked: dict[str, set[str]] = {}  # full image name -> users who may pull it
        self.pull_takes = 0.2
        self.ignores_term: set[str] = set()
        self.fail: dict[str, Callable[[str], bool]] = {}
        self.hang: dict[str, Callable[[str], bool]] = {}
        self.calls: list[tuple[str, str]] = []
        self.updates: list[tuple[ContainerId, Resources]] = []
        self.told: list[tuple[SandboxId, Resources]] = []
        self.on_call: Callable[[str], None] = lambda _: None
        self.late: dict[str, tuple[Callable[[str], bool], float]] = {}
        self._queues: list[asyncio.Queue[RuntimeEvent]] = []
        self.mute = False  # events are lost while set
        self._away = False
        self._reserved: set[tuple[str, str, int]] = set()
        self._ended: dict[ContainerId, asyncio.Event] = {}

    # --- Runtime ----------------------------------------------------------------------------

    async def info(self) -> RuntimeInfo:
        return RuntimeInfo(
            name="fake",
            version="1",
            api_version="v1",
            cgroup_driver="cgroupfs",
            handlers=("", "boxed"),
        )

    async def health(self) -> RuntimeHealth:
        await self._called("health", "")
        trouble = self.network_trouble
        return RuntimeHealth(runtime_ready=True, network_ready=not trouble, network_message=trouble)

    async def use_pod_range(self, cidr: str) -> None:
        await self._called("use_pod_range", cidr)

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue()
        self._queues.append(queue)
        try:
            yield RuntimeEvent(kind=EventKind.LOST, container_id="", at=self._clock())
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    def go_away(self) -> None:
        """The runtime's socket answers no more; what runs goes on."""
        self._away = True

    def come_back(self) -> None:
        """It answers again, and its event streams are opened anew."""
        self._away = False
        for queue in self._queues:
            queue.put_nowait(RuntimeEvent(kind=EventKind.LOST, container_id="", at=self._clock()))

    def _tell(self, kind: EventKind, id_: str, uid: str) -> None:
        if self.mute or self._away:
            return
        for queue in self._queues:
            queue.put_nowait(
                RuntimeEvent(kind=kind, container_id=id_, at=self._clock(), uid=PodUid(uid))
            )

    # --- Sight ------------------------------------------------------------------------------

    async def list_pods(self) -> tuple[ObservedPod, ...]:
        await self._called("list_pods", "")
        uids = {config.uid for config, _ in self.boxes.values()}
        return tuple(self._pod(uid) for uid in sorted(uids))

    async def look(self, uid: PodUid) -> ObservedPod:
        await self._called("look", uid)
        return self._pod(uid)

    async def look_container(self, container: ContainerId) -> SeenContainer | None:
        await self._called("look_container", container)
        found = self.containers.get(container)
        return found[1] if found else None

    async def look_sandbox(self, sandbox: SandboxId) -> SeenSandbox | None:
        await self._called("look_sandbox", sandbox)
        found = self.boxes.get(sandbox)
        return found[1] if found else None

    def _pod(self, uid: PodUid) -> ObservedPod:
        boxes = [(c, b) for c, b in self.boxes.values() if c.uid == uid]
        ids = {b.id for _, b in boxes}
        containers = [s for _, s in self.containers.values() if s.sandbox_id in ids]
        return ObservedPod(
            uid=uid,
            name=boxes[0][0].name if boxes else "",
            namespace=boxes[0][0].namespace if boxes else "",
            sandboxes=tuple(sorted((b for _, b in boxes), key=lambda b: -b.created_at)),
            containers=tuple(sorted(containers, key=lambda c: (-c.created_at, -c.attempt))),
        )

    # --- Sandboxes --------------------------------------------------------------------------

    async def create_sandbox(self, config: SandboxConfig) -> SandboxId:
        await self._called("create_sandbox", config.name)
        key = ("", config.uid, config.attempt)
        taken = {("", other.uid, other.attempt) for other, _ in self.boxes.values()}
        if key in taken | self._reserved:
            raise CriRefused(
                op="RunPodSandbox",
                target=config.name,
                detail="the name is reserved",
                reason=RESERVED,
            )
        if (later := self._lateness("create_sandbox", config.name)) is not None:
            self._reserved.add(key)
            asyncio.get_running_loop().call_later(later, self._new_sandbox, config)
            raise CriUnavailable(op="RunPodSandbox", target=config.name, detail="deadline exceeded")
        id_ = self._new_sandbox(config)
        await asyncio.sleep(RUN_SECONDS)
        return id_

    def _new_sandbox(self, config: SandboxConfig) -> SandboxId:
        self._reserved.discard(("", config.uid, config.attempt))
        id_ = SandboxId(f"box-{next(self._ids)}")
        host = config.namespaces.host_network
        box = SeenSandbox(
            id=id_,
            attempt=config.attempt,
            ready=True,
            created_at=self._clock(),
            name=config.name,
            namespace=config.namespace,
            ips=() if host else (f"10.9.0.{len(self.boxes) + 2}",),
            host_network=host,
        )
        self.boxes[id_] = (config, box)
        self._tell(EventKind.STARTED, id_, config.uid)
        return id_

    async def stop_sandbox(self, sandbox: SandboxId) -> None:
        await self._called("stop_sandbox", sandbox)
        if sandbox not in self.boxes:
            return
        for id_, (_, seen) in list(self.containers.items()):
            if seen.sandbox_id == sandbox and seen.phase is Phase.RUNNING:
                self.exit(id_, code=137)
        self._set_box(sandbox, ready=False)

    async def remove_sandbox(self, sandbox: SandboxId) -> None:
        await self._called("remove_sandbox", sandbox)
        await self.stop_sandbox(sandbox)
        for id_, (_, seen) in list(self.containers.items()):
            if seen.sandbox_id == sandbox:
                del self.containers[id_]
        found = self.boxes.pop(sandbox, None)
        if found:
            self._tell(EventKind.DELETED, sandbox, found[0].uid)

    def _set_box(self, sandbox: SandboxId, **changes: object) -> None:
        config, box = self.boxes[sandbox]
        self.boxes[sandbox] = (config, msgspec.structs.replace(box, **changes))
        self._tell(EventKind.EXITED, sandbox, config.uid)

    def kill_sandbox(self, sandbox: SandboxId) -> None:
        """The pause process dies, and the containers with it."""
        for id_, (_, seen) in list(self.containers.items()):
            if seen.sandbox_id == sandbox and seen.phase is Phase.RUNNING:
                self.exit(id_, code=137)
        self._set_box(sandbox, ready=False)

    # --- Containers -------------------------------------------------------------------------

    async def create_container(
        self, sandbox: SandboxId, config: ContainerConfig, sandbox_config: SandboxConfig
    ) -> ContainerId:
        await self._called("create_container", config.name)
        if sandbox not in self.boxes:
            raise CriNotFound(op="CreateContainer", target=config.name, detail="no such sandbox")
        key = (sandbox, config.name, config.attempt)
        taken = {(s.sandbox_id, c.name, c.attempt) for c, s in self.containers.values()}
        if key in taken | self._reserved:
            raise CriRefused(
                op="CreateContainer",
                target=config.name,
                detail="the name is reserved",
                reason=RESERVED,
            )
        if (later := self._lateness("create_container", config.name)) is not None:
            self._reserved.add(key)
            asyncio.get_running_loop().call_later(later, self._new_container, sandbox, config)
            raise CriUnavailable(
                op="CreateContainer", target=config.name, detail="deadline exceeded"
            )
        return self._new_container(sandbox, config)

    def _new_container(self, sandbox: SandboxId, config: ContainerConfig) -> ContainerId:
        self._reserved.discard((sandbox, config.name, config.attempt))
        uid = self.boxes[sandbox][0].uid
        id_ = ContainerId(f"{config.name}-{next(self._ids)}")
        self.containers[id_] = (
            config,
            SeenContainer(
                id=id_,
                name=config.name,
                sandbox_id=sandbox,
                attempt=config.attempt,
                restart_count=int(config.annotations["io.kubernetes.container.restartCount"]),
                phase=Phase.CREATED,
                created_at=self._clock(),
                image=config.image,
                image_ref=config.image_ref,
                spec_hash=config.annotations["io.kubernetes.container.hash"],
                log_path=config.log_path,
                message_host_path=_message_file(config),
            ),
        )
        self._ended[id_] = asyncio.Event()
        self._tell(EventKind.CREATED, id_, uid)
        return id_

    async def start_container(self, container: ContainerId) -> None:
        await self._called("start_container", container)
        if container not in self.containers:
            raise CriNotFound(op="StartContainer", target=container, detail="no such container")
        _, seen = self.containers[container]
        if seen.phase is not Phase.CREATED:
            raise CriRefused(op="StartContainer", target=container, detail=f"it is {seen.phase}")
        self._change(container, phase=Phase.RUNNING, started_at=self._clock())
        self._tell(EventKind.STARTED, container, self._uid_of(seen))

    async def stop_container(self, container: ContainerId, *, grace: float) -> None:
        await self._called("stop_container", container)
        found = self.containers.get(container)
        if found is None or found[1].phase is Phase.EXITED:
            return
        if found[0].name in self.ignores_term:
            try:
                async with asyncio.timeout(math.ceil(grace)):
                    await self._ended[container].wait()
            except TimeoutError:
                self.exit(container, code=137)
            return
        asyncio.get_running_loop().call_later(STOP_TAKES, self._end_by_term, container)
        await self._ended[container].wait()

    def _end_by_term(self, container: ContainerId) -> None:
        if container in self.containers:
            self.exit(container, code=143)

    async def remove_container(self, container: ContainerId) -> None:
        await self._called("remove_container", container)
        found = self.containers.pop(container, None)
        if found:
            self._ended[container].set()
            self._tell(EventKind.DELETED, container, self._uid_of(found[1]))

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        await self._called("exec_sync", container)
        return ExecResult()

    async def update_sandbox(
        self, sandbox: SandboxId, resources: Resources, overhead: Resources | None
    ) -> None:
        await self._called("update_sandbox", sandbox)
        self.told.append((sandbox, resources))

    async def update_resources(self, container: ContainerId, resources: Resources) -> None:
        await self._called("update_resources", container)
        self.updates.append((container, resources))

    async def reopen_log(self, container: ContainerId) -> None:
        await self._called("reopen_log", container)

    def exit(self, container: ContainerId, *, code: int, reason: str = "") -> None:
        """The container's process ends by itself."""
        _, seen = self.containers[container]
        if seen.phase is Phase.EXITED:
            return
        said = reason or ("Completed" if code == 0 else "Error")
        self._change(
            container, phase=Phase.EXITED, exit_code=code, reason=said, finished_at=self._clock()
        )
        self._ended[container].set()
        self._tell(EventKind.EXITED, container, self._uid_of(seen))

    def _change(self, container: ContainerId, **changes: object) -> None:
        config, seen = self.containers[container]
        self.containers[container] = (config, msgspec.structs.replace(seen, **changes))

    def _uid_of(self, seen: SeenContainer) -> PodUid:
        return self.boxes[seen.sandbox_id][0].uid

    # --- Images -----------------------------------------------------------------------------

    async def image_status(self, image: str) -> SeenImage | None:
        await self._called("image_status", image)
        by_ref = {found.ref: found for found in self.images.values()}
        return by_ref.get(ImageRef(image)) or self.images.get(full_name(image))

    async def pull_image(
        self, image: str, *, annotations: Mapping[str, str], credential: Credential | None = None
    ) -> ImageRef:
        await self._called("pull_image", image)
        await asyncio.sleep(self.pull_takes)
        name = full_name(image)
        user = credential.username if credential is not None else ""
        if name in self.locked and user not in self.locked[name]:
            raise ImagePullFailed(op="PullImage", target=image, detail=f"no entry for {user!r}")
        if name not in {full_name(known) for known in self.registry}:
            raise ImagePullFailed(op="PullImage", target=image, detail="not found in the registry")
        self.images[name] = _image(name)
        return self.images[name].ref

    async def list_images(self) -> tuple[SeenImage, ...]:
        return tuple(self.images.values())

    async def remove_image(self, ref: ImageRef) -> None:
        self.images = {k: v for k, v in self.images.items() if v.ref != ref}

    # --- faults and questions of tests ------------------------------------------------------

    def _lateness(self, call: str, target: str) -> float | None:
        matches, seconds = self.late.get(call, (None, 0.0))
        return seconds if matches is not None and matches(target) else None

    async def _called(self, call: str, target: str) -> None:
        self.calls.append((call, target))
        self.on_call(call)
        await asyncio.sleep(0)
        if self._away:
            raise CriUnavailable(op=call, target=target, detail="connection refused")
        if call in self.hang and self.hang[call](target):
            await asyncio.Event().wait()
        if call in self.fail and self.fail[call](target):
            raise CriUnavailable(op=call, target=target, detail="the runtime is away")

    def of(self, name: str) -> list[SeenContainer]:
        """Records of a container name, oldest first."""
        found = [seen for config, seen in self.containers.values() if config.name == name]
        return sorted(found, key=lambda seen: (seen.attempt, seen.created_at))

    def count(self, call: str) -> int:
        """How often a call was made."""
        return sum(1 for made, _ in self.calls if made == call)


def _image(name: str) -> SeenImage:
    return SeenImage(ref=ImageRef(f"sha256:{name}"), tags=(name,), size_bytes=1000)


def _message_file(config: ContainerConfig) -> str:
    """Where the container's termination message is on the host, "" if it has none."""
    inside = config.annotations.get("io.kubernetes.container.terminationMessagePath")
    return next((m.host_path for m in config.mounts if m.container_path == inside), "")
