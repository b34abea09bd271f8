"""The local API over HTTP: Kubernetes REST paths for reading pods, logs, events and the node.

Import this only when a server is wanted: it brings Tornado along.
"""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any, cast

import tornado.web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from nodeagent.aio.threads import Threads
from nodeagent.logs import get_logger
from nodeagent.model.scrapes import Page
from nodeagent.server import documents
from nodeagent.server.counted import LOCAL_PATHS, asked
from nodeagent.server.deeds import Deeds
from nodeagent.server.explained import explain_pod, problems_of
from nodeagent.server.feed import Feed, wait_for
from nodeagent.server.figures import Figures, NoTally
from nodeagent.server.kinds import Kind, Scope
from nodeagent.server.log_choice import (
    choose_container,
    choose_instance,
    find_log,
    is_running,
    read_options,
)
from nodeagent.server.log_reader import read_log
from nodeagent.server.metrics_pages import answer_page, answer_summary
from nodeagent.server.numbers import whole_number
from nodeagent.server.refusals import Refusal, not_found, status_of
from nodeagent.server.selectors import field_selector, label_selector
from nodeagent.server.view import View

log = get_logger()
PEER = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED
LOOK_AGAIN = 1.0  # a watch looks at least this often, should a ring be missed


class Shared:
    """What all handlers are given."""

    def __init__(
        self,
        view: View,
        kinds: dict[str, Kind],
        *,
        feed: Feed,
        threads: Threads,
        allowed: Callable[[int], bool],
        deeds: Deeds | None = None,
    ) -> None:
        self.view, self.kinds, self.feed = view, kinds, feed
        self.deeds = deeds
        self.threads, self.allowed = threads, allowed


class Handler(tornado.web.RequestHandler):
    """Answers in JSON, errors as metav1.Status, only to peers that may ask."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")

    def initialize(self, shared: Shared) -> None:
        self.shared, self.view = shared, shared.view
        self.closed = False
        self._tally = self.view.figures.tally if self.view.figures is not None else NoTally()
        self._began, self._asked = time.monotonic(), asked(self.request, "local", LOCAL_PATHS)
        self._tally.began(self._asked)

    def prepare(self) -> None:
        uid = peer_uid(self)
        if not self.shared.allowed(uid):
            raise Refusal(
                403, f"user id {uid} may not use this socket: only root and the agent's own"
            )

    def on_connection_close(self) -> None:
        self.closed = True

    def on_finish(self) -> None:
        self._tally.ended(self._asked, time.monotonic() - self._began)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")

    def answer(self, document: object) -> None:
        """Send one document."""
        self.set_header("Content-Type", "application/json")
        self.write(documents.encoded(document) + b"\n")

    @property
    def figures(self) -> Figures:
        """Metrics; 404 on a server without them."""
        if self.view.figures is None:
            raise Refusal(404, "the server could not find the requested resource")
        return self.view.figures

    def text(self, name: str, default: str = "") -> str:
        """A query parameter; the last one counts."""
        return self.get_query_argument(name, default)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Refusal):
            self.set_status(error.code)
            self.answer(status_of(error.code, error.message, kind=error.kind, name=error.name))
            return
        messages = {
            404: "the server could not find the requested resource",
            405: f"the local API only reads here: {self.request.method} is not possible; "
            "change or remove the pod's manifest instead",
            500: f"{type(error).__name__}: {error}",
        }
        self.answer(status_of(status_code, messages.get(status_code, "")))

    def log_exception(self, *exc_info: Any) -> None:
        error = exc_info[1]
        if isinstance(error, Refusal | StreamClosedError | tornado.web.HTTPError):
            return
        log.error("local api failed", path=self.request.path, exc_info=exc_info)

    def _request_summary(self) -> str:  # without query: logs must not show what was asked
        return f"{self.request.method} {self.request.path}"


def peer_uid(handler: tornado.web.RequestHandler) -> int:
    """Who is at the other end, as the kernel says."""
    peer = cast(HTTP1Connection, handler.request.connection).stream
    assert isinstance(peer, IOStream)
    raw = peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    uid: int = PEER.unpack(raw)[1]
    return uid


class Fixed(Handler):
    """A document that never changes while the agent runs."""

    def initialize(self, shared: Shared, make: Callable[[], object]) -> None:  # type: ignore[override]
        super().initialize(shared)
        self._make = make

    def get(self) -> None:
        self.answer(self._make())


class Healthz(Handler):
    """Always ok: who answers is alive."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("ok")


