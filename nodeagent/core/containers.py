"""The containers of a pod spec by name and kind. No decisions, only reading."""

import enum
from collections.abc import Iterator
from typing import TypeAlias

from lightkube.models import core_v1 as v1

AnyContainer: TypeAlias = v1.Container | v1.EphemeralContainer


class Kind(enum.StrEnum):
    """The three lists of a pod spec, with restartable init containers told apart."""

    INIT = "init"
    SIDECAR = "sidecar"
    REGULAR = "regular"
    EPHEMERAL = "ephemeral"


_LISTS = {
    Kind.INIT: "initContainers",
    Kind.SIDECAR: "initContainers",
    Kind.REGULAR: "containers",
    Kind.EPHEMERAL: "ephemeralContainers",
}


def is_sidecar(container: AnyContainer) -> bool:
    """Whether an init container is a restartable one (KEP-753); says nothing of other kinds."""
    return container.restartPolicy == "Always"


def init_kind(container: v1.Container) -> Kind:
    """The kind of an entry of `initContainers`."""
    return Kind.SIDECAR if is_sidecar(container) else Kind.INIT


def ephemeral_as_container(entry: v1.EphemeralContainer) -> v1.Container:
    """An ephemeral container in the shape of the others; its target is left out."""
    return v1.Container(
        name=entry.name,
        image=entry.image,
        command=entry.command,
        args=entry.args,
        workingDir=entry.workingDir,
        env=entry.env,
        envFrom=entry.envFrom,
        volumeMounts=entry.volumeMounts,
        volumeDevices=entry.volumeDevices,
        terminationMessagePath=entry.terminationMessagePath,
        terminationMessagePolicy=entry.terminationMessagePolicy,
        imagePullPolicy=entry.imagePullPolicy,
        securityContext=entry.securityContext,
        resources=entry.resources,
        stdin=entry.stdin,
        stdinOnce=entry.stdinOnce,
        tty=entry.tty,
    )


def each_container(spec: v1.PodSpec) -> Iterator[tuple[Kind, v1.Container]]:
    """Every container of the pod: init and sidecars in order, regular, ephemeral."""
    for container in spec.initContainers or ():
        yield init_kind(container), container
    for container in spec.containers:
        yield Kind.REGULAR, container
    for entry in spec.ephemeralContainers or ():
        yield Kind.EPHEMERAL, ephemeral_as_container(entry)


def find_container(spec: v1.PodSpec, name: str) -> tuple[Kind, v1.Container] | None:
    """The container of that name and its kind; None where the spec has none."""
    return next((pair for pair in each_container(spec) if pair[1].name == name), None)


def field_path(kind: Kind, name: str) -> str:
    """How events point at a container: `spec.initContainers{name}`."""
    return f"spec.{_LISTS[kind]}{{{name}}}"
