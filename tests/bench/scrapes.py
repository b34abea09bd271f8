"""`python -m tests.bench.scrapes`: what a scrape of `/metrics/cadvisor` costs in one process.

Cgroups are those of the kernel, with a sleeping process in each container, or files in a folder
(--cgroups 1, --cgroups 2: without what the kernel adds to each read). The server is not in it:
`python -m tests.bench.scrape_pods` measures an agent with real pods.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from nodeagent.core.cadvisor import cadvisor_page
from nodeagent.core.exposition import written
from nodeagent.model.scrapes import Tier
from tests.bench.kernel_trees import kernel_tree
from tests.fakes.cgroup_trees import make_tree
from tests.fakes.meter import MeterWorld

WARM = 30  # scrapes that are not measured


def resident() -> float:
    """Memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def scrape(world: MeterWorld, tier: Tier, *, packed: bool = True) -> int:
    """Read, write and pack one page; its bytes."""
    scene = await world.meter.scene(tier)
    return len(written(cadvisor_page(scene, tier, openmetrics=False), packed=packed))


async def measure(world: MeterWorld, tier: Tier, rounds: int) -> str:
    """One line: medians of wall and CPU seconds, the page's bytes, resident memory."""
    plain = await scrape(world, tier, packed=False)
    for _ in range(WARM):
        packed = await scrape(world, tier)
    walls, cpus, before = [], [], resident()
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        await scrape(world, tier)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return (
        f"{tier:8}  wall {median(walls):.3f} s (least {min(walls):.3f})  "
        f"CPU {median(cpus):.3f} s (least {min(cpus):.3f})  {plain:,} B, packed {packed:,} B"
        f"  resident {before:.1f} to {resident():.1f} MiB"
    )


@contextmanager
def world_of(cgroups: str, pods: int) -> Iterator[MeterWorld]:
    """A meter of so many pods."""
    if cgroups == "kernel":
        with kernel_tree(pods) as (root, tree):
            world = MeterWorld(tree, root=root)
            try:
                yield world
            finally:
                world.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        world = MeterWorld(make_tree(Path(folder), version=int(cgroups), pods=pods))
        try:
            yield world
        finally:
            world.close()


def main() -> None:
    """Measure each tier with each number of pods."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scrapes", description=__doc__)
    parser.add_argument("--pods", default="110,250", help="how many, comma-separated")
    parser.add_argument("--tiers", default="standard,full", help="which, comma-separated")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cgroups", choices=("kernel", "1", "2"), default="kernel")
    args = parser.parse_args()
    for pods in (int(one) for one in args.pods.split(",")):
        with world_of(args.cgroups, pods) as world:
            for tier in (Tier(one) for one in args.tiers.split(",")):
                line = asyncio.run(measure(world, tier, args.rounds))
                print(f"{pods:4} pods  {line}", flush=True)


if __name__ == "__main__":
    main()
