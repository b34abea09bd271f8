"""Plans carried out in a toy world: random pods, exits, edits, deletes and deaths of the agent."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.ending import ending_due
from nodeagent.core.ends import take_ends
from nodeagent.core.hashing import spec_hash
from nodeagent.core.plan import plan_pod
from nodeagent.core.remember import (
    with_counts,
    with_restart_all,
    with_restarts,
    with_stops,
    with_try,
)
from nodeagent.core.status import TERMINAL, derive_status
from nodeagent.model.actions import (
    Action,
    CreateSandbox,
    EnsureImage,
    ForgetPod,
    Plan,
    PreparePod,
    RemoveContainer,
    RemoveSandbox,
    RestartAll,
    StartContainer,
    StopContainers,
    StopOne,
    StopSandbox,
    TearDownPod,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId, SandboxId
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox
from tests.fakes.pods import NODE, RULES, UID, a_container, a_pod, an_image

MOST_STEPS = 60
SIGNAL_TAKES = 0.1


class Killed(Exception):
    """The agent died between two actions."""


class World:
    """One pod, its runtime, its agent. Checks after every action what must always hold."""

    def __init__(self, pod: DesiredPod, *, deaf: frozenset[str]) -> None:
        self.now = 1000.0
        self.deaf = deaf
        self.boxes: list[SeenSandbox] = []
        self.containers: list[SeenContainer] = []
        self.memory = self.record = PodMemory(pod=pod, seen_at=self.now, admitted=True)
        self.made = 0
        self.starts: dict[str, list[int]] = {}
        self.forgotten = self.was_replaced = False
        self.left_to_live: int | None = None  # actions until the agent dies
        self.deaths = 0
        self.ended_at: float | None = None

    def seen(self) -> ObservedPod:
        def order(one: SeenContainer | SeenSandbox) -> tuple[int, float]:
            return -one.attempt, -one.created_at

        return ObservedPod(
            uid=UID,
            sandboxes=tuple(sorted(self.boxes, key=order)),
            containers=tuple(sorted(self.containers, key=order)),
        )

    # --- the agent --------------------------------------------------------------------------

    def settle(self) -> None:
        """Plan and act until there is nothing to do; the agent may die and come back meanwhile."""
        for _ in range(MOST_STEPS):
            if self.forgotten:
                return
            try:
                if not self.step():
                    self.record = self.memory
                    return
            except Killed:
                self.die()
        raise AssertionError(f"does not settle: {self.plan()}")

    def step(self) -> bool:
        self.take_in()
        plan = self.plan()
        if plan.restart_all is not RestartAll.NO_CHANGE:
            self.memory = with_restart_all(self.memory, plan, now=self.now)
            return True
        self.record = self.memory
        for action in plan.actions:
            if self.left_to_live is not None:
                self.left_to_live -= 1
                if self.left_to_live < 0:
                    raise Killed
            self.act(action)
            self.check()
        return bool(plan.actions)

    def plan(self) -> Plan:
        return plan_pod(self.memory, self.seen(), rules=RULES, now=self.now)

    def take_in(self) -> None:
        before = self.memory
        self.memory = with_counts(before, self.seen())
        self.memory = replace(self.memory, ends=dict(take_ends(self.memory, self.seen())))
        self.derive()
        ending = ending_due(self.memory, now=self.now)
        if ending is not None and ending != before.ending:
            if before.ending is not None and not before.torn_down:
                assert ending.deadline_at <= before.ending.deadline_at + 1e-6
            if before.ending is None:
                self.ended_at = self.now
            self.memory = replace(self.memory, ending=ending)
            self.derive()

    def derive(self) -> None:
        old = self.memory.status
        status = derive_status(self.memory, self.seen(), node=NODE, rules=RULES, now=self.now)
        if old is not None and old.phase in TERMINAL:
            assert status.phase == old.phase
        for one in status.containerStatuses or ():
            state = one.state
            assert state is not None
            assert sum(bool(s) for s in (state.running, state.waiting, state.terminated)) == 1
        msgspec.json.encode(status)
        self.memory = replace(self.memory, status=status)

    def die(self) -> None:
        """What is not on disk is gone."""
        self.left_to_live, self.deaths = None, self.deaths + 1
        self.memory = replace(
            self.record, pod=self.memory.pod, images={}, troubles={}, health={}, prepared=False
        )

    # --- the runtime ------------------------------------------------------------------------

    def act(self, action: Action) -> None:
        memory = self.memory
        match action:
            case PreparePod():
                self.memory = replace(memory, prepared=True, torn_down=False)
            case EnsureImage():
                images = {**memory.images, action.name: an_image(action.attempt)}
                self.memory = replace(memory, images=images)
            case CreateSandbox():
                self.create_sandbox(action)
            case StartContainer():
                self.start(action)
            case StopContainers():
                self.stop(action)
            case _:
                self.take_away(action)

    def take_away(self, action: Action) -> None:
        match action:
            case StopSandbox():
                assert not self.seen().running
                self.boxes = [replace(b, ready=b.ready and b.id != action.id) for b in self.boxes]
                stopped = (*self.memory.stopped_sandboxes, action.id)
                self.memory = replace(self.memory, stopped_sandboxes=stopped)
            case RemoveContainer():
                assert all(c.phase is not Phase.RUNNING for c in self.find(action.id))
                self.containers = [c for c in self.containers if c.id != action.id]
            case RemoveSandbox():
                assert all(c.sandbox_id != action.id for c in self.containers)
                self.boxes = [b for b in self.boxes if b.id != action.id]
            case TearDownPod():
                assert not self.seen().running and not any(b.ready for b in self.boxes)
                self.memory = replace(self.memory, torn_down=True, prepared=False)
            case ForgetPod():
                assert not self.boxes and not self.containers
                self.forgotten = True

    def find(self, id_: str) -> list[SeenContainer]:
        return [c for c in self.containers if c.id == id_]

    def create_sandbox(self, action: CreateSandbox) -> None:
        assert not any(b.ready for b in self.boxes)
        assert all(b.attempt < action.attempt for b in self.boxes)
        self.made += 1
        self.boxes.append(
            SeenSandbox(
                id=SandboxId(f"box-{self.made}"),
                attempt=action.attempt,
                ready=True,
                created_at=self.now,
                ips=("10.0.0.2",),
            )
        )
        attempt = max(self.memory.sandbox_attempt, action.attempt + 1)
        self.memory = replace(self.memory, sandbox_attempt=attempt)

    def start(self, action: StartContainer) -> None:
        assert self.memory.ending is None and self.memory.prepared
        self.memory = self.record = with_try(self.memory, action)
        box = self.seen().sandbox
        assert box is not None and box.ready
        assert action.attempt not in [c.attempt for c in self.containers if c.name == action.name]
        spec = next(c for _, c in each_container(self.memory.pod.spec) if c.name == action.name)
        self.made += 1
        self.containers.append(
            SeenContainer(
                id=ContainerId(f"{action.name}-{self.made}"),
                name=action.name,
                sandbox_id=box.id,
                attempt=action.attempt,
                restart_count=action.restart_count,
                phase=Phase.RUNNING,
                created_at=self.now,
                started_at=self.now,
                spec_hash=spec_hash(spec),
            )
        )
        self.starts.setdefault(action.name, []).append(action.restart_count)

    def stop(self, action: StopContainers) -> None:
        """Everyone is asked at once; who is deaf dies at the end of its grace, two seconds more."""
        self.memory = self.record = with_stops(self.memory, action, now=self.now)
        if self.left_to_live == 0:
            self.stop_half(action)
        ends: dict[str, float] = {}
        for stop in sorted(action.stops, key=lambda s: len(s.after)):
            ends[stop.name] = self.end_of(stop, ends)
            self.end(stop.id, code=137 if stop.name in self.deaf else 143, at=ends[stop.name])
        self.now = max(self.now, *ends.values())

    def stop_half(self, action: StopContainers) -> None:
        """The agent dies during the stop; who is not deaf got the signal and ends all the same."""
        for stop in action.stops:
            if stop.name not in self.deaf:
                self.end(stop.id, code=143)
        self.now += max(stop.grace for stop in action.stops) / 2
        raise Killed

    def end_of(self, stop: StopOne, ends: dict[str, float]) -> float:
        deadline = self.now + stop.grace
        turn = max([self.now, *(ends[n] for n in stop.after if n in ends)])
        signal_at = min(turn, max(deadline, self.now))
        if stop.name in self.deaf:
            return max(deadline, signal_at + 2.0)
        return signal_at + SIGNAL_TAKES

    def end(self, id_: str, *, code: int, at: float | None = None) -> None:
        self.containers = [
            replace(
                c,
                phase=Phase.EXITED,
                exit_code=code,
                finished_at=self.now if at is None else at,
                reason="Completed" if code == 0 else "Error",
            )
            if c.id == id_ and c.phase is Phase.RUNNING
            else c
            for c in self.containers
        ]

    # --- what must always hold --------------------------------------------------------------

    def check(self) -> None:
        running = [c.name for c in self.containers if c.phase is Phase.RUNNING]
        assert len(running) == len(set(running)), "two instances of one container at once"
        for name, counts in self.starts.items():
            assert counts == sorted(set(counts)), f"restart counts of {name}: {counts}"
        if not self.was_replaced:
            for kind, container in each_container(self.memory.pod.spec):
                if self.never_restarts(kind, container):
                    assert len(self.starts.get(container.name, ())) <= 1

    def never_restarts(self, kind: Kind, container: v1.Container) -> bool:
        own = container.restartPolicy or self.memory.pod.spec.restartPolicy
        ruled = any(c.restartPolicyRules for _, c in each_container(self.memory.pod.spec))
        return own == "Never" and not ruled and kind is Kind.REGULAR and self.is_plain()

    def is_plain(self) -> bool:
        """A container of a Never pod with others that restart may see a second sandbox."""
        return all(not c.restartPolicy for _, c in each_container(self.memory.pod.spec))

    # --- what happens to it -----------------------------------------------------------------

    def happen(self, what: str, number: int) -> None:
        running = sorted(c.id for c in self.containers if c.phase is Phase.RUNNING)
        match what:
            case "exit" if running:
                self.end(running[number % len(running)], code=(0, 1, 7, 137)[number % 4])
            case "sandbox dies":
                for id_ in running:
                    self.end(id_, code=137)
                self.boxes = [replace(b, ready=False) for b in self.boxes]
            case "time":
                self.now += (0.5, 10.0, 100.0, 1000.0)[number % 4]
            case "agent dies":
                self.left_to_live = number % 4
            case "delete":
                self.delete(float(number % 40))
            case "edit":
                self.was_replaced = True
                self.edit(f"busybox:{number}")
            case "restart":
                self.was_replaced = True
                names = {c.name: self.now for c in self.memory.pod.spec.containers}
                self.memory = with_restarts(self.memory, names)

    def delete(self, grace: float | None) -> None:
        pod = self.memory.pod
        self.memory = replace(self.memory, pod=replace(pod, deleting=True, grace=grace))

    def edit(self, image: str) -> None:
        pod = self.memory.pod
        spec = replace(pod.spec, containers=[replace(c, image=image) for c in pod.spec.containers])
        self.memory = replace(self.memory, pod=replace(pod, pod=replace(pod.pod, spec=spec)))


def _rule(action: str) -> v1.ContainerRestartRule:
    codes = v1.ContainerRestartRuleOnExitCodes(operator="In", values=[7])
    return v1.ContainerRestartRule(action=action, exitCodes=codes)


@st.composite
def pods(draw: st.DrawFn) -> DesiredPod:
    """Pods of every make."""
    init = []
    for number in range(draw(st.integers(0, 2))):
        policy = draw(st.sampled_from([None, "Always"]))
        init.append(a_container(f"i{number}", restartPolicy=policy))
    regular = []
    for number in range(draw(st.integers(1, 2))):
        fields: dict[str, Any] = {}
        if draw(st.booleans()):
            fields["restartPolicy"] = draw(st.sampled_from(["Always", "OnFailure", "Never"]))
            action = draw(st.sampled_from([None, "Restart", "RestartAllContainers"]))
            if action:
                fields["restartPolicyRules"] = [_rule(action)]
        regular.append(a_container(f"c{number}", **fields))
    return a_pod(
        *regular,
        initContainers=init or None,
        restartPolicy=draw(st.sampled_from(["Always", "OnFailure", "Never"])),
        terminationGracePeriodSeconds=draw(st.integers(0, 40)),
        activeDeadlineSeconds=draw(st.sampled_from([None, None, 500])),
    )


EVENTS = (
    "exit",
    "exit",
    "exit",
    "exit",
    "exit",
    "time",
    "sandbox dies",
    "agent dies",
    "edit",
    "restart",
)
happenings = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 99)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(
    pod=pods(),
    story=happenings,
    deaf=st.frozensets(st.sampled_from(["c0", "c1", "i0", "i1"])),
    graces=st.lists(st.integers(0, 60), max_size=2),
    dies=st.integers(0, 12),
)
def test_whatever_happens_plans_settle_and_the_end_comes_in_time(
    pod: DesiredPod,
    story: list[tuple[str, int]],
    deaf: frozenset[str],
    graces: list[int],
    dies: int,
) -> None:
    world = World(pod, deaf=deaf)
    world.settle()
    for what, number in story:
        ran = running(world) if what in ("edit", "restart") else set()
        world.happen(what, number)
        world.settle()
        if ran and world.memory.pod.spec.activeDeadlineSeconds is None:
            assert ran <= running(world), f"not replaced after {what}"
    for grace in graces:
        world.delete(float(grace))
        world.take_in()
    world.delete(None)
    world.left_to_live, world.deaths = dies, 0
    busy = bool(world.seen().running) and world.memory.ending is None
    granted = min([float(g) for g in graces] + [world_grace(world)])
    began = world.now
    world.settle()
    assert world.forgotten
    if busy:
        assert world.now - began <= max(granted, 1.0) + 2.0 * (1 + world.deaths) + 0.5


def running(world: World) -> set[str]:
    """Regular containers that run."""
    regular = {c.name for c in world.memory.pod.spec.containers}
    return {c.name for c in world.containers if c.phase is Phase.RUNNING} & regular


def world_grace(world: World) -> float:
    """What the spec grants."""
    return float(world.memory.pod.spec.terminationGracePeriodSeconds or 0)
