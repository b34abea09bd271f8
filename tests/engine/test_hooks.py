"""Lifecycle hooks, in virtual time."""

import asyncio
from typing import Any

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models.meta_v1 import ObjectMeta

from nodeagent.engine.hooks import Hooks
from nodeagent.errors import CriNotFound, HookFailed
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.launch import ExecResult
from nodeagent.model.probes import HookReply, HttpCheck
from tests.fakes.figures import value
from tests.fakes.probes import Notes

pytestmark = pytest.mark.looptime
ID = ContainerId("c1")
PRE_STOP_FAILED = ("spec.containers{web}", "Warning", "FailedPreStopHook", "PreStopHook failed")
POST_START_FAILED = (
    "spec.containers{web}",
    "Warning",
    "FailedPostStartHook",
    "PostStartHook failed",
)


class World:
    """A runtime and a web that answer by script."""

    def __init__(self) -> None:
        self.took = 0.0
        self.answer: ExecResult | Exception = ExecResult()
        self.replies: list[HookReply] = []
        self.commands: list[tuple[tuple[str, ...], float]] = []
        self.requests: list[tuple[HttpCheck, str]] = []
        self.notes = Notes()
        self.hooks = Hooks(runtime=self, http=self, recorder=self.notes)

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        self.commands.append((command, limit))
        await asyncio.sleep(self.took)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def get(self, check: HttpCheck, ip: str) -> HookReply:
        self.requests.append((check, ip))
        await asyncio.sleep(self.took)
        return self.replies.pop(0) if self.replies else HookReply()

    async def post_start(self, **handler: Any) -> None:
        container, pod = _made(postStart=v1.LifecycleHandler(**handler))
        await self.hooks.post_start(pod, container, ID, "10.0.0.1")

    async def pre_stop(self, *, limit: float = 30.0, ip: str = "10.0.0.1", **handler: Any) -> None:
        container, pod = _made(preStop=v1.LifecycleHandler(**handler))
        await self.hooks.pre_stop(pod, container, ID, ip, limit=limit)


def _made(**lifecycle: Any) -> tuple[v1.Container, DesiredPod]:
    container = v1.Container(
        name="web",
        ports=[v1.ContainerPort(containerPort=8443, name="admin")],
        lifecycle=v1.Lifecycle(**lifecycle) if lifecycle else None,
    )
    pod = v1.Pod(
        metadata=ObjectMeta(name="p", namespace="ns"), spec=v1.PodSpec(containers=[container])
    )
    return container, DesiredPod(uid=PodUid("u"), source=Source.FILE, origin="", pod=pod)


def an_exec(*words: str) -> dict[str, Any]:
    return {"exec": v1.ExecAction(command=list(words))}


async def test_a_container_without_hooks_has_nothing_to_run() -> None:
    world = World()
    container, pod = _made()
    await world.hooks.post_start(pod, container, ID, "")
    await world.hooks.pre_stop(pod, container, ID, "", limit=5)
    assert world.commands == []


async def test_a_command_runs_as_written_and_without_a_limit_after_the_start() -> None:
    world = World()
    world.took = 600
    await world.post_start(**an_exec("echo", "$(HOME)"))
    assert world.commands == [(("echo", "$(HOME)"), 0)]
    assert world.notes.events == []


async def test_a_command_that_fails_after_the_start_fails_the_start() -> None:
    world = World()
    world.answer = ExecResult(exit_code=3, stdout=b"out ", stderr=b"err")
    with pytest.raises(
        HookFailed, match="command 'x' exited with 3: err, message: \"out err\""
    ) as caught:
        await world.post_start(**an_exec("x"))
    assert caught.value.reason == "PostStartHookError"
    assert caught.value.target == "ns/p/web"
    assert world.notes.events == [POST_START_FAILED]


async def test_a_fault_of_the_runtime_is_a_failed_hook() -> None:
    world = World()
    world.answer = CriNotFound(op="ExecSync", target="c1", detail="no such container")
    with pytest.raises(HookFailed, match="no such container"):
        await world.post_start(**an_exec("x"))


async def test_before_a_stop_nothing_is_raised() -> None:
    world = World()
    world.answer = ExecResult(exit_code=1)
    await world.pre_stop(**an_exec("x"), limit=7)
    assert world.commands == [(("x",), 7)]
    assert world.notes.events == [PRE_STOP_FAILED]


