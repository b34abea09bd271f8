"""The systemd driver against a stand-in for PID 1, directly and through a real dbus-daemon."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nodeagent.adapters.cgroupfs.dbus import Bus
from nodeagent.adapters.cgroupfs.kubepods import Kubepods
from nodeagent.adapters.cgroupfs.systemd import SystemdTree, connect
from nodeagent.adapters.cgroupfs.teardown import Left
from nodeagent.aio.threads import Threads
from nodeagent.core.cgroups import uid_of_path
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.memory_use import MemoryUse
from tests.fakes.dbus_codec import Message, Variant, pack, split_signature, unpack

UID = PodUid("0f1e-22")
POD = f"/kubepods/burstable/pod{UID}"
UNIT = "kubepods-burstable-pod0f1e_22.slice"
FOLDER = f"kubepods.slice/kubepods-burstable.slice/{UNIT}"
MANAGER = "org.freedesktop.systemd1.Manager"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
INFINITY = (1 << 64) - 1
DAEMON_CONFIG = """\
<busconfig><type>session</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


class StandIn:
    """Answers as systemd's manager does, and makes and removes the slices' folders."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.units: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.result = "done"
        self.mute = False
        self.serial = 100
        self.sockets: list[socket.socket] = []
        self.thread = threading.Thread()

    def listen(self, path: str) -> None:
        """As PID 1 on its private socket."""
        listener = socket.socket(socket.AF_UNIX)
        self.sockets.append(listener)
        listener.bind(path)
        listener.listen()
        self.begin(lambda: self.accept(listener))

    def begin(self, work: Callable[[], None]) -> None:
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def end(self) -> None:
        for one in self.sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        assert not self.thread.is_alive()
        for one in self.sockets:
            one.close()

    def join_bus(self, path: str) -> None:
        """As a service on a message bus."""
        self.peer = socket.socket(socket.AF_UNIX)
        self.sockets.append(self.peer)
        self.peer.connect(path)
        self.peer.sendall(b"\0AUTH EXTERNAL 30\r\n")
        assert self.peer.recv(100).startswith(b"OK ")
        self.peer.sendall(b"BEGIN\r\n")
        for member, signature, body in (
            ("Hello", "", ()),
            ("RequestName", "su", ("org.freedesktop.systemd1", 0)),
        ):
            self.send(
                kind=CALL,
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                destination="org.freedesktop.DBus",
                member=member,
                signature=signature,
                body=body,
            )
        while self.receive().reply_to != self.serial:
            pass
        self.begin(self.serve)

    def accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self.peer, _ = listener.accept()
                self.sockets.append(self.peer)
                text = b""
                while not text.endswith(b"\r\n"):
                    text += self.peer.recv(1)
                self.peer.sendall(b"OK 1234\r\n")
                assert self.peer.recv(7, socket.MSG_WAITALL) == b"BEGIN\r\n"
                self.serve()

    def serve(self) -> None:
        with suppress(OSError, EOFError):
            while True:
                message = self.receive()
                if message.kind == CALL and not self.mute:
                    self.calls.append(message.member)
                    self.answer(message)

    def receive(self) -> Message:
        head = self.peer.recv(16, socket.MSG_WAITALL)
        if len(head) < 16:
            raise EOFError
        body, _, fields = struct.unpack("<III", head[4:])
        size = fields + -fields % 8 + body
        return unpack(head + self.peer.recv(size, socket.MSG_WAITALL))

    def send(self, **parts: Any) -> None:
        self.serial += 1
        self.peer.sendall(pack(Message(serial=self.serial, **parts)))

    def answer(self, call: Message) -> None:
        sender = {"reply_to": call.serial, "destination": call.sender}
        act = getattr(self, f"on_{call.member}")
        error, signature, body = act(*call.body)
        if error:
            name = f"org.freedesktop.systemd1.{error}"
            self.send(kind=ERROR, error=name, signature="s", body=("no",), **sender)
            return
        if signature == "o":
            self.announce("/job/other", "other.service")
            self.announce(body[0], call.body[0])
        self.send(kind=RETURN, signature=signature, body=body, **sender)

    def announce(self, job: str, unit: str) -> None:
        self.send(
            kind=SIGNAL,
            path="/org/freedesktop/systemd1",
            interface=MANAGER,
            member="JobRemoved",
            signature="uoss",
            body=(7, job, unit, self.result),
        )

    def folder(self, unit: str) -> Path:
        parts = unit.removesuffix(".slice").split("-")
        names = ["-".join(parts[: n + 1]) + ".slice" for n in range(len(parts))]
        return self.top.joinpath(*names)

    def on_Subscribe(self) -> tuple[str, str, tuple[object, ...]]:
        return "", "", ()

    def on_StartTransientUnit(
        self, unit: str, mode: str, properties: list[tuple[str, Variant]], aux: list[object]
    ) -> tuple[str, str, tuple[object, ...]]:
        if unit in self.units:
            return "UnitExists", "", ()
        self.units[unit] = {name: value.value for name, value in properties}
        self.folder(unit).mkdir(parents=True, exist_ok=True)
        return "", "o", ("/job/1",)

    def on_SetUnitProperties(
        self, unit: str, runtime: bool, properties: list[tuple[str, Variant]]
    ) -> tuple[str, str, tuple[object, ...]]:
        if unit not in self.units:
            return "NoSuchUnit", "", ()
        assert runtime is True
        self.units[unit].update({name: value.value for name, value in properties})
        return "", "", ()

    def on_StopUnit(self, unit: str, mode: str) -> tuple[str, str, tuple[object, ...]]:
        if unit not in self.units:
            return "NoSuchUnit", "", ()
        del self.units[unit]
        shutil.rmtree(self.folder(unit))
        return "", "o", ("/job/2",)

    def on_ResetFailedUnit(self, unit: str) -> tuple[str, str, tuple[object, ...]]:
        return "NoSuchUnit", "", ()


class FolderTree:
    """The tree below, as plain folders."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.ensured: list[str] = []

    def has(self, path: str) -> bool:
        return (self.top / path[1:]).is_dir()

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None:
        assert self.has(path)
        self.ensured.append(path)

    def remove(self, paths: Iterable[str]) -> Left:
        for path in paths:
            shutil.rmtree(self.top / path[1:], ignore_errors=True)
        return Left()

    def kill(self, left: Left) -> None:
        raise AssertionError(left)

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]:
        return {}

    def tasks(self, path: str) -> int | None:
        return None

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]:
        paths = [f"{p}/{c.name}" for p in parents for c in (self.top / p[1:]).glob("*")]
        return {uid: path for path in paths if (uid := uid_of_path(path))}


