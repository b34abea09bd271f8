"""What a node may be called, labelled and addressed as."""

import re
from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", re.ASCII)
_OWN_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_WELL_KNOWN = frozenset(
    """kubernetes.io/hostname kubernetes.io/os kubernetes.io/arch beta.kubernetes.io/os
    beta.kubernetes.io/arch beta.kubernetes.io/instance-type node.kubernetes.io/instance-type
    topology.kubernetes.io/zone topology.kubernetes.io/region
    failure-domain.beta.kubernetes.io/zone failure-domain.beta.kubernetes.io/region""".split()
)


def is_node_name(name: str) -> bool:
    """Whether the API server takes this as a node's name (a DNS subdomain, RFC 1123)."""
    return len(name) <= 253 and _NAME.fullmatch(name) is not None


def wrong_labels(labels: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with labels a node wants to give itself (section "Registration")."""
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if not (0 < len(name) <= 63 and _LABEL.fullmatch(name)) or (
            slash and not is_node_name(prefix)
        ):
            yield f'key "{key}" is not allowed; allowed is a name such as "example.com/tier"'
        elif len(value) > 63 or not _LABEL.fullmatch(value):
            yield f'value "{value}" of {key} is not allowed; allowed are at most 63 letters,'
            yield "digits, '-', '_' and '.' with a letter or digit at both ends"
        elif _is_reserved(key, prefix):
            yield f"{key} is reserved; in kubernetes.io and k8s.io a node may label itself only"
            yield "under kubelet.kubernetes.io, node.kubernetes.io and with the well-known names"


def wrong_addresses(ips: tuple[str, ...]) -> str:
    """What is wrong with the addresses of `--node-ip`, "" for nothing."""
    families = [":" in ip for ip in ips]
    if len(families) > len(set(families)):
        return "allowed is one address, or one IPv4 and one IPv6 address"
    return ""


def _is_reserved(key: str, prefix: str) -> bool:
    if key in _WELL_KNOWN or any(_is_within(prefix, own) for own in _OWN_NAMESPACES):
        return False
    return _is_within(prefix, "kubernetes.io") or _is_within(prefix, "k8s.io")


def _is_within(prefix: str, domain: str) -> bool:
    return prefix == domain or prefix.endswith(f".{domain}")
