"""When a service account's token is replaced, and whose its file is ("Service account token
projection")."""

from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.model.desired import DesiredPod

JITTER: Final = 10.0  # seconds: tokens of one moment are not all replaced at one moment
_OLDEST: Final = 24 * 3600.0
_LEFT: Final = 0.2  # of its life
_CLOSED: Final = 0o600


def replace_at(*, expires_at: float, life: float, jitter: float) -> float:
    """Once 80 % of its life are over, and after a day at the latest; `jitter` seconds earlier."""
    issued_at = expires_at - life
    return min(expires_at - _LEFT * life, issued_at + _OLDEST) - jitter


def closed_file(pod: DesiredPod, mode: int) -> tuple[int, int | None]:
    """Mode and owner of a token's file; `mode` is what the volume asks for.

    The token is for the pod alone: where its containers all run as one user the file is that
    user's, where it has a group (which is added later) nobody else reads it.
    """
    context = pod.spec.securityContext
    user = one_user(pod)
    group = context.fsGroup if context is not None else None
    return (mode if user is None and group is None else _CLOSED), user


def one_user(pod: DesiredPod) -> int | None:
    """The user that every container of the pod names, by itself or through the pod; else None."""
    whole = _user(pod.spec.securityContext)
    own = (_user(container.securityContext) for _, container in each_container(pod.spec))
    users = {whole if user is None else user for user in own}
    return users.pop() if len(users) == 1 else None


def _user(context: v1.PodSecurityContext | v1.SecurityContext | None) -> int | None:
    return context.runAsUser if context is not None else None
