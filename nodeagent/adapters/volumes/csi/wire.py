"""The calls of a CSI driver's node service over its socket, in values of our own."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias, TypeVar

import grpc.aio
import msgspec
from google.protobuf.message import Message

from nodeagent.adapters.volumes.csi.pb import csi_pb2 as pb
from nodeagent.errors import DriverFailed
from nodeagent.model.csi import CsiNodeInfo
from nodeagent.model.usage import FileSystem

Answer = TypeVar("Answer", bound=Message)

LIMIT: Final = 120.0  # seconds for each call, as a kubelet has it
_NO_ANSWER: Final = "unknown-non-grpc"
Tell: TypeAlias = Callable[[str, str, str, float], None]
"""Hears of each call: driver, method, gRPC's word for how it ended, seconds."""
_NODE: Final = "/csi.v1.Node/"
_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
)
# After these the driver may still be at work, or may have done it.
_UNSURE: Final = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
)
_GO_CODES: Final = {"OK": "OK", "CANCELLED": "Canceled"}
_Rpc = pb.NodeServiceCapability.RPC
_Mode = pb.VolumeCapability.AccessMode
_MODES: Final = {
    "ReadWriteOnce": _Mode.SINGLE_NODE_WRITER,
    "ReadWriteOncePod": _Mode.SINGLE_NODE_WRITER,
    "ReadOnlyMany": _Mode.MULTI_NODE_READER_ONLY,
    "ReadWriteMany": _Mode.MULTI_NODE_MULTI_WRITER,
}
_FINE_MODES: Final = {
    **_MODES,
    "ReadWriteOnce": _Mode.SINGLE_NODE_MULTI_WRITER,
    "ReadWriteOncePod": _Mode.SINGLE_NODE_SINGLE_WRITER,
}


def nobody(driver: str, method: str, code: str, seconds: float) -> None:
    """Hears nothing."""


