"""What goes wrong on demand: answers that are late, refused or broken off."""

import re

import msgspec


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came in."""

    method: str
    path: str
    query: str
    user: str
    size: int  # of its body
    serial: int  # of the client certificate; 0 without one


class Fault(msgspec.Struct, kw_only=True):
    """How the next `times` requests that fit fail.

    `code` answers with that status, `delay` waits first, `cut` closes the connection without an
    answer. `path` is a regular expression that is searched for in the path.
    """

    times: int = 1
    method: str = ""
    path: str = ""
    code: int = 0
    delay: float = 0.0
    cut: bool = False
    retry_after: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether this request is meant."""
        return (
            self.times > 0
            and self.method in ("", method)
            and re.search(self.path, path) is not None
        )


REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
