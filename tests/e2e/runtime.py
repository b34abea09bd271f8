"""Private containerds for tests: own socket, network and cgroups; nothing of them stays behind."""

import asyncio
import os
import platform
import shutil
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import msgspec
import pytest

from docs.samples.images.build import busybox_image
from nodeagent.adapters.containerd import embedded, processes
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.adapters.containerd.ctl import Ctr
from nodeagent.adapters.containerd.findings import find_program, search_path
from nodeagent.adapters.containerd.oci import Image, write_archive
from nodeagent.adapters.containerd.removal import remove
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import AgentError
from tests.e2e import debian

T = TypeVar("T")
Call = Callable[[Any], Any]

BASE = Path("/tmp")
PREFIX = "nodeagent-test-"
MOST = 32
SYSTEM = "system"
RELEASES = {"bookworm": "1.6", "trixie": "1.7", "forky": "2.1"}
"""Debian releases and the version of containerd they have."""
HERE = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
FETCHED = tuple(release for release in RELEASES if release != HERE)
"""Releases whose containerd is unpacked beside the system's."""


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """A containerd that belongs to this test session, with pause and busybox images in it.

    `cgroup_root` goes into the agent's `cgroupRoot`, `agent_root` into its `--root-dir`.
    """

    name: str
    number: int
    settings: ContainerdSettings
    images: tuple[Image, ...]

    @property
    def endpoint(self) -> str:
        """The CRI socket as a unix URL."""
        return f"unix://{self.settings.socket}"

    @property
    def cgroup_root(self) -> str:
        """A cgroup that only this runtime's pods live in."""
        return f"/{PREFIX}{self.number}"

    @property
    def agent_root(self) -> Path:
        """A folder for the agent under test."""
        return self.settings.root / "agent"

    @property
    def ctr(self) -> Ctr:
        """This runtime seen through ctr."""
        return Ctr(program=_program("ctr", self.settings), socket=self.settings.socket)

    def import_image(self, image: Image) -> None:
        """Take an image in; it is there for CRI when this returns."""
        archive = self.settings.root / "image.tar"
        write_archive(image, archive)
        self.ctr.import_image(archive, snapshotter=embedded.snapshotter_of(self.settings))

    def start(self) -> None:
        """Start containerd, again if it was stopped, and bring the images; CRI answers then."""
        _run(lambda: embedded.ensure(self.settings))
        with self.cri() as call:
            _wait_until_ready(call)
        for image in self.images:
            if not self.ctr.has_image(image.name):
                self.import_image(image)

    def stop(self) -> None:
        """Stop containerd; its containers go on. `start` brings it back."""
        _run(lambda: embedded.stop(self.settings))

    @contextmanager
    def cri(self) -> Iterator[Call]:
        """Plain calls of the RuntimeService: hand in a request, get its answer or RpcError."""
        # A connection of its own: shared ones remember for a while that a socket was gone.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.endpoint, options) as channel:

            def call(request: Any) -> Any:
                name = type(request).__name__.removesuffix("Request")
                return channel.unary_unary(
                    f"/runtime.v1.RuntimeService/{name}",
                    request_serializer=type(request).SerializeToString,
                    response_deserializer=getattr(pb, f"{name}Response").FromString,
                )(request, timeout=60.0)

            yield call

    def remove_pods(self) -> None:
        """Stop and remove every pod by plain CRI calls, so that the next test finds none."""
        with self.cri() as call:
            for pod in call(pb.ListPodSandboxRequest()).items:
                call(pb.StopPodSandboxRequest(pod_sandbox_id=pod.id))
                call(pb.RemovePodSandboxRequest(pod_sandbox_id=pod.id))


