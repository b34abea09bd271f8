"""Why a pod is as it is: the one causal line, what happens next, and the timeline.

Only what is known here is said: status, the agent's memory, its events and its manifests.
"""

from collections.abc import Iterator

import msgspec

from nodeagent.core.catalogue import code_for
from nodeagent.core.container_story import Story, container_findings
from nodeagent.core.ends import END_REASONS
from nodeagent.core.exits import end_code
from nodeagent.core.pod_state import short_age, state_of
from nodeagent.core.story import Case, Finding
from nodeagent.core.times import as_seconds
from nodeagent.model.desired import Problem
from nodeagent.model.ends import EndReason
from nodeagent.model.events import EventType, SeenEvent
from nodeagent.model.memory import EndWhy


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a timeline. `warning` marks what went wrong; `count` times since `first_at`."""

    at: float
    what: str
    warning: bool = False
    count: int = 1
    first_at: float = 0.0


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "why?". `also`: what else should be known; `timeline`: oldest first.

    `code` is the cause's in the catalogue of errors, "" where nothing is wrong. `reason` is that
    of the end the cause tells of, out of the closed set `EndReason`; "" where nothing ended.
    """

    namespace: str
    name: str
    state: str
    cause: str
    next: str = ""
    fix: str = ""
    code: str = ""
    reason: str = ""
    also: tuple[str, ...] = ()
    timeline: tuple[Moment, ...] = ()


def explain(case: Case) -> Explanation:
    """The story of a pod that is there."""
    metadata = case.pod.metadata
    assert metadata is not None
    found = next(filter(None, _findings(case)), Finding(cause=_runs(case)))
    broken = [] if found.is_manifest else [_broken(problem) for problem in case.problems]
    return Explanation(
        namespace=metadata.namespace or "default",
        name=metadata.name or "",
        state=state_of(case.pod).word,
        cause=found.cause,
        next=found.next,
        fix=found.fix,
        code=found.code,
        reason=found.reason,
        also=tuple(broken),
        timeline=tuple(timeline(case)),
    )


def explain_absent(
    namespace: str, name: str, problems: tuple[Problem, ...], events: tuple[SeenEvent, ...]
) -> Explanation | None:
    """The story of a pod that is not there: refused, or gone; None where nothing is known."""
    moments = tuple(_event_moment(event) for event in sorted(events, key=_last_at))
    if problems:
        first = problems[0]
        return Explanation(
            namespace=namespace,
            name=name,
            state=first.reason,
            cause=f"The manifest cannot be used: {problem_text(first)}",
            next="The file is read again as soon as it changes.",
            fix=f"Mend {first.origin}; `nodeagent validate FILE` checks it without running it.",
            code=code_for(first.reason),
            also=tuple(problem_text(other) for other in problems[1:]),
            timeline=moments,
        )
    if not moments:
        return None
    return Explanation(
        namespace=namespace,
        name=name,
        state="Gone",
        cause=f"The pod is not here any more. The last that happened: {moments[-1].what}",
        timeline=moments,
    )


def problem_text(problem: Problem) -> str:
    """`FILE:LINE:COLUMN: message`, as compilers write it."""
    place = problem.origin
    if problem.line:
        place += f":{problem.line}" + (f":{problem.column}" if problem.column else "")
    return f"{place}: {problem.message}"


def _broken(problem: Problem) -> str:
    return f"An edit has no effect, the last good version runs: {problem_text(problem)}"


def _findings(case: Case) -> Iterator[Finding | None]:
    yield _rejected(case)
    yield _ending(case)
    yield _ended_as_a_whole(case)
    yield from container_findings(case)
    yield _finished(case)
    yield _bad_edit(case)
    yield _restarted(case)


def _rejected(case: Case) -> Finding | None:
    rejected = case.memory.rejected if case.memory else None
    if rejected is None:
        return None
    return Finding(
        cause=f"The node refused the pod ({rejected.reason}): {rejected.message}",
        next="It is not tried again until its manifest changes or is put there anew.",
        code=code_for(rejected.reason),
    )


_ENDS = {
    EndWhy.DELETED: "its manifest was removed or replaced",
    EndWhy.FINISHED: "all its containers ended for good",
    EndWhy.REJECTED: "the node refused it",
    EndWhy.DEADLINE: "it was active for longer than its activeDeadlineSeconds",
    EndWhy.EVICTED: "the node is short of resources",
    EndWhy.PREEMPTED: "a critical pod needs its place",
    EndWhy.NODE_SHUTDOWN: "the node shuts down",
    EndWhy.DRAINED: "the node is being drained",
}


