"""A containerd of our own: started where none answers, watched, and left running when we go."""

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from nodeagent.adapters.containerd import processes
from nodeagent.adapters.containerd.config import (
    ContainerdSettings,
    Findings,
    cni_network,
    containerd_config,
    free_subnet,
)
from nodeagent.adapters.containerd.ctl import Ctr, diagnose
from nodeagent.adapters.containerd.findings import (
    find_program,
    forwarding_is_denied,
    last_lines,
    look_around,
    search_path,
)
from nodeagent.adapters.containerd.oci import PAUSE_IMAGE, pause_image, write_archive
from nodeagent.errors import CriUnavailable, HostError, SettingsError

LONGEST_SOCKET = 107 - len(".ttrpc")  # sun_path, and containerd's second socket beside the first
LARGEST_LOG_BYTES = 10 << 20
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STOP_PATIENCE = 10.0
STEADY_AFTER = 60.0
SYSTEM_SOCKETS = Path("/run/containerd")

log = structlog.get_logger()


class EmbeddedContainerd(msgspec.Struct, frozen=True, kw_only=True):
    """A containerd that answers. `started`: by this call. `ours`: it runs with our configuration;
    false for one that somebody else had put on the socket.
    """

    endpoint: str
    pid: int
    started: bool
    ours: bool


def choose_socket(endpoint: str, *, root: Path) -> Path:
    """Which socket `--embedded-containerd` means: ours if we already run, else `endpoint` if it
    answers or is a place of the user's own choice, else a new one under `root`.

    A socket in /run/containerd belongs to the system's containerd even while that is down: ours is
    never put there, nor do pods move over to the system's once they run on ours.
    """
    asked = Path(endpoint.removeprefix("unix://"))
    own = root / "containerd" / "containerd.sock"
    if processes.answers(own):
        return own
    if processes.answers(asked) or not asked.is_relative_to(SYSTEM_SOCKETS):
        return asked
    return own


async def ensure(settings: ContainerdSettings) -> EmbeddedContainerd:
    """Return once a containerd answers on the socket: the one that is there, or a new one.

    A new one runs in its own session and outlives the caller. The pause image is made and taken
    in if `sandbox_image` is ours. Safe to repeat. Raises SettingsError if the machine lacks
    something, CriUnavailable with the last words of containerd's log if it ends or stays silent,
    HostError where the machine refuses a file or process.
    """
    try:
        return await asyncio.to_thread(_ensure, settings)
    except (OSError, subprocess.SubprocessError) as error:  # a full disk, no more processes
        raise HostError(op="start", target="our own containerd", detail=str(error)) from error


async def watch(settings: ContainerdSettings) -> None:
    """Never return; start containerd again whenever it has ended, later each time it fails soon.

    One that is not ours has somebody else to start it: it is only waited for.
    """
    failures = 0
    while True:
        began = time.monotonic()
        try:
            running = await ensure(settings)
            await _ended(running.pid)
            log.warning("containerd ended", pid=running.pid, log_file=str(settings.log_file))
            if not running.ours:
                await _somebody_answers(settings.socket)
        except (CriUnavailable, HostError, OSError, SettingsError) as error:
            log.warning("containerd does not start", error=str(error))
        failures = 0 if time.monotonic() - began > STEADY_AFTER else failures + 1
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0.0)


async def stop(settings: ContainerdSettings) -> bool:
    """End our containerd, not its containers; tell whether there was one.

    A containerd on that socket that is not ours is left alone.
    """
    pid = await asyncio.to_thread(find_ours, settings)
    if pid is None:
        return False
    await asyncio.to_thread(lambda: processes.end(pid, patience=STOP_PATIENCE))
    return True


def find_ours(settings: ContainerdSettings) -> int | None:
    """The pid of the containerd that runs with our configuration file."""
    return next(processes.with_words("--config", str(settings.config_file)), None)


