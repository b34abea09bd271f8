"""Fixed words of KubeletConfiguration, spelled as Kubernetes spells them."""

import enum


class CgroupDriver(enum.StrEnum):
    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


class AuthorizationMode(enum.StrEnum):
    ALWAYS_ALLOW = "AlwaysAllow"
    WEBHOOK = "Webhook"


class SwapBehavior(enum.StrEnum):
    UNSET = ""
    NO_SWAP = "NoSwap"
    LIMITED_SWAP = "LimitedSwap"


class HairpinMode(enum.StrEnum):
    NONE = "none"
    VETH = "hairpin-veth"
    PROMISCUOUS_BRIDGE = "promiscuous-bridge"


class CpuManagerPolicy(enum.StrEnum):
    NONE = "none"
    STATIC = "static"


class MemoryManagerPolicy(enum.StrEnum):
    NONE = "None"
    STATIC = "Static"


class TopologyManagerPolicy(enum.StrEnum):
    NONE = "none"
    BEST_EFFORT = "best-effort"
    RESTRICTED = "restricted"
    SINGLE_NUMA_NODE = "single-numa-node"


class TopologyManagerScope(enum.StrEnum):
    CONTAINER = "container"
    POD = "pod"


class ChangeDetection(enum.StrEnum):
    GET = "Get"
    CACHE = "Cache"
    WATCH = "Watch"


class ImageVerification(enum.StrEnum):
    """When a present image needs the pod's own credentials (section 4.5)."""

    NEVER = "NeverVerify"
    NOT_PRELOADED = "NeverVerifyPreloadedImages"
    NOT_ALLOWLISTED = "NeverVerifyAllowlistedImages"
    ALWAYS = "AlwaysVerify"


class Enforce(enum.StrEnum):
    NONE = "none"
    PODS = "pods"
    SYSTEM_RESERVED = "system-reserved"
    SYSTEM_RESERVED_COMPRESSIBLE = "system-reserved-compressible"
    KUBE_RESERVED = "kube-reserved"
    KUBE_RESERVED_COMPRESSIBLE = "kube-reserved-compressible"


class MemoryReservationPolicy(enum.StrEnum):
    NONE = "None"
    TIERED = "TieredReservation"


class TaintEffect(enum.StrEnum):
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class LogFormat(enum.StrEnum):
    TEXT = "text"
    JSON = "json"


class TlsVersion(enum.StrEnum):
    UNSET = ""
    V10 = "VersionTLS10"
    V11 = "VersionTLS11"
    V12 = "VersionTLS12"
    V13 = "VersionTLS13"


class MetricsTier(enum.StrEnum):
    CORE = "core"
    STANDARD = "standard"
    FULL = "full"
