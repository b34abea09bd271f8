"""The API server is away: pods live on, also through a reboot, and all is told once it is back."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver.cluster import RunningCluster
from tests.e2e.agent import NODE
from tests.e2e.member import Member, running_member
from tests.e2e.pods import IDLE, Document, container, pod, ready
from tests.e2e.rebooting import reboot
from tests.e2e.runtime import Runtime
from tests.e2e.test_membership import delete, events, told

MANY = 6
SECRET = "tr0ub4dor-and-3"
EVENTS = "/api/v1/namespaces/default/events"
READ = 'echo "$(cat /config/text) $(cat /secret/word) $TEXT $WORD"'


def data(text: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "text", "namespace": "default"},
        "data": {"text": text},
    }


def secret() -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "word", "namespace": "default"},
        "stringData": {"word": SECRET},
    }


def reading(name: str) -> Document:
    """A pod that is ready while it has its config map and its secret."""
    main = container(
        IDLE,
        volumeMounts=[
            {"name": "config", "mountPath": "/config"},
            {"name": "secret", "mountPath": "/secret"},
        ],
        env=[
            {"name": "TEXT", "valueFrom": {"configMapKeyRef": {"name": "text", "key": "text"}}},
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "word", "key": "word"}}},
        ],
        readinessProbe={
            "exec": {"command": ["test", "-s", "/config/text", "-a", "-s", "/secret/word"]},
            "periodSeconds": 1,
        },
    )
    volumes = [
        {"name": "config", "configMap": {"name": "text"}},
        {"name": "secret", "secret": {"secretName": "word"}},
    ]
    return pod(name, main, volumes=volumes)


def failing() -> Document:
    """A pod whose container a probe finds ill after some seconds, over and over."""
    main = container(
        "sleep 4; touch /tmp/ill; sleep 1000",
        livenessProbe={
            "exec": {"command": ["sh", "-c", "test ! -e /tmp/ill"]},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
    )
    return pod("ill", main, terminationGracePeriodSeconds=1)


def restarts(cluster: RunningCluster, name: str) -> int:
    (one,) = told(cluster, name)["status"]["containerStatuses"]
    return int(one["restartCount"])


def shown_restarts(member: Member, name: str) -> int:
    view = member.pod(name)
    return view.restarts() if view is not None else 0


@pytest.fixture
def member(runtime: Runtime, tmp_path: Path) -> Iterator[Member]:
    with running_member(runtime, tmp_path) as member:
        yield member


def test_pods_outlive_the_server_and_a_reboot_without_it_and_then_all_is_told(
    member: Member,
) -> None:
    cluster, names = member.cluster, [f"reader-{number}" for number in range(MANY)]
    cluster.put(data("old"), secret())
    member.apply(*(reading(name) for name in names), pod("leaves"), failing())
    member.write(pod("static"))
    for name in (*names, "leaves", f"static-{NODE}"):
        member.wait_phase(name)
    member.until(lambda: bool(restarts(cluster, "ill")), what="the ill one's first restart")

    cluster.do(lambda one: one.stop())
    before = shown_restarts(member, "ill")
    member.until(
        lambda: shown_restarts(member, "ill") > before,
        what="a probe and a restart without the server",
        within=60,
    )
    member.stop()
    reboot(member)
    held = [one for one in member.state.rglob("*") if one.is_file() and not one.is_symlink()]
    assert not [one for one in held if SECRET.encode() in one.read_bytes()], "a secret on the disk"
    member.runtime.start()
    member.start()
    for name in (*names, "leaves", "static"):
        member.wait(name, lambda view: view.is_ready and view.restarts() == 1, within=60)
    for name in names:
        assert member.sh(name, READ).split() == ["old", SECRET, "old", SECRET]

    cluster.put(data("new"))
    delete(cluster, "leaves", grace=1)
    cluster.put({**pod("comes"), "metadata": {"name": "comes", "namespace": "default"}})
    began = cluster.do(lambda one: len(one.server.parts.seen))
    events_before = len(events(cluster))
    cluster.do(lambda one: one.server.start())

    def caught_up() -> bool:
        mirror = told(cluster, f"static-{NODE}")["status"]["containerStatuses"]
        return (
            all(restarts(cluster, name) == 1 for name in names)
            and restarts(cluster, "ill") >= shown_restarts(member, "ill") - 1
            and mirror[0]["restartCount"] == 1
            and not told(cluster, "leaves")
            and told(cluster, "comes")["status"]["phase"] == "Running"
            and all(member.sh(name, "cat /config/text") == "new" for name in names)
        )

    member.until(caught_up, what="everything to be told and done")
    member.until(lambda: member.condition("Ready") == "True", what="a ready node")
    seen = cluster.do(lambda one: one.server.parts.seen[began:])
    asked = [one for one in seen if (one.method, one.path) != ("POST", EVENTS)]
    posted = len(seen) - len(asked)
    assert posted <= len(events(cluster)) - events_before, "each event of the outage is told once"
    written = Counter((one.method, one.path) for one in asked if one.method != "GET")
    often = {what: n for what, n in written.items() if n > 4 and "/ill/" not in what[1]}
    assert not often, "nothing is written over and over"
    lists = Counter(
        one.path for one in asked if one.method == "GET" and "watch=true" not in one.query
    )
    assert sum(lists.values()) <= 20, f"watches go on, and are not begun anew: {lists}"
    assert len(asked) <= 60, Counter((one.method, one.path) for one in asked)
    view = member.wait("reader-0", ready)
    assert view.restarts() == 1, "nobody was restarted because the server is back"
