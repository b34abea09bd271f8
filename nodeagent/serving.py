"""Builds the agent's doors, its own socket and the node's ports: a piece of `app.py`."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent import logs
from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.devices.pod_resources import PodResourcesServer
from nodeagent.adapters.host.journal import journal_units, read_journal
from nodeagent.adapters.host.serving_cert import CERTIFICATE, KEY, ensure_self_signed
from nodeagent.aio.supervise import Component
from nodeagent.core.check_files import ManifestFile
from nodeagent.core.foresee import Future
from nodeagent.core.mirror import is_mirror_of
from nodeagent.core.pod_resources import active_pods, pod_holds
from nodeagent.engine.api_ports import Api
from nodeagent.engine.drain import Drain
from nodeagent.engine.heart import Heart
from nodeagent.engine.journal import Journal as EventJournal
from nodeagent.engine.observe import Observer
from nodeagent.engine.ports import Clock
from nodeagent.engine.publish import Publisher
from nodeagent.engine.reviews import Reviews
from nodeagent.engine.state import NodeState
from nodeagent.engine.workers import Workers
from nodeagent.errors import SettingsError
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import Problem
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.launch import ExecResult
from nodeagent.model.observed import ObservedPod, Phase
from nodeagent.model.pod_resources import Held, PodHolds
from nodeagent.server.backing import Backing, Journal, Runtime, StreamWish, Switches
from nodeagent.server.deeds import Deeds, ImageDeeds
from nodeagent.server.figures import Figures
from nodeagent.server.identity import Identity
from nodeagent.server.local import LocalApi
from nodeagent.server.node_port import NodePorts, Opening, Place
from nodeagent.server.permission import Permission
from nodeagent.server.tls import TlsRules
from nodeagent.server.view import View
from nodeagent.settings import Listener, Settings, node_version
from nodeagent.settings.configz import configz
from nodeagent.settings.names import AuthorizationMode
from nodeagent.settings.show import flag_values

ROTATED = "kubelet-server-current.pem"


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What the doors show and use. `api` is None for a node alone; `in_api` is a pod of the API
    server by "<namespace>/<name>".
    """

    settings: Callable[[], Settings]
    cri: Cri
    state: NodeState
    clock: Clock
    publisher: Publisher
    workers: Workers
    drain: Drain
    journal: EventJournal
    heart: Heart
    figures: Figures
    metrics: AgentMetrics
    node: Callable[[], v1.Node]
    problems: Callable[[], tuple[Problem, ...]]
    foresee: Callable[[tuple[ManifestFile, ...]], Awaitable[Future]]
    images: ImageDeeds
    api: Api | None
    in_api: Callable[[str], v1.Pod | None]


def heart(settings: Settings, observer: Observer) -> Heart:
    """The checks of health; on a running loop only."""
    return Heart(
        turned_at=lambda: observer.turned_at,
        steady=asyncio.get_running_loop().time,
        turn=max(settings.kubelet.sync_frequency, settings.agent.audit_period),
    )


def local_api(inside: Inside) -> LocalApi:
    """The agent's own API on its socket."""
    settings = inside.settings()
    view = View(
        node_name=settings.node.name,
        version=node_version(),
        logs_dir=settings.paths.pod_logs,
        now=inside.clock.now,
        list_pods=inside.publisher.pods,
        problems=inside.problems,
        events=inside.journal.events,
        node=inside.node,
        memory=inside.workers.memory,
        figures=inside.figures,
    )
    api = LocalApi(view, path=settings.paths.socket, deeds=_deeds(inside))
    inside.publisher.listen(lambda _: api.notify())
    return api


def _deeds(inside: Inside) -> Deeds:
    drain, workers, clock = inside.drain, inside.workers, inside.clock
    return Deeds(
        foresee=inside.foresee,
        restart=lambda uid, container: workers.restart(uid, container, clock.now()),
        drain=drain.begin,
        undrain=drain.undo,
        drain_state=drain.state,
        open_exec=lambda wish: inside.cri.containers.open_exec(
            wish.container, wish.command, stdin=wish.stdin, tty=wish.tty
        ),
        images=inside.images,
    )


