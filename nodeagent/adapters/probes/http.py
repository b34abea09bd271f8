"""HTTP probes and HTTP hooks: a GET over a connection of its own, over at its deadline.

Source: behaviour of a kubelet, "Probes: types" and "Lifecycle hooks".
"""

import asyncio
from urllib.parse import urljoin, urlsplit

import msgspec

from nodeagent.adapters.probes.http_message import (
    HEAD_LIMIT,
    BadMessage,
    Body,
    Head,
    Place,
    given_host,
    head_end,
    parse_head,
    request_bytes,
    request_target,
)
from nodeagent.adapters.probes.wire import PlainAnswer, Wire, WireError, insecure_tls
from nodeagent.model.probes import HookReply, HttpCheck, Outcome, ProbeResult, Verdict

PROBE_AGENT = "kube-probe/1.36"
HOOK_AGENT = "kube-lifecycle/1.36"
MAX_REDIRECTS = 10
_FOLLOWED = (301, 302, 303, 307, 308)
_INTERIM_LIMIT = 5
_CUT_BODY = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    head: Head
    body: bytes
    broken: str = ""  # why the body did not come whole


class _Stage:
    """Where a request is, for the text of a passed deadline."""

    def __init__(self) -> None:
        self.dialled = ""
        self.in_body = False

    @property
    def words(self) -> str:
        cause = (
            f"dial tcp {self.dialled}: i/o timeout" if self.dialled else "context deadline exceeded"
        )
        return f"{cause} (Client.Timeout exceeded while awaiting headers)"


async def probe_http(check: HttpCheck, ip: str, *, limit: float) -> ProbeResult:
    """Ask once, at most `limit` seconds. 200 to 399 is success, a foreign redirect a warning.

    A body that breaks off or is not over at the deadline is an error, as in a kubelet.
    """
    place, stage = _place(check, ip), _Stage()
    try:
        async with asyncio.timeout(limit):
            reply = await _fetch(place, check, PROBE_AGENT, stage)
    except TimeoutError:
        if stage.in_body:
            return ProbeResult(
                outcome=Outcome.ERROR, output=_CUT_BODY, timed_out=True, state=Verdict.FAILURE
            )
        return _failure(f'Get "{place.url}": {stage.words}', timed_out=True)
    except (WireError, BadMessage) as error:
        return _failure(f'Get "{place.url}": {error}')
    if reply.broken:
        return ProbeResult(outcome=Outcome.ERROR, output=reply.broken, state=Verdict.FAILURE)
    if not 200 <= reply.head.status < 400:
        return _failure(f"HTTP probe failed with statuscode: {reply.head.status}")
    body = reply.body.decode(errors="replace")
    if reply.head.status >= 300:
        told = f"Probe terminated redirects, Response body: {body}"
        return ProbeResult(outcome=Outcome.WARNING, output=told)
    return ProbeResult(outcome=Outcome.SUCCESS, output=body)


class HttpHooks:
    """Requests of lifecycle hooks."""

    async def get(self, check: HttpCheck, ip: str) -> HookReply:
        """Ask once, without a deadline; whatever status and body come, it has worked."""
        try:
            await _fetch(_place(check, ip), check, HOOK_AGENT, _Stage())
        except PlainAnswer as error:
            return HookReply(error=str(error), plain_answer=True)
        except (WireError, BadMessage) as error:
            return HookReply(error=f'Get "{_place(check, ip).url}": {error}')
        return HookReply()


def _place(check: HttpCheck, ip: str) -> Place:
    host = (check.host or ip).removeprefix("[").removesuffix("]")
    return Place(tls=check.tls, host=host, port=check.port, target=request_target(check.path))


def _failure(output: str, *, timed_out: bool = False) -> ProbeResult:
    return ProbeResult(outcome=Outcome.FAILURE, output=output, timed_out=timed_out)


async def _fetch(place: Place, check: HttpCheck, agent: str, stage: _Stage) -> _Reply:
    """The answer to the request, redirects on the same host followed."""
    first, host = place.host.lower(), given_host(check.headers)
    for _ in range(MAX_REDIRECTS):
        stage.dialled = place.authority
        request = request_bytes(place, check.headers, agent, host)
        wire = await Wire.dial(place.host, place.port, tls=insecure_tls() if place.tls else None)
        stage.dialled = ""
        try:
            await wire.send(request)
            head, rest = await _receive_head(wire)
            location = head.get("location")
            onward = None
            if head.status in _FOLLOWED and location:
                onward = _follow(place, location)
            if onward is None or onward.host.lower() != first:
                stage.in_body = True
                return await _receive_body(wire, head, rest)
        finally:
            wire.close()
        if urlsplit(location).netloc:
            host = ""
        place = onward
    raise BadMessage(f"stopped after {MAX_REDIRECTS} redirects")


def _follow(place: Place, location: str) -> Place | None:
    """Where a Location header leads; None for a scheme that is not ours."""
    try:
        parts = urlsplit(urljoin(place.url, location))
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise BadMessage(f'failed to parse Location header "{location[:128]}"') from error
    if parts.scheme not in ("http", "https"):
        return None
    target = request_target(parts.path + (f"?{parts.query}" if parts.query else ""))
    tls = parts.scheme == "https"
    return Place(tls=tls, host=parts.hostname or "", port=port, target=target)


async def _receive_head(wire: Wire) -> tuple[Head, bytes]:
    """The head of the final answer and what came of its body along with it."""
    data = bytearray()
    for _ in range(_INTERIM_LIMIT + 1):
        end = head_end(data, 0)
        while end < 0:
            searched = len(data)
            part = await wire.receive()
            if not part:
                raise BadMessage("unexpected EOF" if data else "EOF")
            data += part
            end = head_end(data, searched)
            if len(data) > HEAD_LIMIT and not 0 <= end <= HEAD_LIMIT:
                raise BadMessage(f"server response headers exceeded {HEAD_LIMIT} bytes; aborted")
        head = parse_head(bytes(data[:end]))
        del data[:end]
        if head.status >= 200 or head.status == 101:
            return head, bytes(data)
    raise BadMessage("too many 1xx informational responses")


async def _receive_body(wire: Wire, head: Head, rest: bytes) -> _Reply:
    body = Body(head)
    try:
        body.feed(rest)
        while not body.done:
            part = await wire.receive()
            if part:
                body.feed(part)
            else:
                body.end()
    except (WireError, BadMessage) as error:
        return _Reply(head=head, body=b"", broken=str(error))
    return _Reply(head=head, body=bytes(body.data))
