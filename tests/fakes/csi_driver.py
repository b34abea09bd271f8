"""A small CSI driver over real sockets that really mounts: folders by bind mounts, blocks by loop.

Runs inside a test (`serving`) or as a process of its own (`python -m tests.fakes.csi_driver FOLDER
REGISTRY`). Everything it does is on disk in its folder, so that a test sees it either way and it
may be killed at any moment:

- `volumes/<handle>`: the files of a volume, made when first staged or published
- `calls.jsonl`: every call with its request
- `faults/<Method>`: a gRPC status; the call fails with it, once for each line. `hang` waits, and
  `lie` answers without having done a thing.
- `options.json`: see `Options`
"""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from nodeagent.adapters.host.mounts import Kernel, mounts_below
from nodeagent.adapters.plugins.pb import pluginregistration_pb2 as registration
from nodeagent.adapters.volumes.csi.pb import csi_pb2 as pb

NAME = "folders.csi.nodeagent.dev"
_RPC = pb.NodeServiceCapability.RPC
SKILLS = {
    "stage": _RPC.STAGE_UNSTAGE_VOLUME,
    "stats": _RPC.GET_VOLUME_STATS,
    "expand": _RPC.EXPAND_VOLUME,
    "modes": _RPC.SINGLE_NODE_MULTI_WRITER,
    "group": _RPC.VOLUME_MOUNT_GROUP,
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of driver it is."""

    name: str = NAME
    skills: tuple[str, ...] = ("stage", "stats", "expand")
    versions: tuple[str, ...] = ("1.0.0",)
    limit: int = 0
    topology: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """One call, as it came."""

    method: str
    request: dict[str, Any]


class Disk:
    """The folder of a driver, for the driver and for the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "faults").mkdir(parents=True, exist_ok=True)
        (folder / "volumes").mkdir(exist_ok=True)
        self.socket = folder / "csi.sock"

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """Requests of one method, or "method" of all, in order."""
        log = self.folder / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [msgspec.json.decode(line, type=Call) for line in lines]
        return [one.request for one in found if one.method == method]

    def methods(self) -> list[str]:
        """Which calls there were, those that only ask left out."""
        log = self.folder / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [msgspec.json.decode(line, type=Call).method for line in lines]
        return [name.removeprefix("Node") for name in found if "Get" not in name]

    def fail(self, method: str, *codes: str) -> None:
        """The next calls fail so; "hang" never answers."""
        (self.folder / "faults" / method).write_text("".join(f"{code}\n" for code in codes))

    def configure(self, options: Options) -> None:
        """Counts from the next start on."""
        (self.folder / "options.json").write_bytes(msgspec.json.encode(options))

    @property
    def options(self) -> Options:
        """What kind of driver it is."""
        path = self.folder / "options.json"
        return msgspec.json.decode(path.read_bytes(), type=Options) if path.exists() else Options()

    def volume(self, handle: str) -> Path:
        """The files of a volume; blocks have one file."""
        return self.folder / "volumes" / handle

    def note(self, method: str, request: Message) -> None:
        found = MessageToDict(request, preserving_proto_field_name=True)
        with (self.folder / "calls.jsonl").open("ab") as log:
            log.write(msgspec.json.encode(Call(method, found)) + b"\n")

    def fault(self, method: str) -> str:
        """The next fault, taken out."""
        path = self.folder / "faults" / method
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            return ""
        path.write_text("".join(f"{line}\n" for line in lines[1:]))
        return lines[0]


