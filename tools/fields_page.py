"""Write docs/fields.md from the table of support: `python -m tools.fields_page [--check]`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodeagent.core.support import KUBELET_CONFIGURATION, POD, Support
from nodeagent.settings.kubelet import KubeletConfiguration, spell
from tools.pages import make

PAGE = Path(__file__).parents[1] / "docs" / "fields.md"


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is fresh; the exit code."""
    return make(PAGE, page(), tool="fields_page")


def _lines() -> Iterator[str]:
    yield from (
        "# Fields",
        "",
        "Written by `python -m tools.fields_page` from `nodeagent/core/support.py`.",
        "",
        "- **yes**: the field does what the Kubernetes v1.36 reference says.",
        "- **no effect**: it is accepted and changes nothing.",
        "- **refused**: a manifest or configuration that sets it is not used, with this reason.",
        "",
        "A field that stands here nowhere is unknown: in a manifest it is refused by name, with",
        "line and column; in a configuration file it is a warning.",
        "",
        "## Pods",
    )
    for kind, support in POD.items():
        yield from ("", f"### {kind}", "", *_table(support, sorted(support.names)))
    yield from ("", "## KubeletConfiguration", "")
    fields = [spell(name) for name in KubeletConfiguration.__struct_fields__]
    yield from _table(KUBELET_CONFIGURATION, fields)


def _table(support: Support, names: Iterable[str]) -> Iterator[str]:
    yield from ("| field | | |", "|---|---|---|")
    for name in names:
        answer, why = _answer(support, name)
        yield f"| `{name}` | {answer} | {why} |".replace("|  |", "| |")


def _answer(support: Support, name: str) -> tuple[str, str]:
    if name in support.refused:
        return "refused", support.refused[name]
    if name in support.without_effect:
        return "no effect", support.without_effect[name]
    return "yes", support.notes.get(name, "")


if __name__ == "__main__":
    sys.exit(main())
