"""Refusals of the API server as values: what a Status object tells."""

from typing import Any

Document = dict[str, Any]


class StatusError(Exception):
    """A request that failed: the HTTP status, Kubernetes' reason and a message."""

    def __init__(
        self, code: int, reason: str, message: str, *, retry_after: int = 0, **details: Any
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.retry_after, self.details = retry_after, details

    def document(self) -> Document:
        """The Status object a server answers with."""
        details = dict(self.details)
        if self.retry_after:
            details["retryAfterSeconds"] = self.retry_after
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
            **({"details": details} if details or self.code == 404 else {}),
        }


def deleted(resource: str, gone: Document) -> Document:
    """The Status that answers the delete of an object that is no more."""
    details = {**_of(resource, gone["metadata"]["name"]), "uid": gone["metadata"]["uid"]}
    head: Document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return {**head, "details": details}


def not_found(resource: str, name: str) -> StatusError:
    """No such object."""
    return StatusError(404, "NotFound", f'{resource} "{name}" not found', **_of(resource, name))


def exists(resource: str, name: str) -> StatusError:
    """The name is taken."""
    message = f'{resource} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, **_of(resource, name))


def conflict(resource: str, name: str, why: str) -> StatusError:
    """Somebody else was faster, or a precondition fails."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, **_of(resource, name))


def changed(resource: str, name: str) -> StatusError:
    """The resource version of an update is old."""
    return conflict(
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version and "
        "try again",
    )


def invalid(resource: str, name: str, why: str, *, cause: str = "") -> StatusError:
    """The object as it stands cannot be. `why` begins with the field; `cause` is of the API."""
    field, _, words = why.partition(": ")
    causes = [{"reason": cause or "FieldValueInvalid", "message": words, "field": field}]
    message = f'{resource} "{name}" is invalid: {why}'
    return StatusError(422, "Invalid", message, **_of(resource, name), causes=causes)


def bad_request(message: str) -> StatusError:
    """The request makes no sense."""
    return StatusError(400, "BadRequest", message)


def forbidden(message: str, *, resource: str = "", name: str = "") -> StatusError:
    """The user may not do that."""
    return StatusError(403, "Forbidden", message, **_of(resource, name))


def _of(resource: str, name: str) -> Document:
    """The object as details of a Status name it: "leases.coordination.k8s.io" is kind and group."""
    kind, _, group = resource.partition(".")
    found = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in found.items() if value}


def expired(message: str) -> StatusError:
    """The resource version is older than what is remembered."""
    return StatusError(410, "Expired", message)
