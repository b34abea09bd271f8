"""What a change of CPU and memory asks for: the grant, restarts, order, refusals, texts."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.plan import plan_pod
from nodeagent.core.resize import (
    SWAP,
    as_granted,
    grant_of,
    infeasible,
    is_done,
    is_same,
    plan_resize,
    rank,
    resize_text,
    resources_of,
    with_cgroup,
    with_error,
    with_first_grant,
    with_given,
    with_grant,
    with_pending,
)
from nodeagent.core.resize_steps import refusal, steps_of
from nodeagent.core.status import derive_status
from nodeagent.model.actions import ResizePod, StopContainers, StopWhy
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId
from nodeagent.model.memory import PodMemory
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.node import NodeFacts
from nodeagent.model.observed import ObservedPod, SeenContainer
from nodeagent.model.resize import Pending, Wait
from tests.fakes.pods import NODE, RULES, a_container, an_api_pod, remembered, seen, sight

MI = 1 << 20
NOW = 100.0


def needs(
    cpu: str = "100m", memory: str = "64Mi", *, limit: bool = False
) -> v1.ResourceRequirements:
    amounts = {"cpu": cpu, "memory": memory}
    return v1.ResourceRequirements(requests=amounts, limits=amounts if limit else None)


def web(resources: v1.ResourceRequirements, *, name: str = "web", **restarts: str) -> v1.Container:
    policies = [
        v1.ContainerResizePolicy(resourceName=resource, restartPolicy=policy)
        for resource, policy in restarts.items()
    ]
    return a_container(name, resources=resources, resizePolicy=policies or None)


def held(*containers: v1.Container, **spec: Any) -> PodMemory:
    return with_first_grant(remembered(an_api_pod(*containers, **spec)))


def resized(
    memory: PodMemory, *containers: v1.Container, at: ObservedPod | None = None, **spec: Any
) -> PodMemory:
    wish = an_api_pod(*containers, generation=2, **spec)
    return with_grant(memory, wish, at or sight(*(seen(c.name) for c in containers)), now=NOW)


def plan_of(memory: PodMemory, *running: SeenContainer) -> list[object]:
    return list(plan_pod(memory, sight(*running), rules=RULES, now=NOW).actions)


def test_a_static_pod_needs_no_grant_and_an_api_pod_gets_what_it_asks_for() -> None:
    assert with_first_grant(remembered()).granted is None
    memory = held(web(needs()))
    assert memory.admitted
    assert memory.granted == grant_of(memory.pod.spec)


def test_the_same_amount_in_another_spelling_is_no_change() -> None:
    one, other = grant_of(held(web(needs("1", "1Gi"))).pod.spec), web(needs("1000m", "1024Mi"))
    assert is_same(one, grant_of(held(other).pod.spec))
    assert not is_same(one, grant_of(held(web(needs("1", "2Gi"))).pod.spec))
    assert not is_same(one, grant_of(held(web(needs(), name="other")).pod.spec))


def test_a_pod_is_worked_on_with_what_it_was_granted() -> None:
    memory = held(web(needs("100m")), initContainers=[web(needs("50m"), name="init")])
    assert memory.granted is not None
    wish = an_api_pod(web(needs("2")), initContainers=[web(needs("3"), name="init")])
    shown = as_granted(wish, memory.granted)
    assert grant_of(shown.spec) == memory.granted
    assert as_granted(shown, memory.granted) is shown


def test_a_granted_change_is_carried_out_without_a_restart() -> None:
    memory = resized(held(web(needs("100m", limit=True))), web(needs("500m", limit=True)))
    assert plan_of(memory, seen()) == [ResizePod(containers=(ContainerId("web-0"),))]
    memory = with_cgroup(with_given(memory, [ContainerId("web-0")], sight(seen())))
    assert plan_of(memory, seen()) == []
    assert is_done(memory, sight(seen()))


@pytest.mark.parametrize(
    ("policies", "after", "restarts"),
    [
        ({"cpu": "NotRequired", "memory": "RestartContainer"}, needs("200m", "64Mi"), False),
        ({"cpu": "NotRequired", "memory": "RestartContainer"}, needs("100m", "65Mi"), True),
        ({"cpu": "RestartContainer"}, needs("200m", "64Mi"), True),
        ({"cpu": "RestartContainer"}, needs("100m", "65Mi"), False),
        ({}, needs("1", "1Gi", limit=True), False),
    ],
)
def test_the_resize_policy_decides_on_a_restart(
    policies: dict[str, str], after: v1.ResourceRequirements, restarts: bool
) -> None:
    memory = resized(held(web(needs(), **policies)), web(after, **policies))
    (action,) = plan_of(memory, seen())
    assert isinstance(action, StopContainers if restarts else ResizePod)
    if isinstance(action, StopContainers):
        (stop,) = action.stops
        assert (stop.why, stop.message) == (
            StopWhy.RESIZE,
            "Container web resize requires restart",
        )


def test_a_container_made_since_the_change_has_it_already() -> None:
    memory = resized(
        held(web(needs(), memory="RestartContainer")),
        web(needs(memory="1Gi"), memory="RestartContainer"),
    )
    fresh = seen(restart_count=1, created_at=NOW + 1)
    assert plan_of(memory, fresh) == [ResizePod(containers=())]
    assert plan_of(with_cgroup(memory), fresh) == []


def test_a_change_of_the_pods_limit_reaches_the_containers_without_one() -> None:
    old, new = (v1.ResourceRequirements(limits={"memory": size}) for size in ("64Mi", "128Mi"))
    memory = held(a_container("web"), web(needs(limit=True), name="own"), resources=old)
    memory = resized(memory, a_container("web"), web(needs(limit=True), name="own"), resources=new)
    (action,) = plan_of(memory, seen(), seen("own"))
    assert action == ResizePod(containers=(ContainerId("web-0"),))


def test_who_gets_less_comes_first() -> None:
    memory = held(web(needs("1", limit=True)), web(needs("2", limit=True), name="side"))
    memory = resized(memory, web(needs("2", limit=True)), web(needs("1", limit=True), name="side"))
    (action,) = plan_of(memory, seen(), seen("side"))
    assert action == ResizePod(containers=(ContainerId("side-0"), ContainerId("web-0")))


def test_a_failed_change_is_tried_again_in_its_time() -> None:
    memory = with_error(resized(held(web(needs())), web(needs("1"))), "no", retry_at=NOW + 10)
    assert plan_resize(memory, sight(seen()), now=NOW) == ((), NOW + 10)
    assert plan_resize(memory, sight(seen()), now=NOW + 10)[0]


def test_a_second_change_knows_what_runs() -> None:
    first = resized(held(web(needs("1"))), web(needs("2")))
    second = resized(first, web(needs("3")))
    assert second.resize is not None
    assert second.resize.given.containers["web"].requests == needs("1").requests
    done = with_given(first, [ContainerId("web-0")], sight(seen()))
    third = resized(done, web(needs("3")))
    assert resources_of(third, seen()).requests == needs("2").requests


@given(
    before=st.integers(1, 64), after=st.integers(1, 64), limited=st.booleans(), was=st.booleans()
)
def test_the_pods_cgroup_is_never_tighter_than_its_containers(
    before: int, after: int, limited: bool, was: bool
) -> None:
    old, new = (
        needs(f"{n * 100}m", f"{n * 16}Mi", limit=limit)
        for n, limit in ((before, was), (after, limited))
    )
    memory = resized(held(web(old)), web(new))
    steps = steps_of(memory, [seen()], node=NODE, rules=RULES)
    (change,) = steps.changes
    for name in ("memory_limit_bytes", "cpu_quota"):
        wide, final = getattr(steps.wide.resources, name), getattr(steps.final.resources, name)
        own = getattr(change.resources, name)
        assert wide == 0 or (wide >= own > 0 and wide >= final)
        assert (own == -1) == (was and not limited)
    assert ("" in steps.lower) == (limited and (not was or after < before))


def test_a_limit_below_what_is_in_use_is_refused_in_words() -> None:
    memory = resized(
        held(web(needs(memory="64Mi", limit=True)), web(needs(limit=True), name="side")),
        web(needs(memory="32Mi", limit=True)),
        web(needs(limit=True), name="side"),
    )
    steps = steps_of(memory, [seen()], node=NODE, rules=RULES)
    assert steps.lower == {"": 96 * MI, "web-0": 32 * MI}

    def use(size: int) -> MemoryUse:
        return MemoryUse(used_bytes=size, working_set_bytes=0)

    assert refusal(steps, {"": use(50 * MI), "web-0": use(20 * MI)}) == ""
    assert refusal(steps, {"": use(50 * MI), "web-0": use(40 * MI)}) == (
        "cannot decrease memory limits: attempting to set container "
        f'"web" memory limit ({32 * MI}) below current usage ({40 * MI})'
    )
    assert refusal(steps, {"": use(96 * MI)}) == (
        "cannot decrease memory limits: [attempting to set pod memory limit "
        f'({96 * MI}) below current usage ({96 * MI}), missing container "web" memory usage]'
    )


def test_containers_that_may_swap_keep_their_memory() -> None:
    node = NodeFacts(
        name="n", cgroup_v2=True, swap=True, swap_bytes=1 << 30, capacity={"memory": 1 << 32}
    )
    rules = replace(RULES, limited_swap=True)
    memory = held(web(needs()))

    def why(wish: DesiredPod, **changes: Any) -> str:
        return infeasible(memory, wish, node=replace(node, **changes), rules=rules)

    assert why(an_api_pod(web(needs(memory="65Mi")))) == SWAP
    assert why(an_api_pod(web(needs(memory="65Mi"))), swap=False) == ""
    assert why(an_api_pod(web(needs(cpu="1")))) == ""
    restarting = held(web(needs(), memory="RestartContainer"))
    wish = an_api_pod(web(needs(memory="65Mi"), memory="RestartContainer"))
    assert infeasible(restarting, wish, node=node, rules=rules) == ""


def test_pending_changes_are_looked_at_by_need_priority_class_and_time() -> None:
    def waits(cpu: str, *, at: float = 0.0, limit: bool = False, priority: int = 0) -> object:
        memory = held(web(needs("1", limit=limit)), priority=priority)
        pending = Pending(why=Wait.DEFERRED, message="", at=at)
        return rank(with_pending(memory, pending), an_api_pod(web(needs(cpu))).spec)

    ranks = [
        waits("500m", at=9),
        waits("2", priority=5, at=9),
        waits("2", limit=True, at=9),
        waits("2", at=1),
        waits("2", at=2),
    ]
    assert ranks == sorted(ranks)  # type: ignore[type-var]


def test_conditions_carry_the_generation_that_asked() -> None:
    memory = resized(held(web(needs("1"))), web(needs("2")))
    memory = with_pending(
        memory, Pending(why=Wait.DEFERRED, message="too little", at=NOW, generation=7)
    )
    status = derive_status(memory, sight(seen()), node=NODE, rules=RULES, now=NOW)
    told = {c.type: c for c in status.conditions or ()}
    pending, going = told["PodResizePending"], told["PodResizeInProgress"]
    assert (pending.status, pending.reason, pending.message, pending.observedGeneration) == (
        "True",
        "Deferred",
        "too little",
        7,
    )
    assert (going.status, going.reason, going.observedGeneration) == ("True", None, 2)
    wrong = with_error(memory, "kernel says no", retry_at=0)
    status = derive_status(wrong, sight(seen()), node=NODE, rules=RULES, now=NOW)
    told = {c.type: c for c in status.conditions or ()}
    assert told["PodResizeInProgress"].reason == "Error"
    assert told["PodResizeInProgress"].message == "kernel says no"


def test_status_tells_what_is_granted_and_what_runs() -> None:
    memory = resized(held(web(needs("1"))), web(needs("2")))
    status = derive_status(memory, sight(seen()), node=NODE, rules=RULES, now=NOW)
    (one,) = status.containerStatuses or []
    assert one.allocatedResources == needs("2").requests
    assert one.resources == needs("1")
    assert status.allocatedResources == {"cpu": "2", "memory": "64Mi"}
    assert status.resources is not None
    assert status.resources.requests == {"cpu": "1", "memory": "64Mi"}
    done = replace(memory, resize=None)
    status = derive_status(done, sight(seen()), node=NODE, rules=RULES, now=NOW)
    (one,) = status.containerStatuses or []
    assert one.resources == needs("2")


def test_the_event_says_the_whole_as_json() -> None:
    pod = an_api_pod(web(needs("1", limit=True)), initContainers=[a_container("init")])
    text = resize_text("Deferred", pod, 3, error="too little")
    words, _, body = text.partition(": ")
    assert words == "Pod resize Deferred"
    assert msgspec.json.decode(body) == {
        "initContainers": [{"name": "init", "resources": {}}],
        "containers": [
            {
                "name": "web",
                "resources": {
                    "limits": {"cpu": "1", "memory": "64Mi"},
                    "requests": {"cpu": "1", "memory": "64Mi"},
                },
            }
        ],
        "generation": 3,
        "error": "too little",
    }
