"""Kernel settings that pods rely on (Kubernetes: "protectKernelDefaults")."""

from pathlib import Path

import structlog

from nodeagent.errors import SettingsError

log = structlog.get_logger()

WANTED = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


def apply_kernel_settings(*, protect: bool, folder: Path = Path("/proc/sys")) -> None:
    """Each setting has the wanted value afterwards; one that cannot be written is only logged.

    With `protect` (protectKernelDefaults) nothing is written: SettingsError names what differs.
    """
    for name, wanted in WANTED.items():
        file = folder / name
        try:
            present = int(file.read_text())
        except (OSError, ValueError):
            continue
        if present == wanted:
            continue
        if protect:
            raise SettingsError(
                op="configure",
                target="protectKernelDefaults",
                detail=f"the kernel has {name.replace('/', '.')} = {present}, pods need {wanted}; "
                f"run `sysctl -w {name.replace('/', '.')}={wanted}`",
            )
        try:
            file.write_text(f"{wanted}\n")
            log.info("kernel setting changed", name=name, was=present, now=wanted)
        except OSError as error:
            log.warning("kernel setting cannot be changed", name=name, error=str(error))
