"""nodeagent: a node agent that does a kubelet's whole job."""

__version__ = "0.1.0"
KUBERNETES_VERSION = "v1.36.2"  # the behaviour this agent stands in for
