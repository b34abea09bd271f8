"""Ends on real containerd: on time in every mix, and explained afterwards."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e.agent import NODE, Agent, running_agent
from tests.e2e.pods import IDLE, Document, View, container, ended, phase, pod, ready, waits
from tests.e2e.runtime import Runtime

FLOOR, SLACK = 2.0, 0.5
DEAF = "trap '' TERM; while :; do sleep 1000 & wait $!; done"
HUNG = ["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"]


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One pod whose end is timed: no sooner than `least` seconds, no later than its grace + 2."""

    name: str
    grace: int
    containers: list[Document]
    init: list[Document] = []
    least: float = 0.0
    most: float | None = None

    def manifest(self) -> Document:
        more: dict[str, Any] = {"initContainers": self.init} if self.init else {}
        return pod(self.name, *self.containers, terminationGracePeriodSeconds=self.grace, **more)

    def is_on_time(self, took: float) -> bool:
        latest = self.most if self.most is not None else max(self.grace, 1) + FLOOR
        return self.least <= took <= latest + SLACK


def pre_stop(**handler: Any) -> dict[str, Any]:
    return {"lifecycle": {"preStop": handler}}


def side(script: str, name: str, **fields: Any) -> Document:
    return container(script, name=name, restartPolicy="Always", **fields)


WEB = "httpd -f -p 8080 -h /var/www & trap 'exit 0' TERM; wait $!"
SLEEPS = pre_stop(exec={"command": ["sleep", "1.5"]})
HANGS = pre_stop(exec={"command": HUNG})
ENDS = [
    End(name="prompt", grace=6, containers=[container()], most=1.5),
    End(name="deaf", grace=3, containers=[container(DEAF)], least=2.9),
    End(name="deaf-zero", grace=0, containers=[container(DEAF)], least=1.9),
    End(name="hook-exec", grace=6, containers=[container(**SLEEPS)], least=1.5, most=3.0),
    End(
        name="hook-sleep",
        grace=6,
        containers=[container(**pre_stop(sleep={"seconds": 2}))],
        least=2.0,
        most=3.5,
    ),
    End(
        name="hook-http",
        grace=6,
        containers=[container(WEB, **pre_stop(httpGet={"port": 8080}))],
        most=1.5,
    ),
    End(
        name="hook-http-hung",
        grace=3,
        containers=[container("nc -l -p 8080 -e sleep 1000", **pre_stop(httpGet={"port": 8080}))],
        least=2.0,
    ),
    End(name="hook-hung", grace=3, containers=[container(**HANGS)], least=2.2),
    End(name="hook-hung-deaf", grace=2, containers=[container(DEAF, **HANGS)], least=3.0),
    End(name="hook-then-deaf", grace=4, containers=[container(DEAF, **SLEEPS)], least=3.9),
    End(
        name="several",
        grace=3,
        containers=[container(DEAF, name=n, **h) for n, h in (("a", {}), ("b", HANGS))]
        + [container(name="c", **SLEEPS)],
        least=3.0,
    ),
    End(name="sidecars", grace=6, containers=[container()], init=[side(IDLE, "s")], most=2.0),
    End(
        name="sidecars-deaf",
        grace=3,
        containers=[container(DEAF)],
        init=[side(DEAF, "s1"), side(DEAF, "s2", **HANGS)],
        least=4.0,
    ),
]


def test_every_mix_of_hooks_deafness_and_sidecars_is_over_in_time(agent: Agent) -> None:
    agent.write(*(end.manifest() for end in ENDS))
    for end in ENDS:
        agent.wait(end.name, ready)
    took: dict[str, float] = {}
    for batch in (ENDS[:7], ENDS[7:]):  # so that the machine's own speed does not decide
        began = time.monotonic()
        agent.remove(*(end.name for end in batch))
        names = {end.name for end in batch}
        while names - set(took):
            for name in names - set(took) - set(agent.pods()):
                took[name] = time.monotonic() - began
            assert time.monotonic() - began < 20.0, (names - set(took), agent.tail())
            time.sleep(0.02)
    print(json.dumps({name: round(seconds, 2) for name, seconds in took.items()}))
    late = {end.name: took[end.name] for end in ENDS if not end.is_on_time(took[end.name])}
    assert not late
    for name in ("hook-hung", "hook-hung-deaf", "hook-http-hung"):
        assert ("FailedPreStopHook", "PreStopHook failed") in agent.events(name)
    for name in ("hook-exec", "hook-sleep", "hook-http"):
        assert "FailedPreStopHook" not in [reason for reason, _ in agent.events(name)]


def test_no_process_of_a_hung_hook_outlives_its_pod(agent: Agent) -> None:
    hung = ["sh", "-c", "trap '' TERM; sleep 98765 & sleep 98765"]
    hooks = pre_stop(exec={"command": hung})
    agent.write(
        pod("left", container(DEAF, **hooks), terminationGracePeriodSeconds=1, hostPID=True)
    )
    agent.wait("left", ready)
    agent.remove("left")
    agent.until(lambda: _processes("98765") > 0, what="the hook to run")
    agent.wait_gone("left", within=3.0 + SLACK)
    assert _processes("98765") == 0


def _processes(word: str) -> int:
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += file.read_bytes().split(b"\0")[:2] == [b"sleep", word.encode()]
        except OSError:
            continue
    return found


