"""Builds what makes the node a member of a cluster: a piece of `app.py`, for joined nodes only."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent import __version__
from nodeagent.adapters.host.machine import booted_at, own_start
from nodeagent.adapters.host.pod_keys import PodKeys
from nodeagent.adapters.host.vault import SealedVault
from nodeagent.adapters.kube.client import KubeClient, Rate
from nodeagent.adapters.kube.request_metrics import RequestCollector
from nodeagent.aio.clock import WallClock
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.bootstrap import Credentials
from nodeagent.core.node_object import NodeReading, biggest_images
from nodeagent.core.node_patch import ATTACHED, PROVIDED_IP, NodeWish
from nodeagent.core.static_refs import forbidden_reference
from nodeagent.engine.api_pods import ApiPods
from nodeagent.engine.cluster_data import ClusterData
from nodeagent.engine.events_api import ApiEvents
from nodeagent.engine.joined_data import JoinedData, Local
from nodeagent.engine.journal import Journal
from nodeagent.engine.lease import LeaseKeeper
from nodeagent.engine.mirror import Mirrors
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.node_report import NodeReport, ReportRules, ReportTools
from nodeagent.engine.node_startup import NodeStartup
from nodeagent.engine.node_view import NodeView
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.pod_certificates import PodCertificates
from nodeagent.engine.ports import Clock, ManifestSource, Runtime
from nodeagent.engine.publish import Publisher
from nodeagent.engine.report import StatusReport
from nodeagent.engine.state import NodeState
from nodeagent.engine.workers import Workers
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import SeenImage
from nodeagent.model.pod_certificates import CertificateWish
from nodeagent.settings import Settings
from nodeagent.storage import Membership

DECLARED = (  # features whose gates a node declares (KEP-5328)
    "ExtendWebSocketsToKubelet",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
    "UserNamespacesHostNetworkSupport",
)
SEAL_KEY = "pki/nodeagent-data.key"  # in the kubeconfig's folder: kubeadm reset clears that one
UNINITIALIZED = v1.Taint(
    key="node.cloudprovider.kubernetes.io/uninitialized", value="true", effect="NoSchedule"
)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What of the node a membership works on."""

    keeper: NodeKeeper
    runtime: Runtime
    journal: Journal
    publisher: Publisher
    workers: Workers
    state: NodeState
    clock: Clock
    ready: asyncio.Event
    view: NodeView
    images: Callable[[], Iterable[SeenImage]]
    metrics: AgentMetrics


