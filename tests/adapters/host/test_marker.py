"""A file that marks something."""

from pathlib import Path

import pytest

from nodeagent.adapters.host.marker import FileMarker
from nodeagent.errors import HostError


def test_it_is_set_and_cleared_as_often_as_one_likes(tmp_path: Path) -> None:
    marker = FileMarker(tmp_path / "run" / "draining")
    assert not marker.is_set()
    marker.clear()
    marker.set()
    marker.set()
    assert FileMarker(tmp_path / "run" / "draining").is_set()
    marker.clear()
    assert not marker.is_set()


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="file/draining"):
        FileMarker(tmp_path / "file" / "draining").set()
