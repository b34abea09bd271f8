"""TCP probes: connect, then close."""

import asyncio

from nodeagent.adapters.probes.wire import Wire, WireError
from nodeagent.model.probes import Outcome, ProbeResult, TcpCheck


async def probe_tcp(check: TcpCheck, ip: str, *, limit: float) -> ProbeResult:
    """Success once the connection stands; it is closed without a byte sent."""
    host = (check.host or ip).removeprefix("[").removesuffix("]")
    try:
        async with asyncio.timeout(limit):
            wire = await Wire.dial(host, check.port)
    except TimeoutError:
        where = f"[{host}]" if ":" in host else host
        words = f"dial tcp {where}:{check.port}: i/o timeout"
        return ProbeResult(outcome=Outcome.FAILURE, output=words, timed_out=True)
    except WireError as error:
        return ProbeResult(outcome=Outcome.FAILURE, output=str(error))
    wire.close()
    return ProbeResult(outcome=Outcome.SUCCESS)
