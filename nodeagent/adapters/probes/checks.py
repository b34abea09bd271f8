"""All kinds of checks behind one call."""

from nodeagent.adapters.probes.exec import ExecSync, probe_exec
from nodeagent.adapters.probes.grpc import probe_grpc
from nodeagent.adapters.probes.http import probe_http
from nodeagent.adapters.probes.tcp import probe_tcp
from nodeagent.model.probes import (
    BrokenCheck,
    Check,
    ExecCheck,
    GrpcCheck,
    HttpCheck,
    Outcome,
    ProbeResult,
    Target,
    TcpCheck,
)


class ProbeChecks:
    """Implements the engine's `Checks`."""

    def __init__(self, runtime: ExecSync) -> None:
        self._runtime = runtime

    async def check(self, check: Check, target: Target, *, limit: float) -> ProbeResult:
        """Ask once, over within `limit` seconds."""
        match check:
            case HttpCheck():
                return await probe_http(check, target.ip, limit=limit)
            case TcpCheck():
                return await probe_tcp(check, target.ip, limit=limit)
            case GrpcCheck():
                return await probe_grpc(check, target.ip, limit=limit)
            case ExecCheck():
                return await probe_exec(self._runtime, check, target.container_id, limit=limit)
            case BrokenCheck():
                return ProbeResult(outcome=Outcome.ERROR, output=check.detail)
