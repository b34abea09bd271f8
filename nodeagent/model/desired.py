"""What is wanted: pods as their sources state them, decoded, defaulted and validated."""

import enum

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.ids import PodKey, PodUid, pod_key


class Source(enum.StrEnum):
    """Where a pod comes from; the values of annotation `kubernetes.io/config.source`."""

    FILE = "file"
    HTTP = "http"
    API = "api"


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """A phase that is terminal, whoever told it the API, with the reason and message beside it."""

    phase: str
    reason: str | None = None
    message: str | None = None


class DesiredPod(msgspec.Struct, frozen=True, kw_only=True):
    """One pod as wanted now. `pod` is complete after `core/manifest.py` and is never assigned to.

    `origin` is the file path or URL, or "" for the API. `deleting` says that its source wants it
    gone; `grace` is then the seconds it may still take (None: as the spec says). `gone` says that
    no source names it any more: file removed, object vanished.

    A pod of the API carries neither status nor resourceVersion nor managedFields in `pod`, so that
    wishes differ only in what matters. `known` is its status as the API had it when this agent
    first saw the pod, and stays that; `others` are the conditions that others own, as of now.
    `over` says that the pod is over for the API, as of now: such a pod is ended here too.
    """

    uid: PodUid
    source: Source
    origin: str
    pod: v1.Pod
    deleting: bool = False
    grace: float | None = None
    gone: bool = False
    known: v1.PodStatus | None = None
    others: tuple[v1.PodCondition, ...] = ()
    over: Over | None = None

    @property
    def name(self) -> str:
        assert self.pod.metadata is not None
        return self.pod.metadata.name or ""

    @property
    def namespace(self) -> str:
        assert self.pod.metadata is not None
        return self.pod.metadata.namespace or "default"

    @property
    def key(self) -> PodKey:
        return pod_key(self.namespace, self.name)

    @property
    def spec(self) -> v1.PodSpec:
        assert self.pod.spec is not None
        return self.pod.spec

    @property
    def labels(self) -> dict[str, str]:
        return (self.pod.metadata.labels if self.pod.metadata else None) or {}

    @property
    def annotations(self) -> dict[str, str]:
        return (self.pod.metadata.annotations if self.pod.metadata else None) or {}

    @property
    def is_static(self) -> bool:
        return self.source is not Source.API


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why one manifest is not used. Lines and columns count from 1; 0 means unknown.

    `pod` is the "<namespace>/<name>" the file was last known to hold, "" if none.
    """

    origin: str
    message: str
    line: int = 0
    column: int = 0
    pod: str = ""
    reason: str = "InvalidManifest"


class SourceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one source wants now (level, not edge): replaces its earlier update.

    `problems` name the manifests that are not used; a pod whose manifest has a problem is still
    in `pods` in its last good version.
    """

    source: Source
    pods: tuple[DesiredPod, ...] = ()
    problems: tuple[Problem, ...] = ()
