"""Ask a CRI socket, once and quickly, everything that `doctor` wants to know of it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.channel import open_channel
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.parse import parse_health, parse_info
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.core.machine_facts import (
    RuntimeFacts,
)
from nodeagent.errors import CriError, CriUnimplemented


async def check_up(endpoint: str, *, timeout: float) -> RuntimeFacts:
    """The facts; where the socket does not answer within `timeout` seconds, the trouble."""
    channel = open_channel(endpoint)
    calls = RuntimeCalls(channel)
    try:
        version, status, config, sandboxes = await asyncio.gather(
            _ask("Version", calls.version, pb.VersionRequest(), timeout),
            _ask("Status", calls.status, pb.StatusRequest(verbose=True), timeout),
            _config(calls, timeout),
            _sandboxes(calls, timeout),
        )
    except CriError as error:
        return RuntimeFacts(endpoint=endpoint, trouble=error.detail)
    finally:
        await channel.close(None)
    info, health = parse_info(version, status, config), parse_health(status.status)
    cni = _cni(status.info)
    bins = cni.get("binDirs") or ([cni["binDir"]] if cni.get("binDir") else [])
    return RuntimeFacts(
        endpoint=endpoint,
        name=info.name,
        version=info.version,
        cgroup_driver=info.cgroup_driver,
        ready=health.runtime_ready,
        ready_message=health.message,
        network_ready=health.network_ready,
        network_message=health.network_message,
        sandboxes=sandboxes,
        cni_dirs=(str(cni["confDir"]),) if cni.get("confDir") else (),
        cni_bin_dirs=tuple(str(one) for one in bins),
    )


async def _ask(name: str, call: Any, request: Any, timeout: float) -> Any:
    with translated(name, "container runtime"):
        return await call(request, timeout=timeout)


async def _config(calls: RuntimeCalls, timeout: float) -> pb.RuntimeConfigResponse | None:
    try:
        with translated("RuntimeConfig", "container runtime"):
            return await calls.runtime_config(pb.RuntimeConfigRequest(), timeout=timeout)
    except CriUnimplemented:
        return None


async def _sandboxes(calls: RuntimeCalls, timeout: float) -> frozenset[str] | None:
    """None where there are too many for one answer, or the runtime is just too busy."""
    try:
        with translated("ListPodSandbox", "container runtime"):
            answer = await calls.list_sandboxes(pb.ListPodSandboxRequest(), timeout=timeout)
    except CriError:
        return None
    return frozenset(sandbox.id for sandbox in answer.items)


def _cni(info: Mapping[str, str]) -> dict[str, Any]:
    """Where containerd's CRI plugin looks for networks; {} where it is not told."""
    try:
        told = msgspec.json.decode(info.get("config", "{}"))
    except msgspec.DecodeError:
        return {}
    found = told.get("cni") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}
