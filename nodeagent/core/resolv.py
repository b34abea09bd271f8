"""DNS of pods: policy, the node's resolv.conf and dnsConfig become one resolv.conf."""

from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import DnsSpec
from nodeagent.model.node import NodeFacts, NodeRules

MISSING_CLUSTER_DNS: Final = "MissingClusterDNS"
MAX_SERVERS: Final = 3
MAX_SEARCHES: Final = 32
MAX_SEARCH_CHARS: Final = 2048
MAX_SEARCH_LENGTH: Final = 253


class DnsWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something that did not fit, as an event of the pod."""

    reason: str
    message: str


def dns_spec(
    pod: DesiredPod, *, node: NodeFacts, rules: NodeRules, host_resolv: str | None
) -> tuple[DnsSpec, tuple[DnsWarning, ...]]:
    """What the sandbox's resolv.conf says ("DNS for Services and Pods"), and what was cut.

    `host_resolv` is the text of the node's file, None where `resolvConf` is set to "".
    """
    spec, warnings = pod.spec, []
    policy = spec.dnsPolicy or "ClusterFirst"
    base = parse_resolv(host_resolv or "")
    if policy == "None":
        base = DnsSpec()
    elif policy == "Default" or (policy == "ClusterFirst" and spec.hostNetwork):
        base = base if host_resolv is not None else _no_resolver(node)
    elif rules.cluster_dns:
        base = _cluster(pod.namespace, base, rules)
    else:
        base = base if host_resolv is not None else _no_resolver(node)
        warnings.append(_missing(pod))
    if spec.dnsConfig is not None:
        base = _extend(base, spec.dnsConfig)
    fitting, cuts = _fit(base)
    return fitting, (*warnings, *cuts)


def parse_resolv(text: str) -> DnsSpec:
    """A resolv.conf (resolv.conf(5)): nameservers add up, the last search and options count."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search", *names]:
                searches = tuple(n if n == "." else n.removesuffix(".") for n in names)
            case ["options", *given]:
                options = tuple(given)
    return DnsSpec(servers=tuple(servers), searches=searches, options=options)


def check_resolv(text: str, *, path: str, cluster_domain: str) -> str:
    """What pods would lose of the node's own file (event CheckLimitsForResolvConf); "" if nothing.

    Three search paths are kept free for the cluster's own.
    """
    searches = parse_resolv(text).searches
    most = MAX_SEARCHES - 3 if cluster_domain else MAX_SEARCHES
    if len(searches) > most:
        return (
            f"Resolv.conf file '{path}' contains search line consisting of more than "
            f"{most} domains!"
        )
    if any(len(search) > MAX_SEARCH_LENGTH for search in searches):
        return (
            f'Resolv.conf file "{path}" contains a search path which length is more than '
            f"allowed {MAX_SEARCH_LENGTH} chars!"
        )
    if len(" ".join(searches)) > MAX_SEARCH_CHARS:
        return (
            f"Resolv.conf file '{path}' contains search line which length is more than "
            f"allowed {MAX_SEARCH_CHARS} chars!"
        )
    return ""


def _cluster(namespace: str, host: DnsSpec, rules: NodeRules) -> DnsSpec:
    domain = rules.cluster_domain
    own = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
    return DnsSpec(
        servers=rules.cluster_dns,
        searches=_once((*own, *host.searches)) if domain else host.searches,
        options=("ndots:5",),
    )


def _no_resolver(node: NodeFacts) -> DnsSpec:
    """No name service at all: the local machine, which has none."""
    local = tuple("::1" if ":" in ip else "127.0.0.1" for ip in node.ips)
    return DnsSpec(servers=local or ("127.0.0.1",), searches=(".",))


def _missing(pod: DesiredPod) -> DnsWarning:
    return DnsWarning(
        reason=MISSING_CLUSTER_DNS,
        message=f'pod: "{pod.name}_{pod.namespace}({pod.uid})". kubelet does not have ClusterDNS '
        'IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to '
        '"Default" policy.',
    )


def _extend(base: DnsSpec, config: v1.PodDNSConfig) -> DnsSpec:
    options: dict[str, str] = {}
    for option in base.options:
        name, _, value = option.partition(":")
        options[name] = value
    for given in config.options or ():
        options[given.name or ""] = given.value or ""
    return DnsSpec(
        servers=_once((*base.servers, *(config.nameservers or ()))),
        searches=_once((*base.searches, *(config.searches or ()))),
        options=tuple(f"{name}:{value}" if value else name for name, value in options.items()),
    )


def _fit(dns: DnsSpec) -> tuple[DnsSpec, tuple[DnsWarning, ...]]:
    servers, warnings = dns.servers[:MAX_SERVERS], []
    if servers != dns.servers:
        warnings.append(
            _cut("Nameserver limits were exceeded, some nameservers", "nameserver", servers)
        )
    searches = tuple(s for s in dns.searches[:MAX_SEARCHES] if len(s) <= MAX_SEARCH_LENGTH)
    while len(" ".join(searches)) > MAX_SEARCH_CHARS:
        searches = searches[:-1]
    if searches != dns.searches:
        warnings.append(
            _cut("Search Line limits were exceeded, some search paths", "search", searches)
        )
    return msgspec.structs.replace(dns, servers=servers, searches=searches), tuple(warnings)


def _cut(what: str, line: str, kept: tuple[str, ...]) -> DnsWarning:
    return DnsWarning(
        reason="DNSConfigForming",
        message=f"{what} have been omitted, the applied {line} line is: {' '.join(kept)}",
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
