"""Pieces of `app.py` that turn settings into adapters and facts."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.cgroupfs.detect import detect
from nodeagent.adapters.cgroupfs.kubepods import Kubepods, Tree
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.adapters.cgroupfs.v2 import V2Tree
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.adapters.containerd.oci import PAUSE_IMAGE
from nodeagent.adapters.host.facts import HostFacts
from nodeagent.adapters.host.logind import Logind
from nodeagent.adapters.host.notify import Notifier
from nodeagent.adapters.manifests.data import LocalData
from nodeagent.adapters.manifests.directory import DirectorySource
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.node_object import Software
from nodeagent.core.rules import allocatable, node_rules, pod_capacity
from nodeagent.core.shutdown import Group, after_shutdown, groups_of
from nodeagent.engine.configs import HostTexts
from nodeagent.engine.ports import ManifestSource, Recorder
from nodeagent.engine.shutdown import Shutdown
from nodeagent.engine.startup import choose_driver
from nodeagent.engine.workers import Workers
from nodeagent.model.data import DataKind
from nodeagent.model.desired import DesiredPod, Problem, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup
from nodeagent.model.memory import PodMemory
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.settings import Settings, node_version


class Driver:
    """The kubepods tree under the driver that the runtime uses, which is known only once asked.

    Until `learn` was called, rules assume the configured driver, and cgroups cannot be touched.
    """

    def __init__(
        self,
        settings: Settings,
        threads: Threads,
        tell: Callable[[str, float], None] = lambda operation, seconds: None,
    ) -> None:
        self._settings, self._threads, self._tell = settings, threads, tell
        self._layout = detect()
        self.rules: NodeRules = node_rules(
            settings, cgroup_driver=settings.kubelet.cgroup_driver.value
        )
        self._kubepods: Kubepods | None = None

    @property
    def version(self) -> int:
        """The cgroup version of the host."""
        return self._layout.version

    def learn(self, told: str) -> None:
        """Take the driver the runtime told, "" if it told none. SettingsError where both clash."""
        driver = choose_driver(self._settings.kubelet.cgroup_driver.value, told)
        self.rules = node_rules(self._settings, cgroup_driver=driver)
        self._kubepods = Kubepods(
            self._tree(driver), self._threads, root=self.rules.cgroup_root, tell=self._tell
        )

    def reload(self, settings: Settings) -> None:
        """Take the rules of new settings; the cgroup driver and what others set stay."""
        fresh = node_rules(settings, cgroup_driver=self.rules.cgroup_driver)
        self.rules = msgspec.structs.replace(
            fresh, dead_per_container=self.rules.dead_per_container
        )

    def _tree(self, driver: str) -> Tree:
        version = self._layout.version
        inner = V1Tree(self._layout) if version == 1 else V2Tree(self._layout.unified)
        if driver != "systemd":
            return inner
        from nodeagent.adapters.cgroupfs.systemd import SystemdTree, connect

        return SystemdTree(inner, version, connect)

    @property
    def _known(self) -> Kubepods:
        assert self._kubepods is not None, "cgroups are touched only after startup"
        return self._kubepods

    async def ensure_root(self, cgroup: PodCgroup) -> None:
        """See `Cgroups`."""
        await self._known.ensure_root(cgroup)

    async def ensure_pod(self, cgroup: PodCgroup) -> None:
        """See `Cgroups`."""
        await self._known.ensure_pod(cgroup)

    async def remove_pod(self, uid: PodUid) -> None:
        """See `Cgroups`."""
        await self._known.remove_pod(uid)

    async def list_pods(self) -> Mapping[PodUid, str]:
        """See `Cgroups`."""
        return await self._known.list_pods()

    async def memory_use(self, path: str, *, below: bool = True) -> Mapping[str, MemoryUse]:
        """See `Cgroups`."""
        return await self._known.memory_use(path, below=below)

    async def tasks(self, path: str) -> int | None:
        """See `Cgroups`."""
        return await self._known.tasks(path)


class HostReader:
    """The node's own resolv.conf and hosts file, read again only when they changed."""

    def __init__(self, settings: Settings) -> None:
        self._resolv = settings.kubelet.resolv_conf
        self._read: dict[str, tuple[tuple[int, int], str]] = {}

    def texts(self) -> HostTexts:
        """Both as they are now; a missing file is empty."""
        return HostTexts(
            resolv=self._text(self._resolv) if self._resolv else None,
            hosts=self._text("/etc/hosts"),
        )

    def _text(self, path: str) -> str:
        try:
            found = Path(path).stat()
            stamp = (found.st_mtime_ns, found.st_size)
            known = self._read.get(path)
            if known is None or known[0] != stamp:
                text = Path(path).read_text(errors="replace")
                known = self._read[path] = (stamp, text)
            return known[1]
        except OSError:
            return ""


