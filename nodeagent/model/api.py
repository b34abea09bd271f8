"""Kinds of objects of the Kubernetes API, and what a watch of them tells: values only."""

import enum
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import msgspec
from lightkube.models import (
    authentication_v1,
    authorization_v1,
    certificates_v1,
    certificates_v1beta1,
    coordination_v1,
    core_v1,
    node_v1,
    storage_v1,
)

from nodeagent.errors import ApiInvalid

T = TypeVar("T")

_PLAIN: Final = "!$&'()*+,:;=@"  # what a part of a path may hold as it is


class ApiKind(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One kind: its type, and where it is in the API (`plural` is the word in the path)."""

    type: type[T]
    plural: str
    group: str = ""  # "" is the core group
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects name it: "v1", "storage.k8s.io/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def kind(self) -> str:
        """As objects name it: "Pod"."""
        return self.type.__name__

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or a subresource of one.

        Pods may refer to objects by names that no object can have, for the server does not look at
        all of them. ApiInvalid for those that would lead elsewhere; the others are escaped.
        Source: client-go's IsValidPathSegmentName.
        """
        for given in (namespace, name):
            if given in (".", "..") or "/" in given or "%" in given:
                detail = f'invalid resource name "{given}": may not be . or .., or contain / or %'
                raise ApiInvalid(op="address", target=self.plural, detail=detail)
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe=_PLAIN)]
        parts += [part for part in (self.plural, quote(name, safe=_PLAIN), subresource) if part]
        return "/" + "/".join(parts)


PODS = ApiKind(type=core_v1.Pod, plural="pods")
NODES = ApiKind(type=core_v1.Node, plural="nodes", namespaced=False)
EVENTS = ApiKind(type=core_v1.Event, plural="events")
CONFIG_MAPS = ApiKind(type=core_v1.ConfigMap, plural="configmaps")
SECRETS = ApiKind(type=core_v1.Secret, plural="secrets")
SERVICES = ApiKind(type=core_v1.Service, plural="services")
SERVICE_ACCOUNTS = ApiKind(type=core_v1.ServiceAccount, plural="serviceaccounts")
CLAIMS = ApiKind(type=core_v1.PersistentVolumeClaim, plural="persistentvolumeclaims")
VOLUMES = ApiKind(type=core_v1.PersistentVolume, plural="persistentvolumes", namespaced=False)
LEASES = ApiKind(type=coordination_v1.Lease, plural="leases", group="coordination.k8s.io")
RUNTIME_CLASSES = ApiKind(
    type=node_v1.RuntimeClass, plural="runtimeclasses", group="node.k8s.io", namespaced=False
)
CSI_DRIVERS = ApiKind(
    type=storage_v1.CSIDriver, plural="csidrivers", group="storage.k8s.io", namespaced=False
)
CSI_NODES = ApiKind(
    type=storage_v1.CSINode, plural="csinodes", group="storage.k8s.io", namespaced=False
)
VOLUME_ATTACHMENTS = ApiKind(
    type=storage_v1.VolumeAttachment,
    plural="volumeattachments",
    group="storage.k8s.io",
    namespaced=False,
)
SIGNING_REQUESTS = ApiKind(
    type=certificates_v1.CertificateSigningRequest,
    plural="certificatesigningrequests",
    group="certificates.k8s.io",
    namespaced=False,
)
POD_CERTIFICATES = ApiKind(
    type=certificates_v1beta1.PodCertificateRequest,
    plural="podcertificaterequests",
    group="certificates.k8s.io",
    version="v1beta1",
)
TOKEN_REVIEWS = ApiKind(
    type=authentication_v1.TokenReview,
    plural="tokenreviews",
    group="authentication.k8s.io",
    namespaced=False,
)
ACCESS_REVIEWS = ApiKind(
    type=authorization_v1.SubjectAccessReview,
    plural="subjectaccessreviews",
    group="authorization.k8s.io",
    namespaced=False,
)


class Patch(enum.StrEnum):
    """How a patch is written; the values are its media types."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    JSON = "application/json-patch+json"


class Purpose(enum.StrEnum):
    """What a request is for: requests and bytes are counted by it, and heartbeats pass first."""

    PODS = "pods"
    STATUS = "status"
    NODE = "node"
    LEASE = "lease"
    EVENTS = "events"
    DATA = "data"  # config maps, secrets, claims and whatever else pods refer to
    TOKENS = "tokens"
    CERTIFICATES = "certificates"
    REVIEWS = "reviews"


class Objects(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """All objects of a watch as they are now, by "<namespace>/<name>" (or "<name>").

    `changed` names what is other than in the update before (gone ones too); in the first update,
    and whenever the list was read anew, that is every name that may be. `deleted` are objects whose
    deletion was heard since the update before, as they were at their end; of those that a list no
    longer has, nothing more is known.
    """

    items: dict[str, T]
    changed: frozenset[str] = frozenset()
    deleted: dict[str, T] = {}


def object_key(one: Any) -> str:
    """ "<namespace>/<name>" of an object, or "<name>" where it has no namespace."""
    namespace, name = one.metadata.namespace, one.metadata.name
    return f"{namespace}/{name}" if namespace else name
