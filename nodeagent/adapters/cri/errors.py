"""gRPC failures become the errors of the house, by status code."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import grpc.aio

from nodeagent.errors import (
    CriError,
    CriNotFound,
    CriRefused,
    CriUnavailable,
    CriUnimplemented,
)

# `reason` of the CriRefused for a name that another sandbox or container still holds.
NAME_RESERVED = "NameReserved"
# `reason` of the CriUnavailable for a containerd that does not serve CRI at all.
PLUGIN_DISABLED = "CRIPluginDisabled"

_BY_CODE: dict[grpc.StatusCode, type[CriError]] = {
    grpc.StatusCode.NOT_FOUND: CriNotFound,
    grpc.StatusCode.UNAVAILABLE: CriUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: CriUnavailable,
    grpc.StatusCode.CANCELLED: CriUnavailable,  # by the runtime: it is going down
    grpc.StatusCode.UNIMPLEMENTED: CriUnimplemented,
    grpc.StatusCode.INVALID_ARGUMENT: CriRefused,
    grpc.StatusCode.FAILED_PRECONDITION: CriRefused,
    grpc.StatusCode.ALREADY_EXISTS: CriRefused,
    grpc.StatusCode.PERMISSION_DENIED: CriRefused,
    grpc.StatusCode.OUT_OF_RANGE: CriRefused,
}
_ENABLE = (
    "the socket answers but does not speak CRI v1 ({words}). containerd's CRI plugin is disabled: "
    'take "cri" (or "io.containerd.grpc.v1.cri") out of disabled_plugins in '
    "/etc/containerd/config.toml, then restart containerd"
)


@contextmanager
def translated(op: str, target: str) -> Iterator[None]:
    """Turn what a call inside raises into a CriError of the right class, see `cri_error`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise cri_error(op, target, error.code(), error.details() or "") from error
    except grpc.aio.BaseError as error:
        raise CriUnavailable(
            op=op, target=target, detail=f"{type(error).__name__}: {error}"
        ) from error


def cri_error(op: str, target: str, code: grpc.StatusCode, words: str) -> CriError:
    """The error for one status.

    CriUnavailable covers the deadline, so the call may have worked. Four answers have a code that
    says too little, and are known by their words: a service that is missing as a whole (containerd
    without its CRI plugin), a containerd that is still starting, a call that containerd 2.2 lacks,
    and a name that is taken.
    """
    detail = words or "the runtime gave no detail"
    kind = _BY_CODE.get(code, CriError)
    reason = ""
    if kind is CriUnimplemented and words.startswith("unknown service runtime.v1"):
        kind, reason, detail = CriUnavailable, PLUGIN_DISABLED, _ENABLE.format(words=words)
    elif kind is CriError and words.startswith("server is not initialized yet"):
        kind = CriUnavailable
    elif kind is CriError and "not implemented" in words:
        kind = CriUnimplemented
    elif _is_name_taken(words):
        kind, reason = CriRefused, NAME_RESERVED
    return kind(op=op, target=target, detail=detail, reason=reason)


def _is_name_taken(words: str) -> bool:
    # containerd: `failed to reserve container name "x": name "x" is reserved for "<id>"`;
    # CRI-O: `name is reserved` with its own prefix. Both come with code Unknown.
    return "is reserved" in words and "name" in words
