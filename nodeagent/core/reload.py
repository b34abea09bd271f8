"""What a new configuration changes while the agent runs, and what only a restart can change."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from nodeagent.settings import Settings

# Paths below Settings with the names of files' fields. What is here is read anew by its users on
# `Reloader`'s word; everything else was built into something at the start.
RELOADABLE: Final = frozenset(
    {
        "verbosity",
        "kubelet.logging.verbosity",
        "kubelet.maxPods",
        "kubelet.podsPerCore",
        "kubelet.podPidsLimit",
        "kubelet.allowedUnsafeSysctls",
        "kubelet.clusterDNS",
        "kubelet.clusterDomain",
        "kubelet.crashLoopBackOff.maxContainerRestartPeriod",
        "kubelet.imageGCHighThresholdPercent",
        "kubelet.imageGCLowThresholdPercent",
        "kubelet.imageMinimumGCAge",
        "kubelet.imageMaximumGCAge",
        "kubelet.containerLogMaxSize",
        "kubelet.containerLogMaxFiles",
        "kubelet.containerLogMonitorInterval",
        "agent.probes.maxExecProbes",
        "agent.probes.fastUntilReady",
        "agent.metrics.tier",
        "agent.crashLoop.initial",
        "agent.crashLoop.max",
        "agent.crashLoop.reset",
        "agent.maxParallelStarts",
    }
)
_SHOWN = 80


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs; `field` as files spell it, below `kubelet` or `agent`."""

    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.field}: {_short(self.old)} -> {_short(self.new)}"


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """The settings to go on with: the old ones, with every new value that counts at once."""

    settings: Settings
    applied: tuple[Change, ...]
    needs_restart: tuple[Change, ...]


def compare(old: Settings, new: Settings) -> Reload:
    """What of `new` counts at once. Equal settings give no change at all."""
    changes = tuple(_changes(old, new, ""))
    applied = tuple(one for one in changes if one.field in RELOADABLE)
    left = tuple(one for one in changes if one.field not in RELOADABLE)
    wanted = {one.field: one.new for one in applied}
    settings = _with(old, wanted, "") if wanted else old
    assert isinstance(settings, Settings)
    return Reload(settings=settings, applied=applied, needs_restart=left)


def _changes(old: Any, new: Any, path: str) -> Iterator[Change]:
    if isinstance(old, msgspec.Struct) and type(old) is type(new):
        for field in msgspec.structs.fields(old):
            inner = _join(path, field.encode_name)
            yield from _changes(getattr(old, field.name), getattr(new, field.name), inner)
    elif old != new:
        yield Change(field=path, old=old, new=new)


def _with(value: msgspec.Struct, wanted: dict[str, Any], path: str) -> msgspec.Struct:
    """The value with what is wanted at each path; a struct in between is made anew."""
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        inner = _join(path, field.encode_name)
        now = getattr(value, field.name)
        if inner in wanted:
            made[field.name] = wanted[inner]
        elif isinstance(now, msgspec.Struct) and any(one.startswith(f"{inner}.") for one in wanted):
            made[field.name] = _with(now, wanted, inner)
    return msgspec.structs.replace(value, **made)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: Any) -> str:
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
