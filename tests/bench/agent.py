"""An agent under measurement: ours or a kubelet, with its folders, and what the kernel counts."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.e2e.runtime import Runtime

TICKS = os.sysconf("SC_CLK_TCK")
MANIFEST = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: localhost/nodeagent/busybox:1
    command: ["sleep", "1000000"]
"""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent has used up to a moment."""

    at: float
    cpu: float  # seconds, children included
    rss_mib: float
    switches: int


class Agent:
    """One agent process on a private runtime; `kubelet` names a real kubelet's binary.

    With a kubeconfig it is a member of that cluster, of the name `node`, and everybody on this
    machine may read from its `port` (TLS).
    """

    def __init__(
        self, runtime: Runtime, *, kubelet: str = "", node: str = "bench", kubeconfig: str = ""
    ) -> None:
        self.runtime, self._kubelet = runtime, kubelet
        self._node, self._kubeconfig = node, kubeconfig
        self.root = runtime.agent_root
        self.port = 0
        self.manifests = self.root / "manifests"
        self.socket = self.root / "agent.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._staging = self.root / "staging"

    @property
    def is_kubelet(self) -> bool:
        """Whether it is a kubelet."""
        return bool(self._kubelet)

    def prepare(self) -> None:
        """Empty folders and a configuration file."""
        subprocess.run(["umount", "-l", self.root / "state"], capture_output=True, check=False)
        shutil.rmtree(self.root, ignore_errors=True)
        self.manifests.mkdir(parents=True)
        self._staging.mkdir()
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "staticPodPath": str(self.manifests),
            "podLogsDir": str(self.root / "logs"),
            "cgroupRoot": self.runtime.cgroup_root,
            "containerRuntimeEndpoint": self.runtime.endpoint,
            "maxPods": 300,
            "failCgroupV1": False,
            "failSwapOn": False,
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "enforceNodeAllocatable": ["none"] if self._kubelet else ["pods"],
        }
        if self._kubeconfig:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            config |= {"address": "127.0.0.1", "port": self.port, "healthzPort": 0}
            config |= {
                "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}
            }
            config |= {"evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"}}
        (self.root / "config.yaml").write_text(json.dumps(config))

    def command(self) -> list[str]:
        """How it is started."""
        common = [f"--config={self.root}/config.yaml", f"--root-dir={self.root}/state"]
        common.append(f"--hostname-override={self._node}")
        if self._kubeconfig:
            common += [f"--kubeconfig={self._kubeconfig}", f"--cert-dir={self.root}/pki"]
        if self._kubelet:
            return [self._kubelet, *common]
        program = str(Path(sys.executable).with_name("nodeagent"))
        own = f"--socket={self.socket}"
        return [program, "run", *common, own]

    def start(self) -> float:
        """Start it; the moment (perf_counter) just before."""
        log = (self.root / "agent.log").open("ab")
        began = time.perf_counter()
        self._process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        return began

    def stop(self) -> None:
        """End it; its pods stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def connect(self) -> http.client.HTTPConnection:
        """A connection to its port."""
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        if self._process.poll() is not None:
            tail = (self.root / "agent.log").read_text()[-2000:]
            raise RuntimeError(f"the agent ended with {self._process.returncode}:\n{tail}")
        return self._process.pid

    def usage(self) -> Usage:
        """CPU, memory and wake-ups up to now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS
        rss, switches = 0.0, 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    rss = int(line.split()[1]) / 1024
                elif "ctxt_switches" in line:
                    switches += int(line.split()[1])
        return Usage(at=time.perf_counter(), cpu=cpu, rss_mib=rss, switches=switches)

    def write(self, names: Sequence[str]) -> float:
        """Rename all these manifests into place; the moment just before the first."""
        for name in names:
            (self._staging / f"{name}.yaml").write_text(MANIFEST.format(name=name))
        began = time.perf_counter()
        for name in names:
            (self._staging / f"{name}.yaml").rename(self.manifests / f"{name}.yaml")
        return began

    def put(self, name: str, text: str) -> None:
        """Rename one manifest of this text into place."""
        (self._staging / f"{name}.yaml").write_text(text)
        (self._staging / f"{name}.yaml").rename(self.manifests / f"{name}.yaml")

    def remove_all(self) -> None:
        """Take every manifest away."""
        for file in self.manifests.iterdir():
            file.unlink()


def first_call(agent: Agent) -> float:
    """Seconds from the start of the process to its first bytes on the runtime's socket."""
    agent.prepare()
    path = agent.root / "cri.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(30)
        config = json.loads((agent.root / "config.yaml").read_text())
        config["containerRuntimeEndpoint"] = f"unix://{path}"
        (agent.root / "config.yaml").write_text(json.dumps(config))
        began = agent.start()
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                connection.recv(1)
            return time.perf_counter() - began
        finally:
            agent.stop()
