"""What is wanted and what is seen, each map with one writer; listeners are told who changed."""

from collections.abc import Callable, Iterable, Mapping

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.observed import ObservedPod

Listener = Callable[[PodUid], None]


class NodeState:
    """Two maps. `want` is called by the sources only, `saw` and `lost` by the observer only."""

    def __init__(self) -> None:
        self._desired: dict[PodUid, DesiredPod] = {}
        self._observed: dict[PodUid, ObservedPod] = {}
        self._on_wish: list[Listener] = []
        self._on_sight: list[Listener] = []

    def listen(self, *, wish: Listener, sight: Listener) -> None:
        """Call these with a pod's uid whenever its wish or its sight changed."""
        self._on_wish.append(wish)
        self._on_sight.append(sight)

    def want(self, desired: Mapping[PodUid, DesiredPod]) -> None:
        """Replace everything that is wanted; told in their order, then pods that vanish."""
        before, self._desired = self._desired, dict(desired)
        for uid in dict.fromkeys([*desired, *before]):
            if before.get(uid) != desired.get(uid):
                _tell(self._on_wish, uid)

    def saw(self, pod: ObservedPod) -> None:
        """Replace what is seen of one pod; a pod with nothing left is forgotten."""
        before = self._observed.get(pod.uid)
        if before == pod:
            return
        if pod.is_gone and not pod.trouble:
            self._observed.pop(pod.uid, None)
        else:
            self._observed[pod.uid] = pod
        _tell(self._on_sight, pod.uid)

    def desired(self, uid: PodUid) -> DesiredPod | None:
        """What is wanted of the pod; None where no source names it."""
        return self._desired.get(uid)

    def observed(self, uid: PodUid) -> ObservedPod:
        """What is seen of the pod; an empty sight where the runtime has nothing."""
        return self._observed.get(uid) or ObservedPod(uid=uid)

    def all_desired(self) -> Iterable[DesiredPod]:
        """Every wanted pod."""
        return tuple(self._desired.values())

    def all_observed(self) -> Iterable[ObservedPod]:
        """Every pod the runtime has anything of."""
        return tuple(self._observed.values())


def _tell(listeners: Iterable[Listener], uid: PodUid) -> None:
    for listener in listeners:
        listener(uid)
