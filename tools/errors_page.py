"""Write docs/errors.md from the catalogue: `python -m tools.errors_page [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from nodeagent.core.catalogue import ENTRIES
from nodeagent.core.catalogue_entry import Entry
from tools.pages import make

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
CHAPTERS = {
    "1": "Manifests",
    "2": "Admission: may the pod run here",
    "3": "Images",
    "4": "Starting",
    "5": "Running",
    "6": "Ending",
    "7": "The container runtime",
    "8": "Configuration and host",
    "9": "A cluster",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is fresh; the exit code."""
    return make(PAGE, page(), tool="errors_page")


def _lines() -> Iterator[str]:
    yield "# Errors by code"
    yield ""
    yield "Written by `python -m tools.errors_page` from `nodeagent/core/catalogue_*.py`."
    yield "The same offline: `nodeagent help NA3001`, `nodeagent help ImagePullBackOff`."
    chapter = ""
    for entry in ENTRIES:
        if entry.code[2] != chapter:
            chapter = entry.code[2]
            yield from ("", f"## {CHAPTERS[chapter]}")
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    yield from ("", f"### {entry.code}: {entry.title}", "")
    if entry.reasons:
        yield from (f"Seen as: {', '.join(f'`{one}`' for one in entry.reasons)}", "")
    yield from (f"Cause: {entry.cause}", "", f"What to do: {entry.fix}")


if __name__ == "__main__":
    sys.exit(main())
