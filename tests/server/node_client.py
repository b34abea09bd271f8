"""A small client of the node's port: HTTP over TLS, and streams after an upgrade."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.server.http_client import Answer, Stream
from tests.server.pki import client_context


class Client:
    """Asks one port, with or without a certificate and a token."""

    def __init__(
        self, port: int, context: ssl.SSLContext | None = None, *, token: str = "", tls: bool = True
    ) -> None:
        self.port, self.token = port, token
        self.context = (context or client_context()) if tls else None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The head of a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: node"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    @asynccontextmanager
    async def open(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> AsyncIterator[Stream]:
        """An answer whose head is there."""
        reader, writer = await self.connect()
        try:
            sent = dict(headers or {})
            if body:
                sent["Content-Length"] = str(len(body))
            writer.write(self.head(method, path, sent) + body)
            stream = Stream(reader, writer)
            async with asyncio.timeout(10):
                await stream.begin()
            yield stream
        finally:
            writer.close()

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """The whole answer."""
        async with self.open(path, method=method, headers=headers, body=body) as stream:
            rest = b"" if method == "HEAD" else await stream.rest()
            return Answer(stream.code, stream.headers, rest)
