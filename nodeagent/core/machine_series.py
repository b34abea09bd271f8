"""Series about the machine on `/metrics/cadvisor`: machine_* and cadvisor_version_info."""

from collections.abc import Iterator

from nodeagent.core.exposition import Family, label_text
from nodeagent.model.machine import Machine
from nodeagent.model.scrapes import Tier

_GAUGES = (
    ("machine_cpu_cores", "Logical CPUs.", "cores", Tier.CORE),
    ("machine_memory_bytes", "Memory of the machine.", "memory", Tier.CORE),
    ("machine_swap_bytes", "Swap of the machine.", "swap", Tier.STANDARD),
    ("machine_cpu_physical_cores", "Cores.", "physical_cores", Tier.STANDARD),
    ("machine_cpu_sockets", "CPU sockets.", "sockets", Tier.STANDARD),
    ("machine_cpu_books", "Books of CPUs (s390).", "books", Tier.FULL),
    ("machine_cpu_drawers", "Drawers of CPUs (s390).", "drawers", Tier.FULL),
)
_VERSION = Family(
    name="cadvisor_version_info",
    type="gauge",
    help="1, with the versions of the kernel, the system and the agent.",
)
_ERROR = Family(
    name="machine_scrape_error", type="gauge", help="1 where the machine could not be read."
)
_DIMMS = Family(name="machine_dimm_count", type="gauge", help="Memory modules by type.")
_DIMM_BYTES = Family(
    name="machine_dimm_capacity_bytes", type="gauge", help="Memory of modules by type."
)
_NVM = Family(
    name="machine_nvm_capacity",
    type="gauge",
    help="Non-volatile memory modules by mode; not looked for, always 0.",
)
_NVM_POWER = Family(
    name="machine_nvm_avg_power_budget_watts",
    type="gauge",
    help="Power budget of non-volatile memory; not looked for, always 0.",
)


def machine_lines(
    machine: Machine, tier: Tier, version: str, runtime_version: str
) -> Iterator[tuple[Family, list[str]]]:
    """Families with their lines; values of a machine have no time of their own."""
    tiers = tuple(Tier)
    who = label_text(
        [
            ("boot_id", machine.boot_id),
            ("machine_id", machine.machine_id),
            ("system_uuid", machine.system_uuid),
        ]
    )
    for name, text, field, first in _GAUGES:
        if tiers.index(tier) >= tiers.index(first):
            family = Family(name=name, type="gauge", help=text)
            yield family, [f"{name}{{{who}}} {getattr(machine, field)}\n"]
    versions = label_text(
        [
            ("cadvisorRevision", ""),
            ("cadvisorVersion", version),
            ("dockerVersion", runtime_version),
            ("kernelVersion", machine.kernel),
            ("osVersion", machine.os_image),
        ]
    )
    yield _VERSION, [f"{_VERSION.name}{{{versions}}} 1\n"]
    yield _ERROR, [f"{_ERROR.name} 0\n"]
    if tier is Tier.FULL:
        yield from _modules(machine, who)


def _modules(machine: Machine, who: str) -> Iterator[tuple[Family, list[str]]]:
    named = [(f"{label_text([('type', one.type)])},{who}", one) for one in machine.dimms]
    yield _DIMMS, [f"{_DIMMS.name}{{{labels}}} {one.count}\n" for labels, one in named]
    yield _DIMM_BYTES, [f"{_DIMM_BYTES.name}{{{labels}}} {one.capacity}\n" for labels, one in named]
    modes = ("app_direct_mode", "memory_mode")
    yield _NVM, [f'{_NVM.name}{{mode="{mode}",{who}}} 0\n' for mode in modes]
    yield _NVM_POWER, [f"{_NVM_POWER.name}{{{who}}} 0\n"]
