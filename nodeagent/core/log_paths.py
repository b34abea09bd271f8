"""Where logs of pods and containers lie."""

from typing import Final

from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import PodDirs

_NAME_MAX: Final = 255  # bytes in a file name on ext4


def pod_log_directory(pod: DesiredPod, dirs: PodDirs) -> str:
    """The sandbox's log directory: `<podLogsDir>/<namespace>_<name>_<uid>`."""
    return f"{dirs.logs}/{pod.namespace}_{pod.name}_{pod.uid}"


def container_log_path(container: str, restart_count: int) -> str:
    """A container's log below the sandbox's log directory."""
    return f"{container}/{restart_count}.log"


def log_link_name(*, name: str, namespace: str, container: str, container_id: str) -> str:
    """The file name of the link in /var/log/containers, cut to what a file system takes."""
    suffix = ".log"
    whole = f"{name}_{namespace}_{container}-{container_id}"
    return whole[: _NAME_MAX - len(suffix)] + suffix