def pod_resources(inside: Inside) -> dict[str, Component]:
    """The pod resources API. Nothing is handed out by piece yet, so nothing is held."""
    list_pods = inside.publisher.pods

    def get(namespace: str, name: str) -> PodHolds | None:
        found = (p for p in list_pods() if p.metadata and p.metadata.name == name)
        pod = next((p for p in found if p.metadata and p.metadata.namespace == namespace), None)
        return pod_holds(pod, _nothing) if pod else None

    server = PodResourcesServer(
        inside.settings().paths.root / "pod-resources" / "kubelet.sock",
        list_pods=lambda: [pod_holds(pod, _nothing) for pod in active_pods(list_pods())],
        get_pod=get,
        allocatable=Held,
        tell=inside.metrics.asked.listed,
    )
    return {"pod resources": server.run}


def _nothing(uid: PodUid, container: str) -> Held:
    return Held()


def node_ports(inside: Inside) -> dict[str, Component]:
    """The component; none where no port is to be opened.

    SettingsError where the configuration asks an API server for reviews and there is none.
    """
    settings = inside.settings()
    listeners = settings.listeners
    if not (listeners.https or listeners.read_only or listeners.healthz):
        return {}
    ports = NodePorts(
        _opening(settings, inside),
        _backing(inside),
        _switches(settings),
        prepare=lambda: _prepare(settings),
    )
    return {"node ports": ports.run}


def _opening(settings: Settings, inside: Inside) -> Opening:
    listeners, kubelet = settings.listeners, settings.kubelet
    plain = Opening(
        read_only=_place(listeners.read_only),
        healthz=_place(listeners.healthz),
        guarded=_place(listeners.https),
    )
    if listeners.https is None:
        return plain
    told = inside.metrics.asked.reviewed
    reviews = Reviews(lambda: inside.api, node=settings.node.name, tell=told)
    webhook = kubelet.authorization.mode is AuthorizationMode.WEBHOOK
    if settings.standalone and webhook:
        raise SettingsError(
            op="configure",
            target="authorization.mode",
            detail="Webhook needs an API server to ask; standalone set AlwaysAllow and a "
            "clientCAFile whose clients may do everything",
        )
    asks = kubelet.authentication.webhook.enabled and not settings.standalone
    return msgspec.structs.replace(
        plain,
        tls=_tls_rules(settings),
        identity=Identity(
            review=reviews.token if asks else None,
            anonymous=kubelet.authentication.anonymous.enabled,
            ttl=kubelet.authentication.webhook.cache_ttl,
            now=inside.clock.now,
            steady=time.monotonic,
        ),
        permission=Permission(
            review=reviews.access if webhook else None,
            yes=kubelet.authorization.webhook.cache_authorized_ttl,
            no=kubelet.authorization.webhook.cache_unauthorized_ttl,
            steady=time.monotonic,
        ),
    )


def _place(listener: Listener | None) -> Place | None:
    return Place(listener.address, listener.port) if listener else None


def _tls_rules(settings: Settings) -> TlsRules:
    kubelet, folder = settings.kubelet, settings.paths.certificates
    late = False
    certificate, key = folder / CERTIFICATE, folder / KEY
    if kubelet.tls_cert_file:
        certificate, key = Path(kubelet.tls_cert_file), Path(kubelet.tls_private_key_file)
    elif kubelet.server_tls_bootstrap:
        certificate = key = folder / ROTATED
        late = True
    client_ca = kubelet.authentication.x509.client_ca_file
    return TlsRules(
        certificate=certificate,
        key=key,
        client_ca=Path(client_ca).absolute() if client_ca else None,
        least=kubelet.tls_min_version,
        suites=kubelet.tls_cipher_suites,
        late=late,
    )


def _makes_pair(settings: Settings) -> bool:
    kubelet = settings.kubelet
    given = kubelet.tls_cert_file or kubelet.server_tls_bootstrap
    return settings.listeners.https is not None and not given


def _configz(settings: Settings) -> dict[str, Any]:
    folder = settings.paths.certificates
    pair = (folder / CERTIFICATE, folder / KEY) if _makes_pair(settings) else None
    return configz(settings.kubelet, own_pair=pair)


