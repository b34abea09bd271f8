"""A member of a cluster under load: `python -m tests.bench cluster`.

Pods are created through the API and bound to the node at once; a watch of our own tells when each
is Running. The agent reaches the server through a proxy that counts bytes. Without --admin and
--node-config the small API server of the tests is used, in a process of its own; with them any
other: the administrator's kubeconfig, and one of the node that --name calls.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.kube.client import KubeClient, Rate
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.aio.threads import Threads
from nodeagent.core.node_object import is_ready
from nodeagent.errors import ApiError
from nodeagent.model.api import NODES, PODS, ApiKind, Purpose
from tests.bench.agent import Agent
from tests.bench.counting_proxy import Flow, Proxy, counting
from tests.bench.spent import api_bytes
from tests.e2e.runtime import Runtime, Runtimes

IMAGE = "localhost/nodeagent/busybox:1"
NAMESPACE = "nodeagent-bench"
NAMESPACES: ApiKind[v1.Namespace] = ApiKind(
    type=v1.Namespace, plural="namespaces", namespaced=False
)
IDLE_SECONDS = 60.0
Figures = dict[str, Any]
Say = Callable[[str], None]


class Bench:
    """One agent at one server; `admin` and `node_config` are kubeconfigs."""

    def __init__(self, agent: Agent, api: KubeClient, proxy: Proxy, *, node: str, say: Say) -> None:
        self._agent, self._api, self._proxy = agent, api, proxy
        self._node, self._say = node, say
        self._running: dict[str, float] = {}
        self._gone: dict[str, float] = {}

    async def figures(self, counts: tuple[int, ...]) -> Figures:
        """Everything, with so many pods at once."""
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

    async def _empty(self, count: int) -> Figures:
        names = [f"b{count}-{number}" for number in range(count)]
        self._gone.clear()
        began, flow = time.perf_counter(), self._proxy.flow.copy()
        before = self._agent.usage()
        for name in names:
            await self._api.delete(PODS, name, NAMESPACE, purpose=Purpose.PODS)
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
        await asyncio.sleep(5)
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

    # --- the API ----------------------------------------------------------------------------

    async def _make_namespace(self) -> None:
        body = v1.Namespace(metadata=meta_v1.ObjectMeta(name=NAMESPACE))
        try:
            await self._api.create(NAMESPACES, body, purpose=Purpose.PODS)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    async def _create(self, name: str) -> None:
        container = v1.Container(name="c", image=IMAGE, command=["sleep", "1000000"])
        pod = v1.Pod(
            metadata=meta_v1.ObjectMeta(name=name, namespace=NAMESPACE),
            spec=v1.PodSpec(
                nodeName=self._node,
                containers=[container],
                terminationGracePeriodSeconds=1,
                automountServiceAccountToken=False,
                enableServiceLinks=False,
            ),
        )
        while True:
            try:
                await self._api.create(PODS, pod, NAMESPACE, purpose=Purpose.PODS)
            except ApiError as error:  # the service account of a new namespace is still to come
                if "serviceaccount" not in error.detail:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def _watch(self) -> None:
        known: set[str] = set()
        async for told in self._api.watch(PODS, NAMESPACE, purpose=Purpose.PODS):
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


class Server:
    """Where the API is: kubeconfigs of the administrator and of the node."""

    def __init__(self, admin: Path, node_config: Path, name: str) -> None:
        self.admin, self.node_config, self.name = admin, node_config, name


@contextmanager
def small_server(folder: Path, name: str) -> Iterator[Server]:
    """The tests' own, in a process of its own."""
    program = [sys.executable, "-m", "tests.bench.cluster", "--serve", str(folder), "--name", name]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield Server(folder / "admin.conf", folder / "node.conf", name)
        finally:
            process.terminate()


async def serve(folder: Path, name: str) -> None:
    """Be the small server until ended."""
    from tests.apiserver.cluster import Cluster

    cluster = Cluster(folder)
    cluster.start()
    cluster.kubeconfig()
    cluster.kubeconfig(cluster.node(name), name="node.conf")
    print("ready", flush=True)
    await asyncio.Event().wait()


def through(config: Path, proxy: Proxy, folder: Path) -> Path:
    """The kubeconfig as it reaches the same server through the proxy."""
    text = yaml.safe_load(config.read_text())
    cluster = text["clusters"][0]["cluster"]
    cluster["tls-server-name"] = urlsplit(cluster["server"]).hostname
    cluster["server"] = f"https://127.0.0.1:{proxy.port}"
    path = folder / "through.conf"
    path.write_text(yaml.safe_dump(text))
    path.chmod(0o600)
    return path


def measure(
    runtime: Runtime, server: Server, *, counts: tuple[int, ...], kubelet: str, say: Say
) -> Figures:
    """All figures of one agent."""
    address = urlsplit(yaml.safe_load(server.admin.read_text())["clusters"][0]["cluster"]["server"])
    threads = Threads()
    with (
        tempfile.TemporaryDirectory() as folder,
        counting(address.hostname or "", address.port or 443) as proxy,
    ):
        config = through(server.node_config, proxy, Path(folder))
        agent = Agent(runtime, kubelet=kubelet, node=server.name, kubeconfig=str(config))
        agent.prepare()
        api = KubeClient(load_kubeconfig(server.admin), threads=threads, rate=Rate(qps=0))

        async def run() -> Figures:
            bench = Bench(agent, api, proxy, node=server.name, say=say)
            try:
                return await bench.figures(counts)
            finally:
                await api.delete(NAMESPACES, NAMESPACE, purpose=Purpose.PODS)
                await api.delete(NODES, server.name, purpose=Purpose.NODE)
                api.close()

        try:
            return asyncio.run(run())
        finally:
            agent.stop()
            threads.close()


def main(arguments: list[str]) -> int:
    """Measure, print, and write every figure as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench cluster", description=__doc__)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runtime", default="system", help="system, trixie or forky")
    parser.add_argument("--pods", default="20,110", help="how many at once, comma-separated")
    parser.add_argument("--kubelet", default="", help="measure this kubelet instead")
    parser.add_argument("--admin", type=Path, help="the administrator's kubeconfig")
    parser.add_argument("--node-config", type=Path, help="the node's kubeconfig")
    parser.add_argument("--name", default="bench", help="the node's name")
    parser.add_argument("--report", type=Path, default=Path("build/bench-cluster.json"))
    args = parser.parse_args(arguments)
    if args.serve:
        asyncio.run(serve(args.serve, args.name))
        return 0
    counts = tuple(int(number) for number in args.pods.split(","))
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:6.1f}s] {text}", file=sys.stderr, flush=True)

    runtimes = Runtimes()
    try:
        runtime = runtimes.get(args.runtime)
        if args.admin:
            server = Server(args.admin, args.node_config, args.name)
            figures = measure(runtime, server, counts=counts, kubelet=args.kubelet, say=say)
        else:
            with (
                tempfile.TemporaryDirectory() as folder,
                small_server(Path(folder), args.name) as server,
            ):
                figures = measure(runtime, server, counts=counts, kubelet=args.kubelet, say=say)
    finally:
        runtimes.close()
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(figures, indent=2) + "\n")
    for key, value in figures.items():
        print(f"{key:40}{value:>12}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
