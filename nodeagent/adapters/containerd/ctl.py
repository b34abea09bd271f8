"""What CRI has no call for, asked of containerd with its own `ctr`: images in, plugins' state."""

import re
import subprocess
import time
import tomllib
from pathlib import Path

import msgspec

from nodeagent.adapters.containerd.findings import last_lines
from nodeagent.adapters.containerd.processes import answers, command_line, listener
from nodeagent.errors import CriUnavailable

NAMESPACE = "k8s.io"
DEADLINE = 60.0
CRI_LABEL = "io.cri-containerd.image=managed"
_CRI_TYPES = ("io.containerd.grpc.v1", "io.containerd.cri.v1")


class Ctr(msgspec.Struct, frozen=True, kw_only=True):
    """A containerd, seen through ctr."""

    program: str
    socket: Path

    def has_image(self, name: str) -> bool:
        """Whether an image of exactly this name is there."""
        return name in self._run("images", "ls", "-q", f"name=={name}").split()

    def import_image(self, archive: Path, *, snapshotter: str = "overlayfs") -> None:
        """Take in an OCI archive; return when CRI has it too. Repeating it changes nothing.

        CRI learns of an image by an event, and labels it as its own once it has.
        """
        self._run("images", "import", "--snapshotter", snapshotter, str(archive))
        deadline = time.monotonic() + DEADLINE
        while (unknown := self._unknown_to_cri()) and time.monotonic() < deadline:
            time.sleep(0.02)
        if unknown:
            detail = f"its CRI plugin does not take in {', '.join(unknown)}"
            raise CriUnavailable(op="ctr images import", target=str(self.socket), detail=detail)

    def _unknown_to_cri(self) -> list[str]:
        rows = self._run("images", "ls").splitlines()[1:]
        return [row.split()[0] for row in rows if CRI_LABEL not in row]

    def running(self) -> int:
        """How many containers run, those of sandboxes included."""
        rows = [line.split() for line in self._run("tasks", "ls").splitlines()[1:]]
        return sum(row[-1] == "RUNNING" for row in rows)

    def plugin_states(self) -> dict[str, str]:
        """State ("ok", "skip", "error") by "type/id"; a plugin that is disabled is not listed."""
        rows = [line.split() for line in self._run("plugins", "ls").splitlines()[1:]]
        return {f"{row[0]}/{row[1]}": row[-1] for row in rows if len(row) >= 3}

    def _run(self, *arguments: str) -> str:
        command = [self.program, "--address", str(self.socket), "--namespace", NAMESPACE]
        op, target = f"ctr {arguments[0]} {arguments[1]}", str(self.socket)
        try:
            done = subprocess.run(
                [*command, *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=DEADLINE,
            )
        except FileNotFoundError as error:
            detail = f"{self.program} not found; run: apt-get install containerd"
            raise CriUnavailable(op=op, target=target, detail=detail) from error
        except subprocess.TimeoutExpired as error:
            detail = f"no answer within {DEADLINE:.0f} s"
            raise CriUnavailable(op=op, target=target, detail=detail) from error
        if done.returncode:
            detail = last_lines(done.stderr, count=1)
            raise CriUnavailable(op=op, target=target, detail=detail)
        return done.stdout


def diagnose(socket: Path, *, ctr: str = "ctr") -> str | None:
    """Why CRI calls on this socket cannot work and how to mend it; None if nothing is wrong.

    Blocks for some tens of milliseconds. Never raises: the answer goes into another error's text.
    """
    if not socket.exists():
        return f"nothing is at {socket}: start containerd, or run with --embedded-containerd"
    if not answers(socket):
        return f"nothing listens on {socket} any more: start containerd again"
    try:
        states = Ctr(program=ctr, socket=socket).plugin_states()
    except CriUnavailable as error:
        return str(error)
    cri = {name: state for name, state in states.items() if _is_cri(name)}
    if not any(name.endswith("/cri") for name in cri):
        return f"containerd on {socket} runs without its CRI plugin{_where_disabled(socket)}"
    broken = sorted(name for name, state in cri.items() if state == "error")
    if broken:
        return f"{', '.join(broken)} of containerd on {socket} failed to start: see its log"
    return None


def _is_cri(name: str) -> bool:
    return name.startswith(_CRI_TYPES) and name.endswith(("/cri", "/images", "/runtime"))


def _where_disabled(socket: Path) -> str:
    """The line to change, as far as it can be found."""
    config = _config_of(socket)
    try:
        text = config.read_text()
        disabled = tomllib.loads(text).get("disabled_plugins", [])
    except (OSError, ValueError):
        return f"; look for disabled_plugins in {config}"
    names = [name for name in disabled if name == "cri" or name.startswith(_CRI_TYPES)]
    if not names:
        return f"; {config} does not disable it, so restart containerd if that file changed"
    before = re.split(r"^\s*disabled_plugins\b", text, maxsplit=1, flags=re.MULTILINE)[0]
    line = before.count("\n") + 1
    kept = ", ".join(f'"{name}"' for name in disabled if name not in names)
    return (
        f'; {config} line {line} disables "{names[0]}": make it disabled_plugins = [{kept}] '
        "and restart containerd"
    )


def _config_of(socket: Path) -> Path:
    """The file this containerd was told to read, or where it looks by itself."""
    pid = listener(socket)
    words = command_line(pid) if pid is not None else ()
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if word in ("-c", "--config", "-config"):
            return Path(following)
        if word.startswith(("--config=", "-config=")):
            return Path(word.partition("=")[2])
    return Path("/etc/containerd/config.toml")
