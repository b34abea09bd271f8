"""What an explanation is made from, and what it finds."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import Problem
from nodeagent.model.events import SeenEvent
from nodeagent.model.memory import PodMemory


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one pod now. `events` and `problems` are the pod's own."""

    pod: v1.Pod
    now: float
    memory: PodMemory | None = None
    events: tuple[SeenEvent, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def status(self) -> v1.PodStatus:
        return self.pod.status or v1.PodStatus()

    @property
    def policy(self) -> str:
        return (self.pod.spec.restartPolicy if self.pod.spec else "") or "Always"

    def newest(self, reasons: tuple[str, ...], *, field_path: str = "") -> SeenEvent | None:
        """The last event with one of these reasons, about that container if one is named."""
        found = [
            event
            for event in self.events
            if event.reason in reasons
            and (not field_path or event.subject.field_path == field_path)
        ]
        return max(found, key=lambda event: event.last_at, default=None)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A cause, what happens next and when, and what to do about it.

    `code` is that of the catalogue of errors, "" where nothing is wrong.
    """

    cause: str
    next: str = ""
    fix: str = ""
    code: str = ""
    reason: str = ""
    is_manifest: bool = False
