"""Feature gates of Kubernetes v1.36 that mean something to a node, and their defaults."""

from collections.abc import Mapping

LOCKED_ON = frozenset(
    """CPUManagerPolicyOptions CSIServiceAccountTokenSecrets DisableNodeKubeProxyVersion
    DynamicResourceAllocation ExecProbeTimeout ImageMaximumGCAge ImageVolume
    InPlacePodVerticalScaling KubeletCgroupDriverFromCRI KubeletFineGrainedAuthz KubeletPSI
    KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletTracing
    MutableCSINodeAllocatableCount NodeLogQuery NodeSwap PodLifecycleSleepAction
    PodLifecycleSleepActionAllowZero PodObservedGenerationTracking ProcMountType
    RecursiveReadOnlyMounts RelaxedDNSSearchValidation SELinuxChangePolicy
    SELinuxMountReadWriteOncePod SidecarContainers SupplementalGroupsPolicy SystemdWatchdog
    UserNamespacesSupport VolumeAttributesClass""".split()
)
ON = frozenset(
    """ComponentFlagz ComponentStatusz ContainerCheckpoint ContainerRestartRules
    CustomCPUCFSQuotaPeriod DRAExtendedResource DisableCPUQuotaWithExclusiveCPUs EnvFiles
    ExtendWebSocketsToKubelet
    GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority HostnameOverride
    InPlacePodLevelResourcesVerticalScaling InPlacePodVerticalScalingInitContainers
    KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages KubeletSeparateDiskGC
    KubeletServiceAccountTokenForCredentialProviders NodeDeclaredFeatures PLEGOnDemandRelist
    PodLevelResources PodReadyToStartContainersCondition PortForwardWebsockets
    PreventStaticPodAPIReferences ReloadKubeletClientCAFile ReloadKubeletServerCertificateFile
    ResourceHealthStatus RestartAllContainersOnContainerExits RotateKubeletServerCertificate
    TranslateStreamCloseWebsocketRequests""".split()
)
OFF = frozenset(
    """AllowDNSOnlyNodeCSR CRIListStreaming CSIVolumeHealth ChangeContainerStatusOnKubeletRestart
    ClusterTrustBundle ClusterTrustBundleProjection ContainerStopSignals EventedPLEG
    ImageVolumeWithDigest InPlacePodVerticalScalingExclusiveCPUs
    InPlacePodVerticalScalingExclusiveMemory KubeletInUserNamespace
    KubeletRegistrationGetOnExistsOnly LocalStorageCapacityIsolationFSQuotaMonitoring MemoryQoS
    PodAndContainerStatsFromCRI PodCertificateRequest PodLevelResourceManagers
    PodLogsQuerySplitStreams PodsAPI QOSReserved ReduceDefaultCrashLoopBackOffDecay
    RuntimeClassInImageCriAPI SELinuxMount TaintTolerationComparisonOperators
    UserNamespacesHostNetworkSupport""".split()
)
# Of those above; they follow AllBeta.
_BETA_OFF = frozenset(
    """ClusterTrustBundle ClusterTrustBundleProjection PodCertificateRequest SELinuxMount
    LocalStorageCapacityIsolationFSQuotaMonitoring""".split()
)
# Given up, and in v1.36 locked to off; here it can still be set (decision 34).
GIVEN_UP = frozenset({"GitRepoVolumeDriver"})
# Stages that do not follow from the group a gate is in.
_BETA_AND_OFF = frozenset(
    """ClusterTrustBundle ClusterTrustBundleProjection PodCertificateRequest SELinuxMount
    LocalStorageCapacityIsolationFSQuotaMonitoring""".split()
)
_DEPRECATED = frozenset(
    """ChangeContainerStatusOnKubeletRestart DisableCPUQuotaWithExclusiveCPUs
    DisableNodeKubeProxyVersion KubeletRegistrationGetOnExistsOnly""".split()
)
# AllAlpha and AllBeta are words of the gate syntax itself.
KNOWN = LOCKED_ON | ON | OFF | GIVEN_UP | {"AllAlpha", "AllBeta"}


def stage_of(name: str) -> str:
    """ "ALPHA", "BETA" or "DEPRECATED"; "" for what is settled."""
    if name in _DEPRECATED:
        return "DEPRECATED"
    if name in LOCKED_ON or name == "CustomCPUCFSQuotaPeriod":
        return ""
    return "BETA" if name in ON or name in _BETA_AND_OFF else "ALPHA"


def is_enabled(name: str, configured: Mapping[str, bool]) -> bool:
    """Whether gate `name` is on. An unknown name is a bug of the caller: KeyError."""
    if name not in KNOWN:
        raise KeyError(name)
    if name in LOCKED_ON:
        return True
    if name in configured:
        return configured[name]
    if name in ON:
        return configured.get("AllBeta", True)
    if name in GIVEN_UP:
        return False
    return configured.get("AllBeta" if name in _BETA_OFF else "AllAlpha", False)
