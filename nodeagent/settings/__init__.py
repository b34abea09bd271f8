"""Configuration as one frozen value: read once at start, checked as a whole, never changed."""

from nodeagent.settings.agent import AgentConfiguration, CrashLoop
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.value import (
    BackOff,
    ClusterAccess,
    CredentialProviders,
    DeadContainers,
    InstanceLock,
    Listener,
    Listeners,
    NodeIdentity,
    Paths,
    RuntimeAccess,
    Settings,
    node_version,
)

__all__ = [
    "AgentConfiguration",
    "BackOff",
    "ClusterAccess",
    "CrashLoop",
    "CredentialProviders",
    "DeadContainers",
    "InstanceLock",
    "KubeletConfiguration",
    "Listener",
    "Listeners",
    "NodeIdentity",
    "Paths",
    "RuntimeAccess",
    "Settings",
    "node_version",
]
