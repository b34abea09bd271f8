"""Init containers, sidecars, restarts, deadlines and ends, as a pod's containers live them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import IDLE, Document, View, container, phase, pod, ready, waits
from tests.e2e.runtime import Runtime

DATA = [{"name": "data", "mountPath": "/data"}]


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def teller(name: str, script: str, **fields: Any) -> Document:
    """A container that shares /data."""
    return container(script, name=name, volumeMounts=DATA, **fields)


def sharing(name: str, *containers: Document, path: str = "", **spec: Any) -> Document:
    """A pod whose containers share /data: an emptyDir, or a folder of the host."""
    source: Document = {"hostPath": {"path": path}} if path else {"emptyDir": {}}
    return pod(name, *containers, volumes=[{"name": "data", **source}], **spec)


def faster(initial: str = "0.3s", longest: str = "10s") -> dict[str, str]:
    """Annotations for short back-offs."""
    prefix = "crashloop.nodeagent.dev/"
    return {f"{prefix}initial": initial, f"{prefix}max": longest}


def test_init_containers_run_one_by_one_before_the_others(agent: Agent) -> None:
    agent.write(
        sharing(
            "init",
            teller("main", f"echo main >> /data/order; {IDLE}"),
            initContainers=[
                teller("first", "sleep 0.3; echo first >> /data/order"),
                teller("second", "echo second >> /data/order"),
            ],
        )
    )
    view = agent.wait("init", ready)
    assert agent.sh("init", "cat /data/order").split() == ["first", "second", "main"]
    assert view.ended("first")["reason"] == "Completed"
    assert view.conditions["Initialized"]["status"] == "True"
    assert [one["name"] for one in view.status["initContainerStatuses"]] == ["first", "second"]


def test_a_failed_init_container_fails_a_pod_that_never_restarts(agent: Agent) -> None:
    agent.write(
        pod("noinit", initContainers=[container("exit 7", name="first")], restartPolicy="Never")
    )
    view = agent.wait("noinit", phase("Failed"))
    assert view.ended("first")["exitCode"] == 7
    assert view.waiting() == "PodInitializing"


def test_a_failed_init_container_is_tried_again_and_then_the_pod_runs(agent: Agent) -> None:
    once = "test -e /data/tried || { touch /data/tried; exit 1; }"
    agent.write(sharing("retry", initContainers=[teller("first", once)]))
    view = agent.wait("retry", ready)
    assert view.restarts("first") == 1


def test_sidecars_start_first_and_end_last_in_reverse_order(agent: Agent) -> None:
    out = agent.root / "order"
    out.mkdir()

    def noisy(name: str) -> str:
        return (
            f"echo +{name} >> /data/order; trap 'sleep 0.1; echo -{name} >> /data/order; exit 0' "
            "TERM; while :; do sleep 9 & wait $!; done"
        )

    agent.write(
        sharing(
            "sidecars",
            teller("main", noisy("main")),
            path=str(out),
            initContainers=[
                teller("one", noisy("one"), restartPolicy="Always"),
                teller("two", noisy("two"), restartPolicy="Always"),
            ],
        )
    )
    agent.wait("sidecars", ready)
    agent.until(lambda: "+main" in (out / "order").read_text(), what="all to have begun")
    agent.remove("sidecars")
    agent.wait_gone("sidecars")
    assert (out / "order").read_text().split() == ["+one", "+two", "+main", "-main", "-two", "-one"]


def test_a_job_with_a_sidecar_succeeds_when_its_work_is_done(agent: Agent) -> None:
    helper = container(name="helper", restartPolicy="Always")
    agent.write(
        pod("jobsidecar", container("exit 0"), initContainers=[helper], restartPolicy="Never")
    )
    view = agent.wait("jobsidecar", phase("Succeeded"))
    agent.wait("jobsidecar", lambda v: v.state("helper") == "terminated")
    assert view.ended()["reason"] == "Completed"


def test_exit_codes_and_signals_are_told(agent: Agent) -> None:
    agent.write(
        pod("code", container("exit 42"), restartPolicy="Never"),
        pod("good", container("exit 0"), restartPolicy="OnFailure"),
    )
    view = agent.wait("code", phase("Failed"))
    assert (view.ended()["exitCode"], view.ended()["reason"]) == (42, "Error")
    view = agent.wait("good", phase("Succeeded"))
    assert (view.ended()["exitCode"], view.ended()["reason"]) == (0, "Completed")
    assert view.conditions["Ready"]["reason"] == "PodCompleted"


def test_a_killed_process_is_told_with_137(agent: Agent) -> None:
    agent.write(
        pod(
            "killed",
            container(name="main", command=["sleep", "4321"]),
            container(
                "sleep 0.3; kill -9 $(pidof sleep | tr ' ' '\\n' | tail -1); exit 0", name="killer"
            ),
            shareProcessNamespace=True,
            restartPolicy="Never",
        )
    )
    view = agent.wait("killed", phase("Failed"))
    assert (view.ended()["exitCode"], view.ended()["reason"]) == (137, "Error")


def test_a_container_over_its_memory_limit_is_oom_killed(agent: Agent) -> None:
    greedy = "x=a; while :; do x=$x$x; done"
    limits = {"limits": {"memory": "20Mi"}}
    agent.write(pod("greedy", container(greedy, resources=limits), restartPolicy="Never"))
    view = agent.wait("greedy", phase("Failed"))
    assert view.ended()["reason"] == "OOMKilled"
    assert view.ended()["exitCode"] == 137


def test_a_crash_loop_waits_longer_each_time_and_says_so(agent: Agent) -> None:
    agent.write(pod("crash", container("exit 1"), annotations=faster("1s", "2s")))
    view = agent.wait("crash", lambda v: waits("CrashLoopBackOff")(v) and v.restarts() == 2)
    assert view.phase == "Running"
    assert view.waiting_message() == (
        f"back-off 2s restarting failed container=main pod={view.name}_default({view.uid})"
    )
    assert view.ended()["exitCode"] == 1
    reasons = [reason for reason, _ in agent.events("crash")]
    assert "BackOff" in reasons
    agent.remove("crash")


def test_a_pod_over_its_deadline_is_ended(agent: Agent) -> None:
    agent.write(pod("late", activeDeadlineSeconds=1, restartPolicy="Never"))
    view = agent.wait("late", phase("Failed"))
    assert view.reason == "DeadlineExceeded"
    assert view.message == "Pod was active on the node longer than the specified deadline"
    agent.wait("late", lambda v: v.state() == "terminated")


def test_termination_messages_come_from_the_file_or_from_the_log(agent: Agent) -> None:
    agent.write(
        pod(
            "messages",
            container("echo told > /dev/termination-log; exit 1"),
            container("echo own > /tmp/m; exit 1", name="own", terminationMessagePath="/tmp/m"),
            container(
                "echo logged; exit 1",
                name="log",
                terminationMessagePolicy="FallbackToLogsOnError",
            ),
            container(
                "echo quiet; exit 0",
                name="well",
                terminationMessagePolicy="FallbackToLogsOnError",
            ),
            restartPolicy="Never",
        )
    )
    view = agent.wait("messages", phase("Failed"))
    assert view.ended("main")["message"] == "told\n"
    assert view.ended("own")["message"] == "own\n"
    assert view.ended("log")["message"] == "logged\n"
    assert "message" not in view.ended("well")


def test_a_rule_restarts_a_container_that_its_policy_would_not(agent: Agent) -> None:
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    script = "test -e /data/x && exit 0; touch /data/x; exit 42"
    agent.write(
        sharing(
            "rules",
            teller("main", script, restartPolicy="Never", restartPolicyRules=rules),
            restartPolicy="Never",
        )
    )
    view = agent.wait("rules", phase("Succeeded"))
    assert view.restarts() == 1


def test_a_rule_restarts_all_containers_of_the_pod(agent: Agent) -> None:
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]
    script = f"test -e /data/x && {{ {IDLE}; }}; sleep 0.5; touch /data/x; exit 42"
    agent.write(
        sharing(
            "everyone",
            teller("main", script, restartPolicy="Never", restartPolicyRules=rules),
            container(name="other"),
            initContainers=[teller("first", "echo again >> /data/inits")],
        )
    )
    view = agent.wait("everyone", lambda v: v.is_ready and v.restarts() == 1, within=30)
    assert view.restarts("other") == 1
    assert agent.sh("everyone", "cat /data/inits").split() == ["again", "again"]


def test_terminal_and_input_are_given_where_asked(agent: Agent) -> None:
    agent.write(
        pod("terminal", container("tty; " + IDLE, tty=True, stdin=True)),
        pod("noterminal", container("tty; " + IDLE)),
        pod("input", container(command=["cat"], stdin=True)),
    )
    for name in ("terminal", "noterminal", "input"):
        agent.wait(name, ready)
    assert agent.run("logs", "terminal").stdout.strip().startswith("/dev/pts/")
    assert agent.run("logs", "noterminal").stdout.strip() == "not a tty"


def test_commands_and_arguments_know_the_variables_and_the_folder(agent: Agent) -> None:
    agent.write(
        pod(
            "words",
            container(
                command=["sh", "-c", 'echo "$0 $1 $2 $(pwd)"; ' + IDLE],
                args=["$(GREETING)", "$$(GREETING)", "$(UNKNOWN)"],
                env=[{"name": "GREETING", "value": "hello"}],
                workingDir="/var/www",
            ),
        )
    )
    agent.wait("words", ready)
    said = agent.run("logs", "words").stdout.strip()
    assert said == "hello $(GREETING) $(UNKNOWN) /var/www"


def test_a_container_whose_program_is_missing_says_so(agent: Agent) -> None:
    agent.write(pod("missing", container(command=["/no/such/program"]), annotations=faster()))

    def judge(view: View) -> bool:
        return view.waiting() in ("RunContainerError", "CrashLoopBackOff")

    view = agent.wait("missing", judge)
    assert "/no/such/program" in str(view.status)
    agent.remove("missing")
    agent.wait_gone("missing")


def test_a_killed_container_is_replaced_at_once(agent: Agent) -> None:
    agent.write(pod("replaced"))
    before = agent.wait("replaced", ready)
    with agent.runtime.cri() as call:
        call(pb.StopContainerRequest(container_id=before.id_of("main"), timeout=0))
    began = time.monotonic()
    view = agent.wait("replaced", lambda v: v.is_ready and v.restarts() == 1)
    assert time.monotonic() - began < 3.0
    assert view.id_of("main") != before.id_of("main")
    assert view.ended()["exitCode"] == 137
    assert view.ip == before.ip
