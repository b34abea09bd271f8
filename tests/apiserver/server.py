"""The small API server over HTTPS: Kubernetes' paths in front of the store, for tests only."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
import tornado.httpserver
import tornado.netutil
import tornado.web
import yaml
from cryptography import x509
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from tests.apiserver import discovery, problems, tunnel
from tests.apiserver.asking import NoSuchPath, Target, target_of
from tests.apiserver.checks import RETURNED, check_body, check_not_ahead, check_version
from tests.apiserver.controllers import admit_pod
from tests.apiserver.faults import REASONS, Fault, Seen
from tests.apiserver.pod_signing import admit_request
from tests.apiserver.problems import Document, StatusError, bad_request, forbidden
from tests.apiserver.signing import Signer
from tests.apiserver.special import Reviews, User
from tests.apiserver.store import Options, Store
from tests.apiserver.tables import partial, table_of
from tests.apiserver.users import Policy, Users

_OPEN: Final = ("/version", "/healthz", "/livez", "/readyz")
_OF_ITS_LIST: Final = ("kind", "apiVersion")  # items have none of their own
_CONNECTED: Final = {"exec", "attach", "portforward", "log", "proxy"}
BOOKMARKS: Final = 5.0  # seconds between two bookmarks


class Parts(msgspec.Struct, kw_only=True):
    """What the handlers share."""

    store: Store
    reviews: Reviews
    users: Users
    policy: Policy
    signer: Signer
    nodes: tunnel.Nodes
    faults: list[Fault]
    seen: list[Seen]
    streams: set[IOStream]


class Handler(tornado.web.RequestHandler):
    """Every request."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")

    def initialize(self, parts: Parts) -> None:
        self.parts = parts
        self.serial = 0
        self.ended: Callable[[], None] = lambda: None

    async def prepare(self) -> None:
        stream = cast(HTTP1Connection, self.request.connection).stream
        self.parts.streams.add(stream)
        await self._fail_on_demand(stream)
        certificate = cast("bytes | None", self.request.get_ssl_certificate(binary_form=True))
        if certificate is not None:
            self.serial = x509.load_der_x509_certificate(certificate).serial_number
        authorization = self.request.headers.get("Authorization", "")
        try:
            self.user = self.parts.users.of(certificate, authorization)
        finally:
            self._note()
        other = self.request.headers.get("Impersonate-User")
        if other and "system:masters" in self.user.groups:
            groups = self.request.headers.get_list("Impersonate-Group")
            self.user = User(name=other, groups=(*groups, "system:authenticated"))

    async def _fail_on_demand(self, stream: IOStream) -> None:
        method, path = self.request.method or "", self.request.path
        fault = next((one for one in self.parts.faults if one.fits(method, path)), None)
        if fault is None:
            return
        fault.times -= 1
        await asyncio.sleep(fault.delay)
        if fault.cut:
            stream.close()
            raise StreamClosedError
        if fault.code:
            raise StatusError(
                fault.code,
                REASONS.get(fault.code, "InternalError"),
                "on demand",
                retry_after=fault.retry_after,
            )

    def _note(self) -> None:
        self.parts.seen.append(
            Seen(
                method=self.request.method or "",
                path=self.request.path,
                query=self.request.query,
                user=self.user.name if hasattr(self, "user") else "",
                size=len(self.request.body),
                serial=self.serial,
            )
        )

    def on_connection_close(self) -> None:
        self.ended()

    # --- methods -----------------------------------------------------------------------------

    async def get(self) -> None:
        path = self.request.path
        if path.split("/")[1] in ("healthz", "livez", "readyz"):
            self.write("ok")
            return
        told = discovery.answer(path)
        if told is not None:
            if path not in _OPEN and "system:authenticated" not in self.user.groups:
                raise forbidden(f'User "{self.user.name}" cannot get path "{path}"')
            self.send(told)
            return
        target = target_of(path)
        watch = self._flag("watch")
        self._check(target, watch=watch)
        if target.subresource in _CONNECTED:
            await self._connect(target)
        elif watch:
            await self._watch(target)
        elif target.name:
            self._send_one(target, self.store.get(target.kind, target.name, target.namespace))
        else:
            self._list(target)

    async def post(self) -> None:
        target = target_of(self.request.path)
        if target.subresource in _CONNECTED:
            self._check(target)
            await self._connect(target)
            return
        body = self._object(target)
        self._check(target, body=body)
        made = self.parts.reviews.post(
            body, target.kind.plural, target.namespace, target.name, target.subresource
        )
        if made is None and target.kind.kind == "SelfSubjectReview":
            made = {**body, "status": {"userInfo": self.user.document()}}
        if made is None:
            if target.name:
                raise StatusError(405, "MethodNotAllowed", "the server does not allow this method")
            if target.kind.kind == "CertificateSigningRequest":
                body = self.parts.signer.asked_by(body, self.user)
            if target.kind.kind == "PodCertificateRequest":
                body = admit_request(self.store, body, target.namespace, self.user.name)
            if target.kind.kind == "Pod":
                body = admit_pod(self.store, body, target.namespace)
            made = self.store.create(
                target.kind, body, target.namespace, dry_run=self._flag("dryRun")
            )
        self.set_status(201)
        self._send_one(target, made)

    async def put(self) -> None:
        target = target_of(self.request.path)
        if target.subresource == "proxy":
            self._check(target)
            await self._connect(target)
            return
        body = self._object(target)
        self._check(target, body=body)
        made = self.store.update(
            target.kind,
            body,
            target.namespace,
            name=target.name,
            subresource=target.subresource,
            dry_run=self._flag("dryRun"),
        )
        self._send_one(target, made)

    async def patch(self) -> None:
        target = target_of(self.request.path)
        body = self._body()
        self._check(target, body=body)
        how = self.request.headers.get("Content-Type", "").partition(";")[0]
        found = self.store.find(target.kind, target.name, target.namespace)
        if found is None and how == "application/apply-patch+yaml":
            body.setdefault("metadata", {})["name"] = target.name
            self.set_status(201)
            made = self.store.create(target.kind, body, target.namespace)
        else:
            made = self.store.patch(
                target.kind,
                target.name,
                body,
                target.namespace,
                how=how,
                subresource=target.subresource,
                dry_run=self._flag("dryRun"),
            )
        self._send_one(target, made)

    async def delete(self) -> None:
        target = target_of(self.request.path)
        body = self._body() if self.request.body else {}
        self._check(target)
        options = self._options(body)
        if target.name:
            gone = self.store.delete(target.kind, target.name, target.namespace, options)
            kept = options.dry_run or self.store.find(target.kind, target.name, target.namespace)
            if kept or target.kind.kind in RETURNED:
                self._send_one(target, gone)
            else:
                self.send(problems.deleted(target.kind.resource, gone))
            return
        listing = self.store.list(
            target.kind,
            target.namespace,
            labels=self._text("labelSelector"),
            fields=self._text("fieldSelector"),
        )
        for one in listing.items:
            metadata = one["metadata"]
            self.store.delete(target.kind, metadata["name"], metadata.get("namespace", ""), options)
        self._send_items(target, listing.items, {"resourceVersion": self.store.version})

    # --- parts of them -----------------------------------------------------------------------

    @property
    def store(self) -> Store:
        return self.parts.store

    def _check(self, target: Target, *, watch: bool = False, body: Any = None) -> None:
        request = {
            "subresource": target.subresource,
            "fields": self._text("fieldSelector"),
            "body": body,
        }
        verb = target.verb(self.request.method or "", watch=watch)
        self.parts.policy.check(
            self.user, verb, target.kind, target.namespace, target.name, request
        )

    def _list(self, target: Target) -> None:
        check_not_ahead(self._text("resourceVersion"), int(self.store.version))
        found = self.store.list(
            target.kind,
            target.namespace,
            labels=self._text("labelSelector"),
            fields=self._text("fieldSelector"),
            limit=check_version(self._text("limit") or "0"),
            start=self._text("continue"),
        )
        metadata: Document = {"resourceVersion": found.version}
        if found.rest:
            metadata.update({"continue": found.rest, "remainingItemCount": found.remaining})
        self._send_items(target, found.items, metadata)

    async def _watch(self, target: Target) -> None:
        fields = self._text("fieldSelector")
        if target.name:
            fields = ",".join(one for one in (fields, f"metadata.name={target.name}") if one)
        self.set_header("Content-Type", "application/json")
        try:
            watch = self.store.watch(
                target.kind,
                target.namespace,
                since=self._text("resourceVersion"),
                labels=self._text("labelSelector"),
                fields=fields,
                bookmarks=self._flag("allowWatchBookmarks"),
                initial=self._flag("sendInitialEvents"),
            )
        except StatusError as error:
            if error.code != 410:
                raise
            self.write(msgspec.json.encode({"type": "ERROR", "object": error.document()}) + b"\n")
            return
        self.ended = watch.close
        loop = asyncio.get_running_loop()
        seconds = float(self._text("timeoutSeconds") or 1800)
        timer = loop.call_later(seconds, watch.close)
        try:
            await self.flush()
            while (event := await watch.next()) is not None:
                shown = self._shown(target, event["object"], event["type"])
                line = msgspec.json.encode({"type": event["type"], "object": shown})
                self.write(line + b"\n")
                await self.flush()
        except StreamClosedError:
            return
        finally:
            timer.cancel()
            watch.close()

    async def _connect(self, target: Target) -> None:
        query = {k: [v.decode() for v in vs] for k, vs in self.request.query_arguments.items()}
        place = self.parts.nodes.place(target, query)
        headers = self.request.headers
        if headers.get("Upgrade", "").lower() == "websocket" and not place.websockets:
            # A real server would translate to SPDY; kubectl goes on with SPDY by itself.
            raise bad_request("this node takes no websockets")
        node = await self.parts.nodes.connect(place)
        text = tunnel.request_text(self.request.method or "", place, headers, self.request.body)
        client = self.detach()
        self.parts.streams.add(node)
        try:
            await node.write(text)
            await tunnel.join_streams(client, node)
        except StreamClosedError:
            client.close()
        finally:
            self.parts.streams -= {node, client}

    # --- answers -----------------------------------------------------------------------------

    def send(self, document: Document) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(msgspec.json.encode(document))

    def _send_one(self, target: Target, document: Document) -> None:
        if document.get("kind") == "Status":
            self.send(document)
        else:
            self.send(self._shown(target, document, ""))

    def _send_items(self, target: Target, items: list[Document], metadata: Document) -> None:
        how = self.request.headers.get("Accept", "")
        if "as=Table" in how:
            include = self._text("includeObject") or "Metadata"
            self.send(table_of(target.kind, items, metadata, include=include))
            return
        kind, api_version = f"{target.kind.kind}List", target.kind.api_version
        if "as=PartialObjectMetadataList" in how:
            kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            items = [partial(one) for one in items]
        items = [{k: v for k, v in one.items() if k not in _OF_ITS_LIST} for one in items]
        self.send({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})

    def _shown(self, target: Target, document: Document, event: str) -> Document:
        how = self.request.headers.get("Accept", "")
        if event == "ERROR":
            return document
        if "as=Table" in how:
            items = [] if event == "BOOKMARK" else [document]
            metadata = {"resourceVersion": document["metadata"].get("resourceVersion")}
            include = self._text("includeObject") or "Metadata"
            return table_of(target.kind, items, metadata, include=include)
        return partial(document) if "as=PartialObjectMetadata" in how else document

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, StatusError):
            message = f"{type(error).__name__}: {error}"
            error = StatusError(status_code, REASONS.get(status_code, "InternalError"), message)
        self.set_status(error.code)
        if isinstance(error, NoSuchPath):
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish("404 page not found\n")
            return
        if error.retry_after:
            self.set_header("Retry-After", str(error.retry_after))
        self.send(error.document())

    def log_exception(self, *exc_info: Any) -> None:
        if not isinstance(exc_info[1], StatusError | StreamClosedError):
            super().log_exception(*exc_info)

    # --- reading the request -----------------------------------------------------------------

    def _text(self, name: str) -> str:
        return self.get_query_argument(name, "")

    def _flag(self, name: str) -> bool:
        return self._text(name) in ("1", "true", "All")

    def _body(self) -> Any:
        kind = self.request.headers.get("Content-Type", "application/json").partition(";")[0]
        try:
            if kind.endswith("yaml"):
                return yaml.safe_load(self.request.body)
            if kind.endswith("json"):
                return msgspec.json.decode(self.request.body)
        except (msgspec.DecodeError, yaml.YAMLError) as error:
            raise bad_request(f"cannot decode the body: {error}") from error
        raise StatusError(415, "UnsupportedMediaType", f"the body may not be {kind}")

    def _object(self, target: Target) -> Document:
        """The body of a request that makes or replaces something."""
        about = target.kind
        kind = about.subresources.get(target.subresource, about.kind)
        found = self._body()
        if kind != about.kind and isinstance(found, dict):
            return check_body(found, kind, str(found.get("apiVersion", "")))
        return check_body(found, kind, about.api_version)

    def _options(self, body: Document) -> Options:
        grace = body.get("gracePeriodSeconds")
        if grace is None and self._text("gracePeriodSeconds"):
            grace = int(self._text("gracePeriodSeconds"))
        needs = body.get("preconditions") or {}
        return Options(
            grace=grace,
            uid=needs.get("uid") or "",
            version=needs.get("resourceVersion") or "",
            dry_run=bool(body.get("dryRun")) or self._flag("dryRun"),
        )


class ApiServer:
    """Listens on a port of 127.0.0.1, and can be out of reach for a while."""

    def __init__(self, parts: Parts, context: ssl.SSLContext) -> None:
        self.parts, self._context = parts, context
        self.port = 0
        self._server: tornado.httpserver.HTTPServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen, on the same port as before if it was stopped."""
        app = tornado.web.Application(
            [(".*", Handler, {"parts": self.parts})],
            log_function=lambda _: None,
        )
        self._server = tornado.httpserver.HTTPServer(app, ssl_options=self._context)
        sockets = tornado.netutil.bind_sockets(self.port, "127.0.0.1")
        self._server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]
        self._remind()

    def stop(self) -> None:
        """Be out of reach: refuse connections and break those there are."""
        assert self._server is not None and self._timer is not None
        self._timer.cancel()
        self._server.stop()
        self.parts.store.cut_watches()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for stream in list(self.parts.streams):
            stream.close()
        self.parts.streams.clear()

    def _remind(self) -> None:
        self.parts.store.send_bookmarks()
        self._timer = asyncio.get_running_loop().call_later(BOOKMARKS, self._remind)
