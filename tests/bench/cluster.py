"""A member of a cluster under load: `python -m tests.bench cluster`.

Pods are created through the API and bound to the node at once; a watch of our own tells when each
is Running. The agent reaches the server through a proxy that counts bytes; `/metrics/cadvisor` is
scraped from its port. With --kubelet the same is done to a kubelet, on the same runtime and with a
server just as new. The server is the small one of the tests, in a process of its own; with
--control-plane it is etcd and kube-apiserver of that folder; with --admin and --node-config any
other: the administrator's kubeconfig, and one of the node that --name calls.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.kube.client import KubeClient, Rate
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.aio.threads import Threads
from nodeagent.core.node_object import is_ready
from nodeagent.errors import ApiConflict
from nodeagent.model.api import NODES, PODS, ApiKind, Purpose
from tests.bench.agent import Agent
from tests.bench.api import Server, real_server, small_server, through
from tests.bench.counting_proxy import Flow, Proxy, counting
from tests.bench.scraping import choose_tier, scrape_figures
from tests.bench.spent import api_bytes
from tests.bench.table import print_table
from tests.contracts.control_plane import NODE, assets
from tests.e2e.runtime import Runtime, Runtimes

IMAGE = "localhost/nodeagent/busybox:1"
NAMESPACES: ApiKind[v1.Namespace] = ApiKind(
    type=v1.Namespace, plural="namespaces", namespaced=False
)
ACCOUNTS: ApiKind[v1.ServiceAccount] = ApiKind(
    type=v1.ServiceAccount, plural="serviceaccounts", namespaced=True
)
IDLE_SECONDS = 60.0
Figures = dict[str, Any]
Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods at once, in each turn, and how many scrapes of each tier."""

    counts: tuple[int, ...]
    scrapes: int


