"""Explanations for the local API: gathers what the view knows of one pod."""

from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.explain import Explanation, explain, explain_absent, problem_text
from nodeagent.core.story import Case
from nodeagent.model.events import SeenEvent
from nodeagent.model.ids import PodUid, pod_key
from nodeagent.server.refusals import not_found
from nodeagent.server.view import View


def problems_of(view: View) -> list[dict[str, Any]]:
    """Every manifest that is not used; `text` is all of it on one line."""
    return [
        {**msgspec.structs.asdict(problem), "text": problem_text(problem)}
        for problem in view.problems()
    ]


def explain_pod(view: View, namespace: str, name: str) -> Explanation:
    """Why the pod is as it is, or why it is not there; 404 where nothing is known of it."""
    problems = tuple(p for p in view.problems() if p.pod == pod_key(namespace, name))
    pod = next((pod for pod in view.list_pods() if _is(pod, namespace, name)), None)
    if pod is None:
        absent = explain_absent(namespace, name, problems, _events(view, namespace, name, ""))
        if absent is None:
            raise not_found("pods", name)
        return absent
    uid = PodUid((pod.metadata.uid if pod.metadata else "") or "")
    return explain(
        Case(
            pod=pod,
            now=view.now(),
            memory=view.memory(uid),
            events=_events(view, namespace, name, uid),
            problems=problems,
        )
    )


def _is(pod: v1.Pod, namespace: str, name: str) -> bool:
    metadata = pod.metadata
    return metadata is not None and (metadata.namespace, metadata.name) == (namespace, name)


def _events(view: View, namespace: str, name: str, uid: str) -> tuple[SeenEvent, ...]:
    """The pod's events; with a uid, not those of an earlier pod of the same name."""
    return tuple(
        event
        for event in view.events()
        if event.subject.kind == "Pod"
        and event.subject.namespace == namespace
        and event.subject.name == name
        and (not uid or not event.subject.uid or event.subject.uid == uid)
    )
