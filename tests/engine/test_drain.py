"""Emptying the node: what is wanted while a drain is on, and in which order pods go."""

from collections.abc import Mapping

import msgspec

from nodeagent.engine.drain import Drain
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Ending, EndWhy, PodMemory
from tests.fakes.pods import a_pod, remembered

PLAIN = a_pod(uid="plain", name="plain")
VITAL = a_pod(uid="vital", name="vital", priorityClassName="system-node-critical")


class Node:
    """What a drain is told and asks; pods that are wanted are there, others until `end`."""

    def __init__(self, *, marked: bool = False) -> None:
        self.marked = marked
        self.wanted: list[list[str]] = []
        self.pods: list[PodMemory] = []
        self.drain = Drain(want=self.want, memories=lambda: tuple(self.pods), marker=self)

    def want(self, desired: Mapping[PodUid, DesiredPod]) -> None:
        self.wanted.append(sorted(desired))

    def is_set(self) -> bool:
        return self.marked

    def set(self) -> None:
        self.marked = True

    def clear(self) -> None:
        self.marked = False

    def run(self, *pods: DesiredPod) -> None:
        """These are wanted by their sources, and run."""
        self.pods = [remembered(pod) for pod in pods]
        self.drain.take({pod.uid: pod for pod in pods})

    def end(self, pod: DesiredPod) -> None:
        self.pods = [memory for memory in self.pods if memory.pod.uid != pod.uid]
        self.drain.take({one.uid: one for one in (PLAIN, VITAL)})


def test_without_a_drain_wishes_pass() -> None:
    node = Node()
    node.run(PLAIN, VITAL)
    assert node.wanted == [["plain", "vital"]]
    assert not node.drain.state().draining


def test_vital_pods_are_wanted_until_the_others_have_ended() -> None:
    node = Node()
    node.run(PLAIN, VITAL)
    node.drain.begin()
    assert node.wanted[-1] == ["vital"]
    node.end(PLAIN)
    assert node.wanted[-1] == []
    assert node.marked


def test_a_new_wish_starts_nothing_and_is_remembered_for_later() -> None:
    node = Node()
    node.run(VITAL)
    node.drain.begin()
    node.pods = []
    node.drain.take({PLAIN.uid: PLAIN, VITAL.uid: VITAL})
    assert node.wanted[-1] == []
    node.drain.undo()
    assert node.wanted[-1] == ["plain", "vital"]
    assert not node.marked


def test_both_may_be_repeated_and_tell_the_state_once() -> None:
    node = Node()
    node.run(PLAIN)
    node.drain.undo()
    node.drain.begin()
    node.drain.begin()
    assert node.wanted == [["plain"], []]


def test_a_drain_survives_a_restart_of_the_agent() -> None:
    node = Node(marked=True)
    node.run(PLAIN)
    assert node.drain.draining
    assert node.wanted == [[]]


def test_the_state_names_who_is_left_and_until_when() -> None:
    node = Node()
    node.run(PLAIN, VITAL)
    ending = Ending(why=EndWhy.DELETED, at=100.0, grace=30.0)
    node.pods[0] = msgspec.structs.replace(node.pods[0], ending=ending)
    plain, vital = node.drain.state().left
    assert (plain.name, plain.state, plain.until) == ("plain-n1", "Terminating", 130.0)
    assert (vital.critical, vital.until) == (True, 0.0)
