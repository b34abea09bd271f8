"""Static pods of a cluster's node may not depend on objects of the API.

Source: gate PreventStaticPodAPIReferences.
"""

from collections.abc import Callable
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.model.desired import DesiredPod

_VOLUMES: Final[tuple[tuple[str, str], ...]] = (
    ("secret", "secrets"),
    ("configMap", "configmaps"),
    ("persistentVolumeClaim", "persistentvolumeclaims"),
    ("ephemeral", "persistentvolumeclaims"),
    ("csi", "csidrivers"),
    ("glusterfs", "endpoints"),
    ("azureFile", "secrets"),
)
_PROJECTED: Final[tuple[tuple[str, str], ...]] = (
    ("secret", "secrets"),
    ("configMap", "configmaps"),
    ("serviceAccountToken", "serviceaccounts"),
    ("clusterTrustBundle", "clustertrustbundles"),
    ("podCertificate", "podcertificaterequests"),
)


def forbidden_reference(pod: DesiredPod) -> str:
    """What a static pod refers to and may not, in the words of a kubelet; "" for nothing."""
    if not pod.is_static:
        return ""
    checks: tuple[Callable[[v1.PodSpec], str], ...] = (_of_pod, _of_containers, _of_volumes)
    found = next((kind for check in checks if (kind := check(pod.spec))), "")
    return f"static pods may not reference {found}" if found else ""


def _of_pod(spec: v1.PodSpec) -> str:
    if spec.serviceAccountName:
        return "serviceaccounts"
    if spec.imagePullSecrets:
        return "secrets"
    return "resourceclaims" if spec.resourceClaims else ""


def _of_containers(spec: v1.PodSpec) -> str:
    for _, container in each_container(spec):
        for source in container.envFrom or ():
            if source.configMapRef is not None:
                return "configmaps"
            if source.secretRef is not None:
                return "secrets"
        for variable in container.env or ():
            if variable.valueFrom is not None and variable.valueFrom.configMapKeyRef is not None:
                return "configmaps"
            if variable.valueFrom is not None and variable.valueFrom.secretKeyRef is not None:
                return "secrets"
    return ""


def _of_volumes(spec: v1.PodSpec) -> str:
    for volume in spec.volumes or ():
        for field, kind in _VOLUMES:
            if getattr(volume, field) is not None:
                return kind
        for part in (volume.projected.sources if volume.projected is not None else None) or ():
            for field, kind in _PROJECTED:
                if getattr(part, field, None) is not None:
                    return kind
    return ""
