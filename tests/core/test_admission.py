"""Admission: who may run here, and whom a critical pod may end."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.admission import admit
from nodeagent.core.fit import matches_node, ports_clash, shortages
from nodeagent.core.preemption import unrecovered, victims
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Rejected
from nodeagent.model.node import NodeFacts, NodeRules, Pressure

GI = 2**30
NODE = NodeFacts(
    name="node-1",
    labels={"disk": "ssd", "size": "10", "kubernetes.io/os": "linux"},
    allocatable={"cpu": 2000, "memory": 4 * GI, "pods": 5, "x.io/gpu": 1},
    runtime_classes={"deep": "kata"},
)
RULES = NodeRules()
STATIC = {"kubernetes.io/config.source": "file"}


def asking(name: str = "c", **requests: str) -> v1.Container:
    return v1.Container(name=name, resources=v1.ResourceRequirements(requests=requests))


def guaranteed(cpu: str, memory: str) -> v1.Container:
    both = {"cpu": cpu, "memory": memory}
    return v1.Container(name="c", resources=v1.ResourceRequirements(requests=both, limits=both))


def a_pod(
    *containers: v1.Container,
    name: str = "p",
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    **spec: object,
) -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, annotations=annotations, labels=labels),
        spec=v1.PodSpec(
            containers=list(containers) or [v1.Container(name="c")],
            **spec,  # type: ignore[arg-type]
        ),
    )


def admitted(
    pod: v1.Pod,
    *others: v1.Pod,
    node: NodeFacts = NODE,
    rules: NodeRules = RULES,
    source: Source = Source.API,
) -> Rejected | None:
    desired = DesiredPod(uid=PodUid("u"), source=source, origin="", pod=pod)
    return admit(desired, others=others, node=node, rules=rules)


def test_a_plain_pod_may_run() -> None:
    assert admitted(a_pod()) is None
    assert admitted(a_pod(asking(cpu="2", memory="4Gi"))) is None


@pytest.mark.parametrize(
    ("pod", "others", "reason", "resource", "numbers"),
    [
        (a_pod(asking(cpu="1500m")), [a_pod(asking(cpu="501m"))], "OutOfcpu", "cpu",
         (1500, 501, 2000)),
        (a_pod(asking(memory="5Gi")), [], "OutOfmemory", "memory", (5 * GI, 0, 4 * GI)),
        (a_pod(asking(**{"ephemeral-storage": "1"})), [], "OutOfephemeral-storage",
         "ephemeral-storage", (1, 0, 0)),
        (a_pod(asking(**{"x.io/gpu": "2"})), [], "OutOfx.io/gpu", "x.io/gpu", (2, 0, 1)),
        (a_pod(asking(**{"hugepages-2Mi": "2Mi"})), [], "OutOfhugepages-2Mi", "hugepages-2Mi",
         (2 * 2**20, 0, 0)),
        (a_pod(), [a_pod()] * 5, "OutOfpods", "pods", (1, 5, 5)),
        (a_pod(asking(cpu="9")), [a_pod()] * 6, "OutOfpods", "pods", (1, 6, 5)),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_numbers(
    pod: v1.Pod, others: list[v1.Pod], reason: str, resource: str, numbers: tuple[int, int, int]
) -> None:
    requested, used, capacity = numbers
    assert admitted(pod, *others) == Rejected(
        reason=reason,
        message=f"Node didn't have enough resource: {resource}, requested: {requested}, "
        f"used: {used}, capacity: {capacity}",
    )


def test_an_extended_resource_the_node_never_heard_of_is_not_its_business() -> None:
    assert admitted(a_pod(asking(**{"y.io/fpga": "1"}))) is None
    none = NodeFacts(name="n", allocatable={"y.io/fpga": 0, "pods": 9})
    got = admitted(a_pod(asking(**{"y.io/fpga": "1"})), node=none)
    assert got is not None and got.reason == "OutOfy.io/fpga"


def test_the_number_of_pods_comes_from_the_rules_if_the_node_is_silent() -> None:
    silent = NodeFacts(name="n")
    assert admitted(a_pod(), a_pod(), node=silent, rules=NodeRules(max_pods=2)) is None
    got = admitted(a_pod(), a_pod(), node=silent, rules=NodeRules(max_pods=1))
    assert got is not None and got.reason == "OutOfpods"


@given(st.lists(st.integers(1, 1000), max_size=5), st.integers(1, 2500))
def test_pods_never_add_up_to_more_than_the_node(others: list[int], wanted: int) -> None:
    held = [a_pod(asking(cpu=f"{milli}m")) for milli in others]
    short = shortages(a_pod(asking(cpu=f"{wanted}m")), held, node=NODE, rules=RULES)
    too_much = sum(others) + wanted > 2000
    assert any(one.resource == "cpu" for one in short) is too_much


def affinity(*terms: v1.NodeSelectorTerm) -> v1.Affinity:
    return v1.Affinity(
        nodeAffinity=v1.NodeAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=v1.NodeSelector(
                nodeSelectorTerms=list(terms)
            )
        )
    )


def term(key: str, operator: str, *values: str, field: bool = False) -> v1.NodeSelectorTerm:
    one = [v1.NodeSelectorRequirement(key=key, operator=operator, values=list(values) or None)]
    return (
        v1.NodeSelectorTerm(matchFields=one) if field else v1.NodeSelectorTerm(matchExpressions=one)
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([term("disk", "In", "ssd", "nvme")], True),
        ([term("disk", "In", "hdd")], False),
        ([term("disk", "NotIn", "hdd")], True),
        ([term("none", "NotIn", "hdd")], True),
        ([term("disk", "NotIn", "ssd")], False),
        ([term("disk", "Exists")], True),
        ([term("none", "Exists")], False),
        ([term("none", "DoesNotExist")], True),
        ([term("disk", "DoesNotExist")], False),
        ([term("size", "Gt", "9")], True),
        ([term("size", "Gt", "10")], False),
        ([term("size", "Lt", "11")], True),
        ([term("size", "Gt", "x")], False),
        ([term("disk", "Lt", "1")], False),
        ([term("none", "Gt", "1")], False),
        ([term("size", "Near", "1")], False),
        ([term("metadata.name", "In", "node-1", field=True)], True),
        ([term("metadata.name", "In", "node-2", field=True)], False),
        ([term("disk", "In", "hdd"), term("disk", "Exists")], True),
        ([v1.NodeSelectorTerm()], False),
        ([], False),
    ],
)
def test_required_affinity_picks_nodes(terms: list[v1.NodeSelectorTerm], expected: bool) -> None:
    spec = v1.PodSpec(containers=[], affinity=affinity(*terms))
    assert matches_node(spec, NODE) is expected


def test_preferences_and_missing_affinity_pick_every_node() -> None:
    for one in (v1.Affinity(), v1.Affinity(nodeAffinity=v1.NodeAffinity())):
        assert matches_node(v1.PodSpec(containers=[], affinity=one), NODE)


def taint(effect: str, key: str = "k", value: str | None = "v") -> v1.Taint:
    return v1.Taint(effect=effect, key=key, value=value)


def tainted(*taints: v1.Taint) -> NodeFacts:
    return NodeFacts(name="n", taints=taints)


TAINTED = Rejected(
    reason="TaintToleration",
    message="Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
)


@pytest.mark.parametrize(
    ("toleration", "ok"),
    [
        (v1.Toleration(operator="Exists"), True),
        (v1.Toleration(key="k", operator="Exists", effect="NoExecute"), True),
        (v1.Toleration(key="k", value="v"), True),
        (v1.Toleration(key="k", operator="Equal", value="w"), False),
        (v1.Toleration(key="other", operator="Exists"), False),
        (v1.Toleration(key="k", operator="Exists", effect="NoSchedule"), False),
        (v1.Toleration(value="v"), False),
    ],
)
def test_taints_that_evict_must_be_tolerated(toleration: v1.Toleration, ok: bool) -> None:
    got = admitted(a_pod(tolerations=[toleration]), node=tainted(taint("NoExecute")))
    assert got == (None if ok else TAINTED)


def test_other_taints_and_static_pods_are_left_alone() -> None:
    assert admitted(a_pod(), node=tainted(taint("NoSchedule"))) is None
    assert admitted(a_pod(), node=tainted(taint("NoExecute"))) == TAINTED
    assert admitted(a_pod(annotations=STATIC), node=tainted(taint("NoExecute"))) is None


def port(number: int, ip: str | None = None, protocol: str | None = None) -> v1.Container:
    one = v1.ContainerPort(containerPort=1, hostPort=number, hostIP=ip, protocol=protocol)
    return v1.Container(name="c", ports=[one])


@pytest.mark.parametrize(
    ("mine", "theirs", "clash"),
    [
        (port(80), port(80), True),
        (port(80), port(81), False),
        (port(80, protocol="UDP"), port(80), False),
        (port(80, "10.0.0.1"), port(80, "10.0.0.2"), False),
        (port(80, "10.0.0.1"), port(80, "10.0.0.1"), True),
        (port(80, "10.0.0.1"), port(80), True),
        (port(80, "0.0.0.0"), port(80, "10.0.0.1"), True),
        (port(0), port(0), False),
    ],
)
def test_host_ports_clash_where_addresses_overlap(
    mine: v1.Container, theirs: v1.Container, clash: bool
) -> None:
    assert ports_clash(a_pod(mine), [a_pod(theirs)]) is clash


def test_ports_of_sidecars_count_and_those_of_init_containers_do_not() -> None:
    init = port(80)
    side = v1.Container(name="s", ports=init.ports, restartPolicy="Always")
    assert not ports_clash(a_pod(port(80)), [a_pod(initContainers=[init])])
    assert ports_clash(a_pod(port(80)), [a_pod(initContainers=[side])])


SYSCTL = "net.core.somaxconn"


def with_sysctl(name: str, **spec: object) -> v1.Pod:
    context = v1.PodSecurityContext(sysctls=[v1.Sysctl(name=name, value="1")])
    return a_pod(securityContext=context, **spec)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pod", "unsafe", "trouble"),
    [
        (with_sysctl("net.ipv4.tcp_syncookies"), (), ""),
        (with_sysctl("net/ipv4/tcp_syncookies"), (), ""),
        (with_sysctl("kernel.shm_rmid_forced"), (), ""),
        (with_sysctl(SYSCTL), (), f'"{SYSCTL}" not allowlisted'),
        (with_sysctl(SYSCTL), ("net.core.*",), ""),
        (with_sysctl(SYSCTL), ("net/core/somaxconn",), ""),
        (with_sysctl(SYSCTL), ("net.ipv4.*", "kernel.sem"), f'"{SYSCTL}" not allowlisted'),
        (with_sysctl("kernel.hostname"), ("kernel.*", "kernel.hostname"),
         '"kernel.hostname" not allowlisted'),
        (with_sysctl("kernel.msgmax"), ("kernel.msg*",), ""),
        (with_sysctl("net.ipv4.tcp_syncookies", hostNetwork=True), (),
         '"net.ipv4.tcp_syncookies" not allowed with host net enabled'),
        (with_sysctl("kernel.shm_rmid_forced", hostIPC=True), (),
         '"kernel.shm_rmid_forced" not allowed with host ipc enabled'),
        (with_sysctl("kernel.shm_rmid_forced", hostNetwork=True), (), ""),
    ],
)  # fmt: skip
def test_sysctls_must_be_safe_or_allowed(
    pod: v1.Pod, unsafe: tuple[str, ...], trouble: str
) -> None:
    got = admitted(pod, rules=NodeRules(allowed_unsafe_sysctls=unsafe))
    expected = Rejected(reason="SysctlForbidden", message=f"forbidden sysctl: {trouble}")
    assert got == (expected if trouble else None)


def contained(own: v1.AppArmorProfile | None) -> v1.Container:
    return v1.Container(name="c", securityContext=v1.SecurityContext(appArmorProfile=own))


ARMOR = v1.AppArmorProfile(type="RuntimeDefault")
ARMORED = NodeFacts(name="n", apparmor=True)


@pytest.mark.parametrize(
    ("pod", "node", "reason", "message"),
    [
        (a_pod(labels={"kubernetes.io/os": "windows"}), NODE,
         "PodOSSelectorNodeLabelDoesNotMatch",
         "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"),
        (a_pod(os=v1.PodOS(name="windows")), NODE, "PodOSNotSupported",
         "Failed to admit pod as the OS field doesn't match node OS"),
        (a_pod(securityContext=v1.PodSecurityContext(supplementalGroupsPolicy="Strict")), NODE,
         "SupplementalGroupsPolicyNotSupported",
         "SupplementalGroupsPolicy=Strict is not supported in this node"),
        (a_pod(nodeSelector={"disk": "hdd"}), NODE, "NodeAffinity",
         "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"),
        (a_pod(nodeName="node-2"), NODE, "NodeName",
         "Predicate NodeName failed: node(s) didn't match the requested node name"),
        (a_pod(contained(ARMOR)), NODE, "AppArmor",
         "Cannot enforce AppArmor: AppArmor is not enabled on the host"),
        (a_pod(contained(v1.AppArmorProfile(type="Localhost"))), ARMORED, "AppArmor",
         "Cannot enforce AppArmor: invalid AppArmor profile name: localhost/"),
    ],
)  # fmt: skip
def test_what_the_node_cannot_give_is_named(
    pod: v1.Pod, node: NodeFacts, reason: str, message: str
) -> None:
    assert admitted(pod, node=node) == Rejected(reason=reason, message=message)


@pytest.mark.parametrize(("node", "known"), [(NODE, "deep"), (NodeFacts(name="n"), "none")])
def test_a_static_pod_needs_a_runtime_class_that_is_there(node: NodeFacts, known: str) -> None:
    message = f'RuntimeClass "x" not found (known here: {known})'
    asking_for = a_pod(runtimeClassName="x")
    assert admitted(asking_for, node=node, source=Source.FILE) == Rejected(
        reason="RuntimeClass", message=message
    )


def test_a_pod_of_the_api_waits_for_its_runtime_class() -> None:
    assert admitted(a_pod(runtimeClassName="x"), node=NodeFacts(name="n")) is None


def test_ports_in_use_are_named() -> None:
    assert admitted(a_pod(port(80)), a_pod(port(80))) == Rejected(
        reason="NodePorts",
        message="Predicate NodePorts failed: node(s) didn't have free ports for the requested "
        "pod ports",
    )


@pytest.mark.parametrize(
    ("pod", "node"),
    [
        (a_pod(labels={"kubernetes.io/os": "linux"}, os=v1.PodOS(name="linux")), NODE),
        (a_pod(nodeSelector={"disk": "ssd"}, nodeName="node-1"), NODE),
        (a_pod(securityContext=v1.PodSecurityContext(supplementalGroupsPolicy="Merge")), NODE),
        (a_pod(securityContext=v1.PodSecurityContext(supplementalGroupsPolicy="Strict")),
         NodeFacts(name="n", supplemental_groups_policy=True)),
        (a_pod(contained(ARMOR)), ARMORED),
        (a_pod(contained(v1.AppArmorProfile(type="Unconfined"))), NODE),
        (a_pod(runtimeClassName="deep"), NODE),
    ],
)  # fmt: skip
def test_what_the_node_has_is_given(pod: v1.Pod, node: NodeFacts) -> None:
    assert admitted(pod, node=node) is None


def test_the_first_handler_decides() -> None:
    pod = with_sysctl("kernel.hostname", os=v1.PodOS(name="windows"), runtimeClassName="x")
    got = admitted(pod)
    assert got is not None and got.reason == "SysctlForbidden"


def names(pods: tuple[v1.Pod, ...]) -> list[str]:
    return [pod.metadata.name or "" for pod in pods if pod.metadata]


def preempted(pod: v1.Pod, *others: v1.Pod) -> list[str]:
    return names(victims(pod, others=others, node=NODE, rules=RULES))


def critical(*containers: v1.Container) -> v1.Pod:
    return a_pod(*containers, annotations=STATIC)


def test_a_critical_pod_is_admitted_once_lesser_ones_are_gone() -> None:
    holder = a_pod(asking(cpu="1500m"), name="holder")
    wish = critical(asking(cpu="1"))
    refused = admitted(wish, holder)
    assert refused is not None and refused.reason == "OutOfcpu"
    assert preempted(wish, holder) == ["holder"]
    assert admitted(wish) is None
    plain = a_pod(asking(cpu="1"))
    got = admitted(plain, holder)
    assert got is not None and got.reason == "OutOfcpu"
    assert preempted(plain, holder) == []


def test_nobody_is_ended_where_it_would_not_help() -> None:
    wish = critical(asking(cpu="3"))
    holder = a_pod(asking(cpu="1500m"))
    got = admitted(wish, holder)
    assert got is not None and got.reason == "OutOfcpu"
    assert preempted(wish, holder) == []
    assert unrecovered(got, wish, others=[holder], node=NODE, rules=RULES) is got, "it is static"
    wish = a_pod(asking(cpu="3"), priority=2_000_000_000)
    told = unrecovered(got, wish, others=[holder], node=NODE, rules=RULES)
    assert told.reason == "UnexpectedAdmissionError"
    assert told.message == (
        "Unexpected error while attempting to recover from admission failure: preemption: error "
        "finding a set of pods to preempt: no set of running pods found to reclaim resources: "
        "[(res: cpu, q: 1000), ]"
    )
    plain = a_pod(asking(cpu="3"))
    assert unrecovered(got, plain, others=[holder], node=NODE, rules=RULES) is got
    assert preempted(critical(asking(cpu="1")), holder, critical(asking(cpu="500m"))) != []
    assert preempted(critical(asking(cpu="1")), critical(asking(cpu="1500m"))) == []
    assert preempted(critical(asking(cpu="1"))) == []


def test_a_critical_pod_on_the_wrong_node_ends_nobody() -> None:
    wish = a_pod(asking(cpu="1"), annotations=STATIC, nodeName="node-2")
    holder = a_pod(asking(cpu="1500m"))
    got = admitted(wish, holder)
    assert got is not None and got.reason == "NodeName"
    assert preempted(wish, holder) == []


def test_the_least_protected_class_goes_first() -> None:
    others = (
        a_pod(guaranteed("500m", "1Gi"), name="guaranteed"),
        a_pod(asking(cpu="500m"), name="burstable"),
        a_pod(asking(cpu="1"), name="large"),
    )
    assert preempted(critical(asking(cpu="400m")), *others) == ["burstable"]
    assert preempted(critical(asking(cpu="1")), *others) == ["large"]
    assert preempted(critical(asking(cpu="2")), *others) == ["large", "burstable", "guaranteed"]


def test_a_place_for_one_more_pod_costs_a_best_effort_one() -> None:
    others = (
        a_pod(guaranteed("100m", "1Gi"), name="g"),
        a_pod(asking(cpu="100m"), name="b1"),
        a_pod(asking(cpu="100m"), name="b2"),
        a_pod(name="e1"),
        a_pod(name="e2"),
    )
    assert preempted(critical(), *others) == ["e1"]


def test_of_two_that_are_as_near_the_smaller_goes() -> None:
    others = (
        a_pod(asking(cpu="1", memory="2Gi"), name="big"),
        a_pod(asking(cpu="1", memory="1Gi"), name="small"),
    )
    assert preempted(critical(asking(cpu="1")), *others) == ["small"]


@given(st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=5), st.integers(1, 2000))
def test_victims_make_room_and_are_never_critical(
    given_others: list[tuple[int, bool]], wanted: int
) -> None:
    others = [
        a_pod(asking(cpu=f"{milli}m"), annotations=STATIC if fixed else None, name=str(n))
        for n, (milli, fixed) in enumerate(given_others)
    ]
    wish = critical(asking(cpu=f"{wanted}m"))
    gone = victims(wish, others=others, node=NODE, rules=RULES)
    left = [other for other in others if all(other is not one for one in gone)]
    before = shortages(wish, others, node=NODE, rules=RULES)
    if gone:
        assert before
        assert not shortages(wish, left, node=NODE, rules=RULES)
        assert not any(
            other is one
            for one in gone
            for other in others
            if other.metadata and other.metadata.annotations
        )
    elif before:
        fixed_only = [other for other in others if other.metadata and other.metadata.annotations]
        assert shortages(wish, fixed_only, node=NODE, rules=RULES)


TOLERANT = [v1.Toleration(key="node.kubernetes.io/memory-pressure", operator="Exists")]


@pytest.mark.parametrize(
    ("pod", "pressure", "message"),
    [
        (a_pod(), Pressure(memory=True), "The node had condition: [MemoryPressure]. "),
        (a_pod(asking(memory="1Mi")), Pressure(memory=True), ""),
        (a_pod(tolerations=TOLERANT), Pressure(memory=True), ""),
        (a_pod(annotations=STATIC), Pressure(memory=True, disk=True, pid=True), ""),
        (a_pod(priority=2_000_000_000), Pressure(disk=True), ""),
        (a_pod(), Pressure(), ""),
        (
            a_pod(asking(memory="1Mi"), tolerations=TOLERANT),
            Pressure(memory=True, pid=True),
            "The node had condition: [MemoryPressure PIDPressure]. ",
        ),
        (
            a_pod(asking(memory="1Mi")),
            Pressure(disk=True),
            "The node had condition: [DiskPressure]. ",
        ),
    ],
)
def test_a_node_that_is_short_takes_only_who_is_protected(
    pod: v1.Pod, pressure: Pressure, message: str
) -> None:
    node = msgspec.structs.replace(NODE, pressure=pressure)
    told = admitted(pod, node=node)
    assert told == (Rejected(reason="Evicted", message=message) if message else None)
