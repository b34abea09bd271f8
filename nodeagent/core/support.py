"""What of Pods and of KubeletConfiguration this agent does, passes over, and refuses: as tables.

The one place that says so: docs/fields.md is made of it, validation refuses by it, and a test
compares it with what the code reads.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1


class Support(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of one type, each in one of three places.

    `without_effect` is accepted and changes nothing, `refused` makes the whole thing unusable; both
    say why. `notes` are about fields that have an effect.
    """

    honoured: tuple[str, ...]
    without_effect: Mapping[str, str] = {}
    refused: Mapping[str, str] = {}
    notes: Mapping[str, str] = {}

    @property
    def names(self) -> frozenset[str]:
        """Every field the table knows."""
        return frozenset((*self.honoured, *self.without_effect, *self.refused))


_SCHEDULER: Final = "for schedulers; the pod has its node already"
_API_ONLY: Final = "bookkeeping of an API server"
_TOO_NEW: Final = "newer than Kubernetes v1.36, so it would be passed over in silence"
_NO_DRA: Final = "devices are not allocated by claims here"
_WINDOWS: Final = "for nodes with Windows"
_NO_KIND: Final = "this kind of volume is not supported"

POD: Final[Mapping[str, Support]] = {
    "ObjectMeta": Support(
        honoured=tuple(
            "name namespace uid labels annotations generation creationTimestamp".split()
        ),
        without_effect=dict.fromkeys(
            "deletionGracePeriodSeconds finalizers generateName managedFields ownerReferences"
            " resourceVersion selfLink".split(),
            _API_ONLY,
        ),
        refused={"deletionTimestamp": "only an API server sets it; remove the manifest instead"},
        notes={
            "name": "gets the node's name as its end",
            "uid": "made of the manifest's content and place where it is not set",
        },
    ),
    "PodSpec": Support(
        honoured=tuple(
            "activeDeadlineSeconds affinity containers dnsConfig dnsPolicy enableServiceLinks"
            " hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride"
            " imagePullSecrets initContainers nodeName nodeSelector os overhead priority"
            " priorityClassName readinessGates resources restartPolicy runtimeClassName"
            " securityContext serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain"
            " terminationGracePeriodSeconds tolerations volumes".split()
        ),
        without_effect={
            "automountServiceAccountToken": "there are no tokens without a cluster",
            "evictionResponders": _SCHEDULER,
            "preemptionPolicy": _SCHEDULER,
            "schedulerName": _SCHEDULER,
            "schedulingGroup": _SCHEDULER,
            "serviceAccount": "the old name of serviceAccountName, kept equal to it",
            "topologySpreadConstraints": _SCHEDULER,
        },
        refused={
            "ephemeralContainers": "may not be in a manifest; they are added to a running pod",
            "resourceClaims": _NO_DRA,
            "schedulingGates": "may not be set on a pod that already has its node",
        },
        notes={
            "affinity": "what nodeAffinity requires; affinity to pods is for schedulers",
            "enableServiceLinks": "needs services, which come with a cluster",
            "nodeName": "is this node's",
            "priorityClassName": "system-node-critical protects; priority is taken as it is set",
            "runtimeClassName": "without a cluster the name of a handler of the runtime",
            "serviceAccountName": "shown by the downward API",
        },
    ),
    "Container": Support(
        honoured=tuple(
            "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports"
            " readinessProbe resizePolicy resources restartPolicy restartPolicyRules"
            " securityContext startupProbe stdin stdinOnce terminationMessagePath"
            " terminationMessagePolicy tty volumeDevices volumeMounts workingDir".split()
        ),
        notes={"resizePolicy": "for pods of an API server; a manifest's change makes a new pod"},
    ),
    "Lifecycle": Support(honoured=("postStart", "preStop", "stopSignal")),
    "LifecycleHandler": Support(
        honoured=("exec", "httpGet", "sleep"),
        without_effect={"tcpSocket": "hooks never had it: such a hook fails, as everywhere"},
    ),
    "Probe": Support(
        honoured=tuple(
            "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold"
            " tcpSocket terminationGracePeriodSeconds timeoutSeconds".split()
        )
    ),
    "PodSecurityContext": Support(
        honoured=tuple(
            "appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser"
            " seLinuxOptions seccompProfile supplementalGroups supplementalGroupsPolicy"
            " sysctls".split()
        ),
        without_effect={
            "seLinuxChangePolicy": "volumes are always relabelled by the runtime",
            "windowsOptions": _WINDOWS,
        },
    ),
    "SecurityContext": Support(
        honoured=tuple(
            "allowPrivilegeEscalation appArmorProfile capabilities privileged procMount"
            " readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser seLinuxOptions"
            " seccompProfile".split()
        ),
        without_effect={"windowsOptions": _WINDOWS},
    ),
    "ResourceRequirements": Support(honoured=("limits", "requests"), refused={"claims": _NO_DRA}),
    "EnvVarSource": Support(
        honoured=("configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef")
    ),
    "VolumeMount": Support(
        honoured=tuple(
            "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr".split()
        ),
        refused={"bindMountOptions": _TOO_NEW},
    ),
    "EmptyDirVolumeSource": Support(honoured=("medium", "sizeLimit"), refused={"mode": _TOO_NEW}),
    "Volume": Support(
        honoured=tuple(
            "configMap csi downwardAPI emptyDir ephemeral gitRepo hostPath image name nfs"
            " persistentVolumeClaim projected secret".split()
        ),
        refused=dict.fromkeys(
            "awsElasticBlockStore azureDisk azureFile cephfs cinder fc flexVolume"
            " flocker gcePersistentDisk glusterfs iscsi photonPersistentDisk"
            " portworxVolume quobyte rbd scaleIO storageos vsphereVolume".split(),
            _NO_KIND,
        ),
        notes={
            "emptyDir": "a pod beyond sizeLimit is evicted; in memory there is no more room",
            "image": "where the runtime can mount images",
            "csi": "where a CSIDriver document allows it",
            "ephemeral": "on a node of a cluster",
            "gitRepo": "only with the gate GitRepoVolumeDriver, which is off by default",
            "persistentVolumeClaim": "bound to a hostPath, local, nfs or CSI volume",
            "projected": "tokens, certificates and trust bundles on a node of a cluster",
        },
    ),
}
# Refused elsewhere with words of their own: by validation, and volumes by admission.
_ELSEWHERE: Final = frozenset(
    (
        "deletionTimestamp",
        "ephemeralContainers",
        "schedulingGates",
        "claims",
        *POD["Volume"].refused,
    )
)


