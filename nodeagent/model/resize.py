"""A pod's resources over time: what is granted, what is asked for, what runs with what."""

import enum

import msgspec
from lightkube.models import core_v1 as v1


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Requests and limits of a pod: of each init and regular container by name, and pod-level."""

    containers: dict[str, v1.ResourceRequirements] = {}
    pod: v1.ResourceRequirements | None = None


class Wait(enum.StrEnum):
    """Why a change of resources is not granted; the reasons of condition PodResizePending."""

    DEFERRED = "Deferred"  # it may fit later
    INFEASIBLE = "Infeasible"  # it never will


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is asked for and not granted. `generation` is the pod's that asked first."""

    why: Wait
    message: str
    at: float
    generation: int | None = None


class Resize(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was granted at `at` and is being carried out.

    `given` is what containers made before `at` run with, those changed since then left out;
    `cgroup_done` says that the pod's own cgroup has the new values.
    """

    at: float
    given: Grant
    generation: int | None = None
    cgroup_done: bool = False
    error: str = ""
    retry_at: float = 0.0