class Cluster:
    """A membership. `data`, then `join`, before `load`, `source` and `components`.

    SettingsError where the kubeconfig cannot be used.
    """

    def __init__(self, settings: Settings, threads: Threads) -> None:
        assert settings.cluster is not None
        kubelet = settings.kubelet
        self._settings, self._threads = settings, threads
        self.credentials = Credentials(settings, threads, WallClock())
        self.client = KubeClient(
            self.credentials.access,
            threads=threads,
            rate=Rate(qps=kubelet.kube_api_qps, burst=kubelet.kube_api_burst),
            agent=f"nodeagent/{__version__}",
        )
        self.own = OwnPods(self.client, node=settings.node.name)
        self._certificates: PodCertificates | None = None

    def data(
        self, local: Local, *, on_change: Callable[[Iterable[PodUid]], None], keeper: NodeKeeper
    ) -> JoinedData:
        """What pods refer to: of the API for its own pods, of `local` for static ones."""
        access, paths = self._settings.cluster, self._settings.paths
        assert access is not None
        key = access.kubeconfig.parent / SEAL_KEY
        if self._settings.gate("PodCertificateRequest"):
            self._certificates = PodCertificates(
                self.client,
                WallClock(),
                name=self._settings.node.name,
                node=lambda: self.node.node,
                keys=PodKeys(self._threads),
                on_change=on_change,
                tell=self._tell_of_certificate,
            )
        self._data = ClusterData(
            self.client,
            SealedVault(str(paths.root), key=key, threads=self._threads),
            WallClock(),
            strategy=self._settings.kubelet.config_map_and_secret_change_detection_strategy,
            connected=lambda: self.client.connected,
            on_change=on_change,
            on_classes=keeper.define_classes,
            certificates=self._certificates,
        )
        return JoinedData(
            self._data.data,
            self._data.services,
            local,
            certificates=self._certificates.version if self._certificates else lambda _: "",
        )

    def _tell_of_certificate(self, wish: CertificateWish, reason: str, message: str) -> None:
        about = Subject(name=wish.pod, namespace=wish.namespace, uid=wish.uid)
        self._parts.journal.event(about, EventType.WARNING, reason, message)

    async def load(self) -> None:
        """Take up what the API told an earlier run."""
        await self._data.load()

    def membership(self, keeper: NodeKeeper, clock: Clock) -> Membership:
        """What volumes need of it; before `join`."""
        return Membership(
            api=self.client,
            clock=clock,
            node=lambda: self.node.node,
            certificates=self._certificates,
            tokens=self._data.tokens,
            trouble=lambda text: keeper.trouble("csi", text),
            in_use=lambda names: keeper.learn(
                msgspec.structs.replace(keeper.facts, volumes_in_use=names)
            ),
        )

    def source(self, records: Iterable[PodMemory]) -> Mapping[Source, ManifestSource]:
        """The API as a source of pods; `records` are those of the agent's last run."""
        known = tuple(records)
        pods = ApiPods(
            self.own,
            previous=[m.pod for m in known if _is_wanted(m)],
            ended=[m.pod for m in known if not _is_wanted(m)],
            connected=lambda: self.client.connected,
            clock=self._parts.clock,
        )
        return {Source.API: pods}

    def refuse(self, pod: DesiredPod) -> str:
        """Why the node does not run this pod of a manifest, "" where it does."""
        if not self._settings.gate("PreventStaticPodAPIReferences"):
            return ""
        return forbidden_reference(pod)

    def join(self, parts: Parts) -> None:
        """Make what tells the API of the node and its pods."""
        parts.metrics.add(RequestCollector(self.client.counts))
        self.client.counts.times = parts.metrics.rest
        if self._certificates is not None:
            parts.metrics.certificates.count_pods(self._certificates.states)
        settings, kubelet = self._settings, self._settings.kubelet
        self._parts, name = parts, settings.node.name
        self.events = ApiEvents(
            api=self.client,
            clock=parts.clock,
            node=name,
            rate=kubelet.event_record_qps,
            burst=kubelet.event_burst,
            version=self.own.version_of,
        )
        parts.journal.listen(self.events.take)
        self.report = StatusReport(
            api=self.client,
            own=self.own,
            publisher=parts.publisher,
            memory=parts.workers.memory,
            clock=parts.clock,
        )
        self.report.on_told = parts.metrics.pods.told
        self.node = NodeReport(
            ReportTools(
                api=self.client,
                keeper=parts.keeper,
                runtime=parts.runtime,
                recorder=parts.journal,
                clock=parts.clock,
                startup=NodeStartup(
                    parts.metrics.node, parts.clock, booted_at=booted_at(), began_at=own_start()
                ),
                reading=parts.view.reading,
            ),
            ReportRules(
                wish=node_wish(settings, parts.keeper.facts.labels),
                registers=settings.registers,
                update_period=kubelet.node_status_update_frequency,
                report_period=kubelet.node_status_report_frequency,
            ),
            on_change=lambda: self.mirrors.look_again(),
        )
        self.lease = LeaseKeeper(
            api=self.client,
            clock=parts.clock,
            name=name,
            seconds=kubelet.node_lease_duration_seconds,
            node=lambda: self.node.node,
        )
        self.mirrors = Mirrors(
            api=self.client,
            own=self.own,
            wanted=parts.state.all_desired,
            memories=parts.workers.memories,
            node=lambda: self.node.node,
            ready=parts.ready,
        )
        parts.view.more = self._reading
        parts.state.listen(wish=self._hear_wish, sight=lambda _: None)

    def _hear_wish(self, uid: PodUid) -> None:
        self.mirrors.look_again()

    def forgotten(self) -> None:
        """A pod has ended and is known no more: its copy may go."""
        self.mirrors.look_again()

    def _reading(self, basis: NodeReading) -> NodeReading:
        """What the Node's status has beyond what the keeper knows."""
        settings, kubelet = self._settings, self._settings.kubelet
        images = biggest_images(self._parts.images(), most=kubelet.node_status_max_images)
        declared = DECLARED if settings.gate("NodeDeclaredFeatures") else ()
        return msgspec.structs.replace(
            basis,
            images=images,
            port=kubelet.port if kubelet.enable_server else 0,
            features=tuple(one for one in declared if settings.gate(one)),
            addresses=settings.node.cloud_provider != "external" or bool(settings.node.ips),
        )

    def _addresses(self) -> Iterable[v1.NodeAddress]:
        """The node's addresses as the API has them; none before it is registered."""
        node = self.node.node
        return (node.status.addresses or ()) if node is not None and node.status else ()

    async def _beat(self) -> None:
        """The Lease, from when there is something to ask for it with."""
        await self.credentials.until_granted()
        await self.lease.run()

    def components(self) -> dict[str, Component]:
        """What runs, in the order of its start."""
        return {
            "api client": self.client.run,
            **self.credentials.components(
                self.client, addresses=self._addresses, metrics=self._parts.metrics
            ),
            "own pods": self.own.run,
            **self._data.components(),
            "node report": self.node.run,
            "lease": self._beat,
            "status report": self.report.run,
            "mirrors": self.mirrors.run,
            "api events": self.events.run,
        }


def node_wish(settings: Settings, labels: Mapping[str, str]) -> NodeWish:
    """What the Node is registered with, and kept at.

    Source: "Nodes" page, self-registration.
    """
    external = settings.node.cloud_provider == "external"
    annotations = {}
    if settings.kubelet.enable_controller_attach_detach:
        annotations[ATTACHED] = "true"
    if external and settings.node.ips:
        annotations[PROVIDED_IP] = ",".join(settings.node.ips)
    taints = [
        v1.Taint(key=t.key, value=t.value or None, effect=t.effect.value)
        for t in settings.kubelet.register_with_taints
    ]
    return NodeWish(
        name=settings.node.name,
        labels=labels,
        annotations=annotations,
        taints=(*taints, UNINITIALIZED) if external else tuple(taints),
        provider_id=settings.kubelet.provider_id,
    )


def _is_wanted(memory: PodMemory) -> bool:
    return memory.ending is None and not memory.pod.deleting
