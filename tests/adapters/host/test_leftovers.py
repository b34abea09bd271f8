"""Leftovers of pods on a real file system."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.leftovers import HostLeftovers
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.node import PodDirs


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for folder in ("root/pods/u1", "root/pods/u2", "logs/ns_web_u1/c", "logs/other", "links"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "logs/ns_web_u1/c/0.log").write_text("x")
    (tmp_path / "root/pods/file").write_text("no pod")
    return tmp_path


@pytest.fixture
def leftovers(place: Path) -> Iterator[HostLeftovers]:
    threads = Threads(1)
    dirs = PodDirs(
        root=str(place / "root"), logs=str(place / "logs"), container_links=str(place / "links")
    )
    yield HostLeftovers(dirs, threads)
    threads.close()


async def test_pods_are_found_by_their_folders(leftovers: HostLeftovers) -> None:
    assert sorted(await leftovers.pod_folders()) == ["u1", "u2"]


async def test_logs_are_found_by_the_uid_in_their_name(
    leftovers: HostLeftovers, place: Path
) -> None:
    assert await leftovers.log_folders() == {f"{place}/logs/ns_web_u1": "u1"}


async def test_logs_go_and_only_where_logs_are(leftovers: HostLeftovers, place: Path) -> None:
    await leftovers.remove_logs(f"{place}/logs/ns_web_u1")
    assert await leftovers.log_folders() == {}
    with pytest.raises(HostError, match="not in"):
        await leftovers.remove_logs(f"{place}/root/pods")


async def test_dead_links_go_unless_foreign_or_of_a_living_container(
    leftovers: HostLeftovers, place: Path
) -> None:
    links = place / "links"
    targets = {
        "web_ns_c-good.log": "logs/ns_web_u1/c/0.log",
        "web_ns_c-dead.log": "logs/ns_gone_u9/c/0.log",
        "web_ns_c-soon.log": "logs/ns_soon_u8/c/0.log",
        "foreign.log": "elsewhere/0.log",
    }
    for name, target in targets.items():
        (links / name).symlink_to(place / target)
    assert await leftovers.remove_dead_links(frozenset({"soon"})) == 1
    left = {name for name in targets if (links / name).is_symlink()}
    assert left == {"web_ns_c-good.log", "web_ns_c-soon.log", "foreign.log"}


async def test_places_that_are_not_there_hold_nothing(tmp_path: Path) -> None:
    threads = Threads(1)
    nowhere = str(tmp_path / "none")
    leftovers = HostLeftovers(PodDirs(root=nowhere, logs=nowhere, container_links=nowhere), threads)
    assert await leftovers.pod_folders() == ()
    assert await leftovers.remove_dead_links(frozenset()) == 0
    threads.close()
