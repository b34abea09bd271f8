"""`make run` and `make stop`: a node with the sample pods on this machine, and its removal."""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from docs.samples.images.build import BUSYBOX_IMAGE, busybox_image
from nodeagent.adapters.containerd import embedded, processes
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.adapters.containerd.ctl import Ctr
from nodeagent.adapters.containerd.findings import find_program
from nodeagent.adapters.containerd.oci import PAUSE_IMAGE, write_archive
from nodeagent.adapters.containerd.removal import remove
from nodeagent.errors import AgentError
from tools import pods
from tools.steps import Step, step

SAMPLES = Path("docs/samples/manifests")
SOCKET = Path("/run/nodeagent/nodeagent.sock")
AGENT = Path(sys.executable).with_name("nodeagent")
START_PATIENCE = 30.0
PODS_PATIENCE = 120.0
STOP_PATIENCE = 60.0

CONFIG = f"""\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupRoot: /{{cgroup_root}}
podLogsDir: {{root}}/logs
failSwapOn: false
---
apiVersion: nodeagent.dev/v1alpha1
kind: AgentConfiguration
sandboxImage: {PAUSE_IMAGE}
"""

NEXT = """\
Things to try, in another terminal:
  {bin} ps
  {bin} logs crash
  curl http://127.0.0.1:8080/
  cp your-pod.yaml {manifests}/        and it starts
  rm {manifests}/web.yaml              and it ends
The agent's log: {log}
Ctrl-C ends the agent and leaves the pods running: `make run` takes them up again, `make stop`
removes everything."""


class Failure(Exception):
    """What `make` shows in one line."""


class Place:
    """Where the node of `make run` keeps what. Its cgroups have the name of its folder."""

    def __init__(self, root: Path, socket: Path) -> None:
        self.root = root
        self.socket = socket
        self.cgroup_root = root.name
        self.manifests = root / "manifests"
        self.config = root / "config.yaml"
        self.log = root / "agent.log"
        self.containerd = ContainerdSettings(root=root, socket=root / "containerd.sock")

    def write(self, *, samples: bool) -> None:
        """Folders, configuration, and the samples that are newer than what is there."""
        self.manifests.mkdir(parents=True, exist_ok=True)
        self.config.write_text(CONFIG.format(root=self.root, cgroup_root=self.cgroup_root))
        for sample in SAMPLES.glob("*.yaml") if samples else ():
            copy = self.manifests / sample.name
            if not copy.exists() or copy.stat().st_mtime < sample.stat().st_mtime:
                half = copy.with_suffix(".tmp")
                shutil.copy2(sample, half)
                half.replace(copy)


def up(place: Place) -> int:
    """Bring the node up, show its pods, stay until the agent ends."""
    if processes.answers(place.socket):
        raise Failure(f"an agent already runs (it answers on {place.socket}): `make stop` ends it")
    place.write(samples=True)
    with step("Starting containerd"):
        asyncio.run(embedded.ensure(place.containerd))
    _import_busybox(place)
    agent = _start_agent(place)
    try:
        wrong = pods.wait_for(
            place.socket, pods.as_they_should_be, is_alive=_alive(agent), patience=PODS_PATIENCE
        )
        if wrong and agent.poll() is not None:
            raise Failure(f"the agent ended; the last of {place.log}:\n{_tail(place.log)}")
        print()
        subprocess.run([AGENT, "ps", "--socket", str(place.socket)], check=False)
        print()
        print(NEXT.format(bin=_shown(AGENT), manifests=place.manifests, log=place.log), flush=True)
        if wrong:
            raise Failure(f"not as they should be: {wrong}; see {place.log}")
        return _stay(agent, place)
    finally:
        _end_agent(agent)


