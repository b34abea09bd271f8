"""The real `nodeagent run` as a process on a private runtime, and what it leaves on the machine."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from nodeagent.adapters.containerd import processes
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.pods import Document, View
from tests.e2e.runtime import Runtime
from tools.pods import read_pods

NODE = "node"
PROGRAM = str(Path(sys.executable).with_name("nodeagent"))
PATIENCE = 30.0
PERIOD = 0.03
LINKS = Path("/var/log/containers")
CGROUPS = Path("/sys/fs/cgroup")


class Agent:
    """One agent on one runtime; never two at once, for each ends pods that it does not know."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        kubelet: Mapping[str, Any] | None = None,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        """What KubeletConfiguration and AgentConfiguration are to say beside what tests need."""
        self.runtime = runtime
        self.root = runtime.agent_root
        self.manifests = self.root / "manifests"
        self.state = self.root / "state"
        self.logs_dir = self.root / "logs"
        self.socket = self.root / "agent.sock"
        self.log = self.root / "agent.log"
        self.kubelet: dict[str, Any] = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "staticPodPath": str(self.manifests),
            "podLogsDir": str(self.logs_dir),
            "cgroupRoot": runtime.cgroup_root,
            "containerRuntimeEndpoint": runtime.endpoint,
            "failSwapOn": False,
            "failCgroupV1": False,
            **(kubelet or {}),
        }
        self.own: dict[str, Any] = {
            "apiVersion": "nodeagent.dev/v1alpha1",
            "kind": "AgentConfiguration",
            **(own or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    # --- the process ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Empty folders and a configuration file; links of a crashed session go too."""
        self.remove_folder()
        for link in self._links():
            link.unlink()
        self.manifests.mkdir(parents=True)
        (self.root / "staging").mkdir()
        self.configure()

    def remove_folder(self) -> None:
        """All it has on disk; its state folder may be a mount of its own."""
        subprocess.run(["umount", "--lazy", self.state], capture_output=True, check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def configure(self) -> None:
        """Write the configuration; it counts from the next start on."""
        documents = [json.dumps(self.kubelet, indent=1), json.dumps(self.own, indent=1)]
        (self.root / "config.yaml").write_text("\n---\n".join(documents))

    def command(self) -> list[str]:
        """How it is started."""
        return [
            *(PROGRAM, "run", f"--config={self.root}/config.yaml", f"--root-dir={self.state}"),
            *(f"--socket={self.socket}", f"--hostname-override={NODE}", "-v=4"),
        ]

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, return once it knows its records, manifests and the runtime."""
        before = self.said("agent is ready")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        if wait:
            self.until(lambda: self.said("agent is ready") > before, what="the agent to be ready")

    def stop(self) -> None:
        """End it as a service manager would; its pods go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                pytest.fail(f"the agent does not end:\n{self.tail()}")
            self._process = None

    def kill(self) -> None:
        """kill -9; nothing of it can be tidied up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang_up(self) -> None:
        """Ask it to read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        """Kill and start."""
        self.kill()
        self.start()

    def said(self, words: str) -> int:
        """How often its log has these words."""
        return self.log.read_text().count(words) if self.log.exists() else 0

    def tail(self, size: int = 6000) -> str:
        """The end of its log."""
        return self.log.read_text()[-size:] if self.log.exists() else ""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of nodeagent that asks this agent."""
        environment = {**os.environ, "NODEAGENT_SOCKET": str(self.socket), "COLUMNS": "200"}
        return subprocess.run(
            [PROGRAM, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=environment,
        )

    # --- manifests --------------------------------------------------------------------------

    def write(self, *documents: Document) -> None:
        """Rename each manifest into place, under its pod's name."""
        for document in documents:
            self.put(f"{document['metadata']['name']}.yaml", json.dumps(document, indent=1))

    def put(self, name: str, text: str) -> None:
        """Rename a file of this text into place."""
        half = self.root / "staging" / name
        half.write_text(text)
        half.rename(self.manifests / name)

    def remove(self, *names: str) -> None:
        """Take manifests away."""
        for name in names:
            (self.manifests / f"{name}.yaml").unlink()

    # --- what it says -----------------------------------------------------------------------

    def pods(self) -> dict[str, View]:
        """Its pods by the name they have in their manifests."""
        views = (View(document) for document in read_pods(self.socket))
        return {view.name.removesuffix(f"-{NODE}"): view for view in views}

    def pod(self, name: str) -> View | None:
        """One of them."""
        return self.pods().get(name)

    def wait(self, name: str, judge: Callable[[View], bool], *, within: float = PATIENCE) -> View:
        """The pod, as soon as the judge likes it."""
        last: View | None = None

        def asked() -> bool:
            nonlocal last
            last = self.pod(name)
            return last is not None and judge(last)

        self.until(asked, what=f"pod {name}", within=within, show=lambda: str(last))
        assert last is not None
        return last

    def wait_gone(self, *names: str, within: float = PATIENCE) -> None:
        """Return when the agent knows none of these pods any more."""
        self.until(
            lambda: not set(names) & set(self.pods()),
            what=f"the end of {', '.join(names)}",
            within=within,
            show=lambda: str(self.pods()),
        )

    def until(
        self,
        done: Callable[[], bool],
        *,
        what: str,
        within: float = PATIENCE,
        show: Callable[[], str] = str,
    ) -> None:
        """Ask again and again; fail with what the agent said when it takes too long."""
        deadline = time.monotonic() + within
        while True:
            with suppress(OSError):  # the agent is down, or just coming up
                if done():
                    return
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {within} s\n{show()}\n{self.tail()}")
            time.sleep(PERIOD)

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of each event of a pod, oldest first."""
        done = self.run("events", "-o", "json")
        assert done.returncode == 0, done.stderr
        return [
            (event["reason"], event["message"])
            for event in json.loads(done.stdout)["items"]
            if event["involvedObject"]["name"] in (name, f"{name}-{NODE}")
        ]

    # --- what there is ----------------------------------------------------------------------

    def sh(self, name: str, script: str, *, container: str = "main") -> str:
        """What a shell prints inside a running container."""
        pod = self.pod(name)
        assert pod is not None
        request = pb.ExecSyncRequest(
            container_id=pod.id_of(container), cmd=["sh", "-c", script], timeout=20
        )
        with self.runtime.cri() as call:
            done = call(request)
        assert done.exit_code == 0, (script, done.exit_code, done.stdout, done.stderr)
        text: bytes = done.stdout
        return text.decode()

    def pod_dir(self, pod: View) -> Path:
        """The pod's folder."""
        return self.state / "pods" / pod.uid

    def cgroup(self, pod: View, controller: str, *, container: str = "") -> Path:
        """The folder of a pod's or its container's values; version 2 has one for all of them."""
        top = CGROUPS if is_cgroup_v2() else CGROUPS / controller
        kubepods = top / self.runtime.cgroup_root.strip("/") / "kubepods"
        parent = kubepods if pod.qos == "Guaranteed" else kubepods / pod.qos.lower()
        return parent / f"pod{pod.uid}" / (pod.id_of(container) if container else "")

    def cgroup_roots(self) -> list[Path]:
        """The folders below which all cgroups of this agent are, in every hierarchy there is."""
        name = self.runtime.cgroup_root.strip("/")
        return list(CGROUPS.glob(name if is_cgroup_v2() else f"*/{name}"))

    def traces(self) -> dict[str, list[str]]:
        """Whatever pods have made on the machine and that is still there."""
        settings = self.runtime.settings
        with self.runtime.cri() as call:
            boxes = [b.metadata.name for b in call(pb.ListPodSandboxRequest()).items]
            containers = [c.metadata.name for c in call(pb.ListContainersRequest()).containers]
        places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        cgroups = [path for top in self.cgroup_roots() for path in top.glob("kubepods/**/pod*/")]
        found = {
            "sandboxes": boxes,
            "containers": containers,
            "leases": [
                lease for lease in _names(settings.lease_dir / settings.network) if _is_ip(lease)
            ],
            "network namespaces": [p.name for p in settings.state_dir.glob("*/netns/*")],
            # The state folder itself may be a mount, so that containers can share those below.
            "mounts": [
                one for one in places if one.startswith(f"{self.root}/") and one != str(self.state)
            ],
            "cgroups": sorted({path.name for path in cgroups if path.is_dir()}),
            "pod folders": _names(self.state / "pods"),
            "pod logs": _names(self.logs_dir),
            "log links": [link.name for link in self._links()],
            # One without children holds nothing: containerd forgets a shim that it was just
            # starting when the call was broken off.
            "shims": [
                str(pid)
                for pid in processes.with_words("-address", str(settings.socket))
                if any(processes.descendants(pid))
            ],
        }
        return {kind: things for kind, things in found.items() if things}

    def _links(self) -> list[Path]:
        found = []
        for link in LINKS.glob("*"):
            with suppress(OSError):  # another agent's, just removed
                if link.readlink().is_relative_to(self.logs_dir):
                    found.append(link)
        return found

    def drain(self) -> None:
        """Take every manifest away, wait, and be sure that no trace of any pod is left."""
        for file in self.manifests.iterdir():
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink()
        self.until(lambda: not self.pods(), what="all pods to end", show=lambda: str(self.pods()))
        self.assert_no_trace()

    def assert_no_trace(self) -> None:
        """Shims and namespaces take a moment to go after their pod has gone."""
        self.until(
            lambda: not self.traces(), what="no trace", within=10, show=lambda: str(self.traces())
        )


def is_cgroup_v2() -> bool:
    """Whether this machine has cgroup v2 only."""
    return (CGROUPS / "cgroup.controllers").exists()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@contextmanager
def running_agent(
    runtime: Runtime,
    *,
    kubelet: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
) -> Iterator[Agent]:
    """An agent that runs; in the end its pods are drained, and neither trace nor bug is left."""
    agent = Agent(runtime, kubelet=kubelet, own=own)
    agent.prepare()
    try:
        agent.start()
        yield agent
        agent.drain()
        agent.stop()
        assert agent.said("bug while working on a pod") == 0, agent.tail()
        assert agent.said("Traceback") == 0, agent.tail()
    finally:
        agent.kill()
        keep = os.environ.get("NODEAGENT_TEST_KEEP")
        if keep and agent.log.exists():
            shutil.copy(agent.log, keep)
        agent.runtime.remove_pods()
        agent.remove_folder()
