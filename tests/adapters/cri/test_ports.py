"""The adapter fits the engine's Protocols. mypy is the judge; it runs over this file."""

from nodeagent.adapters.cri.connect import Cri
from nodeagent.engine import meter_ports, ports, sandbox_ports


def as_ports(
    cri: Cri,
) -> tuple[
    ports.Runtime,
    ports.Sight,
    sandbox_ports.Sandboxes,
    ports.Containers,
    ports.Images,
    meter_ports.RuntimeStats,
]:
    return cri.runtime, cri.sight, cri.sandboxes, cri.containers, cri.images, cri.stats


def test_every_port_of_the_runtime_is_there() -> None:
    assert set(Cri.__struct_fields__) == {
        "runtime",
        "sight",
        "sandboxes",
        "containers",
        "images",
        "streams",
        "stats",
    }
    for port, name in (
        (ports.Runtime, "CriRuntime"),
        (ports.Sight, "CriSight"),
        (sandbox_ports.Sandboxes, "CriSandboxes"),
        (ports.Containers, "CriContainers"),
        (ports.Images, "CriImages"),
        (meter_ports.RuntimeStats, "CriStats"),
    ):
        wanted = {method for method in vars(port) if not method.startswith("_")}
        ours = next(kind for kind in Cri.__annotations__.values() if kind.__name__ == name)
        assert wanted <= set(vars(ours))