def down(place: Place) -> int:
    """End the pods with their grace, then the agent and containerd, and remove what is left."""
    if not place.root.exists():
        print("There is nothing to stop.")
        return 0
    if processes.answers(place.containerd.socket):
        try:
            _drain(place)
        except Failure as error:
            print(f"The pods are killed without their grace: {error}", file=sys.stderr)
    agent = _find_agent(place)
    if agent is not None:
        with step("Stopping the agent"):
            processes.end(agent, patience=STOP_PATIENCE)
    with step("Removing what is left"):
        remove(place.containerd, cgroup_roots=(place.cgroup_root,))
        shutil.rmtree(place.root)
    return 0


def _drain(place: Place) -> None:
    """Without manifests every pod ends as it should; an agent must be there to see to that."""
    for manifest in place.manifests.glob("*"):
        manifest.unlink()
    pid = _find_agent(place)
    if pid is None:
        place.write(samples=False)
        pid = _start_agent(place).pid
    ctr = _ctr(place)
    shown = Step("Waiting for the pods to end")
    deadline = time.monotonic() + STOP_PATIENCE
    while running := ctr.running():
        if time.monotonic() > deadline or not processes.is_alive(pid):
            shown.end(f"gave up, {running} containers are killed")
            return
        shown.tick(f"{running} containers run")
        time.sleep(0.3)
    shown.end("done")


def _find_agent(place: Place) -> int | None:
    """The agent that `make run` started, not any other on this machine."""
    return next(processes.with_words("run", str(place.config)), None)


def _ctr(place: Place) -> Ctr:
    program = find_program("ctr", place.containerd) or "ctr"
    return Ctr(program=program, socket=place.containerd.socket)


def _import_busybox(place: Place) -> None:
    ctr = _ctr(place)
    if ctr.has_image(BUSYBOX_IMAGE):
        return
    with step("Making the busybox image"), tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "busybox.tar"
        write_archive(busybox_image(), archive)
        ctr.import_image(archive, snapshotter=embedded.snapshotter_of(place.containerd))


def _start_agent(place: Place) -> subprocess.Popen[bytes]:
    command = [
        *(str(AGENT), "run", "--embedded-containerd"),
        *("--config", str(place.config), "--root-dir", str(place.root)),
        *("--pod-manifest-path", str(place.manifests)),
        *("--socket", str(place.socket)),
        *("--container-runtime-endpoint", f"unix://{place.containerd.socket}"),
    ]
    with step("Starting the agent") as shown, place.log.open("ab") as log:
        agent = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_PATIENCE
        while not processes.answers(place.socket):
            if agent.poll() is not None:
                raise Failure(f"the agent ended; the last of {place.log}:\n{_tail(place.log)}")
            if time.monotonic() > deadline:
                _end_agent(agent)
                raise Failure(f"the agent does not answer on {place.socket}; see {place.log}")
            time.sleep(0.05)
            shown.tick()
    return agent


def _stay(agent: subprocess.Popen[bytes], place: Place) -> int:
    """Until Ctrl-C, which the terminal sends to the agent too, or until the agent ends."""
    try:
        code = agent.wait()
    except KeyboardInterrupt:
        print()
        with step("Stopping the agent"):
            _end_agent(agent)
        code = 0
    if code:
        raise Failure(f"the agent ended with {code}; the last of {place.log}:\n{_tail(place.log)}")
    print("The agent has ended. The pods go on running: `make run` takes them up again,")
    print("`make stop` removes them.")
    return 0


def _end_agent(agent: subprocess.Popen[bytes]) -> None:
    if agent.poll() is None:
        agent.terminate()
        try:
            agent.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()


def _alive(agent: subprocess.Popen[bytes]) -> Callable[[], bool]:
    return lambda: agent.poll() is None


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-10:])


def main() -> int:
    """Exit code 1 and one line for whatever does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--socket", type=Path, default=SOCKET)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("Running pods needs root: use sudo make run", file=sys.stderr)
        return 1
    place = Place(arguments.root.absolute(), arguments.socket.absolute())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return (up if arguments.what == "up" else down)(place)
    except (AgentError, Failure) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: `make stop` removes what was begun.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
