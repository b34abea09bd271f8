"""Hostnames and /etc/hosts."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.hosts import PodNames, hosts_text, pod_names
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid


def a_pod(name: str = "web-0", **spec: object) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u1"),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(name=name, namespace="shop"),
            spec=v1.PodSpec(containers=[v1.Container(name="c")], **spec),  # type: ignore[arg-type]
        ),
    )


@pytest.mark.parametrize(
    ("pod", "hostname", "domain", "kernel"),
    [
        (a_pod(), "web-0", "", "web-0"),
        (a_pod(hostname="db"), "db", "", "db"),
        (a_pod("a" * 62 + "-b"), "a" * 62, "", "a" * 62),
        (a_pod("a" * 61 + ".-b"), "a" * 61, "", "a" * 61),
        (a_pod("a" * 70), "a" * 63, "", "a" * 63),
        (a_pod(subdomain="sub"), "web-0", "sub.shop.svc.k.local", "web-0"),
        (a_pod(subdomain="sub", setHostnameAsFQDN=True), "web-0", "sub.shop.svc.k.local",
         "web-0.sub.shop.svc.k.local"),
        (a_pod(setHostnameAsFQDN=True), "web-0", "", "web-0"),
        (a_pod(hostname="db", subdomain="sub", hostnameOverride="my.own.name"),
         "my.own.name", "", "my.own.name"),
    ],
)  # fmt: skip
def test_a_pod_is_named_by_its_spec(
    pod: DesiredPod, hostname: str, domain: str, kernel: str
) -> None:
    assert pod_names(pod, cluster_domain="k.local") == PodNames(
        hostname=hostname, domain=domain, kernel=kernel
    )


def test_without_a_cluster_domain_the_name_ends_in_svc() -> None:
    assert pod_names(a_pod(subdomain="sub"), cluster_domain="").domain == "sub.shop.svc"


def test_a_full_name_over_64_characters_is_refused() -> None:
    pod = a_pod("a" * 50, subdomain="sub", setHostnameAsFQDN=True)
    with pytest.raises(ConfigError) as failure:
        pod_names(pod, cluster_domain="k.local")
    assert failure.value.detail == (
        "failed to construct FQDN from pod hostname and cluster domain, FQDN "
        f"{'a' * 50}.sub.shop.svc.k.local is too long "
        "(64 characters is the max, 71 characters requested)"
    )


NAMES = PodNames(hostname="web-0", domain="", kernel="web-0")
START = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def test_the_file_has_a_line_for_every_address() -> None:
    got = hosts_text(a_pod(), names=NAMES, ips=("10.4.0.2", "fd00::2"), node_hosts="not used")
    assert got == START + "10.4.0.2\tweb-0\nfd00::2\tweb-0\n"


def test_a_subdomain_puts_the_full_name_first() -> None:
    names = PodNames(hostname="web-0", domain="sub.shop.svc.k", kernel="web-0")
    got = hosts_text(a_pod(), names=names, ips=("10.4.0.2",), node_hosts="")
    assert got == START + "10.4.0.2\tweb-0.sub.shop.svc.k\tweb-0\n"


ALIASES = [
    v1.HostAlias(ip="1.2.3.4", hostnames=["one", "two"]),
    v1.HostAlias(ip="5.6.7.8", hostnames=["three"]),
]
ALIAS_TEXT = "\n# Entries added by HostAliases.\n1.2.3.4\tone\ttwo\n5.6.7.8\tthree\n"


def test_aliases_are_added_at_the_end() -> None:
    pod = a_pod(hostAliases=ALIASES)
    got = hosts_text(pod, names=NAMES, ips=("10.4.0.2",), node_hosts="")
    assert got == START + "10.4.0.2\tweb-0\n" + ALIAS_TEXT


def test_on_the_host_network_the_nodes_file_is_taken() -> None:
    pod = a_pod(hostNetwork=True, hostAliases=ALIASES)
    got = hosts_text(pod, names=NAMES, ips=(), node_hosts="127.0.0.1 node\n")
    assert got == ("# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n" + ALIAS_TEXT)


def test_without_an_address_there_is_no_file_yet() -> None:
    assert hosts_text(a_pod(), names=NAMES, ips=(), node_hosts="") is None
