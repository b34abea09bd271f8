"""Asks the running agent over its unix socket."""

import functools
import http.client
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

import click
import msgspec

from nodeagent.cli.output import FAILED, INTERRUPTED, UNREACHABLE, fail

DEFAULT_SOCKET = "/run/nodeagent/nodeagent.sock"
ANSWER_LIMIT = 30.0  # seconds for an answer to begin
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
P = ParamSpec("P")
R = TypeVar("R")


class Unreachable(Exception):
    """Nobody answers at the socket."""


class Refused(Exception):
    """The agent answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class PodName(msgspec.Struct, frozen=True):
    """A pod that the agent knows."""

    namespace: str
    name: str


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self.path, self._patience = path, patience

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._patience)
        self.sock.connect(self.path)


class Answer:
    """An answer that is read in pieces; close it, or use it in a `with`."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse) -> None:
        self._connection, self._response = connection, response

    def __enter__(self) -> "Answer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._connection.close()

    def wait_for_ever(self) -> None:
        """Pieces may now come as late as they like."""
        if self._connection.sock is not None:
            self._connection.sock.settimeout(None)

    def read(self) -> bytes:
        """The rest of it. Unreachable where the agent does not send all of that."""
        try:
            return self._response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(_unreachable(self._connection.path, error)) from error

    def pieces(self) -> Iterator[bytes]:
        """Bytes as they arrive. Refused where the agent went away in between."""
        try:
            while piece := self._response.read1(64 * 1024):
                yield piece
        except (http.client.HTTPException, ConnectionError) as error:
            raise Refused(0, "the agent closed the connection: it was stopped") from error

    def lines(self) -> Iterator[bytes]:
        """Lines as they arrive."""
        rest = b""
        for piece in self.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines


class Client:
    """One agent, by the path of its socket; an answer begins within `patience` seconds."""

    def __init__(self, path: str, *, patience: float = ANSWER_LIMIT) -> None:
        self.path, self._patience = path, patience

    def open(self, path: str, *, accept: str = "application/json", **query: str) -> Answer:
        """Ask. Refused for an error answer, Unreachable where nobody answers."""
        wanted = {key: value for key, value in query.items() if value}
        target = path + (f"?{urlencode(wanted)}" if wanted else "")
        return self._request("GET", target, accept=accept)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """Ask for something to be done; the answer, decoded. Errors as those of `open`."""
        target = path + (f"?{urlencode(query)}" if query else "")
        raw = b"" if body is None else msgspec.json.encode(body)
        with self._request(method, target, body=raw) as answer:
            return msgspec.json.decode(answer.read())

    def _request(
        self, method: str, target: str, *, accept: str = "application/json", body: bytes = b""
    ) -> Answer:
        connection = _Connection(self.path, self._patience)
        try:
            connection.request(method, target, body=body or None, headers={"Accept": accept})
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(_unreachable(self.path, error)) from error
        if response.status >= 400:
            with Answer(connection, response) as answer:
                raise _refusal(response.status, answer.read())
        return Answer(connection, response)

    def raw(self, path: str, *, accept: str = "application/json", **query: str) -> bytes:
        """The whole answer."""
        with self.open(path, accept=accept, **query) as answer:
            return answer.read()

    def json(self, path: str, *, accept: str = "application/json", **query: str) -> Any:
        """The whole answer, decoded."""
        return msgspec.json.decode(self.raw(path, accept=accept, **query))

    def problems(self) -> list[dict[str, Any]]:
        """Manifests that are not used."""
        items: list[dict[str, Any]] = self.json("/nodeagent/v1/problems")["items"]
        return items

    def find_pod(self, text: str, *, namespace: str = "", refused_too: bool = False) -> PodName:
        """The pod meant by "name", "namespace/name" or a name without the node's suffix.

        `refused_too` also takes pods whose manifests cannot be used. Refused where there is no
        such pod, or several.
        """
        before, slash, name = text.rpartition("/")
        if slash:
            namespace = before
        table = self.json("/api/v1/pods", accept=TABLE)
        at = [column["name"] for column in table["columnDefinitions"]].index("Node")
        known = {
            PodName(row["object"]["metadata"]["namespace"], row["object"]["metadata"]["name"]): (
                row["cells"][at]
            )
            for row in table["rows"]
        }
        if refused_too:
            for problem in self.problems():
                where, _, what = problem["pod"].partition("/")
                known.setdefault(PodName(where, what), "")
        return _choose(known, name, namespace)


def _choose(known: dict[PodName, str], name: str, namespace: str) -> PodName:
    here = {pod: node for pod, node in known.items() if namespace in ("", pod.namespace)}
    exact = [pod for pod in here if pod.name == name]
    short = [pod for pod, node in here.items() if pod.name == f"{name}-{node.lower()}"]
    found = exact or short
    if len(found) == 1:
        return found[0]
    where = f" in namespace {namespace}" if namespace else ""
    if found:
        listed = ", ".join(f"{pod.namespace}/{pod.name}" for pod in found)
        raise Refused(409, f'"{name}" may be any of {listed}: write namespace/name')
    near = sorted(pod.name for pod in here if name in pod.name)[:5]
    hint = f"; did you mean {', '.join(near)}?" if near else "; see: nodeagent ps"
    raise Refused(404, f'no pod "{name}"{where}{hint}')


def pod_path(pod: PodName, *more: str) -> str:
    """The REST path of a pod or of something below it."""
    parts = ("/api/v1/namespaces", quote(pod.namespace), "pods", quote(pod.name), *more)
    return "/".join(parts)


def own_path(pod: PodName, what: str) -> str:
    """The agent's own path about a pod: why, restart, exec."""
    return f"/nodeagent/v1/namespaces/{quote(pod.namespace)}/pods/{quote(pod.name)}/{what}"


def _refusal(code: int, body: bytes) -> Refused:
    try:
        message = str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        message = f"the agent answered {code}: {body[:200].decode(errors='replace')}"
    return Refused(code, message)


def _unreachable(path: str, error: Exception) -> str:
    start = "start it with `nodeagent run`, or name its socket with --socket or NODEAGENT_SOCKET"
    if isinstance(error, FileNotFoundError):
        return f"no agent is running: there is no socket {path}; {start}"
    if isinstance(error, ConnectionRefusedError):
        return f"no agent is running: nobody listens on {path} any more; {start}"
    if isinstance(error, PermissionError):
        return f"{path} may only be used by root and the agent's own user; try sudo"
    if isinstance(error, http.client.IncompleteRead):
        return f"the agent at {path} broke off its answer: it was stopped"
    return f"the agent at {path} does not answer: {error}"


def asks_agent(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command --socket, and turn what went wrong into one line and an exit code."""

    @click.option(
        "--socket",
        default=lambda: os.environ.get("NODEAGENT_SOCKET") or DEFAULT_SOCKET,
        metavar="PATH",
        help=f"The agent's socket; also NODEAGENT_SOCKET. [{DEFAULT_SOCKET}]",
    )
    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Unreachable as error:
            fail(str(error), code=UNREACHABLE)
        except Refused as error:
            fail(error.message, code=FAILED)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:  # whoever read us has seen enough
            _write_no_more()
            raise SystemExit(0) from None
        except OSError as error:  # a full disk that the output goes to, for one
            _write_no_more()
            fail(str(error))

    return wrapped


def _write_no_more() -> None:
    """Nothing more goes to standard output, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