class Bench:
    """One agent at one server."""

    def __init__(
        self, agent: Agent, api: KubeClient, proxy: Proxy, *, node: str, plan: Plan, say: Say
    ) -> None:
        self._agent, self._api, self._proxy = agent, api, proxy
        self._node, self._plan, self._say = node, plan, say
        self._namespace = f"bench-{'kubelet' if agent.is_kubelet else 'nodeagent'}"
        self._running: dict[str, float] = {}
        self._gone: dict[str, float] = {}

    async def figures(self) -> Figures:
        """Everything."""
        counts = self._plan.counts
        await self._make_namespace()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            self._agent.start()
            began = time.perf_counter()
            await self._until_ready()
            figures: Figures = {"start_to_ready_s": round(time.perf_counter() - began, 2)}
            await asyncio.sleep(5)
            figures |= await self._idle(0)
            for count in counts:
                figures |= await self._many(count)
                if count == max(counts):
                    figures |= await self._idle(count)
                figures |= await self._scrapes(count)
                figures |= await self._empty(count)
            watch.cancel()
        return figures

    async def _many(self, count: int) -> Figures:
        self._say(f"{count} pods at once")
        names = [f"b{count}-{number}" for number in range(count)]
        self._running.clear()
        before, flow = self._agent.usage(), self._proxy.flow.copy()
        created: dict[str, float] = {}
        for name in names:
            await self._create(name)
            created[name] = time.perf_counter()
        await self._until(lambda: all(name in self._running for name in names), 300)
        took = sorted(self._running[name] - created[name] for name in names)
        await asyncio.sleep(2)
        after, used = self._agent.usage(), self._proxy.flow
        return {
            f"pods_{count}_p50_s": round(took[len(took) // 2], 2),
            f"pods_{count}_p99_s": round(took[min(len(took) - 1, len(took) * 99 // 100)], 2),
            f"pods_{count}_all_s": round(max(self._running.values()) - min(created.values()), 2),
            f"pods_{count}_cpu_s": round(after.cpu - before.cpu, 2),
            f"pods_{count}_rss_mib": round(after.rss_mib, 1),
            **_bytes(f"pods_{count}", flow, used, count),
        }

    async def _scrapes(self, count: int) -> Figures:
        figures: Figures = {}
        rounds = self._plan.scrapes
        for tier in ("",) if self._agent.is_kubelet else ("standard", "full"):
            self._say(f"{rounds} scrapes {tier}".strip())
            if tier:
                choose_tier(self._agent, tier)
            name = f"scrape_{count}_{tier or 'full'}"
            figures |= await asyncio.to_thread(scrape_figures, self._agent, name, rounds=rounds)
        if not self._agent.is_kubelet:
            choose_tier(self._agent, "standard")
        return figures

    async def _empty(self, count: int) -> Figures:
        names = [f"b{count}-{number}" for number in range(count)]
        self._gone.clear()
        began, flow = time.perf_counter(), self._proxy.flow.copy()
        before = self._agent.usage()
        for name in names:
            await self._api.delete(PODS, name, self._namespace, purpose=Purpose.PODS)
        await self._until(lambda: all(name in self._gone for name in names), 300)
        took = time.perf_counter() - began
        await asyncio.sleep(2)
        return {
            f"delete_{count}_s": round(took, 2),
            f"delete_{count}_cpu_s": round(self._agent.usage().cpu - before.cpu, 2),
            **_bytes(f"delete_{count}", flow, self._proxy.flow, count),
        }

    async def _idle(self, count: int) -> Figures:
        self._say(f"idle with {count} pods")
        await self._until_events_are_told()
        told = api_bytes(self._agent.socket)
        before, flow = self._agent.usage(), self._proxy.flow.copy()
        await asyncio.sleep(IDLE_SECONDS)
        after, used = self._agent.usage(), self._proxy.flow
        purposes = api_bytes(self._agent.socket) - told
        hours = (after.at - before.at) / 3600
        total = used.up + used.down - flow.up - flow.down
        return {
            f"idle_{count}_cpu_percent": round((after.cpu - before.cpu) / (hours * 36), 2),
            f"idle_{count}_rss_mib": round(after.rss_mib, 1),
            f"idle_{count}_kib_per_hour": round(total / 1024 / hours),
            **{
                f"idle_{count}_{purpose}_kib_per_hour": round(size / 1024 / hours)
                for purpose, size in sorted(purposes.items())
            },
        }

    async def _until_events_are_told(self) -> None:
        """Events come one after the other, the last some time after their pods."""
        before, now = -1, 0
        while now != before:
            await asyncio.sleep(5)
            before, now = now, api_bytes(self._agent.socket)[Purpose.EVENTS]

    # --- the API ----------------------------------------------------------------------------

    async def _make_namespace(self) -> None:
        """With its service account, which a server without controllers would never have."""
        space = v1.Namespace(metadata=meta_v1.ObjectMeta(name=self._namespace))
        account = v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default"))
        with suppress(ApiConflict):
            await self._api.create(NAMESPACES, space, purpose=Purpose.PODS)
        with suppress(ApiConflict):
            await self._api.create(ACCOUNTS, account, self._namespace, purpose=Purpose.PODS)

    async def leave(self) -> None:
        """Delete what is left in the API."""
        await self._api.delete(NAMESPACES, self._namespace, purpose=Purpose.PODS)
        await self._api.delete(NODES, self._node, purpose=Purpose.NODE)

    async def _create(self, name: str) -> None:
        container = v1.Container(name="c", image=IMAGE, command=["sleep", "1000000"])
        pod = v1.Pod(
            metadata=meta_v1.ObjectMeta(name=name, namespace=self._namespace),
            spec=v1.PodSpec(
                nodeName=self._node,
                containers=[container],
                terminationGracePeriodSeconds=1,
                automountServiceAccountToken=False,
                enableServiceLinks=False,
            ),
        )
        await self._api.create(PODS, pod, self._namespace, purpose=Purpose.PODS)

    async def _watch(self) -> None:
        known: set[str] = set()
        async for told in self._api.watch(PODS, self._namespace, purpose=Purpose.PODS):
            now = time.perf_counter()
            names = {key.partition("/")[2]: pod for key, pod in told.items.items()}
            for name in known - names.keys():
                self._gone.setdefault(name, now)
            known = set(names)
            for name, pod in names.items():
                if pod.status is not None and pod.status.phase == "Running":
                    self._running.setdefault(name, now)

    async def _until_ready(self) -> None:
        fields = f"metadata.name={self._node}"
        async for told in self._api.watch(NODES, purpose=Purpose.NODE, fields=fields):
            if any(is_ready(node.status) for node in told.items.values()):
                return

    async def _until(self, check: Callable[[], bool], patience: float) -> None:
        end = time.perf_counter() + patience
        while not check():
            if time.perf_counter() > end:
                raise TimeoutError(f"not so after {patience:.0f} s")
            assert self._agent.pid
            await asyncio.sleep(0.01)


def _bytes(name: str, before: Flow, after: Flow, count: int) -> Figures:
    up, down = after.up - before.up, after.down - before.down
    return {
        f"{name}_up_kib_per_pod": round(up / 1024 / count, 2),
        f"{name}_down_kib_per_pod": round(down / 1024 / count, 2),
    }


def measure(runtime: Runtime, server: Server, plan: Plan, *, kubelet: str, say: Say) -> Figures:
    """All figures of one agent."""
    threads = Threads()
    with tempfile.TemporaryDirectory() as folder, counting(*server.address) as proxy:
        config = through(server.node_config, proxy, Path(folder))
        agent = Agent(runtime, kubelet=kubelet, node=server.name, kubeconfig=str(config))
        agent.prepare()
        api = KubeClient(load_kubeconfig(server.admin), threads=threads, rate=Rate(qps=0))

        async def run() -> Figures:
            bench = Bench(agent, api, proxy, node=server.name, plan=plan, say=say)
            try:
                return await bench.figures()
            finally:
                await bench.leave()
                api.close()

        try:
            return asyncio.run(run())
        finally:
            agent.stop()
            threads.close()


def main(arguments: list[str]) -> int:
    """Measure, print, and write every figure as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench cluster", description=__doc__)
    parser.add_argument("--runtime", default="system", help="system, trixie or forky")
    parser.add_argument("--pods", default="20,110", help="how many at once, comma-separated")
    parser.add_argument("--scrapes", type=int, default=100, help="of each tier and number of pods")
    parser.add_argument(
        "--kubelet",
        default=os.environ.get("KUBELET", ""),
        help="measure this kubelet after nodeagent (KUBELET)",
    )
    parser.add_argument(
        "--control-plane",
        type=Path,
        default=assets(),
        help="a folder with etcd and kube-apiserver to be the server (KUBEBUILDER_ASSETS)",
    )
    parser.add_argument("--admin", type=Path, help="the administrator's kubeconfig")
    parser.add_argument("--node-config", type=Path, help="the node's kubeconfig")
    parser.add_argument("--name", default=NODE, help="the node's name")
    parser.add_argument("--report", type=Path, default=Path("build/bench-cluster.json"))
    args = parser.parse_args(arguments)
    plan = Plan(counts=tuple(int(n) for n in args.pods.split(",")), scrapes=args.scrapes)
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:6.1f}s] {text}", file=sys.stderr, flush=True)

    report: dict[str, Figures] = {}
    runtimes = Runtimes()
    try:
        runtime = runtimes.get(args.runtime)
        for agent in ("nodeagent", *(["kubelet"] if args.kubelet else [])):
            say(f"{agent}, load {os.getloadavg()[0]:.1f}")
            kubelet = args.kubelet if agent == "kubelet" else ""
            with _server(args) as server:
                report[agent] = measure(runtime, server, plan, kubelet=kubelet, say=say)
            runtime.remove_pods()
    finally:
        runtimes.close()
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(report, indent=2) + "\n")
    print_table(report)
    return 0


def _server(args: argparse.Namespace) -> AbstractContextManager[Server]:
    if args.admin:
        return nullcontext(Server(admin=args.admin, node_config=args.node_config, name=args.name))
    if args.control_plane:
        return real_server(args.control_plane, args.name)
    return small_server(args.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