class Skills(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can do beside publishing."""

    stage: bool = False
    stats: bool = False
    expand: bool = False
    fine_modes: bool = False  # tells ReadWriteOncePod from ReadWriteOnce
    group: bool = False  # gives the files to a group by itself


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A volume and how it is used: what stage, publish and expand say in common."""

    handle: str
    access: str  # a mode of Kubernetes
    block: bool = False
    fstype: str = ""
    flags: tuple[str, ...] = ()
    group: int | None = None  # only for drivers with that skill
    staging: str = ""  # "" for a driver that does not stage
    attached: Mapping[str, str] = {}  # what attaching it has told
    attributes: Mapping[str, str] = {}


class Driver:
    """One driver at its socket. Every call may be repeated. DriverFailed has the driver's words."""

    def __init__(self, name: str, socket: str, *, tell: Tell = nobody) -> None:
        self.name, self.socket, self._tell = name, socket, tell
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", options=_OPTIONS)
        self._skills: Skills | None = None

    async def close(self) -> None:
        """Calls that are under way fail."""
        await self._channel.close(None)

    async def info(self) -> CsiNodeInfo:
        """NodeGetInfo."""
        found = await self._call("NodeGetInfo", pb.NodeGetInfoRequest(), pb.NodeGetInfoResponse)
        if not found.node_id:
            raise self._error("NodeGetInfo", "it gave no node id", final=True)
        return CsiNodeInfo(
            node_id=found.node_id,
            limit=max(found.max_volumes_per_node, 0),
            topology=dict(found.accessible_topology.segments),
        )

    async def skills(self) -> Skills:
        """NodeGetCapabilities, asked once for as long as the driver stays."""
        if self._skills is None:
            request = pb.NodeGetCapabilitiesRequest()
            found = await self._call("NodeGetCapabilities", request, pb.NodeGetCapabilitiesResponse)
            has = {one.rpc.type for one in found.capabilities}
            self._skills = Skills(
                stage=_Rpc.STAGE_UNSTAGE_VOLUME in has,
                stats=_Rpc.GET_VOLUME_STATS in has,
                expand=_Rpc.EXPAND_VOLUME in has,
                fine_modes=_Rpc.SINGLE_NODE_MULTI_WRITER in has,
                group=_Rpc.VOLUME_MOUNT_GROUP in has,
            )
        return self._skills

    async def stage(self, use: Use, *, secrets: Mapping[str, str]) -> None:
        """NodeStageVolume; the staging folder has to exist."""
        request = pb.NodeStageVolumeRequest(
            volume_id=use.handle,
            publish_context=use.attached,
            staging_target_path=use.staging,
            volume_capability=await self._capability(use),
            secrets=secrets,
            volume_context=use.attributes,
        )
        await self._call("NodeStageVolume", request, pb.NodeStageVolumeResponse)

    async def unstage(self, handle: str, staging: str) -> None:
        """NodeUnstageVolume."""
        request = pb.NodeUnstageVolumeRequest(volume_id=handle, staging_target_path=staging)
        await self._call("NodeUnstageVolume", request, pb.NodeUnstageVolumeResponse)

    async def publish(
        self, use: Use, target: str, *, read_only: bool, secrets: Mapping[str, str]
    ) -> None:
        """NodePublishVolume; the folder above the target has to exist."""
        request = pb.NodePublishVolumeRequest(
            volume_id=use.handle,
            publish_context=use.attached,
            staging_target_path=use.staging,
            target_path=target,
            volume_capability=await self._capability(use),
            readonly=read_only,
            secrets=secrets,
            volume_context=use.attributes,
        )
        await self._call("NodePublishVolume", request, pb.NodePublishVolumeResponse)

    async def unpublish(self, handle: str, target: str) -> None:
        """NodeUnpublishVolume."""
        request = pb.NodeUnpublishVolumeRequest(volume_id=handle, target_path=target)
        await self._call("NodeUnpublishVolume", request, pb.NodeUnpublishVolumeResponse)

    async def expand(self, use: Use, target: str, *, size: int, secrets: Mapping[str, str]) -> None:
        """NodeExpandVolume: the file system has at least `size` bytes afterwards."""
        request = pb.NodeExpandVolumeRequest(
            volume_id=use.handle,
            volume_path=target,
            capacity_range=pb.CapacityRange(required_bytes=size),
            staging_target_path=use.staging,
            volume_capability=await self._capability(use),
            secrets=secrets,
        )
        await self._call("NodeExpandVolume", request, pb.NodeExpandVolumeResponse)

    async def stats(self, handle: str, target: str, staging: str, *, limit: float) -> FileSystem:
        """NodeGetVolumeStats, by `limit` seconds."""
        request = pb.NodeGetVolumeStatsRequest(
            volume_id=handle, volume_path=target, staging_target_path=staging
        )
        found = await self._call(
            "NodeGetVolumeStats", request, pb.NodeGetVolumeStatsResponse, limit=limit
        )
        size = _usage(found, pb.VolumeUsage.BYTES)
        inodes = _usage(found, pb.VolumeUsage.INODES)
        return FileSystem(
            at=time.time(),
            capacity=size.total,
            available=size.available,
            used=size.used,
            inodes=inodes.total,
            inodes_free=inodes.available,
        )

    async def _capability(self, use: Use) -> pb.VolumeCapability:
        modes = _FINE_MODES if (await self.skills()).fine_modes else _MODES
        mode = _Mode(mode=modes.get(use.access, _Mode.UNKNOWN))
        if use.block:
            return pb.VolumeCapability(block=pb.VolumeCapability.BlockVolume(), access_mode=mode)
        mount = pb.VolumeCapability.MountVolume(
            fs_type=use.fstype,
            mount_flags=use.flags,
            volume_mount_group="" if use.group is None else str(use.group),
        )
        return pb.VolumeCapability(mount=mount, access_mode=mode)

    async def _call(
        self, method: str, request: Message, answer: type[Answer], *, limit: float = LIMIT
    ) -> Answer:
        call: Callable[..., Awaitable[Answer]] = self._channel.unary_unary(
            _NODE + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        began, code = time.monotonic(), _NO_ANSWER
        try:
            with self._translated(method):
                found = await call(request, timeout=limit)
            code = "OK"
        except DriverFailed as error:
            code = _spelled(error.code) if error.code else _NO_ANSWER
            raise
        finally:
            self._tell(self.name, _NODE + method, code, time.monotonic() - began)
        return found

    @contextmanager
    def _translated(self, method: str) -> Iterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            words = f"rpc error: code = {_spelled(code)} desc = {error.details() or 'no detail'}"
            final = error.code() not in _UNSURE
            raise self._error(method, words, final=final, code=code) from error
        except grpc.aio.UsageError as error:
            raise self._error(method, "the driver went away", final=False) from error

    def _error(self, method: str, words: str, *, final: bool, code: str = "") -> DriverFailed:
        return DriverFailed(op=method, target=self.name, detail=words, final=final, code=code)


def _spelled(code: str) -> str:
    """DEADLINE_EXCEEDED as Go has it: DeadlineExceeded."""
    return _GO_CODES.get(code) or "".join(part.capitalize() for part in code.split("_"))


def _usage(found: pb.NodeGetVolumeStatsResponse, unit: int) -> pb.VolumeUsage:
    return next((one for one in found.usage if one.unit == unit), pb.VolumeUsage())
