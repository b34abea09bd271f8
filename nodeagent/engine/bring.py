"""Brings one image with whatever credentials open it, and remembers which did."""

from collections.abc import Iterable

from nodeagent.core.bucket import Bucket
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.ports import Clock, Images
from nodeagent.errors import ImageError, ImagePullFailed
from nodeagent.model.credentials import Credential
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ImageRef
from nodeagent.model.observed import SeenImage


class Bringer:
    """`bucket` is registryPullQPS: a call beyond it fails, as it does in the reference."""

    def __init__(
        self, *, images: Images, access: ImageAccess, bucket: Bucket, clock: Clock
    ) -> None:
        self._images, self._access, self._bucket, self._clock = images, access, bucket, clock

    async def bring(
        self, pod: DesiredPod, image: str, credentials: Iterable[Credential]
    ) -> SeenImage:
        """Try each credential in turn, or none if there are none, until one opens the image."""
        settled = False
        await self._access.begin(image)
        try:
            ref, used = await self._first_that_opens(pod, image, tuple(credentials) or (None,))
            found = await self._images.image_status(ref)
            if found is None:
                detail = "the runtime pulled it, and does not know it afterwards"
                raise ImageError(op="pull image", target=image, detail=detail)
            await self._access.pulled(image, found.ref, used)
        except ImagePullFailed:
            settled = True
            raise
        else:
            settled = True
            return found
        finally:
            await self._access.end(image, settled=settled)

    async def _first_that_opens(
        self, pod: DesiredPod, image: str, credentials: tuple[Credential | None, ...]
    ) -> tuple[ImageRef, Credential | None]:
        refusals: list[str] = []
        for credential in credentials:
            if not self._bucket.take(self._clock.now()):
                raise ImagePullFailed(op="pull image", target=image, detail="pull QPS exceeded")
            try:
                ref = await self._images.pull_image(
                    image, annotations=pod.annotations, credential=credential
                )
            except ImagePullFailed as error:
                if len(credentials) == 1:
                    raise
                refusals.append(error.detail)
                reason = error.reason
            else:
                return ref, credential
        detail = "; ".join(dict.fromkeys(refusals))
        raise ImagePullFailed(op="pull image", target=image, detail=detail, reason=reason)
