"""What holds between the fields of KubeletConfiguration; single values are checked on decoding.

Follows the validation of kubelet.config.k8s.io/v1beta1 in Kubernetes v1.36.
"""

from collections.abc import Callable, Iterator

from nodeagent.settings.gates import KNOWN, LOCKED_ON, is_enabled
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.names import Enforce, ImageVerification

Complaint = tuple[str, str]
"""A field's path and what is wrong with it."""


def complaints(config: KubeletConfiguration) -> Iterator[Complaint]:
    """Every field whose value clashes with another field's."""
    for check in _CHECKS:
        yield from check(config)


def unknown_gates(config: KubeletConfiguration) -> list[str]:
    """Configured feature gates that no node of Kubernetes v1.36 looks at."""
    return sorted(set(config.feature_gates) - KNOWN)


def _gates(config: KubeletConfiguration) -> Iterator[Complaint]:
    for name, on in config.feature_gates.items():
        if name in LOCKED_ON and not on:
            yield f"featureGates.{name}", "false is not allowed; this gate is locked to true"


def _cgroups(config: KubeletConfiguration) -> Iterator[Complaint]:
    enforced = set(config.enforce_node_allocatable)
    if Enforce.NONE in enforced and len(enforced) > 1:
        yield "enforceNodeAllocatable", '"none" does not go together with other words'
    if not config.cgroups_per_qos and enforced - {Enforce.NONE}:
        yield "enforceNodeAllocatable", "needs cgroupsPerQOS: true, or to be [] or [none]"
    if config.system_cgroups and not config.cgroup_root:
        yield "systemCgroups", "needs cgroupRoot to be set"
    for cgroup, hard, soft, field in (
        (
            config.system_reserved_cgroup,
            Enforce.SYSTEM_RESERVED,
            Enforce.SYSTEM_RESERVED_COMPRESSIBLE,
            "systemReservedCgroup",
        ),
        (
            config.kube_reserved_cgroup,
            Enforce.KUBE_RESERVED,
            Enforce.KUBE_RESERVED_COMPRESSIBLE,
            "kubeReservedCgroup",
        ),
    ):
        if enforced & {hard, soft} and not cgroup:
            yield "enforceNodeAllocatable", f"{hard} needs {field} to be set"
        if {hard, soft} <= enforced:
            yield "enforceNodeAllocatable", f"{hard} and {soft} exclude each other"
        if cgroup and config.reserved_system_cpus:
            yield "reservedSystemCPUs", f"does not go together with {field}"


def _images(config: KubeletConfiguration) -> Iterator[Complaint]:
    if config.image_gc_low_threshold_percent >= config.image_gc_high_threshold_percent:
        yield "imageGCLowThresholdPercent", "needs to be below imageGCHighThresholdPercent"
    if 0 < config.image_maximum_gc_age <= config.image_minimum_gc_age:
        yield "imageMaximumGCAge", "needs to be 0s or above imageMinimumGCAge"
    if config.serialize_image_pulls and (config.max_parallel_image_pulls or 1) > 1:
        yield "maxParallelImagePulls", "above 1 needs serializeImagePulls: false"
    policy = config.image_pull_credentials_verification_policy
    if config.preloaded_images_verification_allowlist and (
        policy is not ImageVerification.NOT_ALLOWLISTED
    ):
        yield (
            "preloadedImagesVerificationAllowlist",
            f"needs imagePullCredentialsVerificationPolicy: {ImageVerification.NOT_ALLOWLISTED}",
        )


def _shutdown(config: KubeletConfiguration) -> Iterator[Complaint]:
    if config.shutdown_grace_period_critical_pods > config.shutdown_grace_period:
        yield "shutdownGracePeriodCriticalPods", "needs to be at most shutdownGracePeriod"
    by_priority = config.shutdown_grace_period_by_pod_priority
    if by_priority and (config.shutdown_grace_period or config.shutdown_grace_period_critical_pods):
        yield (
            "shutdownGracePeriodByPodPriority",
            "does not go together with shutdownGracePeriod",
        )
    seen = [one.priority for one in by_priority]
    if len(set(seen)) < len(seen):
        yield "shutdownGracePeriodByPodPriority", "names a priority twice"
    if config.shutdown_grace_period and not is_enabled(
        "GracefulNodeShutdown", config.feature_gates
    ):
        yield "shutdownGracePeriod", "needs feature gate GracefulNodeShutdown"


def _eviction(config: KubeletConfiguration) -> Iterator[Complaint]:
    for signal in config.eviction_soft:
        if signal not in config.eviction_soft_grace_period:
            yield f"evictionSoft.{signal}", "needs evictionSoftGracePeriod for the same signal"
    for signal, grace in config.eviction_soft_grace_period.items():
        if grace < 0:
            yield f"evictionSoftGracePeriod.{signal}", "needs to be 0s or more"


def _server(config: KubeletConfiguration) -> Iterator[Complaint]:
    if config.enable_system_log_query and not config.enable_system_log_handler:
        yield "enableSystemLogQuery", "needs enableSystemLogHandler: true"
    if bool(config.tls_cert_file) != bool(config.tls_private_key_file):
        yield "tlsCertFile", "and tlsPrivateKeyFile need each other"
    if config.server_tls_bootstrap and not is_enabled(
        "RotateKubeletServerCertificate", config.feature_gates
    ):
        yield "serverTLSBootstrap", "needs feature gate RotateKubeletServerCertificate"


def _rest(config: KubeletConfiguration) -> Iterator[Complaint]:
    if config.run_once:
        yield "runOnce", "true is no longer allowed; use a pod with restartPolicy: Never"
    if config.user_namespaces.ids_per_pod % 65536:
        yield "userNamespaces.idsPerPod", "needs to be a multiple of 65536"
    if config.cpu_cfs_quota_period != 0.1 and not is_enabled(
        "CustomCPUCFSQuotaPeriod", config.feature_gates
    ):
        yield "cpuCFSQuotaPeriod", "other than 100ms needs feature gate CustomCPUCFSQuotaPeriod"
    if config.qos_reserved and not is_enabled("QOSReserved", config.feature_gates):
        yield "qosReserved", "needs feature gate QOSReserved"
    taints = [(taint.key, taint.effect) for taint in config.register_with_taints]
    if len(set(taints)) < len(taints):
        yield "registerWithTaints", "names a key twice with one effect"


_CHECKS: tuple[Callable[[KubeletConfiguration], Iterator[Complaint]], ...] = (
    _gates,
    _cgroups,
    _images,
    _shutdown,
    _eviction,
    _server,
    _rest,
)
