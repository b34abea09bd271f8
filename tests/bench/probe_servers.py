"""Many HTTP servers in one process of their own: `python -m tests.bench.probe_servers COUNT`.

Prints the ports. The path /after/SECONDS answers 503 until so many seconds after the start, and 200
from then on; /until/SECONDS the other way round, and each 503 of it is printed with port and time.
"""

import asyncio
import sys
import time

BEGAN = time.time()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
NOT_YET = b"HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Answering(asyncio.Protocol):
    """One connection: one request, one answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        ready = True
        if path.startswith(b"/until/"):
            ready = time.time() < BEGAN + float(path.removeprefix(b"/until/"))
            if not ready:
                port = self._transport.get_extra_info("sockname")[1]
                print("failed", port, time.time(), flush=True)
        if path.startswith(b"/after/"):
            ready = time.time() >= BEGAN + float(path.removeprefix(b"/after/"))
        self._transport.write(OK if ready else NOT_YET)
        self._transport.close()


async def main(count: int) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Answering, "127.0.0.1", 0) for _ in range(count)]
    ports = [str(server.sockets[0].getsockname()[1]) for server in servers]
    print(BEGAN, *ports, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