async def test_a_hung_hook_is_left_when_the_grace_is_used_up() -> None:
    world = World()
    world.took = 600
    began = asyncio.get_running_loop().time()
    await world.pre_stop(**an_exec("x"), limit=7)
    assert asyncio.get_running_loop().time() - began == pytest.approx(7)
    assert world.notes.events == [PRE_STOP_FAILED]


@pytest.mark.parametrize("limit", [0.0, -1.0])
async def test_without_grace_there_is_no_hook(limit: float) -> None:
    world = World()
    await world.pre_stop(**an_exec("x"), limit=limit)
    assert (world.commands, world.notes.events) == ([], [])


@pytest.mark.parametrize("seconds", [0, 5])
async def test_a_sleep_takes_its_time(seconds: int) -> None:
    world = World()
    began = asyncio.get_running_loop().time()
    await world.pre_stop(sleep=v1.SleepAction(seconds=seconds))
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds)
    assert (world.notes.events, world.hooks.sleeps_cut) == ([], 0)


async def test_a_sleep_longer_than_the_grace_is_cut_and_counted() -> None:
    world = World()
    began = asyncio.get_running_loop().time()
    await world.pre_stop(sleep=v1.SleepAction(seconds=60), limit=3)
    assert asyncio.get_running_loop().time() - began == pytest.approx(3)
    assert world.notes.events == [PRE_STOP_FAILED]
    assert world.hooks.sleeps_cut == 1


async def test_a_request_goes_to_the_pod_by_the_ports_name() -> None:
    world = World()
    header = v1.HTTPHeader(name="X", value="1")
    action = v1.HTTPGetAction(port="admin", path="/quit", httpHeaders=[header])
    await world.pre_stop(httpGet=action)
    assert world.requests == [
        (HttpCheck(port=8443, path="/quit", headers=(("X", "1"),)), "10.0.0.1")
    ]
    assert world.notes.events == []


async def test_a_request_that_cannot_be_made_fails_the_hook() -> None:
    world = World()
    await world.pre_stop(httpGet=v1.HTTPGetAction(port="nope"))
    await world.pre_stop(httpGet=v1.HTTPGetAction(port=80), ip="")
    world.replies = [HookReply(error="connection refused")]
    await world.pre_stop(httpGet=v1.HTTPGetAction(port=80))
    assert world.notes.events == [PRE_STOP_FAILED] * 3
    assert len(world.requests) == 1


async def test_tls_to_a_plain_server_is_tried_again_without_tls_and_credentials() -> None:
    world = World()
    world.replies = [HookReply(error="plain", plain_answer=True), HookReply()]
    headers = [
        v1.HTTPHeader(name="authorization", value="Bearer x"),
        v1.HTTPHeader(name="X", value="1"),
    ]
    await world.post_start(httpGet=v1.HTTPGetAction(port=8443, scheme="HTTPS", httpHeaders=headers))
    assert [(check.tls, check.headers) for check, _ in world.requests] == [
        (True, (("authorization", "Bearer x"), ("X", "1"))),
        (False, (("X", "1"),)),
    ]
    assert world.notes.events == [
        (
            "",
            "Warning",
            "LifecycleHTTPFallback",
            "request to HTTPS lifecycle hook 10.0.0.1:8443 got HTTP response, "
            "retry with HTTP succeeded",
        )
    ]
    assert world.hooks.http_fallbacks == 1


async def test_a_tcp_hook_is_refused() -> None:
    world = World()
    with pytest.raises(HookFailed, match="invalid handler"):
        await world.post_start(tcpSocket=v1.TCPSocketAction(port=80))
    await world.pre_stop(tcpSocket=v1.TCPSocketAction(port=80))
    assert world.notes.events == [POST_START_FAILED, PRE_STOP_FAILED]


async def test_a_cancelled_hook_tells_nothing() -> None:
    world = World()
    world.took = 600
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.pre_stop(**an_exec("x")))
        await asyncio.sleep(1)
        task.cancel()
    assert world.notes.events == []


async def test_what_becomes_of_hooks_is_shown() -> None:
    world, metrics = World(), AgentMetrics()
    hooks = world.hooks
    metrics.node.count_hooks(lambda: hooks.http_fallbacks, lambda: hooks.sleeps_cut)
    await world.pre_stop(sleep=v1.SleepAction(seconds=60), limit=3)
    hooks.http_fallbacks += 2
    assert value(metrics, "kubelet_sleep_action_terminated_early_total") == 1
    assert value(metrics, "kubelet_lifecycle_handler_http_fallbacks_total") == 2
