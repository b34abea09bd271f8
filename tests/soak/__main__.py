"""`make soak`: thousands of pods come and go; prints what grew, and fails if anything did."""

import argparse
import sys
import time

from tests.e2e.agent import running_agent
from tests.e2e.runtime import Runtimes
from tests.soak.waves import MIB, run_waves, settled


def main() -> int:
    """Soak, compare, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--runtime", default="system", help="system, trixie or forky")
    args = parser.parse_args()
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:7.1f}s] {text}", file=sys.stderr, flush=True)

    # The journal of events is bounded; what it takes when it is full is no growth.
    warm_up = min(500, max(args.at_once, args.pods // 10))
    runtimes = Runtimes()
    try:
        with running_agent(runtimes.get(args.runtime), kubelet={"maxPods": 500}) as agent:
            run_waves(agent, pods=warm_up, at_once=args.at_once, first=0, say=say)
            before = settled(agent)
            rest = args.pods - warm_up
            run_waves(agent, pods=rest, at_once=args.at_once, first=warm_up, say=say)
            after = settled(agent)
    finally:
        runtimes.close()
    print(f"{'':16}{'before':>14}{'after':>14}")
    for name in before.__struct_fields__:
        print(f"{name:16}{getattr(before, name):>14}{getattr(after, name):>14}")
    grown = after.grown(before, memory_bytes=10 * MIB)
    for name, (old, new) in grown.items():
        print(f"{name} has grown from {old} to {new}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
