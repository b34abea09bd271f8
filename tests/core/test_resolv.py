"""DNS policies and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.resolv import DnsWarning, check_resolv, dns_spec, parse_resolv
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import DnsSpec
from nodeagent.model.node import NodeFacts, NodeRules

NODE = NodeFacts(name="n", ips=("10.0.0.7", "fd00::7"))
CLUSTER = NodeRules(cluster_dns=("10.96.0.10",), cluster_domain="k.local")
ALONE = NodeRules()
HOST = """\
# a comment
; another
nameserver 192.0.2.1 # the first
nameserver
search old.example
nameserver 192.0.2.2
search example.com. home. .
options ndots:2
options timeout:1 rotate

"""
HOST_SPEC = DnsSpec(
    servers=("192.0.2.1", "192.0.2.2"),
    searches=("example.com", "home", "."),
    options=("timeout:1", "rotate"),
)


def a_pod(policy: str | None = None, **spec: object) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u1"),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(name="web", namespace="shop"),
            spec=v1.PodSpec(
                containers=[v1.Container(name="c")],
                dnsPolicy=policy,
                **spec,  # type: ignore[arg-type]
            ),
        ),
    )


def dns(
    pod: DesiredPod, rules: NodeRules = CLUSTER, host: str | None = HOST
) -> tuple[DnsSpec, tuple[DnsWarning, ...]]:
    return dns_spec(pod, node=NODE, rules=rules, host_resolv=host)


def test_the_nodes_file_is_read_as_the_resolver_does() -> None:
    assert parse_resolv(HOST) == HOST_SPEC
    assert parse_resolv("") == DnsSpec()


@pytest.mark.parametrize(
    "pod",
    [a_pod("ClusterFirst"), a_pod(), a_pod("ClusterFirstWithHostNet", hostNetwork=True)],
)
def test_cluster_first_asks_the_cluster(pod: DesiredPod) -> None:
    assert dns(pod) == (
        DnsSpec(
            servers=("10.96.0.10",),
            searches=(
                "shop.svc.k.local", "svc.k.local", "k.local", "example.com", "home", "."
            ),
            options=("ndots:5",),
        ),
        (),
    )  # fmt: skip


def test_without_a_cluster_domain_only_the_nodes_searches_are_used() -> None:
    rules = NodeRules(cluster_dns=("10.96.0.10",))
    assert dns(a_pod(), rules)[0].searches == HOST_SPEC.searches


@pytest.mark.parametrize("pod", [a_pod("Default"), a_pod("ClusterFirst", hostNetwork=True)])
def test_default_is_the_nodes_own(pod: DesiredPod) -> None:
    assert dns(pod) == (HOST_SPEC, ())


def test_no_cluster_dns_falls_back_and_says_so() -> None:
    got, warnings = dns(a_pod(), ALONE)
    assert got == HOST_SPEC
    assert warnings == (
        DnsWarning(
            reason="MissingClusterDNS",
            message='pod: "web_shop(u1)". kubelet does not have ClusterDNS IP configured and '
            'cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
        ),
    )


@pytest.mark.parametrize("pod", [a_pod("Default"), a_pod("ClusterFirst")])
def test_without_a_resolver_file_the_local_machine_is_asked(pod: DesiredPod) -> None:
    local = DnsSpec(servers=("127.0.0.1", "::1"), searches=(".",))
    assert dns(pod, ALONE, host=None)[0] == local
    nowhere = dns_spec(pod, node=NodeFacts(name="n"), rules=ALONE, host_resolv=None)
    assert nowhere[0].servers == ("127.0.0.1",)


def test_none_leaves_only_the_pods_own_config() -> None:
    config = v1.PodDNSConfig(
        nameservers=["1.1.1.1", "1.1.1.1"],
        searches=["a.example"],
        options=[v1.PodDNSConfigOption(name="ndots", value="1"), v1.PodDNSConfigOption(name="x")],
    )
    assert dns(a_pod("None", dnsConfig=config))[0] == DnsSpec(
        servers=("1.1.1.1",), searches=("a.example",), options=("ndots:1", "x")
    )
    assert dns(a_pod("None"))[0] == DnsSpec()


def test_the_pods_config_is_added_and_its_options_win() -> None:
    config = v1.PodDNSConfig(
        nameservers=["1.1.1.1"],
        searches=["k.local", "more.example"],
        options=[v1.PodDNSConfigOption(name="ndots", value="2")],
    )
    got, _ = dns(a_pod(dnsConfig=config), host="")
    assert got.servers == ("10.96.0.10", "1.1.1.1")
    assert got.searches == ("shop.svc.k.local", "svc.k.local", "k.local", "more.example")
    assert got.options == ("ndots:2",)
    assert dns(a_pod("Default", dnsConfig=config))[0].options == ("timeout:1", "rotate", "ndots:2")


def test_too_many_nameservers_are_cut_with_a_warning() -> None:
    config = v1.PodDNSConfig(nameservers=["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"])
    got, warnings = dns(a_pod("None", dnsConfig=config))
    assert got.servers == ("1.1.1.1", "2.2.2.2", "3.3.3.3")
    assert warnings == (
        DnsWarning(
            reason="DNSConfigForming",
            message="Nameserver limits were exceeded, some nameservers have been omitted, the "
            "applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3",
        ),
    )


@given(st.lists(st.from_regex(r"[a-z]{1,260}", fullmatch=True), max_size=40, unique=True))
def test_searches_always_fit(searches: list[str]) -> None:
    config = v1.PodDNSConfig(searches=searches)
    got, warnings = dns(a_pod("None", dnsConfig=config))
    assert len(got.searches) <= 32
    assert len(" ".join(got.searches)) <= 2048
    assert all(len(search) <= 253 for search in got.searches)
    assert set(got.searches) <= set(searches)
    assert bool(warnings) is (got.searches != tuple(searches))


@pytest.mark.parametrize(
    ("searches", "kept"),
    [
        ([f"s{n}" for n in range(33)], [f"s{n}" for n in range(32)]),
        (["a" * 254, "b"], ["b"]),
        ([c * 250 for c in "abcdefghi"], [c * 250 for c in "abcdefgh"]),
    ],
)
def test_searches_over_a_limit_are_cut_with_a_warning(searches: list[str], kept: list[str]) -> None:
    got, warnings = dns(a_pod("None", dnsConfig=v1.PodDNSConfig(searches=searches)))
    assert got.searches == tuple(kept)
    assert [(w.reason, w.message) for w in warnings] == [
        (
            "DNSConfigForming",
            "Search Line limits were exceeded, some search paths have been omitted, the applied "
            f"search line is: {' '.join(kept)}",
        )
    ]


@pytest.mark.parametrize(
    ("searches", "domain", "says"),
    [
        (["a"] * 32, "", ""),
        (["a"] * 33, "", "more than 32 domains"),
        (["a"] * 30, "k.local", "'/etc/r' contains search line consisting of more than 29"),
        (["a" * 254], "", '"/etc/r" contains a search path which length is more than allowed 253'),
        (["a" * 250] * 9, "", "search line which length is more than allowed 2048 chars!"),
    ],
)
def test_the_nodes_own_file_is_checked(searches: list[str], domain: str, says: str) -> None:
    text = f"search {' '.join(searches)}\n"
    message = check_resolv(text, path="/etc/r", cluster_domain=domain)
    assert says in message
    assert bool(says) is bool(message)
