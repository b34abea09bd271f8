"""The configuration in use as a kubelet's /configz has it, down to what it leaves out."""

from pathlib import Path
from typing import Any, Final

from nodeagent.settings.kubelet import KubeletConfiguration, UserNamespaces
from nodeagent.settings.show import document

_ABSENT_IF_ZERO: Final = (  # the other fields are there whatever their value
    "enableContentionProfiling",
    "evictionMaxPodGracePeriod",
    "kernelMemcgNotification",
    "podsPerCore",
    "port",
    "protectKernelDefaults",
    "readOnlyPort",
    "rotateCertificates",
    "runOnce",
    "serverTLSBootstrap",
)
_OPTIONS: Final = {"text": {"infoBufferSize": "0"}, "json": {"infoBufferSize": "0"}}


def configz(config: KubeletConfiguration, *, own_pair: tuple[Path, Path] | None) -> dict[str, Any]:
    """`own_pair` are certificate and key that the agent made for its port, None where it did not.

    Fields that mean nothing to this agent have a kubelet's defaults, which clients may count on.
    """
    shown = document(config)
    for name in _ABSENT_IF_ZERO:
        if not shown.get(name):
            shown.pop(name, None)
    if config.user_namespaces == UserNamespaces():
        shown.pop("userNamespaces", None)
    if own_pair is not None and not config.tls_cert_file:
        shown["tlsCertFile"], shown["tlsPrivateKeyFile"] = map(str, own_pair)
    logging = {"flushFrequency": "5s", "options": _OPTIONS, **shown.get("logging", {})}
    usual = {"iptablesMasqueradeBit": 14, "iptablesDropBit": 15, "memorySwap": {}}
    return {**usual, **shown, "logging": logging}