def _ensure(settings: ContainerdSettings) -> EmbeddedContainerd:
    if len(os.fsencode(settings.socket)) > LONGEST_SOCKET:
        detail = f"longer than {LONGEST_SOCKET} bytes, the most a unix socket takes"
        raise SettingsError(op="listen on", target=str(settings.socket), detail=detail)
    pid, ours, started = processes.listener(settings.socket), find_ours(settings), False
    if pid is None:
        if ours is None:
            _write_files(settings, look_around(settings))
            ours, started = _spawn(settings), True
        pid = ours
        _wait_until_ready(settings, pid)
    wrong = diagnose(settings.socket, ctr=find_program("ctr", settings) or "ctr")
    if wrong is not None:
        raise CriUnavailable(op="use", target=f"unix://{settings.socket}", detail=wrong)
    _bring_pause_image(settings)
    endpoint = f"unix://{settings.socket}"
    return EmbeddedContainerd(endpoint=endpoint, pid=pid, started=started, ours=pid == ours)


def _write_files(settings: ContainerdSettings, findings: Findings) -> None:
    for folder in (settings.home, settings.state_dir, settings.network_dir, settings.socket.parent):
        folder.mkdir(parents=True, exist_ok=True)
    _replace(settings.config_file, containerd_config(settings, findings).encode())
    network = settings.network_dir / "10-nodeagent.conflist"
    # Once chosen the subnet stays: bridge and leases of living pods have it.
    if not network.exists():
        subnet = settings.subnet or free_subnet(Path("/proc/net/route").read_text())
        denied = forwarding_is_denied(settings)
        _replace(network, cni_network(settings, subnet=subnet, forwarding_is_denied=denied))
    with suppress(FileNotFoundError):
        if settings.log_file.stat().st_size > LARGEST_LOG_BYTES:
            settings.log_file.replace(settings.log_file.with_suffix(".log.1"))


def _replace(path: Path, content: bytes) -> None:
    half = path.with_suffix(".new")
    half.write_bytes(content)
    half.replace(path)


def _spawn(settings: ContainerdSettings) -> int:
    """Start it with exec from a fresh child, in a session of its own, so our end is not its end.

    `env` comes between only to leave our working directory, which may be unmounted one day.
    """
    command = ["env", "--chdir=/", find_program("containerd", settings) or "containerd"]
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawnp(
        "env",
        [*command, "--config", str(settings.config_file)],
        {**os.environ, "PATH": search_path(settings)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, settings.log_file, writing, 0o640),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
    )


def _wait_until_ready(settings: ContainerdSettings, pid: int) -> None:
    deadline = time.monotonic() + settings.patience
    while not processes.answers(settings.socket):
        processes.reap(pid)
        ended = not processes.is_alive(pid)
        if ended or time.monotonic() > deadline:
            what = "it ended" if ended else f"no answer within {settings.patience:.0f} s"
            raise CriUnavailable(
                op="start containerd for",
                target=f"unix://{settings.socket}",
                detail=f"{what}; last of {settings.log_file}: {_last_words(settings)}",
            )
        time.sleep(0.02)


def _last_words(settings: ContainerdSettings) -> str:
    try:
        text = settings.log_file.read_text(errors="replace")
    except FileNotFoundError:
        return "it wrote no log"
    serious = [line for line in text.splitlines() if "level=info" not in line]
    return last_lines("\n".join(serious or text.splitlines()), count=3)


def _bring_pause_image(settings: ContainerdSettings) -> None:
    if settings.sandbox_image != PAUSE_IMAGE:
        return
    ctr = Ctr(program=find_program("ctr", settings) or "ctr", socket=settings.socket)
    if ctr.has_image(PAUSE_IMAGE):
        return
    with tempfile.TemporaryDirectory(prefix="nodeagent-") as folder:
        archive = Path(folder) / "pause.tar"
        write_archive(pause_image(), archive)
        ctr.import_image(archive, snapshotter=snapshotter_of(settings))


def snapshotter_of(settings: ContainerdSettings) -> str:
    """What the written configuration says images are unpacked with."""
    with suppress(FileNotFoundError):
        if 'snapshotter = "native"' in settings.config_file.read_text():
            return "native"
    return "overlayfs"


async def _somebody_answers(socket: Path) -> None:
    """Ask once a second: no event tells that a socket is listened on again."""
    while True:
        if processes.answers(socket):
            return
        await asyncio.sleep(1.0)


async def _ended(pid: int) -> None:
    """Wait for the end of a process, our child or not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    processes.reap(pid)
