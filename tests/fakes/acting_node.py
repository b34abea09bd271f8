"""A node whose local API also does things: it notes what it was asked for."""

from pathlib import Path

from nodeagent.core.check_files import ManifestFile
from nodeagent.core.foresee import Act, Foreseen, Future, ImageNeed
from nodeagent.errors import CriUnavailable, HostError
from nodeagent.model.desired import Problem
from nodeagent.model.drain import DrainState, Left
from nodeagent.model.ids import PodUid
from nodeagent.server.deeds import Deeds, ExecWish
from nodeagent.server.local import LocalApi
from tests.fakes.local_node import LocalNode

CHANGED = Foreseen(
    origin="/tmp/web.yaml",
    namespace="default",
    name="web-node1",
    act=Act.REPLACE,
    changes=('spec.containers[web].image: "a" -> "b"',),
    stops=("web",),
    grace=30.0,
    starts=("web",),
    images=(
        ImageNeed(container="web", image="b:1", policy="IfNotPresent", here=False),
        ImageNeed(container="old", image="a", policy="Always", here=True, size_bytes=3 << 20),
        ImageNeed(container="known", image="k:1", policy="IfNotPresent", here=True),
    ),
)
REFUSED = Foreseen(
    origin="/tmp/two.yaml",
    namespace="default",
    name="two-node1",
    act=Act.REFUSE,
    reason="NodePorts",
    message="no free ports",
    clashes=("a host port is taken by pod default/web-node1",),
)


class ActingNode(LocalNode):
    """`future` is what plan answers; each look at a drain lets its first pod end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[tuple[ManifestFile, ...]] = []
        self.future = Future(pods=(CHANGED,))
        self.restarted: list[tuple[PodUid, str]] = []
        self.commands: list[ExecWish] = []
        self.url = "http://127.0.0.1:1/exec/x"
        self.trouble = ""
        self.draining = False
        self.left: list[Left] = []
        self.stuck = False
        self.api = LocalApi(self.view(), path=self.socket, deeds=self.deeds())

    def deeds(self) -> Deeds:
        return Deeds(
            foresee=self.foresee,
            restart=lambda uid, container: self.restarted.append((uid, container)),
            drain=lambda: self.set_draining(to=True),
            undrain=lambda: self.set_draining(to=False),
            drain_state=self.drain_state,
            open_exec=self.open_exec,
        )

    async def foresee(self, files: tuple[ManifestFile, ...]) -> Future:
        self.asked.append(files)
        return self.future

    def set_draining(self, *, to: bool) -> None:
        if self.trouble:
            raise HostError(op="make", target="/run/x", detail=self.trouble)
        self.draining = to

    def drain_state(self) -> DrainState:
        state = DrainState(draining=self.draining, left=tuple(self.left) if self.draining else ())
        if self.left and self.draining and not self.stuck:
            self.left.pop(0)
        return state

    async def open_exec(self, wish: ExecWish) -> str:
        self.commands.append(wish)
        if self.trouble:
            raise CriUnavailable(op="Exec", target=wish.container, detail=self.trouble)
        return self.url


BROKEN = Problem(origin="/tmp/bad.yaml", message="kind: is missing", line=1, column=1)
