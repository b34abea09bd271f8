"""How a configuration field says which values it takes: rules that ride on its type annotation."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from nodeagent.settings import scalars


class Rule(msgspec.Struct, frozen=True):
    """Read one scalar: returns the value, or raises ValueError with what is allowed."""

    read: Callable[[object], Any]


class Between(msgspec.Struct, frozen=True):
    """Bounds of a number, both included; `high` None is open. `zero` allows 0 below `low` too."""

    low: float
    high: float | None = None
    zero: bool = False

    def holds(self, number: float) -> bool:
        if self.zero and number == 0:
            return True
        return self.low <= number and (self.high is None or number <= self.high)

    def describe(self, unit: str = "") -> str:
        zero = f"0{unit} or " if self.zero else ""
        if self.high is None:
            return f"{zero}{self.low:g}{unit} or more"
        return f"{zero}from {self.low:.10g}{unit} to {self.high:.10g}{unit}"


class Keys(msgspec.Struct, frozen=True):
    """The only keys a mapping takes; a name ending in `*` stands for all that begin so."""

    names: tuple[str, ...]

    def holds(self, key: str) -> bool:
        return any(
            key.startswith(name[:-1]) if name.endswith("*") else key == name for name in self.names
        )


class ZeroIsDefault:
    """kubelet takes a zero, "" or "0s" in this field for "not set": the default applies.

    kubeadm writes such zeros into every config.yaml.
    """


ZERO = ZeroIsDefault()

Seconds = Annotated[float, Rule(scalars.read_seconds)]
Bytes = Annotated[int, Rule(scalars.read_bytes)]
Amount = Annotated[str, Rule(scalars.read_amount)]
Percent = Annotated[str, Rule(scalars.read_percent)]
Threshold = Annotated[str, Rule(scalars.read_threshold)]
Address = Annotated[str, Rule(scalars.read_address)]
Network = Annotated[str, Rule(scalars.read_network)]
Cpus = Annotated[str, Rule(scalars.read_cpus)]
AbsolutePath = Annotated[str, Rule(scalars.read_absolute_path)]
Endpoint = Annotated[str, Rule(scalars.read_endpoint)]
Count = Annotated[int, Between(0, 2**31 - 1)]
Port = Annotated[int, Between(1, 65535)]
PortOrOff = Annotated[int, Between(0, 65535)]
PercentNumber = Annotated[int, Between(0, 100)]
