"""Gather what a sandbox or container is built from, and let the core build it."""

from collections.abc import Callable, Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.container_config import Instance, container_config
from nodeagent.core.env import Lookup, container_env
from nodeagent.core.hosts import HOSTS_PATH, hosts_text, pod_names
from nodeagent.core.image_volumes import with_images
from nodeagent.core.log_paths import container_log_path, pod_log_directory
from nodeagent.core.mounts import Places, sub_paths
from nodeagent.core.resolv import MISSING_CLUSTER_DNS, DnsWarning, dns_spec
from nodeagent.core.sandbox_config import sandbox_config
from nodeagent.engine.data import gather
from nodeagent.engine.ports import DataSource, PodFiles, Volumes
from nodeagent.errors import ConfigError
from nodeagent.model.actions import StartContainer
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId
from nodeagent.model.launch import ContainerConfig, SandboxConfig, VolumePlace
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs
from nodeagent.model.observed import ObservedPod


class HostTexts(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the node that pods get parts of; `resolv` None: without one by choice."""

    resolv: str | None = ""
    hosts: str = ""


class Configs:
    """Builds configurations. Node and rules are asked for anew each time; host texts too."""

    def __init__(
        self,
        *,
        node: Callable[[], NodeFacts],
        rules: Callable[[], NodeRules],
        dirs: PodDirs,
        texts: Callable[[], HostTexts],
        files: PodFiles,
        volumes: Volumes,
        data: DataSource,
    ) -> None:
        self._node, self._rules, self._dirs, self._texts = node, rules, dirs, texts
        self._files, self._volumes, self._data = files, volumes, data

    @property
    def node(self) -> NodeFacts:
        """The node now."""
        return self._node()

    @property
    def rules(self) -> NodeRules:
        """The rules now."""
        return self._rules()

    def log_directory(self, pod: DesiredPod) -> str:
        """Where the pod's logs are."""
        return pod_log_directory(pod, self._dirs)

    def log_path(self, pod: DesiredPod, container: str, restart_count: int) -> str:
        """One container's log file."""
        return f"{self.log_directory(pod)}/{container_log_path(container, restart_count)}"

    def sandbox(
        self, memory: PodMemory, *, attempt: int, places: Mapping[str, VolumePlace]
    ) -> SandboxConfig:
        """The sandbox of the pod."""
        return sandbox_config(
            memory.pod,
            attempt=attempt,
            node=self._node(),
            rules=self._rules(),
            dirs=self._dirs,
            host_resolv=self._texts().resolv,
            user=memory.user,
            places=places.values(),
        )

    def dns_warnings(self, pod: DesiredPod) -> tuple[DnsWarning, ...]:
        """What of the pod's DNS does not fit; a node without a cluster misses no cluster DNS."""
        rules = self._rules()
        _, warnings = dns_spec(
            pod, node=self._node(), rules=rules, host_resolv=self._texts().resolv
        )
        return tuple(w for w in warnings if rules.joined or w.reason != MISSING_CLUSTER_DNS)

    async def container(
        self,
        memory: PodMemory,
        container: v1.Container,
        action: StartContainer,
        seen: ObservedPod,
        places: Mapping[str, VolumePlace],
    ) -> ContainerConfig:
        """One start of one container; its files on the host exist afterwards."""
        pod = memory.pod
        places = with_images(places, memory.images, container.name)
        lookup = await gather(self._data, self._volumes, pod, container, places)
        instance = Instance(
            attempt=action.attempt,
            restart_count=action.restart_count,
            image=memory.images[action.name],
            ips=self._ips(pod, seen),
            lookup=lookup,
            places=await self._places(pod, container, seen, places, lookup),
            target=_target(pod, container.name, seen),
            user=memory.user,
        )
        return container_config(
            pod,
            container,
            instance,
            node=self._node(),
            rules=self._rules(),
            dirs=self._dirs,
        )

    async def link_log(
        self, pod: DesiredPod, container: str, container_id: ContainerId, restart_count: int
    ) -> None:
        """The link to the container's log exists."""
        await self._files.link_log(
            name=pod.name,
            namespace=pod.namespace,
            container=container,
            container_id=container_id,
            target=self.log_path(pod, container, restart_count),
        )

    def _ips(self, pod: DesiredPod, seen: ObservedPod) -> tuple[str, ...]:
        if pod.spec.hostNetwork:
            return self._node().ips
        return seen.sandbox.ips if seen.sandbox is not None else ()

    async def _places(
        self,
        pod: DesiredPod,
        container: v1.Container,
        seen: ObservedPod,
        places: Mapping[str, VolumePlace],
        lookup: Lookup,
    ) -> Places:
        mounted = {mount.mountPath for mount in container.volumeMounts or ()}
        names = pod_names(pod, cluster_domain=self._rules().cluster_domain)
        text = hosts_text(
            pod, names=names, ips=self._ips(pod, seen), node_hosts=self._texts().hosts
        )
        hosts, message = await self._files.make_container_files(
            pod.uid,
            container.name,
            log_directory=self.log_directory(pod),
            hosts=None if HOSTS_PATH in mounted else text,
            message=bool(container.terminationMessagePath),
        )
        return Places(
            volumes=places,
            subpaths=await self._subpaths(pod, container, seen, places, lookup),
            hosts=hosts,
            message=message,
        )

    async def _subpaths(
        self,
        pod: DesiredPod,
        container: v1.Container,
        seen: ObservedPod,
        places: Mapping[str, VolumePlace],
        lookup: Lookup,
    ) -> Mapping[int, str]:
        if not any(m.subPath or m.subPathExpr for m in container.volumeMounts or ()):
            return {}
        ips = self._ips(pod, seen)
        env = dict(container_env(pod, container, node=self._node(), ips=ips, lookup=lookup))
        wanted = {found.index: found.path for found in sub_paths(pod, container, env=env)}
        mounts = [
            msgspec.structs.replace(mount, subPath=wanted.get(index), subPathExpr=None)
            for index, mount in enumerate(container.volumeMounts or ())
        ]
        expanded = msgspec.structs.replace(container, volumeMounts=mounts)
        return await self._volumes.prepare_subpaths(pod, expanded, places)


def _target(pod: DesiredPod, name: str, seen: ObservedPod) -> str:
    """The container whose processes an ephemeral container wants to see, by runtime id."""
    for entry in pod.spec.ephemeralContainers or ():
        if entry.name == name and entry.targetContainerName:
            found = seen.newest(entry.targetContainerName)
            if found is None:
                raise ConfigError(
                    op="start",
                    target=f"container {name}",
                    detail=f"unable to find target container {entry.targetContainerName}",
                )
            return found.id
    return ""
