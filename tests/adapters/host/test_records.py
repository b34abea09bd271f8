"""Pod records: what lasts, what is set aside, what a crash leaves."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from structlog.testing import capture_logs

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.records import PodRecords
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ImageRef, PodUid, SandboxId
from nodeagent.model.memory import (
    Backoff,
    Ending,
    EndWhy,
    Health,
    ImageOutcome,
    ImageState,
    PodMemory,
    Rejected,
    Trouble,
)


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(2)
    yield pool
    pool.close()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def a_memory(uid: str = "u1") -> PodMemory:
    born = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    pod = v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web", uid=uid, creationTimestamp=born),
        spec=v1.PodSpec(
            containers=[
                v1.Container(
                    name="web",
                    resources=v1.ResourceRequirements(limits={"cpu": "1"}),
                    env=[v1.EnvVar(name="A", value="ä\u2028")],
                )
            ]
        ),
    )
    return PodMemory(
        pod=DesiredPod(uid=PodUid(uid), source=Source.FILE, origin="/m/web.yaml", pod=pod),
        seen_at=1.5,
        admitted=True,
        rejected=Rejected(reason="OutOfcpu", message="no"),
        ending=Ending(why=EndWhy.DELETED, at=10.0, grace=30.0),
        torn_down=True,
        stopped_sandboxes=(SandboxId("s1"),),
        backoffs={"web": Backoff(key="k", delay=20.0, at=3.25)},
        restart_counts={"web": 3},
        attempts={"web": 5},
        restart_all=4.0,
        restart_asked={"web": 7.0},
        status=v1.PodStatus(phase="Running", startTime=born),
        images={"web": ImageOutcome(attempt=1, state=ImageState.READY, ref=ImageRef("sha"))},
        troubles={"web": Trouble(reason="r", message="m", at=1.0)},
        health={"web": Health(id="c1")},
        prepared=True,
    )


async def test_what_lasts_comes_back_and_the_rest_is_found_out_again(
    tmp_path: Path, threads: Threads
) -> None:
    memory = a_memory()
    await PodRecords(str(tmp_path), threads).save(memory)
    (back,) = await PodRecords(str(tmp_path), threads).load_all()
    assert back == msgspec.structs.replace(
        memory, images={}, troubles={}, health={}, prepared=False
    )
    path = tmp_path / "pods/u1/nodeagent.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o750


async def test_a_later_save_replaces_the_earlier_one_and_leaves_no_draft(
    tmp_path: Path, threads: Threads
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory())
    later = msgspec.structs.replace(a_memory(), restart_counts={"web": 9})
    await records.save(later)
    (back,) = await records.load_all()
    assert back.restart_counts == {"web": 9}
    assert names(tmp_path / "pods/u1") == ["nodeagent.json"]


async def test_no_folder_yet_means_no_records(tmp_path: Path, threads: Threads) -> None:
    assert await PodRecords(str(tmp_path / "never"), threads).load_all() == ()


async def test_a_pod_folder_without_a_record_is_passed_over(
    tmp_path: Path, threads: Threads
) -> None:
    (tmp_path / "pods/u9").mkdir(parents=True)
    (tmp_path / "pods/stray").write_text("a file among folders")
    with capture_logs() as logs:
        assert await PodRecords(str(tmp_path), threads).load_all() == ()
    assert logs == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "truncated"),
        (b'{"version":1,"memory":{"pod"', "truncated"),
        (b"\x00" * 300, "invalid character"),
        (b'{"version":2,"memory":{}}', "version is 2"),
        (b'{"version":1,"memory":{"seen_at":1}}', "missing required field `pod`"),
        (b"[]", "Expected `object`"),
    ],
)
async def test_a_record_that_cannot_be_read_is_set_aside_and_the_others_still_load(
    tmp_path: Path, threads: Threads, content: bytes, word: str
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory("good"))
    bad = tmp_path / "pods/bad/nodeagent.json"
    bad.parent.mkdir()
    (bad.parent / "volumes").mkdir()
    bad.write_bytes(content)
    with capture_logs() as logs:
        loaded = await records.load_all()
    assert [m.pod.uid for m in loaded] == ["good"]
    assert names(bad.parent) == ["nodeagent.json.bad", "volumes"]
    assert (bad.parent / "nodeagent.json.bad").read_bytes() == content
    assert logs[0]["path"] == str(bad)
    assert word in logs[0]["why"]
    with capture_logs() as again:
        await records.load_all()
    assert again == []


async def test_a_record_copied_from_another_pod_is_set_aside(
    tmp_path: Path, threads: Threads
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory("u1"))
    (tmp_path / "pods/u2").mkdir()
    (tmp_path / "pods/u2/nodeagent.json").write_bytes(
        (tmp_path / "pods/u1/nodeagent.json").read_bytes()
    )
    assert [m.pod.uid for m in await records.load_all()] == ["u1"]
    assert (tmp_path / "pods/u2/nodeagent.json.bad").exists()


async def test_a_draft_left_by_a_crash_is_not_taken_for_a_record(
    tmp_path: Path, threads: Threads
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory())
    (tmp_path / "pods/u1/.nodeagent.json.tmp").write_bytes(b'{"version":1,')
    (back,) = await records.load_all()
    assert back.seen_at == 1.5


async def test_a_save_that_the_disk_refuses_keeps_the_old_record_and_names_the_file(
    tmp_path: Path, threads: Threads
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory())
    (tmp_path / "pods/u1/.nodeagent.json.tmp").mkdir()  # so that the draft cannot be opened
    with pytest.raises(HostError, match=r"save record .*/u1/nodeagent.json: Is a directory"):
        await records.save(msgspec.structs.replace(a_memory(), seen_at=2.0))
    (tmp_path / "pods/u1/.nodeagent.json.tmp").rmdir()
    (back,) = await records.load_all()
    assert back.seen_at == 1.5


def test_a_durable_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomic(str(path), b"one", mode=0o640, durable=True)
    write_atomic(str(path), b"two", mode=0o640, durable=True)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b'"metadata":{"', b'"metadata":null,"x":{"', 1),
        lambda text: text[:-2] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
)
async def test_a_record_that_is_no_pod_is_set_aside(
    tmp_path: Path, threads: Threads, spoil: Callable[[bytes], bytes]
) -> None:
    records = PodRecords(str(tmp_path), threads)
    await records.save(a_memory())
    path = tmp_path / "pods" / "u1" / "nodeagent.json"
    path.write_bytes(spoil(path.read_bytes()))
    assert await records.load_all() == ()
    assert names(path.parent) == ["nodeagent.json.bad"]
