"""Errors of pods: manifests, admission, images, starting, running, ending. One long table."""

from typing import Final

from nodeagent.core.catalogue_entry import Entry

ENTRIES: Final = (
    Entry(
        "NA1001",
        "A manifest cannot be used",
        ("InvalidManifest",),
        "The file is no YAML or JSON, is not a v1 Pod, has an unknown or repeated field, a "
        "field of the wrong type, or a value that Kubernetes does not take. The last good "
        "version of the pod keeps running.",
        "nodeagent validate FILE names each mistake with its line and column. Save the "
        "corrected file: it is read again at once.",
    ),
    Entry(
        "NA1002",
        "Two manifests have the same pod name",
        ("FailedValidation", "DuplicateName"),
        "Namespace and name, or the uid, of two manifests are equal. Neither is used, so that "
        "it does not depend on chance which one runs; what already runs under the name keeps "
        "running.",
        "Rename one of them, or remove one file. nodeagent validate FOLDER shows which.",
    ),
    Entry(
        "NA1003",
        "A manifest cannot be read",
        ("Unreadable",),
        "The file is not there, is a link to nothing, or its permissions forbid reading.",
        "ls -l FILE; chmod 0644 FILE.",
    ),
    Entry(
        "NA1004",
        "A probe annotation cannot be used",
        ("InvalidProbeAnnotation",),
        "An annotation that tunes a probe has a value that is no number in its range. The probe "
        "runs with the fields of its spec.",
        "Correct the annotation that the event names.",
    ),
    Entry(
        "NA2001",
        "The node has too little of a resource",
        ("OutOfcpu", "OutOfmemory", "OutOfephemeral-storage", "OutOfpods"),
        "The requests of this pod and of those that run are more than the node has for pods: "
        "its capacity without what is reserved for the system and for eviction.",
        "Lower resources.requests, end another pod, or raise maxPods or lower systemReserved in "
        "the configuration. A pod with priorityClassName system-node-critical makes room for "
        "itself.",
    ),
    Entry(
        "NA2002",
        "A host port is taken by another pod",
        ("NodePorts",),
        "Another pod of this node has the same hostPort, protocol and address.",
        "Give one of them another hostPort; nodeagent plan FILE names the other pod.",
    ),
    Entry(
        "NA2003",
        "The pod is meant for another node",
        ("NodeAffinity", "NodeName", "TaintToleration", "PodOSSelectorNodeLabelDoesNotMatch"),
        "The node is excluded by nodeSelector, node affinity, nodeName or a taint.",
        "Correct the field in the manifest, or give the node the label with --node-labels.",
    ),
    Entry(
        "NA2004",
        "The pod wants another operating system",
        ("PodOSNotSupported",),
        "The pod is written for another system: spec.os.name is not linux.",
        "Remove spec.os, or run the pod on a node of that system.",
    ),
    Entry(
        "NA2005",
        "A sysctl is not allowed",
        ("SysctlForbidden",),
        "The pod sets a sysctl that is not known to be safe, or that belongs to a namespace it "
        "shares with the host.",
        "Name it in allowedUnsafeSysctls of the configuration, or take it out of the pod.",
    ),
    Entry(
        "NA2006",
        "AppArmor cannot be enforced",
        ("AppArmor",),
        "The pod asks for an AppArmor profile, and the host has AppArmor off or the name is empty.",
        "Enable AppArmor (apparmor=1 on the kernel's command line), or ask for Unconfined.",
    ),
    Entry(
        "NA2007",
        "The runtime lacks what the pod asks for",
        ("SupplementalGroupsPolicyNotSupported", "RuntimeClass"),
        "A supplementalGroupsPolicy of Strict needs containerd 2; a runtimeClassName needs a "
        "handler of that name in the runtime's configuration.",
        "nodeagent doctor shows the runtime's version. Upgrade it, add the handler, or drop the "
        "field.",
    ),
    Entry(
        "NA2008",
        "A volume of this kind cannot work here",
        ("VolumeNotSupported",),
        "The kind of volume needs something that this agent does not have.",
        "See the table of supported fields; use hostPath or emptyDir instead.",
    ),
    Entry(
        "NA2009",
        "The pod uses a feature that this agent does not have",
        ("PodFeatureUnsupported",),
        "The API server allows a field of the pod that this agent would have to pass over.",
        "Take the field out of the pod (the message names it), or run it on another node.",
    ),
    Entry(
        "NA2010",
        "The node has no room for another volume of this driver",
        ("VolumeAttachmentLimitExceeded",),
        "Attaching the volume failed for two minutes, because the node has as many volumes of "
        "the CSI driver as it can have. The scheduler knew of a higher limit.",
        "Its controller makes the pod anew, on a node with room: the driver's limit in the CSINode "
        "object is right again. A pod without a controller has to be made again.",
    ),
    Entry(
        "NA3001",
        "An image cannot be pulled",
        ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"),
        "The registry does not know the image, cannot be reached, or wants credentials. The "
        "message has the registry's own words. It is tried again with growing waits, up to 5 "
        "minutes.",
        "Check the name and tag; try: ctr -n k8s.io images pull NAME. For a private registry "
        "set imagePullSecrets or the node's docker config.json.",
    ),
    Entry(
        "NA3002",
        "An image is not there and must not be pulled",
        ("ErrImageNeverPull",),
        "The node does not have the image, and imagePullPolicy is Never.",
        "Bring it: ctr -n k8s.io images import FILE. Or set imagePullPolicy: IfNotPresent.",
    ),
    Entry(
        "NA3003",
        "An image name cannot be read",
        ("InvalidImageName",),
        "The name is no [registry/]path[:tag][@digest]; a capital letter or a blank is the "
        "usual mistake.",
        "Correct spec.containers[].image in the manifest.",
    ),
    Entry(
        "NA3004",
        "The runtime cannot say whether an image is there",
        ("ImageInspectError", "InspectFailed"),
        "The image service of the runtime failed.",
        "nodeagent doctor; journalctl -u containerd.",
    ),
    Entry(
        "NA3005",
        "An image's signature is not accepted",
        ("SignatureValidationFailed",),
        "The runtime is configured to check signatures and refuses this image.",
        "Sign the image, or change the runtime's policy.",
    ),
    Entry(
        "NA4001",
        "A container's configuration cannot be built",
        ("CreateContainerConfigError",),
        "Something that a field names is missing or does not fit: a config map or secret, a "
        "subPath that leaves its volume, runAsNonRoot with an image that runs as root.",
        "The message names the field. Correct the manifest or bring what is missing: it is "
        "tried again by itself.",
    ),
    Entry(
        "NA4002",
        "The runtime refuses to create a container",
        ("CreateContainerError",),
        "The runtime rejected the container: an unknown device or capability, a bad mount, a "
        "profile that is not loaded. The message has its words.",
        "Correct what the message names; journalctl -u containerd tells more.",
    ),
    Entry(
        "NA4003",
        "A container cannot be started",
        ("RunContainerError", "StartError", "ContainerCannotRun"),
        "The first process could not be run: the command is not in the image, is not "
        "executable, or the working directory is missing.",
        "Check command, args and workingDir against the image.",
    ),
    Entry(
        "NA4004",
        "A volume cannot be set up",
        ("FailedMount", "FailedAttachVolume", "FailedMapVolume"),
        "Mounting failed, a path is missing or of the wrong type, or a config map, secret or "
        "claim that the volume names is absent.",
        "The message names volume and path. It is tried again by itself.",
    ),
    Entry(
        "NA4005",
        "A sandbox cannot be made",
        ("FailedCreatePodSandBox", "CreatePodSandboxError"),
        "The runtime failed to make the pod's network or its pause container: a CNI plugin is "
        "missing, addresses are used up, or the pause image cannot be pulled.",
        "nodeagent doctor checks the network; the message has the plugin's words.",
    ),
    Entry(
        "NA4006",
        "The network is not ready",
        ("NetworkNotReady",),
        "The runtime has no CNI network yet. Pods with hostNetwork: true start all the same.",
        "nodeagent doctor names the missing file or plugin.",
    ),
    Entry(
        "NA4007",
        "A pod's cgroup cannot be made",
        ("FailedCreatePodContainer",),
        "The cgroup file system refused: a controller is missing, or the limits contradict each "
        "other.",
        "nodeagent doctor checks cgroups and their driver.",
    ),
    Entry(
        "NA4008",
        "A postStart hook failed",
        ("PostStartHookError", "FailedPostStartHook"),
        "The hook's command ended with an error, or its request got no answer. The container is "
        "stopped and treated by its restart policy.",
        "Run the hook by hand: nodeagent exec POD -- COMMAND.",
    ),
    Entry(
        "NA4009",
        "The name servers of a pod are cut or missing",
        ("DNSConfigForming", "MissingClusterDNS"),
        "More than 3 name servers, 32 search domains or 2048 characters are asked for, or "
        "ClusterFirst is asked for and no clusterDNS is configured.",
        "Set dnsPolicy: Default or dnsConfig in the pod, or clusterDNS in the configuration.",
    ),
    Entry(
        "NA4010",
        "A pod cannot be looked at",
        ("FailedSync", "FailedPodSandBoxStatus", "ContainerStatusUnknown"),
        "The runtime did not answer for this pod, or forgot one of its containers.",
        "It is looked at again by itself. If it stays: nodeagent doctor.",
    ),
    Entry(
        "NA4011",
        "A volume cannot grow",
        ("VolumeResizeFailed", "FileSystemResizeFailed"),
        "The PersistentVolume is larger than its file system, and the CSI driver could not make "
        "that as large, or the pod has the volume for reading only.",
        "The message has the driver's words. It is tried again by itself, but not where the driver "
        "says that it is hopeless: then ask for another size.",
    ),
    Entry(
        "NA4012",
        "Giving a volume to the pod's group takes long",
        ("VolumePermissionChangeInProgress",),
        "Every file of the volume is given to fsGroup before the pod starts, and there are many.",
        "Set fsGroupChangePolicy: OnRootMismatch, so that it is done only once.",
    ),
    Entry(
        "NA4013",
        "A pod's certificate is refused or late",
        ("Denied", "CertificateOverdueForRefresh", "CertificateExpired"),
        "The signer that a podCertificate names denied the PodCertificateRequest, or has not "
        "answered in time for the next one.",
        "The message has the signer's reason. Look at the PodCertificateRequests of the pod's "
        "namespace and at the signer; a pod that was refused has to be made anew.",
    ),
    Entry(
        "NA5001",
        "A container crashes again and again",
        ("CrashLoopBackOff", "BackOff"),
        "It ended shortly after each start. The waits double from 10 s to 5 minutes and begin "
        "anew after 10 minutes without a crash.",
        "nodeagent why POD tells the last exit; nodeagent logs POD -p what it wrote. nodeagent "
        "restart POD starts it at once.",
    ),
    Entry(
        "NA5002",
        "A container used more memory than its limit",
        ("OOMKilled",),
        "The kernel killed it because the container, or its pod, reached its memory limit.",
        "Raise resources.limits.memory, or make the program use less.",
    ),
    Entry(
        "NA5003",
        "A container ended with an error",
        ("Error",),
        "Its first process ended with a code other than 0.",
        "nodeagent logs POD -p shows what it wrote.",
    ),
    Entry(
        "NA5004",
        "A probe fails",
        ("Unhealthy", "ProbeWarning", "ProbeInconclusive", "LivenessProbe", "StartupProbe"),
        "A liveness or startup probe that fails failureThreshold times restarts the container; "
        "a readiness probe only takes its pod out of service.",
        "nodeagent describe POD shows the probe's answer. Raise timeoutSeconds or "
        "failureThreshold, or add a startupProbe for a slow start.",
    ),
    Entry(
        "NA5005",
        "A command cannot be executed (exit code 126)",
        (),
        "The file is there but has no execute permission, or is for another processor.",
        "chmod +x in the image, or correct the command.",
    ),
    Entry(
        "NA5006",
        "A command was not found (exit code 127)",
        (),
        "The shell in the container did not find the program.",
        "Check the command's spelling and the image's PATH.",
    ),
    Entry(
        "NA5007",
        "A container was killed (exit code 137)",
        (),
        "SIGKILL ended it: by the end of its grace period, by hand, or by the kernel for want "
        "of memory on the whole node.",
        "nodeagent why POD tells who did it. Raise terminationGracePeriodSeconds for a slow stop.",
    ),
    Entry(
        "NA5008",
        "A container crashed with a segmentation fault (exit code 139)",
        (),
        "SIGSEGV: the program used memory it does not have, often a binary for another C library.",
        "Run the program in the same image by hand; get a core dump.",
    ),
    Entry(
        "NA5009",
        "A container was asked to end (exit code 143)",
        (),
        "SIGTERM ended it: a restart, a probe, the pod's removal, or somebody by hand.",
        "nodeagent why POD tells who asked.",
    ),
    Entry(
        "NA5010",
        "An https hook was answered by plain http",
        ("LifecycleHTTPFallback",),
        "The hook asks for HTTPS and the container's server speaks HTTP; HTTP was used.",
        "Set scheme: HTTP in the hook.",
    ),
    Entry(
        "NA5011",
        "A change of a pod's CPU or memory waits or cannot be made",
        ("ResizeDeferred", "ResizeInfeasible", "ResizeError"),
        "Deferred: the node has too little for it beside the pods that run. Infeasible: it cannot "
        "be changed while the pod runs. Error: it was granted, and the runtime or the kernel "
        "refused it; the commonest case is a memory limit below what is in use.",
        "Deferred is tried again whenever a pod ends or shrinks, an error every ten seconds. Ask "
        "for less, or end another pod. What is in condition PodResizePending or "
        "PodResizeInProgress of the pod names the cause.",
    ),
    Entry(
        "NA6001",
        "A pod was evicted",
        ("Evicted",),
        "The node ran short of memory, disk, inodes or process ids, and this pod used most "
        "beyond its requests; or the pod took more of the disk than an emptyDir's sizeLimit or a "
        "limit of ephemeral-storage allows; or it came while the node was short. Static pods and "
        "those of a system priority are never evicted.",
        "Set requests and limits to what the pod really uses; free disk; see evictionHard.",
    ),
    Entry(
        "NA6002",
        "A pod was active for too long",
        ("DeadlineExceeded",),
        "The time that activeDeadlineSeconds gives the pod ran out.",
        "Raise the field or remove it.",
    ),
    Entry(
        "NA6003",
        "A pod made room for a critical one",
        ("Preempting",),
        "A pod of a critical priority did not fit beside it.",
        "Give this pod a higher priority or smaller requests, or the node more room.",
    ),
    Entry(
        "NA6004",
        "A pod ended because the node shuts down",
        ("Terminated", "NodeShutdown"),
        "The machine is going down or going to reboot.",
        "Nothing: static pods start again with the machine.",
    ),
    Entry(
        "NA6005",
        "A preStop hook failed",
        ("FailedPreStopHook",),
        "The hook's command ended with an error or took longer than the grace period. The "
        "container was stopped all the same.",
        "Correct the hook, or raise terminationGracePeriodSeconds.",
    ),
    Entry(
        "NA6006",
        "A pod cannot be stopped or cleaned up",
        ("FailedKillPod", "ExceededGracePeriod", "KillPodSandboxError", "KillContainerError"),
        "A process does not die (it hangs in the kernel, often on a dead network mount), or "
        "something is still mounted below the pod's folder.",
        "grep PODUID /proc/mounts; umount -f what is left. It is tried again by itself.",
    ),
)
