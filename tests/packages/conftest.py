"""These tests take minutes and the network: only `make deb-test` runs them."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here, and leave it out unless asked for."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.packages)
            item.add_marker(pytest.mark.timeout(900))
            if not os.environ.get("NODEAGENT_PACKAGE_TESTS"):
                item.add_marker(pytest.mark.skip(reason="make deb-test runs it"))