class Missing(Handler):
    """Any other path."""

    def prepare(self) -> None:
        super().prepare()
        raise Refusal(404, "the server could not find the requested resource")


class Objects(Handler):
    """Lists and watches, of all namespaces or one."""

    async def get(self, plural: str, namespace: str = "") -> None:
        kind = self._kind(plural, namespace)
        scope = self._scope(kind, namespace)
        if self.text("watch") in ("1", "true"):
            await self._watch(kind, scope)
            return
        objects = [one for one in kind.look() if scope.holds(one)]
        self.answer(self.shaped(kind, objects))

    def _kind(self, plural: str, namespace: str) -> Kind:
        kind = self.shared.kinds.get(plural)
        if kind is None or (namespace and not kind.namespaced):
            raise Refusal(404, "the server could not find the requested resource")
        return kind

    def _scope(self, kind: Kind, namespace: str) -> Scope:
        labels, fields = self.text("labelSelector"), self.text("fieldSelector")
        return Scope(
            namespace=namespace,
            labels=label_selector(labels) if labels else None,
            fields=field_selector(fields, kind.fields) if fields else None,
            paths=kind.fields,
        )

    @property
    def wants_table(self) -> bool:
        return any(
            "as=Table" in part and "v=v1beta1" not in part
            for part in self.request.headers.get("Accept", "").split(",")
        )

    def shaped(self, kind: Kind, objects: Iterable[Any]) -> dict[str, Any]:
        """A list in the form the client asked for."""
        if self.wants_table:
            return documents.table_of(kind, objects, kind.version(), now=self.view.now())
        return documents.list_of(kind, objects, kind.version())

    async def _watch(self, kind: Kind, scope: Scope) -> None:
        """Send changes as they come, until the client leaves or its time is over."""
        ring = self.shared.feed.next
        objects = kind.look()
        asked = self.text("resourceVersion", "0")
        position = whole_number(asked)
        if position is None:
            raise Refusal(400, f'resourceVersion: "{asked}" is no version of this server')
        loop = asyncio.get_running_loop()
        limit = whole_number(self.text("timeoutSeconds"))
        until = loop.time() + limit if limit else float("inf")
        if position:
            kind.since(position)  # refuses what is too old before the answer begins
        else:
            position = kind.version()
            for one in objects:
                self._step(kind, scope, "ADDED", one)
        await self.flush()
        while not self.closed and loop.time() < until:
            await wait_for(ring, at_most=min(LOOK_AGAIN, until - loop.time()))
            ring = self.shared.feed.next
            kind.look()
            steps = kind.since(position)
            position = kind.version()
            for step in steps:
                self._step(kind, scope, step.kind, step.object)
            if steps:
                await self.flush()

    def _step(self, kind: Kind, scope: Scope, what: str, one: Any) -> None:
        if scope.holds(one):
            self.write(
                documents.step_of(what, self.shaped(kind, [one]) if self.wants_table else one)
            )


class OneObject(Objects):
    """One object by name."""

    async def get(self, plural: str, namespace: str = "", name: str = "") -> None:
        kind = self._kind(plural, namespace)
        one = find_object(kind, namespace, name)
        self.answer(self.shaped(kind, [one]) if self.wants_table else one)


def find_object(kind: Kind, namespace: str, name: str) -> Any:
    """The object of that name; 404 where there is none."""
    for one in kind.look():
        if one.metadata.name == name and (not namespace or one.metadata.namespace == namespace):
            return one
    raise not_found(kind.plural, name)


