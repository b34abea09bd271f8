"""Figures of agents side by side, as text."""

from collections.abc import Mapping
from typing import Any


def print_table(report: Mapping[str, Mapping[str, Any]]) -> None:
    """A row for each figure, a column for each agent that was measured."""
    columns = [name for name in ("nodeagent", "kubelet") if name in report]
    rows = dict.fromkeys(key for name in columns for key in report[name])
    print(f"{'figure':36}" + "".join(f"{name:>14}" for name in columns))
    for key in rows:
        values = "".join(f"{report[name].get(key, '-'):>14}" for name in columns)
        print(f"{key:36}{values}")
