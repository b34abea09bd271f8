"""How many ended instances of a container are kept, and how long."""

import msgspec
import pytest

from nodeagent.core.dead import MANY, dead_allowance
from nodeagent.core.plan import plan_pod
from nodeagent.model.actions import RemoveContainer
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox
from tests.fakes.pods import a_container, a_pod

BOX = SandboxId("box")


def instance(number: int, phase: Phase = Phase.EXITED, name: str = "web") -> SeenContainer:
    return SeenContainer(
        id=ContainerId(f"{name}-{number}"),
        name=name,
        sandbox_id=BOX,
        attempt=number,
        restart_count=number,
        phase=phase,
        created_at=100.0 * number,
        started_at=100.0 * number,
        finished_at=100.0 * number + 50.0 if phase is Phase.EXITED else 0.0,
    )


def pod_with(*containers: SeenContainer, uid: str = "u1") -> ObservedPod:
    box = SeenSandbox(id=BOX, attempt=0, ready=True, created_at=1.0, ips=("10.0.0.2",))
    return ObservedPod(uid=PodUid(uid), sandboxes=(box,), containers=containers)


def swept(now: float, **rules: float) -> tuple[list[str], float | None]:
    """Ids removed from a pod of four dead instances and a running one, and the next wake."""
    pod = a_pod(a_container("web"))
    memory = PodMemory(pod=pod, seen_at=0.0, admitted=True, prepared=True)
    seen = pod_with(instance(5, Phase.RUNNING), *(instance(n) for n in (4, 3, 2, 1)))
    given = msgspec.structs.replace(NodeRules(), **rules)
    plan = plan_pod(memory, seen, rules=given, now=now)
    return [a.id for a in plan.actions if isinstance(a, RemoveContainer)], plan.wake_at


def test_one_dead_instance_beside_the_running_one_is_kept() -> None:
    assert swept(1000.0)[0] == ["web-3", "web-2", "web-1"]


def test_more_are_kept_where_the_node_says_so() -> None:
    assert swept(1000.0, dead_per_container=3)[0] == ["web-1"]


def test_an_instance_younger_than_the_minimum_age_waits_for_its_time() -> None:
    assert swept(300.0, dead_min_age=100.0) == (["web-1"], 350.0)
    assert swept(350.0, dead_min_age=100.0)[0] == ["web-2", "web-1"]


@pytest.mark.parametrize(
    ("per_container", "total", "allowed"),
    [(1, -1, 1), (5, -1, 5), (0, -1, 1), (-1, -1, MANY), (5, 6, 5), (5, 5, 2), (5, 0, 1)],
)
def test_the_total_is_shared_among_containers(per_container: int, total: int, allowed: int) -> None:
    three = pod_with(*(instance(n) for n in (3, 2, 1)))
    more = pod_with(*(instance(n, name="job") for n in (3, 2, 1)), uid="u2")
    assert dead_allowance((three, more), per_container=per_container, total=total) == allowed
