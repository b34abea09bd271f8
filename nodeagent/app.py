"""Build the agent from its settings and run it: the only file that sees all rooms."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import structlog

from nodeagent.adapters.cri.connect import open_cri
from nodeagent.adapters.host import proc
from nodeagent.adapters.host.kernel_settings import apply_kernel_settings
from nodeagent.adapters.host.oserror import translated
from nodeagent.adapters.host.propagation import share_mounts
from nodeagent.aio.supervise import Component, supervise
from nodeagent.aio.threads import Threads
from nodeagent.assembly import Assembly
from nodeagent.build import (
    containerd_settings,
    node_shutdown,
    with_endpoint,
)
from nodeagent.engine.reload import Reloader
from nodeagent.metrics import AgentMetrics
from nodeagent.settings import Settings

if TYPE_CHECKING:
    from nodeagent.cluster import Cluster  # a node alone imports none of it

log = structlog.get_logger()

PATIENCE = 5.0  # seconds that a component may take to end


def run(settings: Settings, reread: Callable[[], Settings] | None = None) -> int:
    """Run the agent until it is told to stop; the exit code. Pods go on without it.

    `reread` reads the configuration again at a SIGHUP; without it nothing new is found.
    """
    os.umask(0o022)
    proc.lower_oom_score(settings.kubelet.oom_score_adj)
    proc.raise_open_files(settings.kubelet.max_open_files)
    with translated("make the state folder", str(settings.paths.root)):
        settings.paths.root.mkdir(parents=True, exist_ok=True, mode=0o750)
    share_mounts(str(settings.paths.root))
    apply_kernel_settings(protect=settings.kubelet.protect_kernel_defaults)
    asyncio.run(_run(settings, reread or (lambda: settings)))
    return 0


async def _run(settings: Settings, reread: Callable[[], Settings]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        agent = await _build(settings, stack, reread, stop)
        await supervise(agent, stop=stop, patience=PATIENCE)


async def _build(
    settings: Settings,
    stack: AsyncExitStack,
    reread: Callable[[], Settings],
    stop: asyncio.Event,
) -> dict[str, Component]:
    """Every component in the order of its start. Adapters close when the stack does."""
    given = settings
    components: dict[str, Component] = {}
    if settings.runtime.embedded:
        from nodeagent.adapters.containerd import embedded

        socket = embedded.choose_socket(settings.runtime.endpoint, root=settings.paths.root)
        own = containerd_settings(settings, socket)
        await embedded.ensure(own)
        settings = with_endpoint(settings, f"unix://{socket}")
        components["containerd"] = lambda: embedded.watch(own)
    threads, metrics = Threads(), AgentMetrics()
    stack.callback(threads.close)
    cri = await stack.enter_async_context(
        open_cri(
            settings.runtime.endpoint,
            image_endpoint=settings.runtime.images,
            timeout=settings.kubelet.runtime_request_timeout,
            tell=metrics.runtime.told,
        )
    )
    engine = Assembly(settings, cri, threads, metrics, _cluster(settings, threads))
    stack.callback(engine.metering.close)
    await engine.load()
    reloader = Reloader(given, reread=reread, apply=engine.reload, threads=threads)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
    shutdown = node_shutdown(
        settings,
        engine.workers,
        engine.journal,
        stop=stop.set,
        trouble=engine.keeper.trouble,
    )
    shutdown.on_turn = lambda going: metrics.node.shutdown(going=going)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, shutdown.terminate)
    last = {"reload": reloader.run, "shutdown": shutdown.run}
    return components | engine.components() | last


def _cluster(settings: Settings, threads: Threads) -> "Cluster | None":
    """The membership that the settings ask for."""
    if settings.cluster is None:
        return None
    from nodeagent.cluster import Cluster  # late: a node alone needs none of it

    return Cluster(settings, threads)
