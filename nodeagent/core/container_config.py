"""A container as CreateContainer takes it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer
from nodeagent.core.env import NOTHING, Lookup, container_env, expand
from nodeagent.core.hashing import spec_hash
from nodeagent.core.log_paths import container_log_path
from nodeagent.core.mounts import (
    RECURSIVE_READ_ONLY,
    MountRules,
    Places,
    container_devices,
    container_mounts,
)
from nodeagent.core.resources import container_resources
from nodeagent.core.sandbox_config import POD_NAME, POD_NAMESPACE, POD_UID
from nodeagent.core.security import container_security, pod_namespaces
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import ContainerConfig, IdRange
from nodeagent.model.memory import ImageOutcome
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

CONTAINER_NAME: Final = "io.kubernetes.container.name"
CONTAINER_HASH: Final = "io.kubernetes.container.hash"
RESTART_COUNT: Final = "io.kubernetes.container.restartCount"
MESSAGE_PATH: Final = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY: Final = "io.kubernetes.container.terminationMessagePolicy"
DELETION_GRACE: Final = "io.kubernetes.pod.deletionGracePeriod"
TERMINATION_GRACE: Final = "io.kubernetes.pod.terminationGracePeriod"
PRE_STOP: Final = "io.kubernetes.container.preStopHandler"
PORTS: Final = "io.kubernetes.container.ports"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What one start of a container knows beyond its spec.

    `ips` are the pod's, the node's for one on the host network. `target` is the container whose
    processes an ephemeral one sees; `user` the id range of a pod with hostUsers false.
    """

    attempt: int
    restart_count: int
    image: ImageOutcome
    ips: tuple[str, ...] = ()
    lookup: Lookup = NOTHING
    places: Places = Places()
    target: str = ""
    user: IdRange | None = None


def container_config(
    pod: DesiredPod,
    container: AnyContainer,
    instance: Instance,
    *,
    node: NodeFacts,
    rules: NodeRules,
    dirs: PodDirs,
) -> ContainerConfig:
    """Everything about the container, every value resolved.

    ConfigError (CreateContainerConfigError) names what is missing or forbidden; its `detail` is
    the text for status and events.
    """
    image, places = instance.image, instance.places
    namespaces = pod_namespaces(pod.spec, user=instance.user, target=instance.target)
    env = container_env(pod, container, node=node, ips=instance.ips, lookup=instance.lookup)
    known = dict(env)
    return ContainerConfig(
        name=container.name,
        attempt=instance.attempt,
        image=container.image or "",
        image_ref=image.ref,
        labels={
            CONTAINER_NAME: container.name,
            POD_NAME: pod.name,
            POD_NAMESPACE: pod.namespace,
            POD_UID: pod.uid,
        },
        annotations=_annotations(pod, container, instance.restart_count),
        log_path=container_log_path(container.name, instance.restart_count),
        command=_expanded(container.command, known),
        args=_expanded(container.args, known),
        working_dir=container.workingDir or "",
        env=env,
        mounts=container_mounts(
            pod,
            container,
            places=places,
            env=known,
            rules=MountRules(
                recursive_read_only=_has_recursive_read_only(pod.spec, node),
                selinux=node.selinux,
                user=namespaces.user,
            ),
        ),
        devices=container_devices(pod, container, volumes=places.volumes),
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdinOnce),
        tty=bool(container.tty),
        resources=container_resources(pod.pod, container, node=node, rules=rules),
        security=container_security(
            pod,
            container,
            image=image,
            namespaces=namespaces,
            volumes=places.volumes,
            node=node,
            rules=rules,
            dirs=dirs,
        ),
        stop_signal=(container.lifecycle.stopSignal if container.lifecycle else None) or "",
    )


def _expanded(words: Iterable[str] | None, known: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(expand(word, known) for word in words or ())


def _has_recursive_read_only(spec: v1.PodSpec, node: NodeFacts) -> bool:
    handler = node.runtime_classes.get(spec.runtimeClassName or "", "")
    return RECURSIVE_READ_ONLY in node.runtime_features.get(handler, ())


def _annotations(pod: DesiredPod, container: AnyContainer, restart_count: int) -> dict[str, str]:
    """What must be known of the container once its spec is gone; kubelet's own keys."""
    said = {
        CONTAINER_HASH: spec_hash(container),
        RESTART_COUNT: str(restart_count),
        MESSAGE_PATH: container.terminationMessagePath or "",
        MESSAGE_POLICY: container.terminationMessagePolicy or "",
    }
    metadata = pod.pod.metadata
    if metadata is not None and metadata.deletionGracePeriodSeconds is not None:
        said[DELETION_GRACE] = str(metadata.deletionGracePeriodSeconds)
    if pod.spec.terminationGracePeriodSeconds is not None:
        said[TERMINATION_GRACE] = str(pod.spec.terminationGracePeriodSeconds)
    if container.lifecycle is not None and container.lifecycle.preStop is not None:
        said[PRE_STOP] = _json(container.lifecycle.preStop.to_dict())
    if container.ports:
        said[PORTS] = _json([_port(port) for port in container.ports])
    return said


def _port(port: v1.ContainerPort) -> dict[str, Any]:
    pairs = (
        ("name", port.name),
        ("hostPort", port.hostPort),
        ("containerPort", port.containerPort),
        ("protocol", port.protocol),
        ("hostIP", port.hostIP),
    )
    return {key: value for key, value in pairs if value}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
