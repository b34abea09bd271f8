"""What the local API may see of the agent: plain functions, so that it never meets the engine."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import Problem
from nodeagent.model.events import SeenEvent
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.server.figures import Figures


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Functions that answer at once, from memory, with values nobody changes afterwards.

    `list_pods`: every pod with its status as last derived; a pod that is being ended has a
    deletionTimestamp. `problems`: manifests that are not used. `events`: oldest first. `memory`:
    None for a pod nobody remembers. `node`: None while the node has no object of its own.
    `logs_dir`: where `<namespace>_<name>_<uid>/<container>/<N>.log` are.
    `figures`: None for a server that tells no metrics.
    """

    node_name: str
    version: str
    logs_dir: Path
    now: Callable[[], float]
    list_pods: Callable[[], tuple[v1.Pod, ...]]
    problems: Callable[[], tuple[Problem, ...]] = tuple
    events: Callable[[], tuple[SeenEvent, ...]] = tuple
    node: Callable[[], v1.Node | None] = lambda: None
    memory: Callable[[PodUid], PodMemory | None] = lambda uid: None
    figures: Figures | None = None
