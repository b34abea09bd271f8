"""Images on the node."""

from collections.abc import Mapping
from contextlib import suppress

from nodeagent.adapters.cri.calls import ImageCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.parse import parse_image
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError, CriNotFound, CriUnavailable, ImagePullFailed
from nodeagent.model.credentials import Credential
from nodeagent.model.ids import ImageRef
from nodeagent.model.observed import SeenImage

# Words at the start of a pull's failure that CRI runtimes agreed on with kubelet.
_KNOWN_REASONS = ("RegistryUnavailable", "SignatureValidationFailed")


class CriImages:
    """Implements the engine's `Images`. `timeout` is runtimeRequestTimeout in seconds."""

    def __init__(self, calls: ImageCalls, *, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout

    async def image_status(self, image: str) -> SeenImage | None:
        """What the node has under this name, digest or id."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=image))
        with translated("ImageStatus", image):
            answer = await self._calls.image_status(request, timeout=self._timeout)
        return parse_image(answer.image) if answer.HasField("image") else None

    async def pull_image(
        self, image: str, *, annotations: Mapping[str, str], credential: Credential | None = None
    ) -> ImageRef:
        """Bring the image without any deadline: only a cancel ends it early.

        ImagePullFailed carries the registry's words; CriUnavailable is the runtime's own absence.
        """
        spec = pb.ImageSpec(image=image, annotations=annotations)
        try:
            with translated("PullImage", image):
                request = pb.PullImageRequest(image=spec, auth=_auth(credential))
                answer = await self._calls.pull_image(request, timeout=None)
        except CriUnavailable:
            raise
        except CriError as error:
            reason = next((word for word in _KNOWN_REASONS if error.detail.startswith(word)), "")
            raise ImagePullFailed(
                op=error.op, target=image, detail=error.detail, reason=reason
            ) from error
        return ImageRef(answer.image_ref)

    async def list_images(self) -> tuple[SeenImage, ...]:
        """Every image on the node."""
        with translated("ListImages", "all images"):
            answer = await self._calls.list_images(pb.ListImagesRequest(), timeout=self._timeout)
        return tuple(parse_image(image) for image in answer.images)

    async def image_paths(self) -> tuple[str, ...]:
        """Where on this host images are kept."""
        with translated("ImageFsInfo", "image file systems"):
            request = pb.ImageFsInfoRequest()
            answer = await self._calls.image_fs_info(request, timeout=self._timeout)
        return tuple(one.fs_id.mountpoint for one in answer.image_filesystems)

    async def remove_image(self, ref: ImageRef) -> None:
        """Remove it with all its names; unknown counts as done."""
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=ref))
        with suppress(CriNotFound), translated("RemoveImage", ref):
            await self._calls.remove_image(request, timeout=self._timeout)


def _auth(credential: Credential | None) -> pb.AuthConfig | None:
    """No server address: the runtime would compare it with the registry, and keys have globs."""
    if credential is None:
        return None
    return pb.AuthConfig(username=credential.username, password=credential.password)
