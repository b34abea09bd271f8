"""Which init container comes next (init containers page, KEP-753)."""

from nodeagent.core.containers import Kind, init_kind
from nodeagent.core.plan_start import Wanted
from nodeagent.core.restart import may_restart
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import Phase, SeenContainer


def next_init(memory: PodMemory, here: tuple[SeenContainer, ...]) -> tuple[list[Wanted], bool]:
    """What of the init containers to start now, and whether regular ones may start.

    `here` are the containers of the present sandbox. Once a regular container exists in it,
    plain init containers never run again, while sidecars that ended are brought back.
    """
    spec = memory.pod.spec
    regular = {c.name for c in spec.containers}
    newest: dict[str, SeenContainer] = {}
    for seen in here:
        newest.setdefault(seen.name, seen)
    begun = any(name in regular for name in newest)
    wanted: list[Wanted] = []
    for container in spec.initContainers or ():
        kind = init_kind(container)
        item = Wanted(kind=kind, container=container, here=newest.get(container.name))
        if begun:
            if kind is Kind.SIDECAR and _must_run(item):
                wanted.append(item)
            continue
        if _must_run(item) or _failed(memory, item):
            if _may_run(memory, item):
                wanted.append(item)
            return wanted, False
        if not _lets_pass(memory, item):
            return wanted, False
    return wanted, True


def _must_run(item: Wanted) -> bool:
    if item.here is None or item.here.phase is Phase.CREATED:
        return True
    return item.kind is Kind.SIDECAR and item.here.phase is Phase.EXITED


def _failed(memory: PodMemory, item: Wanted) -> bool:
    seen = item.here
    if seen is None or seen.phase is not Phase.EXITED:
        return False
    return seen.exit_code != 0 or seen.reason == "OOMKilled" or _is_replaced(memory, seen)


def _may_run(memory: PodMemory, item: Wanted) -> bool:
    seen = item.here
    if seen is None or seen.phase is Phase.CREATED or _is_replaced(memory, seen):
        return True
    return may_restart(memory.pod.spec, item.kind, item.container, seen)


def _is_replaced(memory: PodMemory, seen: SeenContainer) -> bool:
    return memory.replaced.get(seen.name) == seen.id


def _lets_pass(memory: PodMemory, item: Wanted) -> bool:
    """Whether the next container may start: ended well, or a sidecar that has started."""
    seen = item.here
    assert seen is not None
    if item.kind is not Kind.SIDECAR:
        return seen.phase is Phase.EXITED
    if seen.phase is not Phase.RUNNING:
        return False
    health = memory.health.get(seen.name)
    if health is not None and health.id == seen.id:
        return health.started
    return item.container.startupProbe is None
