"""`nodeagent install` and `uninstall`: the agent as a service of this machine, and back."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from nodeagent.adapters.host.checkup import runs_systemd, swap_bytes
from nodeagent.adapters.host.installed import Installation
from nodeagent.cli.output import fail, note, paint
from nodeagent.core import service_files as files
from nodeagent.core.install import Did, Step, Wanted, services_of
from nodeagent.errors import HostError

_COLOURS = {Did.KEEP: "yellow", Did.SAME: "bright_black", Did.GONE: "bright_black"}
_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage."
_INSTALL = f"""\b
Examples:
  nodeagent install --dry-run
  nodeagent install --now
  nodeagent install --embedded-containerd

{_CODES}"""
_UNINSTALL = f"""\b
Examples:
  nodeagent uninstall --dry-run
  nodeagent uninstall

{_CODES}"""
_PREFIX = click.option(
    "--prefix", type=click.Path(path_type=Path), default=Path("/"), metavar="DIR",
    help="Put DIR before every path, as for an image that is being built; nothing is started.",
)  # fmt: skip
_DRY = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


@click.command(epilog=_INSTALL)
@_DRY
@_PREFIX
@click.option("--program", default="", metavar="PATH", help="The program the unit starts.")
@click.option(
    "--embedded-containerd", "embedded", is_flag=True,
    help="Let the agent run a containerd of its own.",
)  # fmt: skip
@click.option("--now", is_flag=True, help="Also enable and start the service.")
@click.option(
    "--kubelet", is_flag=True,
    help="As kubelet.service with kubeadm's drop-in, for kubeadm init and kubeadm join.",
)  # fmt: skip
def install(
    prefix: Path, program: str, *, dry_run: bool, embedded: bool, now: bool, kubelet: bool
) -> None:
    """Write unit, default configuration and folders for this machine.

    May be repeated, as after an upgrade: files that were changed by hand since then stay as they
    are, and are named. `nodeagent uninstall` takes back what this wrote, and nothing else.
    """
    machine = files.Machine(
        program=program or _own_program("kubelet" if kubelet else "nodeagent"),
        embedded=embedded,
        systemd=runs_systemd(),
        swap=swap_bytes() > 0,
    )
    target, wanted = Installation(prefix), _for_kubeadm(machine) if kubelet else _wanted(machine)
    service = "kubelet" if kubelet else "nodeagent"
    try:
        steps = target.plan(wanted) if dry_run else target.install(wanted)
    except HostError as error:
        fail(str(error))
    _print(steps)
    if dry_run:
        note("nothing was done (--dry-run)")
    elif prefix != Path("/") or not runs_systemd():
        note(f"next, on the machine itself: systemctl enable --now {service}")
    else:
        _systemctl("daemon-reload")
        if now:
            _systemctl("enable", "--now", f"{service}.service")
        else:
            note(f"next: systemctl enable --now {service}")


@click.command(epilog=_UNINSTALL)
@_DRY
@_PREFIX
def uninstall(prefix: Path, *, dry_run: bool) -> None:
    """Take back what `nodeagent install` wrote.

    The service is stopped first; its pods go on running. Files that were changed since, and
    folders with something in them, are kept and named.
    """
    target = Installation(prefix)
    live = prefix == Path("/") and runs_systemd()
    try:
        steps = target.plan_uninstall()
        if steps and not dry_run:
            if live:
                for service in services_of(steps):
                    _systemctl("disable", "--now", service)
            steps = target.uninstall()
    except HostError as error:
        fail(str(error))
    if not steps:
        note("nothing is installed here")
        return
    if live:
        note("pods that still run go on; to end them before: nodeagent drain")
    _print(steps)
    if dry_run:
        note("nothing was done (--dry-run)")
    elif live:
        _systemctl("daemon-reload")


def _wanted(machine: files.Machine) -> list[Wanted]:
    return [
        Wanted(path=files.ETC, mode=0o755),
        Wanted(path=files.DROP_INS, mode=0o755),
        Wanted(path=files.CONFIG, text=files.configuration(machine)),
        Wanted(path=files.ENVIRONMENT, text=files.environment()),
        Wanted(path=files.MANIFESTS, mode=0o755),
        Wanted(path="/var/log/pods", mode=0o755),
        Wanted(path=f"{files.UNITS}/nodeagent.slice", text=files.slice_unit()),
        Wanted(path=f"{files.UNITS}/nodeagent.service", text=files.unit(machine)),
    ]


def _for_kubeadm(machine: files.Machine) -> list[Wanted]:
    """What kubeadm expects of a node; it writes the rest itself."""
    return [
        Wanted(path=files.MANIFESTS, mode=0o755),
        Wanted(path="/var/lib/kubelet", mode=0o755),
        Wanted(path="/var/log/pods", mode=0o755),
        Wanted(path=f"{files.UNITS}/nodeagent.slice", text=files.slice_unit()),
        Wanted(path=f"{files.UNITS}/kubelet.service", text=files.kubelet_unit(machine)),
        Wanted(
            path=f"{files.UNITS}/kubelet.service.d/10-kubeadm.conf",
            text=files.kubeadm_drop_in(machine),
        ),
    ]


def _own_program(name: str) -> str:
    """The program that runs us, by an absolute path that stays after an upgrade."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or f"/usr/bin/{name}"


def _print(steps: Iterable[Step]) -> None:
    for step in steps:
        why = f": {step.why}" if step.why else ""
        print(
            f"{paint(step.did.value.ljust(6), _COLOURS.get(step.did, 'green'))}  {step.path}{why}"
        )


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        fail(f"systemctl {' '.join(words)}: {said}")
