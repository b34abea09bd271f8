"""Asks credential provider plugins, one process for each question, and remembers answers."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from nodeagent.adapters.credentials.config import Provider
from nodeagent.core.credentials import is_match, read_entries, repository_of
from nodeagent.model.credentials import Credential
from nodeagent.settings.scalars import parse_duration

LIMIT = 60.0  # seconds that a plugin may take
MOST_KEPT = 1000  # answers
Tell = Callable[[str, float, bool], None]

_log: structlog.stdlib.BoundLogger = structlog.get_logger("nodeagent.credentials")


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    cache_key_type: str
    cache_duration: str | None = None
    auth: dict[str, Any] | None = None


class _Kept(msgspec.Struct, frozen=True):
    until: float
    credentials: tuple[Credential, ...]


class PluginFailed(Exception):
    """A plugin gave no usable answer; it is told, and counts as one without credentials."""


class Plugins:
    """All plugins of the node. The same question is asked once at a time.

    `tell` hears of each run: the plugin, its seconds, and whether it failed.
    """

    def __init__(
        self,
        providers: Iterable[Provider],
        bin_dir: Path,
        *,
        limit: float = LIMIT,
        tell: Tell = lambda plugin, seconds, failed: None,
    ) -> None:
        self._providers, self._bin_dir, self._limit = tuple(providers), bin_dir, limit
        self._tell = tell
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def provided(self, image: str) -> tuple[Credential, ...]:
        """What every plugin that is for the image answers."""
        found: list[Credential] = []
        repository = repository_of(image)
        for provider in self._providers:
            tokens = provider.token_attributes
            if tokens is not None and tokens.require_service_account:
                continue  # there is no API server to give a token
            if any(is_match(pattern, repository) for pattern in provider.match_images):
                found += await self._ask_once(provider, repository)
        return tuple(found)

    async def _ask_once(self, provider: Provider, image: str) -> tuple[Credential, ...]:
        at = (provider.name, image)
        lock = self._locks.setdefault(at, asyncio.Lock())
        try:
            async with lock:
                known = self._recall(provider, image)
                return await self._ask(provider, image) if known is None else known
        except PluginFailed as error:
            _log.warning("credential provider failed", plugin=provider.name, error=str(error))
            return ()
        finally:
            if not lock.locked():
                self._locks.pop(at, None)

    def _recall(self, provider: Provider, image: str) -> tuple[Credential, ...] | None:
        now = time.monotonic()
        for key in (image, image.partition("/")[0], ""):
            kept = self._kept.get((provider.name, key))
            if kept is not None and kept.until > now:
                return kept.credentials
        return None

    async def _ask(self, provider: Provider, image: str) -> tuple[Credential, ...]:
        question = {
            "apiVersion": provider.api_version,
            "kind": "CredentialProviderRequest",
            "image": image,
        }
        began, failed = time.monotonic(), True
        try:
            out = await self._run(provider, msgspec.json.encode(question))
            failed = False
        finally:
            self._tell(provider.name, time.monotonic() - began, failed)
        answer = _parse(out, provider)
        wallet = read_entries(answer.auth or {})
        if wallet.problems:
            raise PluginFailed("; ".join(wallet.problems))
        keys = {"Image": image, "Registry": image.partition("/")[0], "Global": ""}
        if answer.cache_key_type not in keys:
            raise PluginFailed(f'cacheKeyType "{answer.cache_key_type}" is not known')
        self._keep((provider.name, keys[answer.cache_key_type]), answer, provider, wallet)
        return wallet.credentials

    def _keep(self, at: tuple[str, str], answer: _Answer, provider: Provider, wallet: Any) -> None:
        try:
            given = answer.cache_duration
            seconds = provider.keep if given is None else parse_duration(given)
        except ValueError as error:
            raise PluginFailed(f"cacheDuration: {error}") from error
        now = time.monotonic()
        if len(self._kept) >= MOST_KEPT:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.until > now}
        if seconds > 0 and len(self._kept) < MOST_KEPT:
            self._kept[at] = _Kept(now + seconds, wallet.credentials)

    async def _run(self, provider: Provider, question: bytes) -> bytes:
        environment = {**os.environ, **{v.name: v.value for v in provider.env}}
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._bin_dir / provider.name),
                *provider.args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise PluginFailed(f"it cannot be run: {error}") from error
        try:
            async with asyncio.timeout(self._limit):
                out, err = await process.communicate(question)
        except TimeoutError as error:
            raise PluginFailed(f"no answer within {self._limit:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
                await process.wait()
        if process.returncode:
            said = err.decode(errors="replace").strip()[-500:]
            raise PluginFailed(f"it ended with code {process.returncode}: {said}")
        return out


def _parse(out: bytes, provider: Provider) -> _Answer:
    try:
        answer = msgspec.json.decode(out, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PluginFailed(f"its answer cannot be read: {error}") from error
    expected = (provider.api_version, "CredentialProviderResponse")
    if (answer.api_version, answer.kind) != expected:
        raise PluginFailed(f"it answered a {answer.kind} of {answer.api_version}")
    return answer
