"""`make bench`: measure, print a table, and write every figure as JSON.

`python -m tests.bench cluster` measures a member of a cluster instead.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import cluster
from tests.bench.pods import agent_figures, bare_figures
from tests.bench.probe_pods import probe_figures
from tests.bench.table import print_table
from tests.e2e.runtime import Runtimes

REPORT = Path("build/bench.json")


def main() -> int:
    """Run the benches and report them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runtime", default="system", help="system, trixie or forky")
    parser.add_argument("--pods", default="10,110,250", help="how many at once, comma-separated")
    parser.add_argument("--kubelet", default=os.environ.get("KUBELET", ""))
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--no-bare", action="store_true", help="leave out the bare CRI calls")
    args = parser.parse_args()
    counts = tuple(int(n) for n in args.pods.split(","))
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:6.1f}s] {text}", file=sys.stderr, flush=True)

    runtimes = Runtimes()
    report: dict[str, Any] = {"machine": _machine(), "runtime": args.runtime}
    try:
        runtime = runtimes.get(args.runtime)
        if not args.no_bare:
            most = 110 if 110 in counts else max(counts)
            report["bare"] = bare_figures(runtime, pods=most, say=say)
        report["nodeagent"] = agent_figures(runtime, counts=counts, kubelet="", say=say)
        report["nodeagent"] |= probe_figures(runtime, say=say)
        if args.kubelet:
            say("the same with a kubelet")
            report["kubelet"] = agent_figures(runtime, counts=counts, kubelet=args.kubelet, say=say)
    finally:
        runtimes.close()
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)
    print(f"\nfigures are in {args.report}")
    return 0


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def _print(report: dict[str, Any]) -> None:
    print_table(report)
    for key, value in report.get("bare", {}).items():
        print(f"bare {key:31}{value!s:>14}")


if __name__ == "__main__":
    sys.exit(cluster.main(sys.argv[2:]) if sys.argv[1:2] == ["cluster"] else main())
