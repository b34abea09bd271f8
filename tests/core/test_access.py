"""Which verb and subresources a request to the node's port needs."""

import pytest

from nodeagent.core.access import refusal_text, wish_of
from nodeagent.model.access import Wish


@pytest.mark.parametrize(
    ("path", "subresources"),
    [
        ("/pods", ("pods", "proxy")),
        ("/pods/", ("pods", "proxy")),
        ("/runningpods", ("pods", "proxy")),
        ("/runningpods/", ("pods", "proxy")),
        ("/healthz", ("healthz", "proxy")),
        ("/healthz/syncloop", ("healthz", "proxy")),
        ("/configz", ("configz", "proxy")),
        ("/flagz", ("configz",)),
        ("/statusz", ("statusz",)),
        ("/stats/summary", ("stats",)),
        ("/stats", ("stats",)),
        ("/metrics", ("metrics",)),
        ("/metrics/cadvisor", ("metrics",)),
        ("/logs/", ("log",)),
        ("/logs/syslog", ("log",)),
        ("/checkpoint/a/b/c", ("checkpoint",)),
        ("/exec/a/b/c", ("proxy",)),
        ("/attach/a/b/c", ("proxy",)),
        ("/run/a/b/c", ("proxy",)),
        ("/portForward/a/b", ("proxy",)),
        ("/containerLogs/a/b/c", ("proxy",)),
        ("/debug/pprof/", ("proxy",)),
        ("/", ("proxy",)),
        ("/podsandmore", ("proxy",)),
        ("/metricsx", ("proxy",)),
        ("/configzz", ("proxy",)),
        ("/healthzz", ("proxy",)),
    ],
)
def test_a_path_needs_its_subresources(path: str, subresources: tuple[str, ...]) -> None:
    assert wish_of("GET", path) == Wish(verb="get", subresources=subresources)


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("GET", "get"),
        ("POST", "create"),
        ("PUT", "update"),
        ("PATCH", "patch"),
        ("DELETE", "delete"),
        ("OPTIONS", ""),
        ("HEAD", ""),
    ],
)
def test_a_method_is_a_verb(method: str, verb: str) -> None:
    assert wish_of(method, "/exec/a/b/c").verb == verb


def test_a_refusal_names_user_verb_and_subresources() -> None:
    assert refusal_text("bob", wish_of("GET", "/pods")) == (
        "Forbidden (user=bob, verb=get, resource=nodes, subresource(s)=[pods proxy])\n"
    )
    assert refusal_text("", wish_of("PUT", "/debug/flags/v")) == (
        "Forbidden (user=, verb=update, resource=nodes, subresource(s)=[proxy])\n"
    )
