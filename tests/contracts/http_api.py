"""Requests to an API server as plain HTTP and JSON."""

import http.client
import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tests.apiserver.authority import Pair
from tests.apiserver.problems import Document

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_LIMIT = 20.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `body` is {} where it is no JSON, and `text` whatever it was."""

    code: int
    body: Document
    text: str
    kind: str  # Content-Type


class HttpApi:
    """One user at one server; a connection for each request."""

    node: "HttpApi"  # the same server as a node sees it

    def __init__(self, url: str, context: ssl.SSLContext, headers: dict[str, str]) -> None:
        self._place = urlsplit(url).netloc
        self._context, self._headers = context, headers

    def ask(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json",
        accept: str = "application/json", **query: Any,
    ) -> Answer:  # fmt: skip
        """One request; `body` is JSON, or bytes as they are."""
        line = http.client.HTTPSConnection(self._place, context=self._context, timeout=_LIMIT)
        try:
            line.request(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
                {**self._headers, "Content-Type": kind, "Accept": accept},
            )
            answer = line.getresponse()
            raw = answer.read()
        finally:
            line.close()
        said = answer.headers.get("Content-Type", "")
        return Answer(
            code=answer.status,
            body=json.loads(raw) if said.startswith("application/json") else {},
            text=raw.decode(),
            kind=said,
        )

    def get(self, path: str, **query: Any) -> Answer:
        """GET."""
        return self.ask("GET", path, **query)

    def post(self, path: str, body: Any, **query: Any) -> Answer:
        """POST."""
        return self.ask("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: Any) -> Answer:
        """PUT."""
        return self.ask("PUT", path, body, **query)

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: Any) -> Answer:
        """PATCH."""
        return self.ask("PATCH", path, body, kind=kind, **query)

    def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        """DELETE."""
        return self.ask("DELETE", path, body, **query)

    @contextmanager
    def watch(self, path: str, **query: Any) -> Iterator[Iterator[Document]]:
        """Events of a watch as they come; they end with the watch."""
        line = http.client.HTTPSConnection(self._place, context=self._context, timeout=_LIMIT)
        text = urlencode({"watch": "true", "timeoutSeconds": "15", **query})
        try:
            line.request("GET", f"{path}?{text}", headers=self._headers)
            answer = line.getresponse()
            assert answer.status == 200, answer.read()
            yield (json.loads(one) for one in iter(answer.readline, b""))
        finally:
            line.close()

    def make_account(self, namespace: str) -> None:
        """The default account of a namespace, where no controller has made it."""
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        made = self.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)
        assert made.code in (201, 409), made.body


def bearer(url: str, token: str) -> HttpApi:
    """With a token; the server's certificate is not looked at."""
    return HttpApi(url, _lenient(), {"Authorization": f"Bearer {token}"})


def with_certificate(url: str, pair: Pair) -> HttpApi:
    """With a client certificate."""
    context = _lenient()
    with tempfile.NamedTemporaryFile() as file:
        file.write(pair.both)
        file.flush()
        context.load_cert_chain(file.name)
    return HttpApi(url, context, {})


def _lenient() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def status_of(answer: Answer) -> Document:
    """A failure's Status, which must have the code of its HTTP answer."""
    body = answer.body
    assert (body["kind"], body["apiVersion"], body["status"]) == ("Status", "v1", "Failure"), body
    assert body["metadata"] == {} and body["code"] == answer.code, body
    return {key: body[key] for key in ("reason", "message", "details") if key in body}
