"""The server's answers that are no success, as our errors: by status code, never by text."""

import email.utils
import time
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from nodeagent.adapters.kube.encoding import Unreadable, decode
from nodeagent.errors import (
    ApiConflict,
    ApiError,
    ApiForbidden,
    ApiGone,
    ApiInvalid,
    ApiNotFound,
    ApiUnavailable,
)

_KINDS: dict[int, type[ApiError]] = {
    400: ApiInvalid,
    401: ApiForbidden,
    403: ApiForbidden,
    404: ApiNotFound,
    405: ApiInvalid,
    406: ApiInvalid,
    409: ApiConflict,
    410: ApiGone,
    413: ApiInvalid,
    415: ApiInvalid,
    422: ApiInvalid,
}
_LONGEST = 1000  # characters of the server's words
_LONGEST_WAIT = 300.0  # seconds; whatever a server asks for, it is tried again by then


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    retryAfterSeconds: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """metav1.Status, as far as it is used."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


def refusal(
    op: str, target: str, code: int, body: bytes | msgspec.Raw, headers: Mapping[str, str]
) -> ApiError:
    """The error for an answer; `body` is a metav1.Status, or whatever a proxy wrote."""
    try:
        status = decode(body, Status)
    except Unreadable:
        status = Status(message=bytes(body)[:200].decode(errors="replace").strip())
    code = code or status.code
    kind = _KINDS.get(code, ApiUnavailable)
    after = float(status.details.retryAfterSeconds) if status.details else 0.0
    return kind(
        op=op,
        target=target,
        detail=status.message[:_LONGEST] or _phrase(code),
        reason=status.reason,
        code=code,
        retry_after=min(after or _retry_after(headers.get("retry-after", "")), _LONGEST_WAIT),
    )


def _phrase(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"status {code}"


def _retry_after(text: str) -> float:
    """Seconds; the header may also name a date."""
    if text.isdecimal():
        return float(text)
    parsed = email.utils.parsedate_tz(text) if text else None
    return max(0.0, email.utils.mktime_tz(parsed) - time.time()) if parsed else 0.0
