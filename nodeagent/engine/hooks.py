"""Run postStart and preStop.

Source: behaviour of a kubelet, "Lifecycle hooks"; KEP-3960 for sleep.
"""

import asyncio
import json
from typing import Protocol

import structlog
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.probe_spec import PortError, http_check
from nodeagent.core.subject import subject_of
from nodeagent.engine.ports import Recorder
from nodeagent.errors import AgentError, HookFailed
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.ids import ContainerId
from nodeagent.model.launch import ExecResult
from nodeagent.model.probes import HookReply, HttpCheck

log = structlog.get_logger()

_SHOWN = 1024  # characters of a command's output in an error


class HookExec(Protocol):
    """The one call of the runtime that hooks need."""

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        """Run a command inside, at most `limit` seconds (0: no limit); timing out is an answer."""
        ...


class HookHttp(Protocol):
    """Requests of hooks."""

    async def get(self, check: HttpCheck, ip: str) -> HookReply:
        """Ask once, without a deadline; cancelling ends it and leaves no socket."""
        ...


class Hooks:
    """Lifecycle hooks of containers. `http_fallbacks` and `sleeps_cut` count for metrics."""

    def __init__(self, *, runtime: HookExec, http: HookHttp, recorder: Recorder) -> None:
        self._runtime, self._http, self._recorder = runtime, http, recorder
        self.http_fallbacks = 0
        self.sleeps_cut = 0

    async def post_start(
        self, pod: DesiredPod, container: v1.Container, container_id: ContainerId, ip: str
    ) -> None:
        """Run the hook to its end, however long that takes; nothing if there is none.

        HookFailed, and an event, if it did not work. Cancel it when the container has ended.
        """
        hook = container.lifecycle.postStart if container.lifecycle else None
        if hook is None:
            return
        try:
            await self._run("PostStartHook", hook, (pod, container, container_id, ip), limit=0)
        except HookFailed:
            self._tell(pod, container, "FailedPostStartHook", "PostStartHook failed")
            raise

    async def pre_stop(
        self,
        pod: DesiredPod,
        container: v1.Container,
        container_id: ContainerId,
        ip: str,
        *,
        limit: float,
    ) -> None:
        """Run the hook for at most `limit` seconds; not at all if that is nothing.

        Failing, or taking too long, is an event and never an exception: the stop goes on.
        """
        hook = container.lifecycle.preStop if container.lifecycle else None
        if hook is None or limit <= 0:
            return
        try:
            async with asyncio.timeout(limit):
                at = (pod, container, container_id, ip)
                await self._run("PreStopHook", hook, at, limit=limit)
        except (HookFailed, TimeoutError) as error:
            detail = str(error) or f"not over after the {limit:g} s that were left"
            log.warning("pre-stop hook failed", pod=pod.key, name=container.name, error=detail)
            self._tell(pod, container, "FailedPreStopHook", "PreStopHook failed")

    async def _run(
        self,
        op: str,
        hook: v1.LifecycleHandler,
        at: tuple[DesiredPod, v1.Container, ContainerId, str],
        *,
        limit: float,
    ) -> None:
        pod, container, container_id, ip = at
        try:
            if hook.exec is not None:
                wrong = await self._exec(container_id, hook.exec, limit=limit)
            elif hook.httpGet is not None:
                wrong = await self._request(pod, container, hook.httpGet, ip)
            elif hook.sleep is not None:
                wrong = await self._sleep(hook.sleep.seconds)
            else:
                wrong = "invalid handler: a hook is one of exec, httpGet and sleep"
        except AgentError as error:
            raise _failed(op, pod, container, failure(hook, pod, container, str(error))) from error
        if wrong:
            raise _failed(op, pod, container, failure(hook, pod, container, wrong))

    async def _exec(self, id_: ContainerId, action: v1.ExecAction, *, limit: float) -> str:
        command = tuple(action.command or ())  # a hook's words are not expanded
        answer = await self._runtime.exec_sync(id_, command, limit=limit)
        if answer.timed_out:
            return f"command '{' '.join(command)}' timed out"
        if not answer.exit_code:
            return ""
        errors = answer.stderr.decode(errors="replace")[:_SHOWN]
        output = (answer.stdout + answer.stderr).decode(errors="replace")[:_SHOWN]
        said = json.dumps(output, ensure_ascii=False)
        words = " ".join(command)
        return f"command '{words}' exited with {answer.exit_code}: {errors}, message: {said}"

    async def _request(
        self, pod: DesiredPod, container: v1.Container, action: v1.HTTPGetAction, ip: str
    ) -> str:
        try:
            check = http_check(action, container)
        except PortError as error:
            return str(error)
        if not (check.host or ip):
            return "the pod has no address yet"
        reply = await self._http.get(check, ip)
        if not reply.plain_answer:
            return reply.error
        self.http_fallbacks += 1
        headers = tuple(h for h in check.headers if h[0].lower() != "authorization")
        subject = subject_of(pod)
        where = f"{check.host or ip}:{check.port}"
        text = f"request to HTTPS lifecycle hook {where} got HTTP response, "
        text += "retry with HTTP succeeded"
        reply = await self._http.get(replace(check, tls=False, headers=headers), ip)
        if not reply.error:
            self._recorder.event(
                subject,
                EventType.WARNING,
                "LifecycleHTTPFallback",
                text,
            )
        return reply.error

    async def _sleep(self, seconds: int) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.sleeps_cut += 1
            raise
        return ""

    def _tell(self, pod: DesiredPod, container: v1.Container, reason: str, message: str) -> None:
        subject = subject_of(pod, container.name)
        self._recorder.event(subject, EventType.WARNING, reason, message)


def _failed(op: str, pod: DesiredPod, container: v1.Container, detail: str) -> HookFailed:
    return HookFailed(op=op, target=f"{pod.key}/{container.name}", detail=detail)


def failure(hook: v1.LifecycleHandler, pod: DesiredPod, container: v1.Container, why: str) -> str:
    """What is told of a hook that failed. Source of the words: a kubelet's lifecycle handlers."""
    if hook.exec is not None:
        what = f"Exec lifecycle hook ([{' '.join(hook.exec.command or ())}])"
    elif hook.httpGet is not None:
        what = f"HTTP lifecycle hook ({hook.httpGet.path or ''})"
    elif hook.sleep is not None:
        what = f"Sleep lifecycle hook ({hook.sleep.seconds})"
    else:
        return f"Cannot run handler: {why}"
    whose = f'Container "{container.name}" in Pod "{pod.name}_{pod.namespace}({pod.uid})"'
    return f"{what} for {whose} failed - error: {why}"