def _prepare(settings: Settings) -> None:
    """The certificate is there, if it is ours to make; blocks."""
    if not _makes_pair(settings):
        return
    ensure_self_signed(
        settings.paths.certificates,
        name=settings.node.name,
        ips=settings.node.ips,
        now=dt.datetime.now(dt.UTC),
    )


def _switches(settings: Settings) -> Switches:
    kubelet = settings.kubelet
    return Switches(
        debugging=kubelet.enable_debugging_handlers,
        system_logs=kubelet.enable_system_log_handler,
        log_query=kubelet.enable_system_log_query,
        profiling=kubelet.enable_profiling_handler,
        debug_flags=kubelet.enable_debug_flags_handler,
        split_log_streams=settings.gate("PodLogsQuerySplitStreams"),
        translate_websockets=settings.gate("ExtendWebSocketsToKubelet"),
        checkpoints=settings.gate("ContainerCheckpoint"),
        flagz=settings.gate("ComponentFlagz"),
        statusz=settings.gate("ComponentStatusz"),
    )


def _backing(inside: Inside) -> Backing:
    settings, state = inside.settings(), inside.state
    return Backing(
        version=node_version(),
        started_at=inside.clock.now(),
        logs_dir=settings.paths.pod_logs,
        checkpoints_dir=settings.paths.root / "checkpoints",
        idle=settings.kubelet.streaming_connection_idle_timeout,
        now=inside.clock.now,
        list_pods=inside.publisher.pods,
        running_pods=lambda: tuple(_as_pod(pod) for pod in state.all_observed() if pod.running),
        container=lambda uid, name: _container(state.observed(uid), name),
        sandbox=lambda uid: _sandbox(state.observed(uid)),
        health=inside.heart.checks,
        configz=lambda: _configz(inside.settings()),
        flags=lambda: flag_values(inside.settings()),
        set_verbosity=lambda number: _set_verbosity(inside.settings(), number),
        runtime=_runtime(inside.cri),
        journal=Journal(read=read_journal, units=journal_units),
        mirror_uid=lambda pod: _mirror_uid(inside, pod),
        figures=inside.figures,
    )


def _set_verbosity(settings: Settings, number: int) -> None:
    as_json = settings.kubelet.logging.format == "json"
    logs.configure(verbosity=number, style=logs.Style.JSON if as_json else None)


def _runtime(cri: Cri) -> Runtime:
    async def run_exec(container: ContainerId, command: tuple[str, ...], wish: StreamWish) -> str:
        return await cri.streams.exec(container, command, **msgspec.structs.asdict(wish))

    async def attach(container: ContainerId, wish: StreamWish) -> str:
        return await cri.streams.attach(container, **msgspec.structs.asdict(wish))

    async def run(container: ContainerId, command: tuple[str, ...]) -> ExecResult:
        return await cri.containers.exec_sync(container, command, limit=0)

    async def checkpoint(container: ContainerId, location: str, limit: int) -> None:
        await cri.streams.checkpoint(container, location, limit=limit)

    return Runtime(
        exec=run_exec,
        attach=attach,
        forward=cri.streams.forward,
        run=run,
        checkpoint=checkpoint,
    )


def _mirror_uid(inside: Inside, pod: v1.Pod) -> str:
    metadata = pod.metadata or meta_v1.ObjectMeta()
    known = inside.in_api(f"{metadata.namespace}/{metadata.name}")
    if known is None or known.metadata is None or not is_mirror_of(known, pod):
        return ""
    return known.metadata.uid or ""


def _container(pod: ObservedPod, name: str) -> ContainerId | None:
    return next((one.id for one in pod.running if one.name == name), None)


def _sandbox(pod: ObservedPod) -> SandboxId | None:
    return pod.sandbox.id if pod.sandbox is not None and pod.sandbox.ready else None


def _as_pod(pod: ObservedPod) -> v1.Pod:
    """A pod of the runtime: names and images, and nothing that only its manifest knows."""
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.uid),
        spec=v1.PodSpec(
            containers=[
                v1.Container(name=one.name, image=one.image)
                for one in pod.running
                if one.phase is Phase.RUNNING
            ]
        ),
        status=v1.PodStatus(),
    )
