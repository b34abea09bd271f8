"""Names of pods: hostname, domain, and the text of /etc/hosts."""

from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod

HOSTS_PATH: Final = "/etc/hosts"
_LABEL_MAX: Final = 63
_KERNEL_MAX: Final = 64
_HEADER: Final = "# Kubernetes-managed hosts file.\n"
_HEADER_HOST: Final = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


class PodNames(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod is called on its network; `domain` is "" without a subdomain.

    `kernel` is what gethostname() answers.
    """

    hostname: str
    domain: str
    kernel: str


def pod_names(pod: DesiredPod, *, cluster_domain: str) -> PodNames:
    """Hostname and domain ("Pod's hostname and subdomain fields", KEP-4762).

    ConfigError where setHostnameAsFQDN makes a name that the kernel does not take.
    """
    spec = pod.spec
    if spec.hostnameOverride is not None:
        hostname = _cut(spec.hostnameOverride)
        return PodNames(hostname=hostname, domain="", kernel=hostname)
    hostname, domain = _cut(spec.hostname or pod.name), ""
    if spec.subdomain:
        domain = f"{spec.subdomain}.{pod.namespace}.svc.{cluster_domain}".rstrip(".")
    if not (domain and spec.setHostnameAsFQDN):
        return PodNames(hostname=hostname, domain=domain, kernel=hostname)
    full = f"{hostname}.{domain}"
    if len(full) > _KERNEL_MAX:
        raise ConfigError(
            op="name",
            target=f"pod {pod.key}",
            detail=f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} "
            f"is too long ({_KERNEL_MAX} characters is the max, {len(full)} characters requested)",
        )
    return PodNames(hostname=hostname, domain=domain, kernel=full)


def hosts_text(
    pod: DesiredPod, *, names: PodNames, ips: Iterable[str], node_hosts: str
) -> str | None:
    """The pod's /etc/hosts, or None while there is nothing to write: no address yet.

    `node_hosts` is the node's own file, the start of it for pods on the host network.
    """
    aliases = _aliases(pod.spec.hostAliases or ())
    if pod.spec.hostNetwork:
        return f"{_HEADER_HOST}{node_hosts}{aliases}"
    full = f"{names.hostname}.{names.domain}\t" if names.domain else ""
    lines = "".join(f"{ip}\t{full}{names.hostname}\n" for ip in ips)
    return f"{_HEADER}{_LOCAL}{lines}{aliases}" if lines else None


def _aliases(aliases: Iterable[v1.HostAlias]) -> str:
    tab = "\t"
    lines = "".join(f"{one.ip}\t{tab.join(one.hostnames or ())}\n" for one in aliases)
    return f"\n# Entries added by HostAliases.\n{lines}" if lines else ""


def _cut(hostname: str) -> str:
    return hostname if len(hostname) <= _LABEL_MAX else hostname[:_LABEL_MAX].rstrip("-.")
