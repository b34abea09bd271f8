"""Read a pod's probes: defaults, named ports, annotations. Source: Kubernetes API
reference of Probe, KEP-4939 for gRPC over TLS."""

from collections.abc import Iterator, Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.env import expand
from nodeagent.core.subject import subject_of
from nodeagent.model.desired import DesiredPod
from nodeagent.model.probes import (
    PERIOD_FLOOR,
    BrokenCheck,
    Check,
    ExecCheck,
    GrpcCheck,
    HttpCheck,
    ProbeKind,
    ProbeRules,
    ProbeSpec,
    TcpCheck,
)

PREFIX = "probe.nodeagent.dev/"
FAST = "fast-until-ready"
_MAX_PORT = 65535


class PodProbes(msgspec.Struct, frozen=True, kw_only=True):
    """Every probe of a pod, and what is wrong with its annotations (those are then not used)."""

    probes: tuple[ProbeSpec, ...] = ()
    problems: tuple[str, ...] = ()


class PortError(ValueError):
    """A port reference that leads nowhere."""


def pod_probes(pod: DesiredPod, rules: ProbeRules) -> PodProbes:
    """The probes of regular containers and sidecars; the other kinds of container have none.

    Annotations `probe.nodeagent.dev/<container>.<kind>.<setting>` may set `period-ms` and
    `timeout-ms` (whole milliseconds, at least 50), `fast-until-ready` and `grpc-tls` ("true" or
    "false"); `probe.nodeagent.dev/fast-until-ready` is for the whole pod.
    """
    notes = _Notes(pod.annotations)
    fast = notes.flag(FAST, default=rules.fast)
    probes = tuple(
        _spec(pod, container, probe_kind, probe, notes, fast=fast)
        for kind, container in each_container(pod.spec)
        if kind in (Kind.REGULAR, Kind.SIDECAR)
        for probe_kind, probe in _each_probe(container)
    )
    return PodProbes(probes=probes, problems=tuple(notes.problems))


def resolve_port(port: int | str, container: v1.Container) -> int:
    """A port number from a number or a name of the container's ports; PortError if neither."""
    number = port if isinstance(port, int) else _named_port(port, container)
    if not 0 < number <= _MAX_PORT:
        raise PortError(f"invalid port number: {number}")
    return number


def http_check(action: v1.HTTPGetAction, container: v1.Container) -> HttpCheck:
    """The request of a probe or hook; PortError where its port leads nowhere."""
    return HttpCheck(
        port=resolve_port(action.port, container),
        host=action.host or "",
        path=action.path if action.path is not None else "/",
        tls=(action.scheme or "HTTP").upper() == "HTTPS",
        headers=tuple((header.name, header.value) for header in action.httpHeaders or ()),
    )


class _Notes:
    """The pod's probe annotations; collects what is wrong with them."""

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self._values = {k: v for k, v in annotations.items() if k.startswith(PREFIX)}
        self.problems: list[str] = []

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._values.get(PREFIX + key)
        if value in ("true", "false"):
            return value == "true"
        if value is not None:
            self.problems.append(f'{PREFIX}{key}: "{value}" is neither "true" nor "false"')
        return default

    def seconds(self, key: str, *, default: float) -> float:
        value = self._values.get(PREFIX + key)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            self.problems.append(f'{PREFIX}{key}: "{value}" is not a number of milliseconds')
            return default
        if int(value) / 1000 < PERIOD_FLOOR:
            floor = round(PERIOD_FLOOR * 1000)
            self.problems.append(f"{PREFIX}{key}: {value} is too short, {floor} is used")
            return PERIOD_FLOOR
        return int(value) / 1000


def _each_probe(container: v1.Container) -> Iterator[tuple[ProbeKind, v1.Probe]]:
    pairs = (
        (ProbeKind.STARTUP, container.startupProbe),
        (ProbeKind.LIVENESS, container.livenessProbe),
        (ProbeKind.READINESS, container.readinessProbe),
    )
    return ((kind, probe) for kind, probe in pairs if probe is not None)


def _spec(
    pod: DesiredPod,
    container: v1.Container,
    kind: ProbeKind,
    probe: v1.Probe,
    notes: _Notes,
    *,
    fast: bool,
) -> ProbeSpec:
    key = f"{container.name}.{kind.lower()}"
    tls = notes.flag(f"{key}.grpc-tls", default=False)
    fast = notes.flag(f"{key}.{FAST}", default=fast)
    return ProbeSpec(
        container=container.name,
        kind=kind,
        subject=subject_of(pod, container.name),
        check=_check(probe, container, tls=tls),
        period=notes.seconds(f"{key}.period-ms", default=float(probe.periodSeconds or 10)),
        timeout=notes.seconds(f"{key}.timeout-ms", default=float(probe.timeoutSeconds or 1)),
        initial_delay=float(probe.initialDelaySeconds or 0),
        success_threshold=probe.successThreshold or 1,
        failure_threshold=probe.failureThreshold or 3,
        fast=fast and kind is not ProbeKind.LIVENESS,
    )


def _check(probe: v1.Probe, container: v1.Container, *, tls: bool) -> Check:
    try:
        if probe.exec is not None:
            literals = {entry.name: entry.value or "" for entry in container.env or ()}
            words = probe.exec.command or ()
            return ExecCheck(command=tuple(expand(word, literals) for word in words))
        if probe.httpGet is not None:
            return http_check(probe.httpGet, container)
        if probe.tcpSocket is not None:
            port = resolve_port(probe.tcpSocket.port, container)
            return TcpCheck(port=port, host=probe.tcpSocket.host or "")
        if probe.grpc is not None:
            # `mode` came with a later API than the oldest models we work with
            tls = tls or getattr(probe.grpc, "mode", None) == "TLS"
            port = resolve_port(probe.grpc.port, container)
            return GrpcCheck(port=port, service=probe.grpc.service or "", tls=tls)
    except PortError as error:
        return BrokenCheck(detail=str(error))
    return BrokenCheck(detail=f"missing probe handler for container {container.name}")


def _named_port(name: str, container: v1.Container) -> int:
    for port in container.ports or ():
        if port.name == name:
            return port.containerPort
    if name.isascii() and name.isdigit():
        return int(name)
    raise PortError(f'couldn\'t find port "{name}" in container {container.name}')