class Log(Handler):
    """A container's log, as text."""

    async def get(self, namespace: str, name: str) -> None:
        query = {key: values[-1].decode() for key, values in self.request.query_arguments.items()}
        options = read_options(query, now=self.view.now())
        pod = find_object(self.shared.kinds["pods"], namespace, name)
        container = choose_container(pod, options.container)
        instance = choose_instance(pod, container, previous=options.previous)
        path = find_log(self.view.logs_dir, pod, instance, names_in)

        def still_running() -> bool:
            if self.closed or not instance.running:
                return False
            uid = pod.metadata.uid
            pods = (p for p in self.view.list_pods() if p.metadata and p.metadata.uid == uid)
            return is_running(next(pods, None), instance)

        self.set_header("Content-Type", "text/plain")
        await self.flush()
        threads = self.shared.threads
        reading = read_log(path, options, threads, still_running=still_running)
        async with aclosing(reading) as pieces:
            async for piece in pieces:
                if self.closed:
                    return
                self.write(piece)
                await self.flush()


def names_in(folder: os.PathLike[str]) -> list[str]:
    """Names in a folder; none where there is no folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only, no Path each
    except FileNotFoundError:
        return []


class Problems(Handler):
    """Manifests that are not used."""

    def get(self) -> None:
        self.answer({"items": problems_of(self.view)})


class Why(Handler):
    """The causal line and the timeline of one pod."""

    def get(self, namespace: str, name: str) -> None:
        self.answer(explain_pod(self.view, namespace, name))


class Metrics(Handler):
    """One of the pages for Prometheus."""

    async def get(self, path: str) -> None:
        await answer_page(self, self.figures, Page(path))


class Summary(Handler):
    """What kubectl top's server and people read: /stats/summary."""

    async def get(self) -> None:
        await answer_summary(self, self.figures)

    async def post(self) -> None:
        await answer_summary(self, self.figures)


KIND, NS, NAME = "(?P<plural>[a-z]+)", "(?P<namespace>[^/]+)", "(?P<name>[^/]+)"


def routes(shared: Shared) -> tornado.web.Application:
    """All paths of the local API."""
    from nodeagent.server import acts, image_acts  # late: they build on the handlers here

    given: dict[str, Any] = {"shared": shared}
    kinds = tuple(shared.kinds.values())

    def fixed(make: Callable[[], object]) -> dict[str, Any]:
        return {**given, "make": make}

    return tornado.web.Application(
        [
            (r"/(?:healthz|livez|readyz)", Healthz, given),
            (rf"({'|'.join(Page)})", Metrics, given),
            (r"/stats/summary/?", Summary, given),
            (r"/version/?", Fixed, fixed(lambda: documents.version_info(shared.view.version))),
            (r"/api/?", Fixed, fixed(documents.api_versions)),
            (r"/apis/?", Fixed, fixed(documents.api_groups)),
            (r"/api/v1/?", Fixed, fixed(lambda: documents.api_resources(kinds))),
            (rf"/api/v1/namespaces/{NS}/pods/{NAME}/log", Log, given),
            (rf"/api/v1/namespaces/{NS}/{KIND}/{NAME}", OneObject, given),
            (rf"/api/v1/namespaces/{NS}/{KIND}", Objects, given),
            (rf"/api/v1/{KIND}/{NAME}", OneObject, given),
            (rf"/api/v1/{KIND}", Objects, given),
            (r"/nodeagent/v1/problems", Problems, given),
            (rf"/nodeagent/v1/namespaces/{NS}/pods/{NAME}/why", Why, given),
            (rf"/nodeagent/v1/namespaces/{NS}/pods/{NAME}/restart", acts.Restart, given),
            (rf"/nodeagent/v1/namespaces/{NS}/pods/{NAME}/exec", acts.Exec, given),
            (r"/nodeagent/v1/plan", acts.Plan, given),
            (r"/nodeagent/v1/drain", acts.Drain, given),
            (r"/nodeagent/v1/images(?:/gc)?", image_acts.Images, given),
        ],
        default_handler_class=Missing,
        default_handler_args=given,
        log_function=_log_nothing,
    )


def _log_nothing(handler: tornado.web.RequestHandler) -> None:
    """Requests are not logged: reading is no news."""
