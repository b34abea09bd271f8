"""A node behind its port, with state that tests change; and the port opened on real sockets."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.errors import CriError, HostError
from nodeagent.model.access import User
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.launch import ExecResult
from nodeagent.model.scrapes import Page, TextForm
from nodeagent.server.backing import Backing, Journal, Runtime, StreamWish, Switches
from nodeagent.server.figures import Asked, Figures
from nodeagent.server.identity import Identity
from nodeagent.server.node_port import NodePorts, Opening, Place
from nodeagent.server.permission import Permission
from nodeagent.server.pods_by_name import uid_of
from nodeagent.server.tls import TlsRules
from nodeagent.settings.names import TlsVersion
from tests.fakes.local_node import NOW, a_pod
from tests.fakes.streaming import FakeStreaming
from tests.server.pki import SERVER, Authority

HERE = Place("127.0.0.1", 0)


class Tally:
    """Notes what is counted."""

    def __init__(self) -> None:
        self.begun: list[Asked] = []
        self.finished: list[Asked] = []
        self.websockets: list[str] = []
        self.checks: list[tuple[str, bool]] = []
        self.one_ended = asyncio.Event()

    def began(self, asked: Asked) -> None:
        self.begun.append(asked)

    def ended(self, asked: Asked, seconds: float) -> None:
        self.finished.append(asked)
        self.one_ended.set()

    def websocket(self, subresource: str) -> None:
        self.websockets.append(subresource)

    def checked(self, name: str, *, wrong: bool) -> None:
        self.checks.append((name, wrong))

    def forget_checks(self) -> None:
        self.checks.clear()


class FakeNode:
    """Tokens are users' names; `allowed` are (user, verb, subresource), None for everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.logs = folder, folder / "logs"
        self.pods: list[v1.Pod] = [a_pod()]
        self.mirrors: dict[str, str] = {}
        self.running: set[tuple[str, str]] = {("uid-web-node1", "web")}
        self.wrong: dict[str, str] = {"ping": "", "log": "", "syncloop": ""}
        self.streaming = FakeStreaming()
        self.tally = Tally()
        self.users: dict[str, User] = {"admin": User(name="admin", groups=("ops",))}
        self.allowed: set[tuple[str, str, str]] | None = None
        self.asked: list[tuple[str, ...]] = []
        self.reviews: list[str] = []
        self.trouble: Exception | None = None  # of every review
        self.refusal: CriError | None = None  # of the runtime
        self.result = ExecResult(exit_code=0, stdout=b"out", stderr=b"err")
        self.verbosity = 0
        self.lines: list[bytes] = [b"one\n", b"two\n"]
        self.units: frozenset[str] | None = frozenset({"kubelet.service"})
        self.ca = Authority(folder)
        self.client_ca: Path | None = self.ca.file
        self.certificate = self.ca.sign("node", usage=SERVER)
        self.switches = Switches(log_query=True)
        self.least = TlsVersion.UNSET
        self.anonymous = False
        self.late = False
        self.idle = 60.0
        self.ttl = 120.0
        self.clock = 0.0  # for what is remembered

    async def review_token(self, token: str) -> User | None:
        self.reviews.append(token)
        if self.trouble:
            raise self.trouble
        return self.users.get(token)

    async def review_access(self, user: User, verb: str, subresource: str) -> bool:
        self.reviews.append(f"{user.name} {verb} {subresource}")
        if self.trouble:
            raise self.trouble
        return self.allowed is None or (user.name, verb, subresource) in self.allowed

    async def _exec(
        self, container: ContainerId, command: tuple[str, ...], wish: StreamWish
    ) -> str:
        return self._url("exec", container, *command, _words(wish))

    async def _attach(self, container: ContainerId, wish: StreamWish) -> str:
        return self._url("attach", container, _words(wish))

    async def _forward(self, sandbox: SandboxId, ports: tuple[int, ...]) -> str:
        return self._url("forward", sandbox, *map(str, ports))

    async def _run(self, container: ContainerId, command: tuple[str, ...]) -> ExecResult:
        self._url("run", container, *command)
        return self.result

    async def _checkpoint(self, container: ContainerId, location: str, limit: int) -> None:
        self._url("checkpoint", container, location, str(limit))

    def _url(self, *asked: str) -> str:
        self.asked.append(asked)
        if self.refusal:
            raise self.refusal
        return self.streaming.url

    async def _journal(self, arguments: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
        self.asked.append(("journal", *arguments))
        if self.units is None:
            raise HostError(op="read", target="the journal", detail="no journalctl")
        for line in self.lines:
            yield line

    async def _units(self) -> frozenset[str]:
        if self.units is None:
            raise HostError(op="read", target="the journal", detail="no journalctl")
        return self.units

    async def _text(self, page: Page, form: TextForm) -> bytes:
        return f"page {page}\n".encode()

    async def _summary(self, only: bool) -> bytes:
        return msgspec.json.encode({"only": only})

    def backing(self) -> Backing:
        return Backing(
            version="v1.36.2+nodeagent.0.1.0",
            started_at=NOW - 3725,
            logs_dir=self.logs,
            checkpoints_dir=self.folder / "checkpoints",
            idle=self.idle,
            now=lambda: NOW,
            list_pods=lambda: tuple(self.pods),
            running_pods=lambda: tuple(self.pods[:1]),
            container=self._container,
            sandbox=lambda uid: SandboxId(f"box-{uid}") if self.running else None,
            health=lambda: self.wrong,
            configz=lambda: {"kind": "KubeletConfiguration", "port": 10250},
            flags=lambda: {"v": "2", "address": "0.0.0.0"},
            set_verbosity=lambda number: setattr(self, "verbosity", number),
            runtime=Runtime(
                exec=self._exec,
                attach=self._attach,
                forward=self._forward,
                run=self._run,
                checkpoint=self._checkpoint,
            ),
            journal=Journal(read=self._journal, units=self._units),
            mirror_uid=lambda pod: self.mirrors.get(uid_of(pod), ""),
            figures=Figures(text=self._text, summary=self._summary, tally=self.tally),
            system_logs_dir=self.folder / "system-logs",
        )

    def _container(self, uid: PodUid, name: str) -> ContainerId | None:
        return ContainerId(f"{uid}-{name}") if (uid, name) in self.running else None

    def opening(self) -> Opening:
        return Opening(
            guarded=HERE,
            read_only=HERE,
            healthz=HERE,
            tls=TlsRules(
                certificate=self.certificate,
                key=self.certificate,
                client_ca=self.client_ca,
                least=self.least,
                late=self.late,
            ),
            identity=Identity(
                review=self.review_token,
                anonymous=self.anonymous,
                ttl=self.ttl,
                now=time.time,
                steady=lambda: self.clock,
            ),
            permission=Permission(
                review=self.review_access, yes=300, no=30, steady=lambda: self.clock
            ),
        )


def _words(wish: StreamWish) -> str:
    return " ".join(name for name, on in msgspec.structs.asdict(wish).items() if on)


@asynccontextmanager
async def serving_ports(node: FakeNode) -> AsyncIterator[NodePorts]:
    """The node's ports answer inside."""
    ports = NodePorts(node.opening(), node.backing(), node.switches, look_every=0.05)
    task = asyncio.ensure_future(ports.run())
    ready = asyncio.ensure_future(ports.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        task.result()
    try:
        async with node.streaming.running():
            yield ports
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
