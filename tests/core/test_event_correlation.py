"""Which events the API is told."""

from nodeagent.core.event_correlation import (
    COMBINED,
    FLOOD_BURST,
    SIMILAR_MOST,
    SIMILAR_SECONDS,
    Correlated,
    Correlator,
)
from nodeagent.core.event_object import event_name, event_object, event_patch
from nodeagent.model.events import EventType, SeenEvent, Subject
from nodeagent.model.ids import PodUid


def event(message: str = "m", *, at: float = 0.0, name: str = "web", field: str = "") -> SeenEvent:
    return SeenEvent(
        subject=Subject(name=name, namespace="a", uid=PodUid("u"), field_path=field),
        type=EventType.WARNING,
        reason="BackOff",
        message=message,
        first_at=at,
        last_at=at,
    )


def taken(correlator: Correlator, one: SeenEvent) -> Correlated:
    told = correlator.take(one)
    assert told is not None
    return told


def test_equal_events_are_one_object_that_counts() -> None:
    correlator = Correlator()
    first = taken(correlator, event(at=1))
    second = taken(correlator, event(at=5))
    assert first.key == second.key
    assert (second.count, second.first_at, second.last_at) == (2, 1, 5)
    assert event_patch(second).keys() == {"count", "lastTimestamp"}


def test_different_words_and_containers_are_different_objects() -> None:
    correlator = Correlator()
    keys = {
        taken(correlator, one).key
        for one in (event(), event("n"), event(name="db"), event(field="spec.containers{a}"))
    }
    assert len(keys) == 4


def test_messages_that_vary_too_much_are_combined_for_ten_minutes() -> None:
    correlator = Correlator()
    told = [taken(correlator, event(f"m{n}", at=n)) for n in range(SIMILAR_MOST + 2)]
    assert [t.message.startswith(COMBINED) for t in told] == [False] * 9 + [True] * 3
    assert told[-1].key == told[-2].key
    assert (told[-1].count, told[-1].message) == (3, f"{COMBINED}m11")
    assert event_patch(told[-1])["message"] == f"{COMBINED}m11"
    later = taken(correlator, event("new", at=told[-1].last_at + SIMILAR_SECONDS + 1))
    assert later.message == "new"


def test_an_object_with_too_many_events_is_told_one_in_five_minutes() -> None:
    correlator = Correlator()
    told = [correlator.take(event(at=1.0)) for _ in range(FLOOD_BURST + 5)]
    assert [t is not None for t in told] == [True] * FLOOD_BURST + [False] * 5
    assert correlator.take(event(at=1.0, name="other")) is not None
    after = taken(correlator, event(at=302.0))
    assert after.count == FLOOD_BURST + 6


def test_memory_is_bounded() -> None:
    correlator = Correlator(most=3)
    for number in range(10):
        correlator.take(event(name=f"p{number}"))
    assert taken(correlator, event(name="p0")).count == 1
    assert taken(correlator, event(name="p9")).count == 2


def test_the_api_gets_a_core_event_of_the_kubelet() -> None:
    told = taken(Correlator(), event("m" * 2000, at=1_700_000_000.5, field="spec.containers{a}"))
    made = event_object(told, name=event_name(told), node="n1")
    about = made.involvedObject
    assert (about.kind, about.namespace, about.name, about.uid) == ("Pod", "a", "web", "u")
    assert about.fieldPath == "spec.containers{a}"
    assert made.source is not None
    assert (made.source.component, made.source.host) == ("kubelet", "n1")
    assert (made.reportingComponent, made.reportingInstance) == ("kubelet", "n1")
    assert (made.metadata.name or "").startswith("web.17979cfe53f7")
    other = taken(Correlator(), event("other", at=1_700_000_000.5))
    assert event_name(other) != made.metadata.name
    assert made.metadata.namespace == "a"
    assert len(made.message or "") == 1024
    node = Subject(kind="Node", name="n1", uid=PodUid("n1"))
    told = taken(
        Correlator(),
        SeenEvent(
            subject=node, type=EventType.NORMAL, reason="R", message="m", first_at=1, last_at=1
        ),
    )
    made = event_object(told, name="x", node="n1")
    assert made.metadata.namespace == "default" and made.involvedObject.namespace is None
