"""Whom an event is about."""

from nodeagent.core.containers import field_path, find_container
from nodeagent.model.data import Claim
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import Subject
from nodeagent.model.ids import PodUid


def subject_of(pod: DesiredPod, container: str = "") -> Subject:
    """The pod, or one of its containers, of whatever kind; an unknown container is the pod."""
    known = find_container(pod.spec, container) if container else None
    return Subject(
        name=pod.name,
        namespace=pod.namespace,
        uid=pod.uid,
        field_path=field_path(known[0], container) if known else "",
    )


def subject_of_claim(claim: Claim) -> Subject:
    """The claim."""
    return Subject(
        kind="PersistentVolumeClaim",
        name=claim.name,
        namespace=claim.namespace,
        uid=PodUid(claim.uid),
    )
