"""One view of a container runtime for the contract tests: the fake's ports or containerd's."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.adapters.cri.connect import open_cri
from nodeagent.core.images import full_name
from nodeagent.engine.ports import Containers, Images, Runtime, Sight
from nodeagent.engine.sandbox_ports import Sandboxes
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.launch import ContainerConfig, SandboxConfig
from nodeagent.model.observed import EventKind, Phase, RuntimeEvent, SeenImage
from tests.fakes.probes import LoopClock
from tests.fakes.runtime import FakeRuntime

KINDS = (
    pytest.param("fake", marks=pytest.mark.looptime),
    pytest.param("runtime_without_events", marks=pytest.mark.e2e),
    pytest.param("runtime_with_events", marks=pytest.mark.e2e),
)
"""The fake in virtual time, and fixtures: containerds without and with GetContainerEvents."""
POLITE = 'trap "exit 143" TERM; trap "exit 3" USR1; trap "exit 0" USR2; sleep 600 & wait'
DEAF = 'trap "" TERM; sleep 600 & wait'


class Ports:
    """The five ports, and what a test does through them."""

    def __init__(self, ports: Any, *, fake: FakeRuntime | None, root: Path, cgroups: str) -> None:
        self.runtime: Runtime = ports.runtime if fake is None else fake
        self.sight: Sight = ports.sight if fake is None else fake
        self.sandboxes: Sandboxes = ports.sandboxes if fake is None else fake
        self.containers: Containers = ports.containers if fake is None else fake
        self.images: Images = ports.images if fake is None else fake
        self.fake, self._root, self._cgroups = fake, root, cgroups
        self.uid = PodUid(str(uuid.uuid4()))
        self.events: list[RuntimeEvent] = []
        self._configs: dict[SandboxId, SandboxConfig] = {}

    def sandbox_config(self, attempt: int = 0) -> SandboxConfig:
        return SandboxConfig(
            uid=self.uid,
            name="contract",
            namespace="test",
            attempt=attempt,
            hostname="contract",
            log_directory=str(self._root),
            cgroup_parent=f"{self._cgroups}/kubepods/pod{self.uid}",
            labels={
                "io.kubernetes.pod.name": "contract",
                "io.kubernetes.pod.namespace": "test",
                "io.kubernetes.pod.uid": self.uid,
                "app": "contract",
            },
            annotations={"said": "so"},
        )

    async def box(self, attempt: int = 0) -> SandboxId:
        """A new sandbox."""
        config = self.sandbox_config(attempt)
        made = await self.sandboxes.create_sandbox(config)
        self._configs[made] = config
        return made

    async def create(
        self, box: SandboxId, name: str = "web", *, attempt: int = 0, count: int = 0
    ) -> ContainerId:
        """A container that is made and not started; one named "deaf" ignores SIGTERM."""
        image = await self.images.image_status(BUSYBOX_IMAGE)
        assert image is not None
        config = ContainerConfig(
            name=name,
            attempt=attempt,
            image=BUSYBOX_IMAGE,
            image_ref=image.ref,
            labels={
                "io.kubernetes.pod.name": "contract",
                "io.kubernetes.pod.namespace": "test",
                "io.kubernetes.pod.uid": self.uid,
                "io.kubernetes.container.name": name,
            },
            annotations={
                "io.kubernetes.container.restartCount": str(count),
                "io.kubernetes.container.hash": "abc",
            },
            log_path=f"{name}-{attempt}.log",
            command=("sh", "-c", DEAF if name == "deaf" else POLITE),
        )
        known = self._configs.get(box, self.sandbox_config())
        return await self.containers.create_container(box, config, known)

    async def run(self, box: SandboxId, name: str = "web", *, attempt: int = 0) -> ContainerId:
        """A container that runs."""
        made = await self.create(box, name, attempt=attempt, count=attempt)
        await self.containers.start_container(made)
        if self.fake is None:
            await asyncio.sleep(0.2)  # until the shell has set its traps
        return made

    async def end(self, container: ContainerId, *, code: int) -> None:
        """The container ends by itself, with 0 or 3."""
        if self.fake is not None:
            self.fake.exit(container, code=code)
            return
        signal = {0: "USR2", 3: "USR1"}[code]
        await self.containers.exec_sync(container, ("kill", f"-{signal}", "1"), limit=5)
        await self.until_phase(container, Phase.EXITED)

    async def until_phase(self, container: ContainerId, phase: Phase) -> None:
        """Wait until a look tells this phase."""
        for _ in range(100):
            seen = await self.sight.look_container(container)
            if seen is not None and seen.phase is phase:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{container} is not {phase}")

    def told(self, kind: EventKind, id_: str) -> bool:
        """Whether such an event has come."""
        return any(e.kind is kind and e.container_id == id_ for e in self.events)

    async def follow(self) -> None:
        """Collect events for ever."""
        async with aclosing(self.runtime.events()) as events:  # type: ignore[type-var]
            async for event in events:
                self.events.append(event)

    async def clean_up(self) -> None:
        """Nothing of this test is left."""
        pod = await self.sight.look(self.uid)
        for box in pod.sandboxes:
            await self.sandboxes.remove_sandbox(box.id)


async def soon(check: Callable[[], bool]) -> None:
    """It holds within five seconds."""
    for _ in range(100):
        if check():
            return
        await asyncio.sleep(0.05)
    assert check()


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest, root: Path) -> AsyncIterator[Ports]:
    """The ports of that kind of runtime, with events being collected."""
    if kind == "fake":
        fake = FakeRuntime(LoopClock(1e9).now)
        image = SeenImage(ref=ImageRef("sha256:1"), tags=(BUSYBOX_IMAGE,), size_bytes=1)
        fake.images[full_name(BUSYBOX_IMAGE)] = image
        fake.ignores_term.add("deaf")
        async with _followed(Ports(None, fake=fake, root=root, cgroups="")) as ports:
            yield ports
        return
    real = request.getfixturevalue(kind)
    async with open_cri(real.endpoint, timeout=30.0) as cri:
        made = Ports(cri, fake=None, root=root, cgroups=real.cgroup_root)
        async with _followed(made) as ports:
            yield ports


@asynccontextmanager
async def _followed(ports: Ports) -> AsyncIterator[Ports]:
    task = asyncio.get_running_loop().create_task(ports.follow())
    try:
        await soon(lambda: bool(ports.events))
        yield ports
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await ports.clean_up()
