"""Static pods from a URL, asked for every twenty seconds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from nodeagent.adapters.manifests.scan import wall_clock
from nodeagent.core.manifest import keep_seen, parse_url_body
from nodeagent.errors import ManifestError
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate

PERIOD = 20.0
LIMIT = 10.0  # seconds for one answer
_BODY_BYTES = 10 << 20

Headers = Mapping[str, Sequence[str]]


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes


Fetch = Callable[[str, Headers], Awaitable[Answer]]


async def fetch(url: str, headers: Headers, *, limit: float = LIMIT) -> Answer:
    """GET it within `limit` seconds. ManifestError where no answer came."""
    # late: only nodes with a staticPodURL pay for the client
    from tornado.httpclient import HTTPError, HTTPRequest
    from tornado.httputil import HTTPHeaders, HTTPInputError
    from tornado.iostream import UnsatisfiableReadError
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    given = HTTPHeaders()
    for name, values in headers.items():
        for value in values:
            given.add(name, value)
    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=_BODY_BYTES)
    try:
        request = HTTPRequest(url, headers=given, connect_timeout=limit, request_timeout=limit)
        response = await client.fetch(request, raise_error=False)
        return Answer(response.code, response.body)
    except (HTTPError, HTTPInputError, OSError, UnsatisfiableReadError, ValueError) as error:
        raise ManifestError(op="get manifests", target=_shown(url), detail=str(error)) from error
    finally:
        client.close()


class UrlSource:
    """The pods of one URL (`staticPodURL`), a Pod or a PodList, told whenever they changed.

    An answer other than 200, none at all, or one that is no pod keeps the pods of the last good
    answer and tells a problem; an empty answer means no pods, and is a problem too. `last_good`
    are the pods of the last run of the agent: they are told before the first answer is there.
    """

    def __init__(
        self,
        url: str,
        *,
        node_name: str,
        headers: Headers | None = None,
        last_good: Sequence[DesiredPod] = (),
        period: float = PERIOD,
        get: Fetch = fetch,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self._url, self._headers = url, headers or {}
        self._origin = _shown(url)
        self._node_name = node_name
        self._pods = {pod.uid: pod for pod in last_good}
        self._period, self._get, self._now = period, get, now
        self._body: bytes | None = None
        self._verdict: tuple[Problem, ...] = ()  # on that body
        self._problems: tuple[Problem, ...] = ()

    async def updates(self) -> AsyncIterator[SourceUpdate]:
        """The whole of what the URL wants; at once where it is known from the last run."""
        told: SourceUpdate | None = None
        if self._pods:
            told = self._update()
            yield told
        while True:
            await self._ask()
            update = self._update()
            if update != told:
                told = update
                yield update
            await asyncio.sleep(self._period)

    def _update(self) -> SourceUpdate:
        pods = tuple(self._pods.values())
        return SourceUpdate(source=Source.HTTP, pods=pods, problems=self._problems)

    async def _ask(self) -> None:
        try:
            status, body = await self._get(self._url, self._headers)
        except ManifestError as error:
            self._problems = (self._problem(error.detail, error),)
            return
        if status != 200:
            self._problems = (self._problem(f"answered with status {status}, not 200"),)
            return
        if body != self._body:
            self._verdict = self._take(body)
            self._body = body
        self._problems = self._verdict

    def _take(self, body: bytes) -> tuple[Problem, ...]:
        """Use a new body, and say what is wrong with it."""
        if not body:
            self._pods = {}
            return (self._problem("answered with nothing; no pods run from here"),)
        try:
            found = parse_url_body(
                body, origin=self._origin, node_name=self._node_name, seen_at=self._now()
            )
        except ManifestError as error:
            return (self._problem(error.detail, error),)
        before = self._pods
        self._pods = {p.uid: keep_seen(p, before[p.uid]) if p.uid in before else p for p in found}
        return ()

    def _problem(self, message: str, error: ManifestError | None = None) -> Problem:
        line, column = (error.line, error.column) if error is not None else (0, 0)
        return Problem(origin=self._origin, message=message, line=line, column=column)


def _shown(url: str) -> str:
    """The URL without a password: it names the source in messages and in uids."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "staticPodURL"
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()
