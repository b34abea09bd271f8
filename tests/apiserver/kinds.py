"""The kinds of objects the small API server knows, and where they are in its paths."""

from typing import Final

import msgspec

ALL_VERBS: Final = (
    *("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind. `subresources` maps each one's name to the kind of its body."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: dict[str, str] = {}
    verbs: tuple[str, ...] = ALL_VERBS
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """ "v1", "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As messages name it: "pods", "leases.coordination.k8s.io"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """Whether its status is written by itself."""
        return "status" in self.subresources


def _status(kind: str) -> dict[str, str]:
    return {"status": kind}


_CREATE: Final = ("create",)
KINDS: Final = (
    Kind(
        kind="Pod",
        plural="pods",
        short=("po",),
        categories=("all",),
        subresources={
            "status": "Pod",
            "ephemeralcontainers": "Pod",
            "resize": "Pod",
            "binding": "Binding",
            "eviction": "Eviction",
            "log": "Pod",
            "exec": "PodExecOptions",
            "attach": "PodAttachOptions",
            "portforward": "PodPortForwardOptions",
        },
    ),
    Kind(
        kind="Node",
        plural="nodes",
        namespaced=False,
        short=("no",),
        subresources={"status": "Node", "proxy": "NodeProxyOptions"},
    ),
    Kind(
        kind="Namespace",
        plural="namespaces",
        namespaced=False,
        short=("ns",),
        subresources=_status("Namespace"),
    ),
    Kind(kind="Event", plural="events", short=("ev",)),
    Kind(kind="ConfigMap", plural="configmaps", short=("cm",)),
    Kind(kind="Secret", plural="secrets"),
    Kind(
        kind="Service",
        plural="services",
        short=("svc",),
        categories=("all",),
        subresources=_status("Service"),
    ),
    Kind(kind="Endpoints", plural="endpoints", short=("ep",)),
    Kind(
        kind="ServiceAccount",
        plural="serviceaccounts",
        short=("sa",),
        subresources={"token": "TokenRequest"},
    ),
    Kind(
        kind="PersistentVolumeClaim",
        plural="persistentvolumeclaims",
        short=("pvc",),
        subresources=_status("PersistentVolumeClaim"),
    ),
    Kind(
        kind="PersistentVolume",
        plural="persistentvolumes",
        namespaced=False,
        short=("pv",),
        subresources=_status("PersistentVolume"),
    ),
    Kind(kind="LimitRange", plural="limitranges", short=("limits",)),
    Kind(
        kind="ResourceQuota",
        plural="resourcequotas",
        short=("quota",),
        subresources=_status("ResourceQuota"),
    ),
    Kind(kind="Lease", plural="leases", group="coordination.k8s.io"),
    Kind(kind="RuntimeClass", plural="runtimeclasses", group="node.k8s.io", namespaced=False),
    Kind(
        kind="PriorityClass",
        plural="priorityclasses",
        group="scheduling.k8s.io",
        namespaced=False,
        short=("pc",),
    ),
    Kind(
        kind="StorageClass",
        plural="storageclasses",
        group="storage.k8s.io",
        namespaced=False,
        short=("sc",),
    ),
    Kind(kind="CSIDriver", plural="csidrivers", group="storage.k8s.io", namespaced=False),
    Kind(kind="CSINode", plural="csinodes", group="storage.k8s.io", namespaced=False),
    Kind(
        kind="VolumeAttachment",
        plural="volumeattachments",
        group="storage.k8s.io",
        namespaced=False,
        subresources=_status("VolumeAttachment"),
    ),
    Kind(
        kind="CertificateSigningRequest",
        plural="certificatesigningrequests",
        group="certificates.k8s.io",
        namespaced=False,
        short=("csr",),
        subresources={
            "status": "CertificateSigningRequest",
            "approval": "CertificateSigningRequest",
        },
    ),
    Kind(
        kind="ClusterTrustBundle",
        plural="clustertrustbundles",
        group="certificates.k8s.io",
        version="v1beta1",
        namespaced=False,
    ),
    Kind(
        kind="PodCertificateRequest",
        plural="podcertificaterequests",
        group="certificates.k8s.io",
        version="v1beta1",
        subresources=_status("PodCertificateRequest"),
    ),
    Kind(
        kind="PodDisruptionBudget",
        plural="poddisruptionbudgets",
        group="policy",
        short=("pdb",),
        subresources=_status("PodDisruptionBudget"),
    ),
    Kind(
        kind="Deployment",
        plural="deployments",
        group="apps",
        short=("deploy",),
        categories=("all",),
        subresources=_status("Deployment"),
    ),
    Kind(
        kind="ReplicaSet",
        plural="replicasets",
        group="apps",
        short=("rs",),
        categories=("all",),
        subresources=_status("ReplicaSet"),
    ),
    Kind(
        kind="DaemonSet",
        plural="daemonsets",
        group="apps",
        short=("ds",),
        categories=("all",),
        subresources=_status("DaemonSet"),
    ),
    Kind(
        kind="StatefulSet",
        plural="statefulsets",
        group="apps",
        short=("sts",),
        categories=("all",),
        subresources=_status("StatefulSet"),
    ),
    Kind(kind="Job", plural="jobs", group="batch", subresources=_status("Job")),
    Kind(
        kind="TokenReview",
        plural="tokenreviews",
        group="authentication.k8s.io",
        namespaced=False,
        verbs=_CREATE,
    ),
    Kind(
        kind="SelfSubjectReview",
        plural="selfsubjectreviews",
        group="authentication.k8s.io",
        namespaced=False,
        verbs=_CREATE,
    ),
    *(
        Kind(
            kind=kind,
            plural=kind.lower() + "s",
            group="authorization.k8s.io",
            namespaced=False,
            verbs=_CREATE,
        )
        for kind in ("SubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview")
    ),
)


def kind_at(plural: str, group: str = "", version: str = "v1") -> Kind | None:
    """The kind behind a path."""
    return next(
        (k for k in KINDS if (k.plural, k.group, k.version) == (plural, group, version)), None
    )


def kind_named(api_version: str, kind: str) -> Kind | None:
    """The kind that an object says it is."""
    return next((k for k in KINDS if (k.api_version, k.kind) == (api_version, kind)), None)
