"""/run and /checkpoint: what the node's port does in a container without a stream."""

import datetime as dt
from pathlib import Path

from nodeagent.errors import AgentError
from nodeagent.server.node_http import NodeHandler
from nodeagent.server.numbers import whole_number
from nodeagent.server.pods_by_name import find_pod, spec_of, uid_of
from nodeagent.server.refusals import Refusal


class Run(NodeHandler):
    """Run a command, its words parted by single blanks; the answer is all that it wrote."""

    async def post(self, namespace: str, name: str, uid: str, container: str) -> None:
        pod = find_pod(self.backing.list_pods(), namespace, name, text="pod does not exist")
        command = tuple(self.get_argument("cmd", "", strip=False).split(" "))
        found = self.backing.container(uid_of(pod), container)
        if found is None:
            raise Refusal(500, f'container not found ("{container}")')
        try:
            result = await self.backing.runtime.run(found, command)
        except AgentError as error:
            raise Refusal(500, error.detail) from error
        if result.exit_code:
            text = result.stderr.decode(errors="replace")
            raise Refusal(
                500, f"command '{' '.join(command)}' exited with {result.exit_code}: {text}"
            )
        self.set_header("Content-Type", "application/json")
        self.write(result.stdout + result.stderr)


class Checkpoint(NodeHandler):
    """Write the state of a container to a file on the node."""

    async def post(self, namespace: str, name: str, container: str) -> None:
        pod = find_pod(self.backing.list_pods(), namespace, name, text="pod does not exist")
        if spec_of(pod, container) is None:
            raise Refusal(404, f"container {container} does not exist")
        limit = self._limit()
        found = self.backing.container(uid_of(pod), container)
        failed = f"checkpointing of {namespace}/{name}/{container} failed"
        if found is None:
            raise Refusal(500, f"{failed} (container {container} not found)")
        now = dt.datetime.fromtimestamp(self.backing.now(), dt.UTC)
        file = f"checkpoint-{name}_{namespace}-{container}-{now:%Y-%m-%dT%H:%M:%SZ}.tar"
        place = self.backing.checkpoints_dir / file
        try:
            await self.port.threads.run(_make_folder, self.backing.checkpoints_dir)
            await self.backing.runtime.checkpoint(found, str(place), limit)
        except (AgentError, OSError) as error:
            detail = error.detail if isinstance(error, AgentError) else str(error)
            raise Refusal(500, f"{failed} ({detail})") from error
        self.answer({"items": [str(place)]})

    def _limit(self) -> int:
        text = self.get_query_argument("timeout", "")
        if not text:
            return 0
        limit = whole_number(text)
        if limit is None:
            raise Refusal(404, "cannot parse value of timeout parameter")
        return limit


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
