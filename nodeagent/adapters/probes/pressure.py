"""The kernel's pressure figures (PSI), as far as probes ask for them."""

from collections.abc import Mapping
from pathlib import Path


class ProcPressure:
    """Reads /proc/pressure; a kernel without PSI tells nothing."""

    def __init__(self, folder: Path = Path("/proc/pressure")) -> None:
        self._folder = folder

    def read(self) -> Mapping[str, float]:
        """avg10 in percent by "cpu.some", "memory.some", "memory.full"."""
        found: dict[str, float] = {}
        for resource in ("cpu", "memory"):
            try:
                text = (self._folder / resource).read_text()
            except OSError:
                continue
            for line in text.splitlines():
                share, _, rest = line.partition(" ")
                average = rest.split(" ", 1)[0].removeprefix("avg10=")
                found[f"{resource}.{share}"] = float(average)
        return found
