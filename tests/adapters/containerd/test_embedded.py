"""What can go wrong before a containerd answers is told in one line that says how to mend it."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from nodeagent.adapters.containerd import embedded
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.adapters.containerd.ctl import diagnose
from nodeagent.adapters.containerd.findings import (
    CNI_PLUGINS,
    PROGRAMS,
    look_around,
    may_lower_oom_score,
)
from nodeagent.errors import CriUnavailable, HostError, SettingsError


@pytest.fixture
def settings(tmp_path: Path) -> ContainerdSettings:
    """A machine of scripts: each program and plugin is there, and containerd ends at once."""
    programs, plugins = tmp_path / "bin", tmp_path / "cni-bin"
    for folder, names in ((programs, PROGRAMS), (plugins, CNI_PLUGINS)):
        folder.mkdir()
        for name in names:
            script(folder / name, "exit 0")
    script(programs / "containerd", 'if [ "$1" = --version ]; then echo x 1.7.24; exit 0; fi\n')
    return ContainerdSettings(
        root=tmp_path / "root",
        socket=tmp_path / "c.sock",
        search_path=f"{programs}:{os.environ['PATH']}",
        cni_bin_dirs=(plugins,),
        patience=5.0,
    )


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def containerd_that(settings: ContainerdSettings, does: str) -> None:
    program = Path(settings.search_path.partition(":")[0]) / "containerd"
    script(program, f'[ "$1" = --version ] && {{ echo x 1.7.24; exit 0; }}\n{does}')


def starts_of(settings: ContainerdSettings) -> int:
    """How often the script of `containerd_that` was started, which notes its pid each time."""
    pids = Path(settings.search_path.partition(":")[0]) / "containerd.pids"
    return len(pids.read_text().split()) if pids.exists() else 0


async def test_a_containerd_that_ends_at_once_is_told_with_its_last_words(
    settings: ContainerdSettings,
) -> None:
    containerd_that(settings, 'echo level=info all is well; echo "level=fatal no disk" >&2; exit 1')
    began = time.monotonic()
    with pytest.raises(
        CriUnavailable, match=r"it ended; last of .*containerd\.log: .*no disk"
    ) as e:
        await embedded.ensure(settings)
    assert "all is well" not in str(e.value)
    assert time.monotonic() - began < 3.0


async def test_a_containerd_that_never_answers_is_given_up_and_not_started_twice(
    settings: ContainerdSettings,
) -> None:
    settings = msgspec.structs.replace(settings, patience=0.3)
    containerd_that(settings, 'echo $$ >> "$0.pids"; sleep 60')
    try:
        for _ in range(2):
            with pytest.raises(CriUnavailable, match="no answer within 0 s"):
                await embedded.ensure(settings)
        assert starts_of(settings) == 1
    finally:
        assert await embedded.stop(settings)
    assert embedded.find_ours(settings) is None


async def test_a_socket_path_too_long_for_the_kernel_is_refused(
    settings: ContainerdSettings, tmp_path: Path
) -> None:
    long = msgspec.structs.replace(settings, socket=tmp_path / ("x" * 100))
    with pytest.raises(SettingsError, match="longer than 101 bytes"):
        await embedded.ensure(long)


async def test_stopping_where_nothing_runs_says_so(settings: ContainerdSettings) -> None:
    assert not await embedded.stop(settings)


async def test_watching_tries_again_after_a_failure(settings: ContainerdSettings) -> None:
    containerd_that(settings, 'echo $$ >> "$0.pids"; exit 1')
    watching = asyncio.ensure_future(embedded.watch(settings))
    try:
        for _ in range(500):
            if starts_of(settings) >= 2:
                break
            await asyncio.sleep(0.01)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    assert starts_of(settings) >= 2


SYSTEM = "unix:///run/containerd/nobody-listens-here.sock"


def test_ours_is_never_put_where_the_systems_containerd_listens(tmp_path: Path) -> None:
    own = tmp_path / "containerd" / "containerd.sock"
    assert embedded.choose_socket(SYSTEM, root=tmp_path) == own


def test_a_place_of_the_users_choice_is_taken(tmp_path: Path) -> None:
    assert embedded.choose_socket("unix:///srv/c.sock", root=tmp_path) == Path("/srv/c.sock")


def test_once_ours_runs_it_stays_in_use(tmp_path: Path) -> None:
    own = tmp_path / "containerd" / "containerd.sock"
    own.parent.mkdir()
    with listening(own), listening(tmp_path / "other.sock"):
        chosen = embedded.choose_socket(f"unix://{tmp_path}/other.sock", root=tmp_path)
    assert chosen == own


@contextmanager
def listening(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


def test_everything_missing_is_named_with_its_packages(tmp_path: Path) -> None:
    bare = ContainerdSettings(
        root=tmp_path, socket=tmp_path / "c.sock", search_path=str(tmp_path), cni_bin_dirs=()
    )
    with pytest.raises(SettingsError) as caught:
        look_around(bare)
    assert "CNI plugins (bridge, host-local, loopback, portmap)" in str(caught.value)
    assert "containernetworking-plugins" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_score_that_may_be_lowered_is_put_back(tmp_path: Path) -> None:
    score = tmp_path / "oom_score_adj"
    score.write_text("100")
    assert may_lower_oom_score(score)
    assert score.read_text() == "100"


def test_the_lowest_score_needs_no_lowering(tmp_path: Path) -> None:
    score = tmp_path / "oom_score_adj"
    score.write_text("-1000")
    assert may_lower_oom_score(score)
    assert score.read_text() == "-1000"


def test_an_absent_socket_is_diagnosed(tmp_path: Path) -> None:
    assert "start containerd" in str(diagnose(tmp_path / "none.sock"))


def test_a_dead_socket_is_diagnosed(tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    dead.touch()
    assert "nothing listens" in str(diagnose(dead))


async def test_a_machine_that_takes_no_files_is_told_in_one_line(
    settings: ContainerdSettings, tmp_path: Path
) -> None:
    (tmp_path / "root").write_text("no folder")
    with pytest.raises(HostError, match=r"start our own containerd: .*Not a directory"):
        await embedded.ensure(settings)
