"""What a manifest's probes mean."""

from typing import Any

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models.meta_v1 import ObjectMeta

from nodeagent.core.probe_spec import PodProbes, pod_probes
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.probes import (
    BrokenCheck,
    ExecCheck,
    GrpcCheck,
    HttpCheck,
    ProbeKind,
    ProbeRules,
    TcpCheck,
)


def specs_of(
    *containers: v1.Container,
    init: tuple[v1.Container, ...] = (),
    notes: dict[str, str] | None = None,
    rules: ProbeRules = ProbeRules(),  # noqa: B008
) -> PodProbes:
    pod = v1.Pod(
        metadata=ObjectMeta(name="p", namespace="ns", annotations=notes),
        spec=v1.PodSpec(containers=list(containers), initContainers=list(init) or None),
    )
    return pod_probes(DesiredPod(uid=PodUid("u"), source=Source.FILE, origin="", pod=pod), rules)


def web(**probes: Any) -> v1.Container:
    ports = [v1.ContainerPort(containerPort=8080, name="http")]
    return v1.Container(name="web", ports=ports, **probes)


def ready(**handler: Any) -> v1.Container:
    return web(readinessProbe=v1.Probe(**handler))


def test_defaults_are_those_of_the_api() -> None:
    (spec,) = specs_of(ready(tcpSocket=v1.TCPSocketAction(port=80))).probes
    assert (spec.period, spec.timeout, spec.initial_delay) == (10.0, 1.0, 0.0)
    assert (spec.success_threshold, spec.failure_threshold) == (1, 3)
    assert spec.check == TcpCheck(port=80)
    assert spec.subject.field_path == "spec.containers{web}"


def test_only_regular_containers_and_sidecars_are_probed() -> None:
    probe = v1.Probe(exec=v1.ExecAction(command=["true"]))
    plain = v1.Container(name="init", livenessProbe=probe)
    sidecar = v1.Container(name="side", restartPolicy="Always", startupProbe=probe)
    found = specs_of(web(livenessProbe=probe), init=(plain, sidecar)).probes
    assert [(s.container, s.kind) for s in found] == [
        ("side", ProbeKind.STARTUP),
        ("web", ProbeKind.LIVENESS),
    ]
    assert found[0].subject.field_path == "spec.initContainers{side}"


def test_a_request_takes_its_port_by_name() -> None:
    action = v1.HTTPGetAction(
        port="http",
        path="healthz?full=1",
        scheme="HTTPS",
        httpHeaders=[v1.HTTPHeader(name="X-A", value="1"), v1.HTTPHeader(name="X-A", value="2")],
    )
    (spec,) = specs_of(ready(httpGet=action)).probes
    assert spec.check == HttpCheck(
        port=8080, path="healthz?full=1", tls=True, headers=(("X-A", "1"), ("X-A", "2"))
    )


@pytest.mark.parametrize(
    ("port", "says"),
    [
        ("nope", 'couldn\'t find port "nope" in container web'),
        (0, "invalid port number: 0"),
        ("70000", "invalid port number: 70000"),
    ],
)
def test_a_port_that_leads_nowhere_makes_every_try_an_error(port: int | str, says: str) -> None:
    (spec,) = specs_of(ready(tcpSocket=v1.TCPSocketAction(port=port))).probes
    assert spec.check == BrokenCheck(detail=says)


def test_a_port_number_may_be_written_as_text() -> None:
    (spec,) = specs_of(ready(tcpSocket=v1.TCPSocketAction(port="81", host="h"))).probes
    assert spec.check == TcpCheck(port=81, host="h")


def test_a_probe_without_a_handler_is_an_error() -> None:
    (spec,) = specs_of(ready()).probes
    assert isinstance(spec.check, BrokenCheck)


def test_command_words_see_literal_variables_only() -> None:
    container = v1.Container(
        name="web",
        env=[
            v1.EnvVar(name="A", value="1"),
            v1.EnvVar(name="B", valueFrom=v1.EnvVarSource()),
        ],
        livenessProbe=v1.Probe(exec=v1.ExecAction(command=["x", "$(A)-$(B)-$(C)-$$(A)-$("])),
    )
    (spec,) = specs_of(container).probes
    assert spec.check == ExecCheck(command=("x", "1--$(C)-$(A)-$("))


def test_dollars_are_read_from_left_to_right() -> None:
    probe = v1.Probe(exec=v1.ExecAction(command=["$$$(A)", "$A"]))
    (spec,) = specs_of(
        v1.Container(name="web", env=[v1.EnvVar(name="A", value="1")], livenessProbe=probe)
    ).probes
    assert spec.check == ExecCheck(command=("$1", "$A"))


def test_annotations_set_milliseconds() -> None:
    notes = {
        "probe.nodeagent.dev/web.readiness.period-ms": "250",
        "probe.nodeagent.dev/web.readiness.timeout-ms": "80",
    }
    found = specs_of(ready(tcpSocket=v1.TCPSocketAction(port=80)), notes=notes)
    assert (found.probes[0].period, found.probes[0].timeout) == (0.25, 0.08)
    assert found.problems == ()


def test_a_bad_annotation_is_named_and_the_spec_holds() -> None:
    notes = {
        "probe.nodeagent.dev/web.readiness.period-ms": "fast",
        "probe.nodeagent.dev/web.readiness.timeout-ms": "10",
        "probe.nodeagent.dev/fast-until-ready": "yes",
    }
    found = specs_of(ready(tcpSocket=v1.TCPSocketAction(port=80)), notes=notes)
    assert (found.probes[0].period, found.probes[0].timeout) == (10.0, 0.05)
    assert found.probes[0].fast
    assert found.problems == (
        'probe.nodeagent.dev/fast-until-ready: "yes" is neither "true" nor "false"',
        'probe.nodeagent.dev/web.readiness.period-ms: "fast" is not a number of milliseconds',
        "probe.nodeagent.dev/web.readiness.timeout-ms: 10 is too short, 50 is used",
    )


def test_quick_polling_is_for_readiness_and_startup_and_can_be_turned_off() -> None:
    probe = v1.Probe(tcpSocket=v1.TCPSocketAction(port=80))
    all_three = web(livenessProbe=probe, readinessProbe=probe, startupProbe=probe)
    fast = {s.kind for s in specs_of(all_three).probes if s.fast}
    assert fast == {ProbeKind.READINESS, ProbeKind.STARTUP}
    off = {"probe.nodeagent.dev/fast-until-ready": "false"}
    assert not any(s.fast for s in specs_of(all_three, notes=off).probes)
    assert not any(s.fast for s in specs_of(all_three, rules=ProbeRules(fast=False)).probes)
    back = {**off, "probe.nodeagent.dev/web.startup.fast-until-ready": "true"}
    assert {s.kind for s in specs_of(all_three, notes=back).probes if s.fast} == {ProbeKind.STARTUP}


def test_grpc_speaks_tls_where_an_annotation_says_so() -> None:
    container = ready(grpc=v1.GRPCAction(port=9000, service="db"))
    assert specs_of(container).probes[0].check == GrpcCheck(port=9000, service="db")
    notes = {"probe.nodeagent.dev/web.readiness.grpc-tls": "true"}
    assert specs_of(container, notes=notes).probes[0].check == GrpcCheck(
        port=9000, service="db", tls=True
    )


def test_grpc_speaks_tls_where_the_newer_api_field_says_so() -> None:
    container = ready(grpc=v1.GRPCAction(port=9000, mode="TLS"))
    assert specs_of(container).probes[0].check == GrpcCheck(port=9000, tls=True)