class FolderDriver:
    """The node service: each call may be repeated."""

    def __init__(self, disk: Disk) -> None:
        self._disk, self._kernel = disk, Kernel()

    def NodeGetInfo(self, _: pb.NodeGetInfoRequest) -> pb.NodeGetInfoResponse:
        options = self._disk.options
        topology = pb.Topology(segments=options.topology) if options.topology else None
        return pb.NodeGetInfoResponse(
            node_id="node-of-folders",
            max_volumes_per_node=options.limit,
            accessible_topology=topology,
        )

    def NodeGetCapabilities(
        self, _: pb.NodeGetCapabilitiesRequest
    ) -> pb.NodeGetCapabilitiesResponse:
        has = [
            pb.NodeServiceCapability(rpc=_RPC(type=SKILLS[name]))
            for name in self._disk.options.skills
        ]
        return pb.NodeGetCapabilitiesResponse(capabilities=has)

    def NodeStageVolume(self, request: pb.NodeStageVolumeRequest) -> Message:
        if not request.volume_capability.HasField("block"):
            self._bind(self._files(request.volume_id), request.staging_target_path)
        return pb.NodeStageVolumeResponse()

    def NodeUnstageVolume(self, request: pb.NodeUnstageVolumeRequest) -> Message:
        self._free(request.staging_target_path)
        return pb.NodeUnstageVolumeResponse()

    def NodePublishVolume(self, request: pb.NodePublishVolumeRequest) -> Message:
        target = request.target_path
        if not Path(target).parent.is_dir():
            raise KeyError("the folder above the target is missing")
        if request.volume_capability.HasField("block"):
            self._publish_block(request.volume_id, target)
            return pb.NodePublishVolumeResponse()
        source = request.staging_target_path or str(self._files(request.volume_id))
        Path(target).mkdir(exist_ok=True)
        self._bind(Path(source), target)
        return pb.NodePublishVolumeResponse()

    def NodeUnpublishVolume(self, request: pb.NodeUnpublishVolumeRequest) -> Message:
        target = Path(request.target_path)
        if target.exists() and stat.S_ISBLK(target.stat().st_mode):
            device = _loop_of(self._disk.volume(request.volume_id))
            self._free(str(target))
            if device:
                subprocess.run(["losetup", "-d", device], check=True)
        self._free(str(target))
        with contextlib.suppress(FileNotFoundError):
            target.rmdir() if target.is_dir() else target.unlink()
        return pb.NodeUnpublishVolumeResponse()

    def NodeGetVolumeStats(self, request: pb.NodeGetVolumeStatsRequest) -> Message:
        size = pb.VolumeUsage(available=70, total=100, used=30, unit=pb.VolumeUsage.BYTES)
        inodes = pb.VolumeUsage(available=7, total=10, used=3, unit=pb.VolumeUsage.INODES)
        return pb.NodeGetVolumeStatsResponse(usage=[size, inodes])

    def NodeExpandVolume(self, request: pb.NodeExpandVolumeRequest) -> Message:
        size = request.capacity_range.required_bytes
        return pb.NodeExpandVolumeResponse(capacity_bytes=size)

    def _files(self, handle: str) -> Path:
        files = self._disk.volume(handle)
        files.mkdir(exist_ok=True)
        return files

    def _bind(self, source: Path, target: str) -> None:
        if not self._kernel.is_mount(target):
            self._kernel.bind(str(source), target)

    def _free(self, path: str) -> None:
        for point in self._kernel.mounts_below(path):
            self._kernel.unmount(point)

    def _publish_block(self, handle: str, target: str) -> None:
        file = self._disk.volume(handle)
        if not file.exists():
            file.write_bytes(b"block\n" + bytes((1 << 20) - 6))
        device = _loop_of(file)
        if not device:
            made = ["losetup", "--find", "--show", str(file)]
            device = subprocess.run(made, check=True, capture_output=True, text=True).stdout.strip()
        Path(target).touch()
        self._bind(Path(device), target)


def _loop_of(file: Path) -> str:
    """The loop device of a file, "" if it has none."""
    words = ["losetup", "-j", str(file)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return told.partition(":")[0]


def tidy(disk: Disk, top: Path) -> None:
    """Nothing is mounted below `top` and no loop device has a file of the driver."""
    for mount in mounts_below(str(top)):
        Kernel().unmount(mount.point)
    for file in (disk.folder / "volumes").iterdir():
        if file.is_file() and (device := _loop_of(file)):
            subprocess.run(["losetup", "-d", device], check=True)


class Announcement:
    """The registration service, which real drivers have in a sidecar. `told` is what came back."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def GetInfo(self, _: registration.InfoRequest) -> registration.PluginInfo:
        options = self._disk.options
        return registration.PluginInfo(
            type="CSIPlugin",
            name=options.name,
            endpoint=str(self._disk.socket),
            supported_versions=options.versions,
        )

    def NotifyRegistrationStatus(
        self, request: registration.RegistrationStatus
    ) -> registration.RegistrationStatusResponse:
        return registration.RegistrationStatusResponse()


def _handler(
    disk: Disk,
    method: str,
    call: Callable[[Any], Message],
    kind: type[Message],
    answers: type[Message],
) -> "grpc.RpcMethodHandler[Any, Any]":
    async def answer(request: Message, context: "grpc.aio.ServicerContext[Any, Any]") -> Message:
        disk.note(method, request)
        fault = disk.fault(method)
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "lie":
            return answers()
        if fault:
            await context.abort(grpc.StatusCode[fault], f"{method} is to fail")
        return call(request)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=kind.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _service(
    disk: Disk, name: str, servant: object, messages: Any
) -> "grpc.GenericRpcHandler[Any, Any]":
    methods = messages.DESCRIPTOR.services_by_name[name.rpartition(".")[2]].methods
    table = {
        one.name: _handler(
            disk,
            one.name,
            getattr(servant, one.name),
            getattr(messages, one.input_type.name),
            getattr(messages, one.output_type.name),
        )
        for one in methods
    }
    return grpc.method_handlers_generic_handler(name, table)


@contextlib.asynccontextmanager
async def serving(disk: Disk, registry: Path) -> AsyncIterator[Path]:
    """The driver and its announcement listen; yields the socket of the latter."""
    announced = registry / f"{disk.options.name}-reg.sock"
    servers = []
    parts = (
        (disk.socket, _service(disk, "csi.v1.Node", FolderDriver(disk), pb)),
        (
            announced,
            _service(disk, "pluginregistration.Registration", Announcement(disk), registration),
        ),
    )
    for socket, service in parts:
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((service,))
        server.add_insecure_port(f"unix://{socket}")
        await server.start()
        servers.append(server)
    try:
        yield announced
    finally:
        for server in reversed(servers):
            await server.stop(None)
        announced.unlink(missing_ok=True)


async def _main(folder: str, registry: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    os.makedirs(registry, exist_ok=True)  # noqa: PTH103
    async with serving(Disk(Path(folder)), Path(registry)):
        print(json.dumps({"pid": os.getpid()}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:3]))
