"""Requests that do something, or ask what would be done: plan, restart, drain, exec."""

from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.check_files import ManifestFile
from nodeagent.core.status import TERMINAL
from nodeagent.errors import AgentError
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.server.deeds import Deeds, ExecWish
from nodeagent.server.http import Handler, find_object
from nodeagent.server.log_choice import choose_container, find_status
from nodeagent.server.refusals import Refusal


class PlanRequest(msgspec.Struct, frozen=True):
    """The body of a plan: manifests by file name."""

    files: tuple[ManifestFile, ...]


class Act(Handler):
    """A handler that may use the deeds; 503 while the agent cannot do any yet."""

    @property
    def deeds(self) -> Deeds:
        if self.shared.deeds is None:
            raise Refusal(503, "this agent only answers questions")
        return self.shared.deeds

    def pod(self, namespace: str, name: str) -> v1.Pod:
        """The pod of that name; 404 where there is none."""
        found: v1.Pod = find_object(self.shared.kinds["pods"], namespace, name)
        return found


class Plan(Act):
    """What would happen if manifests were put in place."""

    async def post(self) -> None:
        try:
            asked = msgspec.json.decode(self.request.body, type=PlanRequest)
        except msgspec.DecodeError as error:
            raise Refusal(400, f"the body is no plan request: {error}") from error
        self.answer(await self.deeds.foresee(asked.files))


class Drain(Act):
    """Empty the node, look how far that is, or take it back."""

    def get(self) -> None:
        self.answer(self.deeds.drain_state())

    def post(self) -> None:
        self._change(self.deeds.drain)

    def delete(self) -> None:
        self._change(self.deeds.undrain)

    def _change(self, deed: Any) -> None:
        try:
            deed()
        except AgentError as error:
            raise Refusal(500, str(error)) from error
        self.answer(self.deeds.drain_state())


class Restart(Act):
    """Restart a container, or all of a pod."""

    def post(self, namespace: str, name: str) -> None:
        pod = self.pod(namespace, name)
        container = self.text("container")
        names = [one.name for one in pod.spec.containers] if pod.spec else []
        if container and container not in names:
            listed = " ".join(names)
            raise Refusal(
                404, f'container "{container}" not found in pod "{name}"; there are: [{listed}]'
            )
        phase = pod.status.phase if pod.status else None
        if phase in TERMINAL:
            raise Refusal(409, f'pod "{name}" is over ({phase}); put its manifest there anew')
        assert pod.metadata is not None
        self.deeds.restart(PodUid(pod.metadata.uid or ""), container)
        self.answer({"restarting": [container] if container else names})


class Exec(Act):
    """Prepare a command in a container; the answer says where its streams are."""

    async def post(self, namespace: str, name: str) -> None:
        pod = self.pod(namespace, name)
        command = tuple(self.get_query_arguments("command", strip=False))
        if not command:
            raise Refusal(400, "you must specify at least 1 command for the container")
        container = choose_container(pod, self.text("container"))
        status = find_status(pod, container)
        if status is None or status.state is None or status.state.running is None:
            raise Refusal(400, f'container "{container}" in pod "{name}" is not running')
        wish = ExecWish(
            container=ContainerId((status.containerID or "").rpartition("//")[2]),
            command=command,
            stdin=self.text("stdin") in ("1", "true"),
            tty=self.text("tty") in ("1", "true"),
        )
        try:
            url = await self.deeds.open_exec(wish)
        except AgentError as error:
            raise Refusal(500, str(error)) from error
        self.answer({"url": url, "container": container})
