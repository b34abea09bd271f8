"""Events about the volumes of a pod."""

from nodeagent.core.subject import subject_of, subject_of_claim
from nodeagent.engine.ports import Recorder
from nodeagent.model.data import Claim
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent


def tell_of_volume(
    recorder: Recorder, pod: DesiredPod, event: VolumeEvent, claim: Claim | None
) -> None:
    """An event of the pod, and the same of the claim if one is given."""
    recorder.event(subject_of(pod), event.type, event.reason, event.message)
    if claim is not None:
        recorder.event(subject_of_claim(claim), event.type, event.reason, event.message)