def refused_fields(pod: v1.Pod) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and reason of every field of the pod that it may not have here."""
    return _refused(pod, ())


def _refused(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _refused(part, (*path, index))
    if not isinstance(value, msgspec.Struct):
        return
    table = POD.get(type(value).__name__)
    for name in value.__struct_fields__:
        part = getattr(value, name)
        if part is None:
            continue
        if table is not None and name in table.refused and name not in _ELSEWHERE:
            yield (*path, name), f"is not supported: {table.refused[name]}"
        yield from _refused(part, (*path, name))


_NO_METRICS: Final = "metrics are those of the agent itself"
_NO_CLUSTER: Final = "there is no cluster to join yet"
_NO_PINNING: Final = "CPUs, memory and devices are not pinned to containers"
_NO_GATE: Final = "a feature that is off in Kubernetes v1.36"
_OTHERS: Final = "not the agent's to do"

KUBELET_CONFIGURATION: Final = Support(
    honoured=tuple(
        "address allowedUnsafeSysctls authentication authorization cgroupDriver cgroupRoot"
        " clusterDNS clusterDomain configMapAndSecretChangeDetectionStrategy"
        " containerLogMaxFiles containerLogMaxSize containerLogMonitorInterval"
        " containerRuntimeEndpoint cpuCFSQuota cpuCFSQuotaPeriod crashLoopBackOff"
        " enableControllerAttachDetach enforceNodeAllocatable eventBurst eventRecordQPS"
        " evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim"
        " evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod featureGates"
        " httpCheckFrequency imageGCHighThresholdPercent localStorageCapacityIsolation"
        " imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge"
        " imagePullCredentialsVerificationPolicy imageServiceEndpoint kubeAPIBurst kubeAPIQPS"
        " kubeReserved logging"
        " maxOpenFiles maxParallelImagePulls maxPods memorySwap mergeDefaultEvictionSettings"
        " nodeLeaseDurationSeconds nodeStatusMaxImages nodeStatusReportFrequency"
        " nodeStatusUpdateFrequency"
        " oomScoreAdj podLogsDir podPidsLimit podsPerCore preloadedImagesVerificationAllowlist"
        " protectKernelDefaults providerID registerNode registerWithTaints registryBurst"
        " registryPullQPS resolvConf rotateCertificates runtimeRequestTimeout seccompDefault"
        " serverTLSBootstrap shutdownGracePeriod"
        " shutdownGracePeriodByPodPriority shutdownGracePeriodCriticalPods singleProcessOOMKill"
        " staticPodPath staticPodURL staticPodURLHeader systemReserved userNamespaces"
        " enableDebugFlagsHandler enableDebuggingHandlers enableProfilingHandler enableServer"
        " enableSystemLogHandler enableSystemLogQuery healthzBindAddress healthzPort"
        " port readOnlyPort streamingConnectionIdleTimeout syncFrequency systemCgroups"
        " tlsCertFile tlsCipherSuites tlsMinVersion tlsPrivateKeyFile volumeStatsAggPeriod".split()
    ),
    without_effect={
        "fileCheckFrequency": "files are watched; `auditPeriod` of our own document rescans",
        "serializeImagePulls": "up to maxParallelImagePulls, else 4, images are pulled at once",
        "failCgroupV1": "cgroup v1 is supported",
        "failSwapOn": "swap is limited to pods by memorySwap; `nodeagent doctor` tells of it",
        "enableContentionProfiling": "there is nothing of the kind in Python",
        "cgroupsPerQOS": "pods always have cgroups",
        "containerLogMaxWorkers": "rotation takes no worker",
        "systemReservedCgroup": "reservations limit pods, not the system's own cgroups",
        "kubeReservedCgroup": "reservations limit pods, not the system's own cgroups",
        **dict.fromkeys(
            "showHiddenMetricsForVersion".split(),
            _NO_METRICS,
        ),
        **dict.fromkeys(
            "contentType podCIDR".split(),
            _NO_CLUSTER,
        ),
        "kernelMemcgNotification": "memory is looked at every ten seconds",
        **dict.fromkeys(
            "cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod"
            " memoryManagerPolicy reservedMemory reservedSystemCPUs topologyManagerPolicy"
            " topologyManagerPolicyOptions topologyManagerScope".split(),
            _NO_PINNING,
        ),
        **dict.fromkeys(
            "memoryReservationPolicy memoryThrottlingFactor qosReserved".split(), _NO_GATE
        ),
        **dict.fromkeys(
            "hairpinMode kubeletCgroups makeIPTablesUtilChains tracing volumePluginDir".split(),
            _OTHERS,
        ),
    },
    refused={"runOnce": "true is no longer allowed; use a pod with restartPolicy: Never"},
    notes={
        "cgroupDriver": "the runtime's own answer wins",
        "enforceNodeAllocatable": "`pods` or not; the words for other cgroups do nothing",
        "evictionHard": "containerfs.* follow the file system that containers are on",
        "featureGates": "PreventStaticPodAPIReferences, GitRepoVolumeDriver, the node's port,"
        " what a node declares",
        "logging": "format and verbosity",
        "port": "standalone only where asked for; so are the other ports",
        "systemCgroups": "told as `misc` by /stats/summary; nothing is moved there",
        "syncFrequency": "only /healthz asks for it: a turn may take twice as long",
        "registerWithTaints": "NoExecute taints count at admission of pods that are not static",
        "staticPodPath": "/etc/kubernetes/manifests where nothing else gives pods",
    },
)
