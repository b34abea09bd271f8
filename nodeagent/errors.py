"""The error tree: every expected failure of an operation, and what its owner should do next."""

import enum
from typing import ClassVar


class Retry(enum.Enum):
    """What can mend a failed operation."""

    BACKOFF = enum.auto()  # try again later, waiting longer each time
    ON_CHANGE = enum.auto()  # only a new spec or a new observation can help
    NEVER = enum.auto()  # the pod is over


class AgentError(Exception):
    """A failed operation: which one, on what, and what the worker should do about it.

    `reason` is the word that status and events show; a single error may override the class's.
    Names of files may be no text: what is not shows as escapes, so that all of it can be told.
    """

    retry: ClassVar[Retry] = Retry.BACKOFF
    default_reason: ClassVar[str] = "Failed"

    def __init__(self, *, op: str, target: str, detail: str, reason: str = "") -> None:
        target, detail = (
            text.encode(errors="backslashreplace").decode() for text in (target, detail)
        )
        super().__init__(f"{op} {target}: {detail}")
        self.op, self.target, self.detail = op, target, detail
        self.reason = reason or self.default_reason


class SettingsError(AgentError):
    """A wrong flag or configuration value; stops start-up with exit code 2."""

    retry = Retry.ON_CHANGE
    default_reason = "InvalidConfiguration"


class ManifestError(AgentError):
    """A manifest that cannot be used. `line` and `column` count from 1; 0 means unknown."""

    retry = Retry.ON_CHANGE
    default_reason = "InvalidManifest"

    def __init__(
        self, *, op: str, target: str, detail: str, reason: str = "", line: int = 0, column: int = 0
    ) -> None:
        super().__init__(op=op, target=target, detail=detail, reason=reason)
        self.line, self.column = line, column


class ConfigError(AgentError):
    """A container's or pod's configuration cannot be built (CreateContainerConfigError)."""

    retry = Retry.BACKOFF
    default_reason = "CreateContainerConfigError"


class CriError(AgentError):
    """The container runtime answered with an error that has no better class."""

    default_reason = "RuntimeError"


class CriNotFound(CriError):
    """The runtime does not know the container, sandbox or image."""


class CriUnavailable(CriError):
    """The runtime is not reachable, or the deadline passed (the call may have worked)."""

    default_reason = "RuntimeUnavailable"


class CriRefused(CriError):
    """The runtime rejects the request as it stands."""


class CriUnimplemented(CriError):
    """The runtime lacks this call."""


class ImageError(AgentError):
    """An image is not there and cannot be brought."""

    default_reason = "ErrImagePull"


class ImagePullFailed(ImageError):
    """The registry or the runtime failed the pull."""


class ImageNeverPresent(ImageError):
    """Policy Never, and the image is not on the node."""

    retry = Retry.ON_CHANGE
    default_reason = "ErrImageNeverPull"


class ImageNameInvalid(ImageError):
    """The image reference does not parse."""

    retry = Retry.ON_CHANGE
    default_reason = "InvalidImageName"


class ImageInspectFailed(ImageError):
    """The runtime could not say whether the image is there."""

    default_reason = "ImageInspectError"


class VolumeStep(enum.Enum):
    """What failed, as a kubelet begins its event: for a file system, and for a block device."""

    CLAIM = ("", "")  # found before anything was begun
    AFFINITY = ("MountVolume.NodeAffinity check failed", "MapVolume.NodeAffinity check failed")
    OPTIONS = ("MountVolume.MountOptionSupport check failed", "")
    ATTACH = ("MountVolume.WaitForAttach failed", "MapVolume.WaitForAttach failed")
    STAGE = ("MountVolume.MountDevice failed", "MapVolume.SetUpDevice failed")
    SET_UP = ("MountVolume.SetUp failed", "MapVolume.MapPodDevice failed")
    EXPAND = (
        "MountVolume.Setup failed while expanding volume",
        "MapVolume.MarkVolumeAsMounted failed while expanding volume",
    )
    EXPAND_IN_USE = ("NodeExpandVolume.NodeExpandVolume failed",) * 2


class VolumeError(AgentError):
    """A volume cannot be set up or torn down.

    Whoever knows fills in `step`, the PersistentVolume (`volume`) and whether it is for devices.
    """

    default_reason = "FailedMount"
    step: VolumeStep | None = None
    volume = ""
    block = False


class MountFailed(VolumeError):
    """mount, mkdir or a check on the host failed."""


class DriverFailed(MountFailed):
    """A CSI driver failed a call, or there is no such driver.

    `final` says that it is surely not at work on it any more, and has done nothing; `code` is the
    name of the gRPC status, "" where no call failed.
    """

    def __init__(
        self,
        *,
        op: str,
        target: str,
        detail: str,
        reason: str = "",
        final: bool = False,
        code: str = "",
    ) -> None:
        super().__init__(op=op, target=target, detail=detail, reason=reason)
        self.final, self.code = final, code


class AttachLimitReached(MountFailed):
    """The node cannot have this volume beside those that it has, and will not soon."""

    retry = Retry.NEVER
    default_reason = "VolumeAttachmentLimitExceeded"


class SourceMissing(VolumeError):
    """A secret, config map or claim that the volume needs is absent."""

    retry = Retry.ON_CHANGE


class SourceUnknown(VolumeError):
    """Whether there is a secret, config map or claim, and what is in it, nobody could tell yet."""


class NotSupported(VolumeError):
    """This kind of volume cannot work here."""

    retry = Retry.NEVER


class HostError(AgentError):
    """A file, cgroup or process operation on the node failed."""


class HookFailed(AgentError):
    """A postStart hook failed."""

    default_reason = "PostStartHookError"


class ApiError(AgentError):
    """The API server refused or failed a request. `code` is its HTTP status, 0 without answer."""

    default_reason = "ApiError"

    def __init__(
        self,
        *,
        op: str,
        target: str,
        detail: str,
        reason: str = "",
        code: int = 0,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(op=op, target=target, detail=detail, reason=reason)
        self.code, self.retry_after = code, retry_after


class ApiUnavailable(ApiError):
    """The API server did not answer, or asks to come back later (5xx, 429)."""


class ApiNotFound(ApiError):
    """There is no such object."""

    retry = Retry.ON_CHANGE


class ApiConflict(ApiError):
    """The object changed since it was read, or the name is taken (`reason` AlreadyExists)."""


class ApiGone(ApiError):
    """The watch's resource version is too old: list again."""


class ApiForbidden(ApiError):
    """The node may not do this, or is not known (401)."""


class ApiInvalid(ApiError):
    """The server does not take the request as it stands (400, 422)."""

    retry = Retry.ON_CHANGE


class CertificateRefused(AgentError):
    """A signing request was denied, failed or was deleted; another one may do better."""

    default_reason = "CertificateRefused"


class JoinError(AgentError):
    """A step of `nodeagent join` or `reset` that cannot be done; `reason` says which kind."""

    retry = Retry.ON_CHANGE
    default_reason = "JoinFailed"
