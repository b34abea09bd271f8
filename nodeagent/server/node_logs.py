"""/containerLogs: a container's log over the node's port.

Source: section 10.4 of the reference. A kubelet answers what it cannot read with JSON in a text.
"""

from collections.abc import Mapping
from contextlib import aclosing

import msgspec

from nodeagent.server.http import names_in
from nodeagent.server.log_choice import (
    LogOptions,
    choose_instance,
    find_log,
    is_running,
    read_options,
)
from nodeagent.server.log_reader import read_log
from nodeagent.server.node_http import NodeHandler
from nodeagent.server.pods_by_name import find_pod, spec_of, uid_of
from nodeagent.server.refusals import Refusal

_STREAMS = {"All": "", "Stdout": "stdout", "Stderr": "stderr"}


class ContainerLogs(NodeHandler):
    """The log as text, in chunks as it comes."""

    async def get(self, namespace: str, name: str, container: str) -> None:
        query = {key: values[-1].decode() for key, values in self.request.query_arguments.items()}
        options = node_options(
            query, now=self.backing.now(), split=self.port.switches.split_log_streams
        )
        pod = find_pod(
            self.backing.list_pods(), namespace, name, text=f'pod "{name}" does not exist'
        )
        if spec_of(pod, container) is None:
            raise Refusal(404, f'container "{container}" not found in pod "{name}"')
        instance = choose_instance(pod, container, previous=options.previous)
        path = find_log(self.backing.logs_dir, pod, instance, names_in)
        uid = uid_of(pod)

        def still_running() -> bool:
            if self.closed or not instance.running:
                return False
            mine = (p for p in self.backing.list_pods() if uid_of(p) == uid)
            return is_running(next(mine, None), instance)

        await self.flush()
        reading = read_log(path, options, self.port.threads, still_running=still_running)
        async with aclosing(reading) as pieces:
            async for piece in pieces:
                if self.closed:
                    return
                self.write(piece)
                await self.flush()


def node_options(query: Mapping[str, str], *, now: float, split: bool) -> LogOptions:
    """PodLogOptions of a query; refusals have the words of a kubelet.

    `split`: whether one of stdout and stderr may be asked for (PodLogsQuerySplitStreams).
    """
    try:
        options = read_options(query, now=now)
    except Refusal as refusal:
        unreadable = refusal.code == 400
        text = "Unable to decode query." if unreadable else "Invalid request."
        raise Refusal(refusal.code, f'{{"message": "{text}"}}') from refusal
    stream = query.get("stream") or "All"
    if not split:
        if stream != "All":
            raise Refusal(
                400,
                f'unable to return the given log stream: "{stream}". Please enable'
                " PodLogsQuerySplitStreams feature gate in kubelet",
            )
        return options
    if stream not in _STREAMS or (stream != "All" and options.tail_lines is not None):
        raise Refusal(422, '{"message": "Invalid request."}')
    return msgspec.structs.replace(options, stream=_STREAMS[stream])