class Node:
    def __init__(self, top: Path, bus: str, private: str) -> None:
        self.systemd = StandIn(top)
        self.inner = FolderTree(top)
        self.tree = SystemdTree(self.inner, 2, lambda: connect(bus, private))

    def ensure(self, **values: int) -> None:
        pod = PodCgroup(path=POD, resources=msgspec.convert(values, Resources), pids_max=9)
        self.tree.ensure(POD, pod, lift=True)


@pytest.fixture(params=["private", "daemon"])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    top, path = tmp_path / "cgroup", str(tmp_path / "socket")
    top.mkdir()
    if request.param == "private":
        node = Node(top, f"{path}-none", path)
        node.systemd.listen(path)
        yield node
        node.systemd.end()
        return
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed")
    config = tmp_path / "bus.conf"
    config.write_text(DAEMON_CONFIG.format(path=path))
    command = [program, f"--config-file={config}", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline().startswith(b"unix:")
        node = Node(top, path, f"{path}-none")
        node.systemd.join_bus(path)
        yield node
        node.systemd.end()
        daemon.terminate()


def test_a_slice_is_started_once_with_its_limits_and_its_parent(node: Node) -> None:
    node.ensure(cpu_shares=1024, cpu_quota=12_345, cpu_period=100_000, memory_limit_bytes=1 << 20)
    unit = node.systemd.units[UNIT]
    assert unit["Wants"] == ["kubepods-burstable.slice"]
    assert unit["DefaultDependencies"] is False
    assert unit["CPUWeight"] == 39
    assert unit["MemoryMax"] == 1 << 20
    assert unit["TasksMax"] == 9
    assert unit["CPUQuotaPerSecUSec"] == 130_000  # rounded up to systemd's 10 ms
    assert unit["CPUQuotaPeriodUSec"] == 100_000
    assert node.inner.ensured == [f"/{FOLDER}"]
    node.ensure(cpu_shares=1024, cpu_quota=12_345, cpu_period=100_000, memory_limit_bytes=1 << 20)
    assert node.systemd.calls == ["Subscribe", "StartTransientUnit"]


def test_changed_limits_are_told_and_taken_away(node: Node) -> None:
    node.ensure(memory_limit_bytes=1 << 20, cpu_quota=1000)
    node.ensure(cpu_shares=2)
    unit = node.systemd.units[UNIT]
    assert (unit["MemoryMax"], unit["CPUQuotaPerSecUSec"]) == (INFINITY, INFINITY)
    assert node.systemd.calls[-1] == "SetUnitProperties"


def test_a_restarted_agent_tells_again_and_finds_a_slice_systemd_forgot(node: Node) -> None:
    node.ensure(cpu_shares=2)
    node.tree = SystemdTree(node.inner, 2, node.tree._open_bus)
    node.ensure(cpu_shares=4)
    assert node.systemd.calls.count("StartTransientUnit") == 1
    del node.systemd.units[UNIT]
    node.ensure(cpu_shares=262_144)
    assert node.systemd.units[UNIT]["CPUWeight"] == 10_000
    assert node.systemd.calls.count("StartTransientUnit") == 2


def test_a_slice_that_exists_without_its_folder_gets_its_limits(node: Node) -> None:
    node.systemd.units[UNIT] = {}
    with suppress(AssertionError):  # the tree below wants the folder
        node.ensure(cpu_shares=262_144)
    assert node.systemd.units[UNIT]["CPUWeight"] == 10_000


async def test_a_pod_is_listed_by_its_neutral_path_and_stopped_through_systemd(node: Node) -> None:
    threads = Threads(1)
    cgroups = Kubepods(node.tree, threads)
    await cgroups.ensure_pod(PodCgroup(path=POD, resources=Resources(cpu_shares=2)))
    assert await cgroups.list_pods() == {UID: POD}
    for _ in range(2):
        await cgroups.remove_pod(UID)
        assert await cgroups.list_pods() == {}
    assert node.systemd.units == {}
    assert node.systemd.calls.count("StopUnit") == 1
    threads.close()


def test_a_job_that_fails_is_named(node: Node) -> None:
    node.systemd.result = "failed"
    with pytest.raises(HostError, match=f"systemd: start {UNIT}: the job ended as failed"):
        node.ensure(cpu_shares=2)


def test_a_systemd_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    systemd = StandIn(tmp_path)
    systemd.mute = True
    systemd.listen(f"{tmp_path}/socket")
    bus = Bus(f"{tmp_path}/socket", with_daemon=False, deadline=0.2)
    with pytest.raises(HostError, match=r"D-Bus a\.B\.C .*no answer within 0\.2 s"):
        bus.call("a.b", "/a", "a.B", "C")
    bus.close()
    systemd.end()


def test_no_systemd_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"reach systemd .*set cgroupDriver to cgroupfs"):
        connect(f"{tmp_path}/none", f"{tmp_path}/neither")


