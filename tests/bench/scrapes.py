"""`python -m tests.bench.scrapes`: what a scrape of `/metrics/cadvisor` costs, on trees of files.

Cgroups are files in a folder, so what a kernel adds to each read of a real cgroup is not in it.
"""

import argparse
import asyncio
import gzip
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from nodeagent.core.cadvisor import cadvisor_page
from nodeagent.core.exposition import encoded
from nodeagent.model.scrapes import Tier
from tests.fakes.cgroup_trees import make_tree
from tests.fakes.meter import MeterWorld

PACKING = 1  # as nodeagent/metering.py packs
WARM = 5  # scrapes that are not measured


def resident() -> float:
    """Memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def scrape(world: MeterWorld, tier: Tier) -> tuple[int, int]:
    """Read, write and pack one page; bytes before and after packing."""
    scene = await world.meter.scene(tier)
    raw = encoded(cadvisor_page(scene, tier, openmetrics=False))
    return len(raw), len(gzip.compress(raw, PACKING, mtime=0))


async def measure(world: MeterWorld, tier: Tier, rounds: int) -> str:
    """One line: medians of wall and CPU seconds, the page's bytes, resident memory."""
    for _ in range(WARM):
        sizes = await scrape(world, tier)
    walls, cpus, before = [], [], resident()
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        await scrape(world, tier)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return (
        f"{tier:8}  wall {median(walls):.3f} s (least {min(walls):.3f})  "
        f"CPU {median(cpus):.3f} s (least {min(cpus):.3f})  {sizes[0]:,} B, packed {sizes[1]:,} B"
        f"  resident {before:.1f} to {resident():.1f} MiB"
    )


def main() -> None:
    """Measure each tier with each number of pods."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scrapes", description=__doc__)
    parser.add_argument("--pods", default="110,250", help="how many, comma-separated")
    parser.add_argument("--tiers", default="standard,full", help="which, comma-separated")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cgroups", type=int, choices=(1, 2), default=1, help="version")
    args = parser.parse_args()
    for pods in (int(one) for one in args.pods.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            world = MeterWorld(make_tree(Path(folder), version=args.cgroups, pods=pods))
            for tier in (Tier(one) for one in args.tiers.split(",")):
                line = asyncio.run(measure(world, tier, args.rounds))
                print(f"{pods:4} pods  {line}", flush=True)
            world.close()


if __name__ == "__main__":
    main()
