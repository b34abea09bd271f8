"""`nodeagent describe`: one pod in full, for reading."""

from collections.abc import Iterator
from typing import Any

import click

from nodeagent.cli.client import TABLE, Client, PodName, Refused, asks_agent, pod_path
from nodeagent.cli.completion import pods
from nodeagent.cli.output import cells_of, epilog, print_table
from nodeagent.cli.why import summary, why_path

_NONE = "<none>"
_WIDTH = 18
_LOG_LINES = 20
_VOLUME_SHOWN = ("path", "medium", "sizeLimit", "claimName", "secretName", "name", "server")


@click.command(epilog=epilog("nodeagent describe web", "nodeagent describe kube-system/dns"))
@click.argument("pod", shell_complete=pods)
@click.option("-n", "--namespace", default="", help="The pod's namespace.")
@asks_agent
def describe(pod: str, namespace: str, socket: str) -> None:
    """Show a pod: why it is as it is, its containers, conditions, volumes and events.

    POD is a pod's name, its name without the node's suffix, or namespace/name.
    """
    client = Client(socket)
    found = client.find_pod(pod, namespace=namespace)
    story = client.json(why_path(found))
    document = client.json(pod_path(found))
    for line in _description(document, story):
        print(line)
    for line in _last_words(client, found, document.get("status", {})):
        print(line)
    table = client.json(
        f"/api/v1/namespaces/{found.namespace}/events",
        accept=TABLE,
        fieldSelector=f"involvedObject.name={found.name}",
    )
    print("\nEvents:" if table["rows"] else "\nEvents: none")
    if table["rows"]:
        headers, rows = cells_of(table, wide=False, leave=("Object",))
        print_table(headers, rows, coloured=("TYPE",))


def _description(pod: dict[str, Any], story: dict[str, Any]) -> Iterator[str]:
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    yield _field("Name", metadata["name"])
    yield _field("Namespace", metadata["namespace"])
    yield _field("State", story["state"])
    first, *more = summary(story)
    yield _field("Why", first)
    yield from (_field("", line) for line in more)
    yield _field("Phase", status.get("phase"))
    yield _field("Node", f"{spec.get('nodeName', '')}/{status.get('hostIP', '')}")
    yield _field("IP", ", ".join(ip["ip"] for ip in status.get("podIPs") or []))
    yield _field("Start time", status.get("startTime"))
    yield _field("QoS class", status.get("qosClass"))
    yield _field("Restart policy", spec.get("restartPolicy"))
    yield _field("UID", metadata.get("uid"))
    yield from _pairs("Labels", metadata.get("labels"))
    yield from _pairs("Annotations", metadata.get("annotations"))
    yield from _containers("Init containers", spec.get("initContainers"), status, "init")
    yield from _containers("Containers", spec["containers"], status, "")
    yield from _conditions(status.get("conditions") or [])
    yield from _volumes(spec.get("volumes") or [])


def _last_words(client: Client, pod: PodName, status: dict[str, Any]) -> Iterator[str]:
    """The end of the log of each container's newest run that is over."""
    for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(key) or []:
            state, last = one.get("state") or {}, one.get("lastState") or {}
            if not (state.get("terminated") or last.get("terminated")):
                continue
            query = {"container": one["name"], "tailLines": str(_LOG_LINES)}
            if state.get("running"):
                query["previous"] = "true"
            try:
                text = client.raw(pod_path(pod, "log"), **query).decode(errors="replace")
            except Refused:  # the log is gone, or was never written
                continue
            if text.strip():
                run = ", its run before" if state.get("running") else ""
                yield f"\nLast log lines of {one['name']}{run}:"
                yield from (f"  {line}" for line in text.splitlines())


def _field(name: str, value: object, *, indent: int = 0) -> str:
    label = f"{' ' * indent}{name}:" if name else ""
    return f"{label.ljust(_WIDTH + indent)}{value or _NONE}"


def _pairs(name: str, pairs: dict[str, str] | None) -> Iterator[str]:
    lines = [f"{key}={' '.join(value.split())}" for key, value in sorted((pairs or {}).items())]
    yield _field(name, lines[0] if lines else None)
    for line in lines[1:]:
        yield _field("", line)


def _containers(
    title: str, specs: list[dict[str, Any]] | None, status: dict[str, Any], prefix: str
) -> Iterator[str]:
    if not specs:
        return
    key = f"{prefix}ContainerStatuses" if prefix else "containerStatuses"
    by_name = {one["name"]: one for one in status.get(key) or []}
    yield f"\n{title}:"
    for spec in specs:
        yield f"  {spec['name']}"
        for name, value in _container(spec, by_name.get(spec["name"], {})):
            if value:
                yield _field(name, value, indent=4)


def _container(spec: dict[str, Any], seen: dict[str, Any]) -> Iterator[tuple[str, object]]:
    resources = spec.get("resources") or {}
    yield "Image", spec.get("image")
    yield "Image ID", seen.get("imageID")
    yield "Container ID", seen.get("containerID")
    yield "Command", " ".join([*(spec.get("command") or []), *(spec.get("args") or [])])
    yield "Ports", ", ".join(_port(port) for port in spec.get("ports") or [])
    yield "State", _state(seen.get("state") or {})
    yield "Last state", _state(seen.get("lastState") or {})
    yield "Ready", str(seen.get("ready", False))
    yield "Restarts", str(seen.get("restartCount", 0))
    yield "Limits", _amounts(resources.get("limits"))
    yield "Requests", _amounts(resources.get("requests"))
    for mount in spec.get("volumeMounts") or []:
        mode = "ro" if mount.get("readOnly") else "rw"
        yield "Mount", f"{mount['mountPath']} from {mount['name']} ({mode})"


def _port(port: dict[str, Any]) -> str:
    host = f" on host {port['hostPort']}" if port.get("hostPort") else ""
    return f"{port['containerPort']}/{port.get('protocol', 'TCP')}{host}"


def _amounts(amounts: dict[str, object] | None) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted((amounts or {}).items()))


def _state(state: dict[str, Any]) -> str:
    if running := state.get("running"):
        return f"running since {running.get('startedAt', 'just now')}"
    if waiting := state.get("waiting"):
        return _with_message(f"waiting: {waiting.get('reason') or 'no reason told'}", waiting)
    if ended := state.get("terminated"):
        when = f" at {ended['finishedAt']}" if ended.get("finishedAt") else ""
        text = f"ended{when}: {ended.get('reason', '')}, exit code {ended['exitCode']}"
        return _with_message(text, ended)
    return ""


def _with_message(text: str, state: dict[str, Any]) -> str:
    message = " ".join((state.get("message") or "").split())
    return f"{text}: {message}" if message else text


def _conditions(conditions: list[dict[str, Any]]) -> Iterator[str]:
    if conditions:
        yield "\nConditions:"
    for one in conditions:
        reason = f" ({one['reason']})" if one.get("reason") else ""
        yield f"  {one['type'].ljust(28)}{one['status']}{reason}"


def _volumes(volumes: list[dict[str, Any]]) -> Iterator[str]:
    if volumes:
        yield "\nVolumes:"
    for volume in volumes:
        kind = next((key for key in volume if key != "name"), "emptyDir")
        source = volume.get(kind) or {}
        shown = [str(source[key]) for key in _VOLUME_SHOWN if source.get(key)]
        yield f"  {volume['name'].ljust(20)}{' '.join([kind, *shown])}"
