"""serviceAccountToken: a part of a projected volume that runs out and is replaced."""

from typing import Protocol

from lightkube.models import core_v1 as v1

from nodeagent.core.payload import Made, VolumeFile, file_path
from nodeagent.core.tokens import closed_file
from nodeagent.errors import ApiError, MountFailed, NotSupported
from nodeagent.model.desired import DesiredPod
from nodeagent.model.tokens import Token, TokenWish


class TokenSource(Protocol):
    """Where tokens come from."""

    async def token(self, wish: TokenWish) -> Token:
        """One that is valid now; ApiError where there is none."""
        ...


class TokenFile:
    """Makes the file of one token."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens

    async def make(self, pod: DesiredPod, part: v1.VolumeProjection, mode: int) -> Made:
        """The file, and when it is to be replaced. MountFailed where no token is given."""
        source = part.serviceAccountToken
        assert source is not None
        if pod.is_static:
            detail = "a pod of a file has no service account; use a secret from a file of the node"
            raise NotSupported(op="project", target="serviceAccountToken", detail=detail)
        wish = wish_for(pod, audience=source.audience or "", seconds=source.expirationSeconds or 0)
        try:
            token = await self._tokens.token(wish)
        except ApiError as error:
            detail = f"failed to fetch token: {error}"
            raise MountFailed(op="project", target=source.path, detail=detail) from error
        bits, owner = closed_file(pod, mode)
        file = VolumeFile(data=token.value.encode(), mode=bits, uid=owner)
        return Made(files={file_path(source.path): file}, again_at=token.refresh_at)


def wish_for(pod: DesiredPod, *, audience: str, seconds: int) -> TokenWish:
    """A token of the pod's own account, bound to the pod."""
    return TokenWish(
        namespace=pod.namespace,
        account=pod.spec.serviceAccountName or "default",
        pod=pod.name,
        uid=pod.uid,
        audience=audience,
        seconds=seconds,
    )
