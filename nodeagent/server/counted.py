"""How a request is counted: its labels, of which there are only so many."""

from tornado.httputil import HTTPServerRequest

from nodeagent.server.figures import Asked

_METHODS = frozenset(("OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"))
_LONG = frozenset(("exec", "attach", "portforward", "debug"))  # as a kubelet has them
_METRICS = "metrics metrics/cadvisor metrics/probes metrics/resource "
PORT_PATHS = frozenset(
    (
        _METRICS + "healthz pods stats run exec attach portForward containerLogs configz "
        "runningpods checkpoint logs debug flagz statusz"
    ).split()
)
LOCAL_PATHS = frozenset(
    (_METRICS + "healthz livez readyz stats version api apis nodeagent").split()
)


def asked(request: HTTPServerRequest, server_type: str, paths: frozenset[str]) -> Asked:
    """The labels of a request; `paths` are those that have a series of their own."""
    parts = request.path.lstrip("/").split("/", 2)
    path = "/".join(parts[:2]) if parts[0] == "metrics" else parts[0]
    method = request.method or ""
    return Asked(
        method=method if method in _METHODS else "other",
        path=path if path in paths else "other",
        server_type=server_type,
        long_running=path in _LONG,
    )
