"""Endpoints of the node's ports that tell something and change nothing."""

import datetime as dt
import platform
from collections.abc import Iterable
from typing import Any

from lightkube.models import core_v1 as v1

from nodeagent.model.scrapes import Page
from nodeagent.server.metrics_pages import answer_page, answer_summary
from nodeagent.server.node_http import TEXT, NodeHandler, Port
from nodeagent.server.refusals import Refusal

_HEAD = """
kubelet {name}
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility \
guarantees and is for debugging purposes only.
"""


class Pods(NodeHandler):
    """All pods of this node with their status."""

    def get(self) -> None:
        self.answer(pod_list(self.backing.list_pods()))


class RunningPods(NodeHandler):
    """Pods as the runtime has them."""

    def get(self) -> None:
        self.answer(pod_list(self.backing.running_pods()))


def pod_list(pods: Iterable[v1.Pod]) -> dict[str, Any]:
    """A v1.PodList."""
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(pods)}


class Healthz(NodeHandler):
    """All checks, or one; any method will do."""

    def get(self, name: str | None = None) -> None:
        found = self.backing.health()
        if name is not None:
            self._one(name, found)
            return
        excluded = set(self.get_query_arguments("exclude"))
        lines, failed = [], []
        tally = self.backing.figures.tally
        for check, wrong in found.items():
            if check not in excluded:
                tally.checked(check, wrong=bool(wrong))
            if check in excluded:
                lines.append(f"[+]{check} excluded: ok\n")
            elif wrong:
                lines.append(f"[-]{check} failed: reason withheld\n")
                failed.append(check)
            else:
                lines.append(f"[+]{check} ok\n")
        if unknown := excluded - found.keys():
            quoted = ",".join(f'"{one}"' for one in sorted(unknown))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}\n")
        if failed:
            raise Refusal(500, "".join([*lines, "healthz check failed\n"]))
        if "verbose" in self.request.query_arguments:
            self.write("".join([*lines, "healthz check passed\n"]))
        else:
            self.write("ok")

    def _one(self, name: str, found: Any) -> None:
        if name not in found:
            raise Refusal(404, "404 page not found\n")
        if found[name]:
            raise Refusal(500, f"internal server error: {found[name]}\n")
        self.write("ok")

    head = post = put = delete = patch = options = get


class OpenHealthz(Healthz):
    """On a port that everybody on this machine may ask."""

    guarded = False


class Configz(NodeHandler):
    """The configuration in use, defaults filled in."""

    def get(self) -> None:
        self.answer({"kubeletconfig": self.backing.configz()})

    head = post = put = delete = patch = options = get


class Metrics(NodeHandler):
    """One of the pages for Prometheus."""

    async def get(self, path: str) -> None:
        await answer_page(self, self.backing.figures, Page(path))

    async def delete(self, path: str) -> None:
        """What checks of health came to is counted anew; any other page is only read."""
        if Page(path) is not Page.SLIS:
            await self.get(path)
            return
        self.backing.figures.tally.forget_checks()
        self.write("metrics reset\n")

    head = post = put = patch = options = get


class Summary(NodeHandler):
    """Statistics of the node and its pods."""

    async def get(self) -> None:
        await answer_summary(self, self.backing.figures)

    post = get


class Flagz(NodeHandler):
    """Flags and their values."""

    def get(self) -> None:
        lines = [f"{name}={value}\n" for name, value in sorted(self.backing.flags().items())]
        self.set_header("Content-Type", TEXT)
        self.write(_HEAD.format(name="flagz") + "".join(lines))


class Statusz(NodeHandler):
    """What runs here, since when, and its paths."""

    def initialize(self, port: Port, paths: tuple[str, ...]) -> None:  # type: ignore[override]
        super().initialize(port)
        self._paths = paths

    def get(self) -> None:
        backing = self.backing
        started = dt.datetime.fromtimestamp(backing.started_at, dt.UTC)
        up = dt.timedelta(seconds=int(backing.now() - backing.started_at))
        hours, rest = divmod(int(up.total_seconds()), 3600)
        self.write(
            _HEAD.format(name="statusz") + f"\nStarted: {started:%a %b %e %H:%M:%S UTC %Y}\n"
            f"Up: {hours} hr {rest // 60:02} min {rest % 60:02} sec\n"
            f"Python version: {platform.python_version()}\n"
            f"Binary version: {backing.version}\n"
            f"Paths: {' '.join(self._paths)}\n"
        )