def node_facts(settings: Settings, host: HostFacts) -> NodeFacts:
    """What decisions may know of the node before the runtime has answered."""
    capacity = {**host.capacity, "pods": pod_capacity(settings, cpus=host.cpus)}
    labels = {
        "kubernetes.io/hostname": settings.node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": host.architecture,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": host.architecture,
        **settings.node.labels,
    }
    return NodeFacts(
        name=settings.node.name,
        ips=settings.node.ips or tuple(ip for ip in (host.ipv4, host.ipv6) if ip),
        labels=labels,
        capacity=capacity,
        allocatable=allocatable(settings, capacity),
        cpus=host.cpus,
        page_sizes=tuple(host.hugepages),
        cgroup_v2=host.cgroup_version == 2,
        apparmor=host.apparmor,
        selinux=host.selinux,
        swap=host.swap_limits,
        swap_bytes=host.swap,
        throttle_paths=host.throttle_paths,
        taints=tuple(
            v1.Taint(key=t.key, value=t.value or None, effect=t.effect.value)
            for t in settings.kubelet.register_with_taints
        ),
    )


def software_of(host: HostFacts) -> Software:
    """What nodeInfo tells of this machine."""
    return Software(
        kubelet_version=node_version(),
        kernel=host.kernel,
        os_image=host.os_image,
        architecture=host.architecture,
        boot_id=host.boot_id,
        machine_id=host.machine_id,
        system_uuid=host.system_uuid,
    )


def pod_sources(
    settings: Settings, threads: Threads, watcher: Inotify, previous: Iterable[DesiredPod]
) -> dict[Source, ManifestSource]:
    """The sources that the settings name; each knows the last good pods of an earlier run."""
    sources: dict[Source, ManifestSource] = {}
    if settings.paths.manifests is not None:
        sources[Source.FILE] = DirectorySource(
            settings.paths.manifests,
            node_name=settings.node.name,
            threads=threads,
            watcher=watcher,
            last_good={pod.origin: pod for pod in previous if pod.source is Source.FILE},
            rescan=settings.agent.audit_period,
        )
    if settings.kubelet.static_pod_url:
        from nodeagent.adapters.manifests.url import UrlSource

        sources[Source.HTTP] = UrlSource(
            settings.kubelet.static_pod_url,
            headers=settings.kubelet.static_pod_url_header,
            node_name=settings.node.name,
            last_good=[pod for pod in previous if pod.source is Source.HTTP],
            period=settings.kubelet.http_check_frequency,
        )
    return sources


def local_data(
    settings: Settings,
    threads: Threads,
    watcher: Inotify,
    *,
    on_change: Callable[[Iterable[PodUid]], None],
    on_problems: Callable[[tuple[Problem, ...]], None],
) -> LocalData:
    """Config maps, secrets, volumes and claims of a node without API server."""
    paths = settings.paths
    folders = {
        paths.config_maps: (DataKind.CONFIG_MAP,),
        paths.secrets: (DataKind.SECRET,),
        paths.volumes: (DataKind.VOLUME, DataKind.CLAIM, DataKind.CSI_DRIVER),
    }
    return LocalData(
        {path: kinds for path, kinds in folders.items() if path is not None},
        threads=threads,
        watcher=watcher,
        on_change=on_change,
        on_problems=on_problems,
        bindings=paths.root / "claims.json",
        rescan=settings.agent.audit_period,
    )


def containerd_settings(settings: Settings, socket: Path) -> ContainerdSettings:
    """How a containerd of our own is to be set up for these settings, at this socket."""
    return ContainerdSettings(
        root=settings.paths.root,
        socket=socket,
        cgroup_driver=settings.kubelet.cgroup_driver.value,
        sandbox_image=settings.agent.sandbox_image or PAUSE_IMAGE,
    )


def with_endpoint(settings: Settings, endpoint: str) -> Settings:
    """The same settings with the runtime at another endpoint."""
    runtime = msgspec.structs.replace(settings.runtime, endpoint=endpoint, images=endpoint)
    return msgspec.structs.replace(settings, runtime=runtime)


def node_shutdown(
    settings: Settings,
    workers: Workers,
    recorder: Recorder,
    *,
    stop: Callable[[], None],
    trouble: Callable[[str, str], None],
) -> Shutdown:
    """Who ends the pods when the machine goes down; `stop` ends the agent."""
    return Shutdown(
        power=Logind(),
        pods=workers,
        groups=shutdown_groups(settings),
        recorder=recorder,
        node=settings.node.name,
        stop=stop,
        more_time=Notifier().more_time,
        trouble=trouble,
    )


def shutdown_groups(settings: Settings) -> tuple[Group, ...]:
    """How long pods of which priority have when the machine goes down."""
    kubelet = settings.kubelet
    return groups_of(
        total=kubelet.shutdown_grace_period,
        critical=kubelet.shutdown_grace_period_critical_pods,
        by_priority=(
            Group(priority=one.priority, seconds=one.shutdown_grace_period_seconds)
            for one in kubelet.shutdown_grace_period_by_pod_priority
        ),
    )


async def taken_up(records: Iterable[PodMemory]) -> tuple[PodMemory, ...]:
    """The records to go on with: pods that only a shutdown of the machine ended begin anew."""
    found = tuple(records)
    fresh = tuple(after_shutdown(memory) for memory in found)
    if fresh != found and await Logind().is_stopping():
        return found  # it is not over yet
    return fresh
