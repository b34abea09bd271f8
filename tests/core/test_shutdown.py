"""Who ends when as the machine goes down."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.shutdown import (
    REASON,
    Group,
    after_shutdown,
    groups_of,
    is_over,
    time_needed,
    waves,
)
from nodeagent.model.desired import Source
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Ending, EndWhy, PodMemory, Rejected
from tests.fakes.pods import a_pod, remembered

CRITICAL = 2_000_000_000
GROUPS = groups_of(total=30.0, critical=10.0, by_priority=())


def one(uid: str, *, grace: int = 60, **spec: Any) -> PodMemory:
    return remembered(a_pod(uid=uid, terminationGracePeriodSeconds=grace, **spec))


def test_critical_pods_get_their_part_of_the_time_after_all_others() -> None:
    pods = [one("a"), one("b", priorityClassName="system-node-critical"), one("c", grace=5)]
    first, second = waves(GROUPS, pods)
    assert (first.seconds, first.graces) == (20.0, (("a", 20.0), ("c", 5.0)))
    assert (second.seconds, second.graces) == (10.0, (("b", 10.0),))
    assert time_needed(GROUPS) == 30.0


def test_without_a_period_there_is_no_graceful_shutdown() -> None:
    assert groups_of(total=0.0, critical=0.0, by_priority=()) == ()
    assert waves((), [one("a")]) == ()


def test_groups_by_priority_go_up_and_a_pod_belongs_to_the_highest_below_it() -> None:
    groups = groups_of(
        total=0.0,
        critical=0.0,
        by_priority=(
            Group(priority=CRITICAL, seconds=5.0),
            Group(priority=100, seconds=10.0),
            Group(priority=1000, seconds=15.0),
        ),
    )
    pods = [one("low"), one("mid", priority=999), one("high", priority=1000)]
    assert [(w.seconds, [uid for uid, _ in w.graces]) for w in waves(groups, pods)] == [
        (10.0, ["low", "mid"]),
        (15.0, ["high"]),
    ]


def test_pods_that_are_over_need_no_time() -> None:
    over = remembered(a_pod(uid="over"), torn_down=True)
    refused = remembered(a_pod(uid="no"), rejected=Rejected(reason="OutOfcpu", message=""))
    assert is_over(over) and is_over(refused)
    assert waves(GROUPS, [over, refused]) == ()


@given(
    priorities=st.lists(st.integers(-10, CRITICAL + 10), max_size=8),
    steps=st.lists(st.tuples(st.integers(0, CRITICAL), st.floats(0, 60)), min_size=1, max_size=4),
)
def test_every_pod_is_in_one_wave_and_none_outstays_it(
    priorities: list[int], steps: list[tuple[int, float]]
) -> None:
    given_groups = {p: s for p, s in steps}
    groups = groups_of(
        total=0,
        critical=0,
        by_priority=[Group(priority=p, seconds=s) for p, s in given_groups.items()],
    )
    pods = [one(f"p{index}", priority=value) for index, value in enumerate(priorities)]
    found = waves(groups, pods)
    assert sorted(uid for wave in found for uid, _ in wave.graces) == sorted(
        f"p{index}" for index in range(len(pods))
    )
    assert all(grace <= wave.seconds for wave in found for _, grace in wave.graces)
    assert sum(wave.seconds for wave in found) <= time_needed(groups) + 1e-6


def test_a_static_pod_that_a_shutdown_ended_begins_anew_when_the_machine_is_back() -> None:
    ending = Ending(why=EndWhy.NODE_SHUTDOWN, at=1.0, grace=5.0)
    ended = remembered(a_pod(), ending=ending, torn_down=True, restart_counts={"web": 3})
    fresh = after_shutdown(ended)
    assert (fresh.ending, fresh.torn_down, fresh.status) == (None, False, None)
    assert fresh.restart_counts == {"web": 3}
    refused = remembered(a_pod(), rejected=Rejected(reason=REASON, message="no"))
    assert after_shutdown(refused).rejected is None


def test_other_ends_and_pods_of_the_api_stay_as_they_are() -> None:
    finished = remembered(ending=Ending(why=EndWhy.FINISHED, at=1.0, grace=5.0))
    assert after_shutdown(finished) is finished
    other = remembered(rejected=Rejected(reason="OutOfcpu", message="no"))
    assert after_shutdown(other) is other
    api = msgspec.structs.replace(a_pod(), source=Source.API, uid=PodUid("x"))
    ended = remembered(api, ending=Ending(why=EndWhy.NODE_SHUTDOWN, at=1.0, grace=5.0))
    assert after_shutdown(ended) is ended
