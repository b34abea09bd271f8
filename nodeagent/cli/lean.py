"""Keep out of the agent's process what its libraries would load and it never uses (6 MiB)."""

import importlib.util
import sys
from types import ModuleType

# structlog takes them if there, and tornado the last one
_UNUSED = ("rich", "rich.console", "rich.traceback", "pygments", "curses")


def leave_out() -> None:
    """Call before anything of the agent is imported; only for a process that is the agent.

    The package lightkube loads an API client and its HTTP library for whoever wants its models
    alone; here it is made a package of nothing but its parts.
    """
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    found = importlib.util.find_spec("lightkube")
    if found is None or "lightkube" in sys.modules or found.submodule_search_locations is None:
        return
    package = ModuleType("lightkube")
    package.__path__ = list(found.submodule_search_locations)
    package.__spec__ = found
    sys.modules["lightkube"] = package
