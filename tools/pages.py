"""Pages made of code: written, or with --check only compared with what is there."""

import sys
from pathlib import Path


def make(page: Path, text: str, *, tool: str) -> int:
    """Write the page, or with --check say whether it is fresh; the exit code."""
    if "--check" not in sys.argv[1:]:
        page.write_text(text)
        return 0
    if page.exists() and page.read_text() == text:
        return 0
    print(f"{page} is not fresh: run `python -m tools.{tool}`")
    return 1