def _ending(case: Case) -> Finding | None:
    ending = case.memory.ending if case.memory else None
    if ending is None or case.status.phase in ("Succeeded", "Failed"):
        return None
    message = f": {ending.message}" if ending.message else ""
    since = short_age(case.now - ending.at)
    left = ending.deadline_at - case.now
    return Finding(
        cause=f"Being stopped for {since} because {_ENDS[ending.why]}{message}",
        next=f"Whatever still runs is killed in {short_age(left)}."
        if left > 0
        else "Its grace is over: what is left is being killed and cleaned up.",
        reason=END_REASONS[ending.why],
    )


def _ended_as_a_whole(case: Case) -> Finding | None:
    status = case.status
    if status.phase != "Failed" or not status.reason:
        return None
    return Finding(
        cause=f"The pod failed as a whole ({status.reason}): {status.message or 'no message'}",
        next="It stays so: nothing starts it again.",
        code=code_for(status.reason),
        reason=END_REASONS[case.memory.ending.why] if case.memory and case.memory.ending else "",
    )


def _finished(case: Case) -> Finding | None:
    status = case.status
    if status.phase not in ("Succeeded", "Failed"):
        return None
    for story in Story.regular_of(case):
        if story.ended and (story.ended.exitCode or story.was_stopped(story.ended)):
            return Finding(
                cause=f"Container {story.name} {story.how_ended(story.ended)}",
                reason=story.reason(story.ended),
                next=f"Nothing: restartPolicy is {case.policy}.",
                code=end_code(story.ended),
            )
    return Finding(
        cause="All containers completed with code 0.",
        next=f"Nothing: restartPolicy is {case.policy}.",
        reason=EndReason.COMPLETED.value,
    )


def _bad_edit(case: Case) -> Finding | None:
    if not case.problems:
        return None
    return Finding(
        cause=_broken(case.problems[0]),
        next="The file is read again as soon as it changes.",
        fix="Mend the file; `nodeagent validate FILE` checks it without running it.",
        code=code_for(case.problems[0].reason),
        is_manifest=True,
    )


def _restarted(case: Case) -> Finding | None:
    stories = [s for s in Story.all_of(case) if s.last and s.running]
    if not stories:
        return None
    newest = max(stories, key=lambda s: as_seconds(s.last.finishedAt) if s.last else 0.0)
    assert newest.last is not None
    ago = short_age(case.now - as_seconds(newest.last.finishedAt))
    state = state_of(case.pod)
    return Finding(
        cause=f"{_runs(case)} Restarted {ago} ago: container {newest.name} "
        f"{newest.how_ended(newest.last)}",
        reason=newest.reason(newest.last),
        next="" if state.ready == state.total else "Its readiness decides when it gets traffic.",
    )


def _runs(case: Case) -> str:
    state = state_of(case.pod)
    if case.status.phase != "Running":
        return f"The pod is {case.status.phase or 'Pending'}: the agent is about to act on it."
    ready = next((c for c in case.status.conditions or () if c.type == "Ready"), None)
    at = as_seconds(ready.lastTransitionTime) if ready and ready.status == "True" else 0.0
    since = f" for {short_age(case.now - at)}" if at else ""
    return f"Runs as wanted: {state.ready} of {state.total} containers ready{since}."


def timeline(case: Case) -> list[Moment]:
    """Everything known with a time, oldest first."""
    moments = [_event_moment(event) for event in case.events]
    if case.memory:
        wanted = case.memory.pod
        moments.append(
            Moment(at=case.memory.seen_at, what=f"Wanted by {wanted.origin or wanted.source}")
        )
    for story in Story.all_of(case):
        for ended in filter(None, (story.last, story.ended)):
            moments.append(
                Moment(
                    at=as_seconds(ended.finishedAt),
                    what=f"Container {story.name} {story.how_ended(ended)}",
                    warning=ended.exitCode != 0,
                )
            )
    return sorted((m for m in moments if m.at > 0), key=lambda moment: moment.at)


def _event_moment(event: SeenEvent) -> Moment:
    field = event.subject.field_path
    part = field[field.find("{") + 1 : -1] if field.endswith("}") else ""
    about = f" [{part}]" if part else ""
    return Moment(
        at=event.last_at,
        what=f"{event.reason}{about}: {event.message}",
        warning=event.type is EventType.WARNING,
        count=event.count,
        first_at=event.first_at,
    )


def _last_at(event: SeenEvent) -> float:
    return event.last_at
