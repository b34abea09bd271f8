"""Errors of the local API in the API's own words: metav1.Status."""

import http
from typing import Any

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    410: "Expired",
    422: "Invalid",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class Refusal(Exception):
    """A request that is answered with an error; becomes a Status with this HTTP code."""

    def __init__(self, code: int, message: str, *, kind: str = "", name: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.kind, self.name = code, message, kind, name


def not_found(kind: str, name: str) -> Refusal:
    """404 for one object; `kind` is the plural resource name."""
    return Refusal(404, f'{kind} "{name}" not found', kind=kind, name=name)


def status_of(code: int, message: str = "", *, kind: str = "", name: str = "") -> dict[str, Any]:
    """The metav1.Status of a failure."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message or http.HTTPStatus(code).phrase,
        "reason": _REASONS.get(code, "Unknown"),
        "code": code,
    }
    if kind:
        status["details"] = {"name": name, "kind": kind}
    return status
