"""What volumes cost: `python -m tests.bench.volumes [PODS] [ROUNDS]`, a line for each round, JSON.

PODS pods at once, without volumes and with a config map, a secret and a projected volume each, by
turns: wall time until the last container runs, and the agent's own CPU. Then one config map that
all pods use is edited: how long until the last pod's file shows it.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.agent import MANIFEST, Agent
from tests.bench.pods import _clear, _empty
from tests.bench.watch import TaskWatch
from tests.e2e.runtime import Runtimes

VOLUMES = """    volumeMounts:
    - {{name: conf, mountPath: /conf}}
    - {{name: keys, mountPath: /keys}}
    - {{name: all, mountPath: /all}}
  volumes:
  - name: conf
    configMap: {{name: shared}}
  - name: keys
    secret: {{secretName: key}}
  - name: all
    projected:
      sources:
      - configMap: {{name: shared}}
      - secret: {{name: key}}
      - downwardAPI: {{items: [{{path: name, fieldRef: {{fieldPath: metadata.name}}}}]}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: abc}\n"
EDITS = 5


class VolumeAgent(Agent):
    """Writes pods with volumes where `with_volumes` says so."""

    with_volumes = False

    def write(self, names: Sequence[str]) -> float:
        text = MANIFEST + VOLUMES if self.with_volumes else MANIFEST
        for name in names:
            (self._staging / f"{name}.yaml").write_text(text.format(name=name))
        began = time.perf_counter()
        for name in names:
            (self._staging / f"{name}.yaml").rename(self.manifests / f"{name}.yaml")
        return began

    def share(self, word: str) -> float:
        """The config map that all pods use says this; the moment just before."""
        head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\n"
        (self._staging / "shared.yaml").write_text(f'{head}data: {{word: "{word}"}}\n')
        began = time.perf_counter()
        (self._staging / "shared.yaml").rename(self.root / "configmaps/shared.yaml")
        return began

    def close_secrets(self) -> None:
        """The folders beside the manifests, with the secret."""
        (self.root / "configmaps").mkdir()
        (self.root / "secrets").mkdir(mode=0o700)
        (self.root / "secrets/key.yaml").write_text(SECRET)


def _start(agent: VolumeAgent, watch: TaskWatch, name: str, count: int) -> dict[str, float]:
    watch.clear()
    before = agent.usage()
    began = agent.write([f"{name}-{n}" for n in range(count)])
    ended = watch.wait_starts(2 * count, patience=300)
    time.sleep(1.0)
    return {"wall_s": round(ended - began, 2), "cpu_s": round(agent.usage().cpu - before.cpu, 2)}


def _edit(agent: VolumeAgent, count: int, word: str) -> float:
    """Seconds until every file of every pod shows the edit."""
    pods = agent.root / "state/pods"
    files = [*pods.glob("*/volumes/*/conf/word"), *pods.glob("*/volumes/*/all/word")]
    assert len(files) == 2 * count, len(files)
    began = agent.share(word)
    left = files
    while left:
        left = [file for file in left if file.read_text() != word]
        if time.perf_counter() - began > 30:
            raise TimeoutError(f"{len(left)} files do not show the edit")
        time.sleep(0.005)
    return round(time.perf_counter() - began, 3)


def main() -> int:
    """Run the rounds and report."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 110
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    runtimes = Runtimes()
    found: dict[str, list[dict[str, float]]] = {"plain": [], "volumes": []}
    edits: list[float] = []
    try:
        runtime = runtimes.get("system")
        agent = VolumeAgent(runtime)
        agent.prepare()
        agent.close_secrets()
        agent.share("first")
        agent.start()
        watch = TaskWatch(runtime)
        try:
            time.sleep(3)
            _start(agent, watch, "warm", 5)
            _empty(agent, runtime)
            for number in range(rounds):
                for kind in found:
                    agent.with_volumes = kind == "volumes"
                    found[kind].append(_start(agent, watch, f"{kind}-{number}", count))
                    print(kind, found[kind][-1], file=sys.stderr, flush=True)
                    if agent.with_volumes:
                        edits += [_edit(agent, count, f"{number}-{n}") for n in range(EDITS)]
                    _empty(agent, runtime)
        finally:
            watch.close()
            agent.stop()
            asyncio.run(_clear(runtime))
    finally:
        runtimes.close()
    print(json.dumps(_report(count, found, edits), indent=1))
    return 0


def _report(
    count: int, found: dict[str, list[dict[str, float]]], edits: list[float]
) -> dict[str, Any]:
    plain, more = (
        {what: statistics.median(one[what] for one in found[kind]) for what in ("wall_s", "cpu_s")}
        for kind in ("plain", "volumes")
    )
    return {
        "pods": count,
        "plain": plain,
        "volumes": more,
        "more_wall_percent": round((more["wall_s"] / plain["wall_s"] - 1) * 100, 1),
        "more_cpu_s": round(more["cpu_s"] - plain["cpu_s"], 2),
        "edit_to_all_s": {"median": statistics.median(edits), "most": max(edits)},
    }


if __name__ == "__main__":
    sys.exit(main())