class Runtimes:
    """The containerds of this session, each started when first asked for."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Runtime, Callable[[], None]]] = {}

    def get(self, name: str) -> Runtime:
        """`name`: "system" for what is installed, else a Debian release; this one is the system."""
        name = SYSTEM if name == HERE else name
        if name not in self._running:
            self._running[name] = self._start(name)
        return self._running[name][0]

    def close(self) -> None:
        """Remove them all."""
        for _, give_back in self._running.values():
            give_back()
        self._running.clear()

    def _start(self, name: str) -> tuple[Runtime, Callable[[], None]]:
        number, root, give_back = claim()
        settings = ContainerdSettings(
            root=root,
            socket=root / "containerd.sock",
            search_path="" if name == SYSTEM else debian.fetch(name).path,
            network=f"{PREFIX}{number}",
            bridge=f"natest{number}",
            subnet=f"10.201.{number * 8}.0/21",
            registries=root / "registries",
        )
        runtime = Runtime(name=name, number=number, settings=settings, images=(busybox_image(),))
        try:
            runtime.start()
        except BaseException:
            give_back()
            raise
        return runtime, give_back


def clean_up(root: Path) -> None:
    """Remove what a session, maybe one that crashed, left in this folder and on the machine."""
    number = root.name.removeprefix(PREFIX)
    for pid in agents_of(root):
        processes.kill(pid)
    settings = ContainerdSettings(
        root=root, socket=root / "containerd.sock", network=root.name, bridge=f"natest{number}"
    )
    remove(settings, cgroup_roots=(root.name,))
    shutil.rmtree(root, ignore_errors=True)


def agents_of(root: Path) -> list[int]:
    """Agents whose own folder lies in this one."""
    own = f"--root-dir={root}/"
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if any(w.startswith(own) for w in processes.command_line(pid))]


def claim() -> tuple[int, Path, Callable[[], None]]:
    """Take the lowest number nobody holds, and clean up after whoever held it before.

    Returns the number, an empty folder, and what to call in the end.
    """
    for number in range(MOST):
        lock = _lock(number)
        if lock is None:
            continue
        root = BASE / f"{PREFIX}{number}"
        clean_up(root)
        root.mkdir()

        def give_back(root: Path = root, lock: socket.socket = lock) -> None:
            clean_up(root)
            lock.close()

        return number, root, give_back
    pytest.fail(f"{MOST} test sessions hold all of {PREFIX}*")


def sweep() -> None:
    """Clean up after every session that crashed."""
    for root in BASE.glob(f"{PREFIX}*"):
        number = root.name.removeprefix(PREFIX)
        lock = _lock(int(number)) if number.isdigit() else None
        if lock is not None:
            with lock:
                clean_up(root)


def _lock(number: int) -> socket.socket | None:
    """Hold a number; None if another session does.

    An abstract socket goes with its process, so a number left by a crash is free again, and counts
    in the whole network namespace, as bridges and rules do, also between chroots.
    """
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0{PREFIX}{number}")
    except OSError:
        lock.close()
        return None
    return lock


def _program(name: str, settings: ContainerdSettings) -> str:
    found = find_program(name, settings)
    if found is None:
        pytest.fail(f"{name} is not in {search_path(settings)}; `make test` installs it")
    return found


def _wait_until_ready(call: Call) -> None:
    """A containerd that has just begun to listen must first find its pods and its network."""
    deadline = time.monotonic() + 30.0
    lacking = ["an answer"]
    while lacking and time.monotonic() < deadline:
        try:
            conditions = call(pb.StatusRequest()).status.conditions
            lacking = [f"{c.type}: {c.message}" for c in conditions if not c.status]
        except grpc.RpcError as error:
            if "not initialized" not in str(error):
                raise
        time.sleep(0.02)
    if lacking:
        raise RuntimeError(f"containerd does not become ready: {', '.join(lacking)}")


def _run(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """In a thread with a loop of its own: pytest's may be about to run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(call())).result()


@pytest.fixture(scope="session")
def runtimes() -> Iterator[Runtimes]:
    """Containerds by name. What they lack fails tests; lack of root skips them, but not in CI."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("tests on the real runtime need root")
        pytest.skip("tests on the real runtime need root")
    sweep()
    started = Runtimes()
    yield started
    started.close()


def _get(runtimes: Runtimes, name: str) -> Runtime:
    try:
        return runtimes.get(name)
    except (AgentError, RuntimeError, OSError) as error:
        pytest.fail(f"containerd of {name}: {error}")


@pytest.fixture(scope="session")
def runtime(runtimes: Runtimes) -> Runtime:
    """The containerd most tests use: the system's, or what NODEAGENT_TEST_RUNTIME names."""
    return _get(runtimes, os.environ.get("NODEAGENT_TEST_RUNTIME", SYSTEM))


@pytest.fixture(scope="session")
def runtime_with_events(runtimes: Runtimes) -> Runtime:
    """A containerd that has GetContainerEvents (1.7)."""
    return _get(runtimes, "trixie")


@pytest.fixture(scope="session")
def runtime_without_events(runtimes: Runtimes) -> Runtime:
    """A containerd that has no GetContainerEvents, only its own event service (1.6)."""
    return _get(runtimes, "bookworm")


@pytest.fixture(scope="session", params=[SYSTEM, *FETCHED])
def each_runtime(request: pytest.FixtureRequest, runtimes: Runtimes) -> Runtime:
    """The same test on every containerd: 1.6, 1.7 and 2.1."""
    return _get(runtimes, request.param)
