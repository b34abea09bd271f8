"""/logs/: files below /var/log, and the node log query."""

import gzip
import mimetypes
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from nodeagent.core.log_query import (
    LogQuery,
    Unreadable,
    journal_arguments,
    log_files_of,
    read_query,
)
from nodeagent.errors import AgentError
from nodeagent.server.node_http import TEXT, NodeHandler
from nodeagent.server.refusals import Refusal
from nodeagent.server.system_files import open_beneath

_NO_JOURNAL = b"\nerror: journal output not available\n"


class SystemLogs(NodeHandler):
    """A file, a folder's names, or what the journal has of services."""

    async def get(self, path: str | None = None) -> None:
        query = self._query() if self.port.switches.log_query else None
        if query is not None and query.services:
            await self._services(query)
            return
        place = query.file.replace("\\", "/") if query is not None and query.file else path or ""
        try:
            await self._file(place)
        except (OSError, RuntimeError, ValueError) as error:  # links that lead round, odd names
            raise Refusal(404, "404 page not found\n") from error

    def _query(self) -> LogQuery | None:
        given = {
            name: [value.decode(errors="replace") for value in values]
            for name, values in self.request.query_arguments.items()
        }
        try:
            return read_query(given)
        except Unreadable as wrong:
            raise Refusal(wrong.code, f"{wrong}\n") from wrong

    async def _file(self, path: str) -> None:
        run = self.port.threads.run
        with await run(open_beneath, self.backing.system_logs_dir, path) as found:
            if found.is_folder:
                self.set_header("Content-Type", "text/html; charset=utf-8")
                self.write(await run(found.listing))
                return
            self.set_header("Content-Type", _kind_of(path))
            while block := await run(found.read):
                if self.closed:
                    return
                self.write(block)
                await self.flush()

    async def _services(self, query: LogQuery) -> None:
        self.set_header("Content-Type", "text/plain;charset=UTF-8")
        packed = self.request.headers.get("Accept-Encoding") == "gzip"
        if packed:
            self.set_header("Content-Encoding", "gzip")
        async with aclosing(self._pieces(query)) as pieces:
            async for piece in pieces:
                if self.closed:
                    return
                # Each piece is a member of its own: readers take them one after the other.
                self.write(gzip.compress(piece, compresslevel=1) if packed else piece)
                await self.flush()

    async def _pieces(self, query: LogQuery) -> AsyncGenerator[bytes, None]:
        journal = self.backing.journal
        try:
            units = await journal.units()
        except AgentError:
            units = frozenset()
        native = [
            one for one in query.services if f"{one.removesuffix('.service')}.service" in units
        ]
        others = [one for one in query.services if one not in native]
        if others and query.has_options:
            listed = " ".join(others)
            yield (
                f"\noptions present and query resolved to log files for [{listed}]\n"
                "try without specifying options\n"
            ).encode()
            return
        if others:
            async with aclosing(self._files_of(others)) as files:
                async for piece in files:
                    yield piece
            return
        try:
            async with aclosing(journal.read(journal_arguments(query, native))) as lines:
                async for piece in lines:
                    yield piece
        except AgentError:
            yield _NO_JOURNAL

    async def _files_of(self, services: Iterable[str]) -> AsyncGenerator[bytes, None]:
        run = self.port.threads.run
        for service in services:
            for path in log_files_of(service):
                try:
                    found = await run(open_beneath, self.backing.system_logs_dir, path)
                except (OSError, RuntimeError, ValueError):
                    continue
                with found:
                    if found.is_folder:
                        continue
                    while block := await run(found.read):
                        yield block
                break
            else:
                yield f"\nlog not found for {service}\n".encode()


def _kind_of(path: str) -> str:
    kind, packed = mimetypes.guess_type(path)
    if packed:
        return "application/gzip" if packed == "gzip" else "application/octet-stream"
    return TEXT if kind is None or kind.startswith("text/") else kind
