"""Write systemd/ from `nodeagent/core/service_files.py`: `python -m tools.service_files [--check]`.

`nodeagent install` writes the same unit with this machine's paths; packages take these files.
"""

import sys
from pathlib import Path

from nodeagent.core import service_files as files

FOLDER = Path(__file__).parents[1] / "systemd"


def texts() -> dict[str, str]:
    """Every file of the folder by its name."""
    return {
        "nodeagent.service": files.unit(files.Machine()),
        "nodeagent.slice": files.slice_unit(),
        "nodeagent.tmpfiles": files.tmpfiles(),
        "nodeagent.default": files.environment(),
        "config.yaml": files.configuration(files.Machine()),
    }


def main() -> int:
    """Write the folder, or with --check say what is not fresh; the exit code."""
    if "--check" not in sys.argv[1:]:
        FOLDER.mkdir(exist_ok=True)
        for name, text in texts().items():
            (FOLDER / name).write_text(text)
        return 0
    stale = [name for name, text in texts().items() if (FOLDER / name).read_text() != text]
    for name in stale:
        print(f"{FOLDER / name} is not fresh: run `python -m tools.service_files`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