def test_v1_has_its_own_property_names(tmp_path: Path) -> None:
    systemd = StandIn(tmp_path)
    systemd.listen(f"{tmp_path}/socket")
    tree = SystemdTree(FolderTree(tmp_path), 1, lambda: connect("/none", f"{tmp_path}/socket"))
    want = Resources(cpu_shares=1024, memory_limit_bytes=4096)
    tree.ensure("/kubepods", PodCgroup(path="/kubepods", resources=want), lift=False)
    unit = systemd.units["kubepods.slice"]
    assert (unit["CPUShares"], unit["MemoryLimit"]) == (1024, 4096)
    assert "Wants" not in unit
    assert "TasksMax" not in unit
    systemd.end()


def test_signatures_are_split_into_whole_types() -> None:
    assert split_signature("ssa(sv)a(sa(sv))aay") == ["s", "s", "a(sv)", "a(sa(sv))", "aay"]


def test_a_message_has_the_bytes_of_the_specification() -> None:
    """Aligned by hand after "Message Format" of the D-Bus specification."""
    message = Message(kind=CALL, serial=1, member="M", signature="yt", body=(5, 6))
    data = bytes.fromhex(
        "6c01000110000000"  # little-endian, call, no flags, version 1, 16 bytes of body
        "0100000018000000"  # serial 1, 24 bytes of fields
        "03017300010000004d00"  # MEMBER, a string: "M"
        "000000000000"  # the next struct begins at a multiple of 8
        "0801670002797400"  # SIGNATURE, a signature: "yt"
        "05000000000000000600000000000000"  # 5, seven bytes to align, 6
    )
    assert pack(message) == data
    assert unpack(data) == message
    with pytest.raises(ValueError, match="ends too early"):
        unpack(data[:20])