def test_an_agent_that_is_killed_in_the_middle_of_a_stop_keeps_the_deadline(agent: Agent) -> None:
    agent.write(pod("mid", container(DEAF), terminationGracePeriodSeconds=6))
    agent.wait("mid", ready)
    agent.remove("mid")
    began = time.monotonic()
    agent.until(lambda: any(r == "Killing" for r, _ in agent.events("mid")), what="the stop")
    time.sleep(1.5)
    agent.kill()
    agent.start()
    agent.wait_gone("mid", within=10.0)
    assert 5.5 <= time.monotonic() - began <= 6 + FLOOR + SLACK


def test_a_failed_post_start_hook_kills_the_container_and_backs_off(agent: Agent) -> None:
    fails = {"postStart": {"exec": {"command": ["sh", "-c", "echo broken; exit 3"]}}}
    agent.write(pod("poststart", container(lifecycle=fails)))
    view = agent.wait("poststart", ended())
    assert view.ended()["message"].startswith("PostStartHook: its postStart hook failed: ")
    agent.wait("poststart", waits("PostStartHookError"))
    agent.wait("poststart", lambda view: view.restarts() >= 1)
    events = agent.events("poststart")
    assert ("FailedPostStartHook", "PostStartHook failed") in events
    assert ("Killing", "FailedPostStartHook") in events
    agent.wait("poststart", lambda view: "BackOff" in [r for r, _ in agent.events("poststart")])
    agent.remove("poststart")
    agent.wait_gone("poststart")


def story(agent: Agent, name: str) -> dict[str, Any]:
    done = agent.run("why", f"{name}-{NODE}", "-o", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


GREEDY = "x=a; while :; do x=$x$x; done"
LIMIT = {"resources": {"limits": {"memory": "20Mi"}}}


@pytest.mark.parametrize(
    ("name", "script", "fields", "reason"),
    [
        ("completed", "echo bye", {}, "Completed"),
        ("crashed", "echo oh no; exit 3", {}, "Crashed"),
        ("signalled", "sleep 9 & kill -SEGV $!; wait $!", {}, "Signalled"),
        ("greedy", GREEDY, LIMIT, "OOMKilled"),
        ("missing", "", {"command": ["/no/such/program"]}, "StartError"),
    ],
)
def test_an_end_of_its_own_is_explained(
    agent: Agent, name: str, script: str, fields: dict[str, Any], reason: str
) -> None:
    agent.write(pod(name, container(script, **fields), restartPolicy="Never"))
    view = agent.wait(name, lambda view: view.phase in ("Succeeded", "Failed"))
    assert story(agent, name)["reason"] == reason
    assert reason in [event for event, _ in agent.events(name)]
    time.sleep(0.7)  # until its sandbox is gone too, which its conditions tell
    settled = agent.pod(name)
    assert settled is not None
    agent.restart()
    assert story(agent, name)["reason"] == reason
    again = agent.pod(name)
    assert again is not None and again.status == settled.status
    assert [event for event, _ in agent.events(name)].count(reason) == 1
    if reason == "OOMKilled":
        assert view.ended()["message"].startswith("OOMKilled: the kernel killed sh (pid ")
    if reason == "Signalled":
        assert view.ended()["exitCode"] == 128 + 11
    if name in ("completed", "crashed"):
        described = agent.run("describe", f"{name}-{NODE}").stdout
        assert f"Last log lines of main:\n  {script[5:].partition(';')[0]}\n" in described
    agent.remove(name)
    agent.wait_gone(name)


def killed_by_us(agent: Agent, name: str, reason: str) -> View:
    """The end of the container's first run is told to be of this reason, also after a restart."""
    view = agent.wait(name, ended())
    assert view.ended()["message"].startswith(f"{reason}: "), view
    assert story(agent, name)["reason"] == reason
    agent.restart()
    again = agent.wait(name, ended())
    assert again.ended()["message"] == view.ended()["message"]
    assert story(agent, name)["reason"] == reason
    return again


def test_a_failed_startup_probe_is_told_as_the_reason(agent: Agent) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    agent.write(pod("startup", container(startupProbe=probe), restartPolicy="Never"))
    killed_by_us(agent, "startup", "Startup")
    agent.remove("startup")
    agent.wait_gone("startup")


def test_a_restart_by_the_operator_is_told_as_the_reason(agent: Agent) -> None:
    agent.write(pod("asked"))
    agent.wait("asked", ready)
    done = agent.run("restart", f"asked-{NODE}")
    assert done.returncode == 0, done.stderr
    agent.wait("asked", lambda view: view.restarts() == 1 and view.is_ready)
    killed_by_us(agent, "asked", "OperatorRestart")
    agent.remove("asked")
    agent.wait_gone("asked")


def test_a_pod_past_its_deadline_stays_so_and_says_why(agent: Agent) -> None:
    agent.write(pod("limited", activeDeadlineSeconds=4))
    agent.wait("limited", ready)
    agent.wait("limited", lambda view: view.phase == "Failed" and view.state() == "terminated")
    view = killed_by_us(agent, "limited", "DeadlineExceeded")
    assert (view.phase, view.reason) == ("Failed", "DeadlineExceeded")
    agent.remove("limited")
    agent.wait_gone("limited")


def test_the_deadline_of_a_pod_also_ends_a_hung_post_start_hook(agent: Agent) -> None:
    hook = {"postStart": {"exec": {"command": HUNG}}}
    agent.write(pod("hookdeadline", container(lifecycle=hook), activeDeadlineSeconds=2))
    agent.wait("hookdeadline", phase("Failed"), within=2 + 5 + FLOOR)
    agent.remove("hookdeadline")
    agent.wait_gone("hookdeadline")
