"""TCP probes against real local sockets."""

import asyncio
import socket

from nodeagent.adapters.probes.tcp import probe_tcp
from nodeagent.model.probes import Outcome, TcpCheck
from tests.adapters.probes.servers import TIME_WAIT, silent, sockets_in_state

LOCAL = "127.0.0.1"


async def test_an_open_port_is_a_success_and_nothing_waits() -> None:
    async with await asyncio.start_server(silent, LOCAL, 0) as server:
        port = server.sockets[0].getsockname()[1]
        for _ in range(10):
            result = await probe_tcp(TcpCheck(port=port), LOCAL, limit=5)
            assert result.outcome is Outcome.SUCCESS
        await asyncio.sleep(0.05)
        assert sockets_in_state(port, TIME_WAIT) == 0


async def test_a_closed_port_is_a_failure_in_known_words() -> None:
    async with await asyncio.start_server(silent, LOCAL, 0) as server:
        port = server.sockets[0].getsockname()[1]
    result = await probe_tcp(TcpCheck(port=port), LOCAL, limit=5)
    assert result.outcome is Outcome.FAILURE
    assert result.output == f"dial tcp 127.0.0.1:{port}: connect: connection refused"


async def test_a_full_backlog_ends_at_the_deadline() -> None:
    with socket.socket() as listener:
        listener.bind((LOCAL, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with socket.socket() as first, socket.socket() as second:
            for filler in (first, second):
                filler.setblocking(False)
                filler.connect_ex((LOCAL, port))
            result = await probe_tcp(TcpCheck(port=port, host=LOCAL), "", limit=0.1)
    assert result.timed_out
    assert result.output == f"dial tcp 127.0.0.1:{port}: i/o timeout"
