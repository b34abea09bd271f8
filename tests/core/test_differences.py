"""Two versions of a pod, told apart field by field."""

from nodeagent.core.differences import differences
from tests.fakes.pods import a_container, a_pod


def told(*old_new: object) -> tuple[str, ...]:
    old, new = old_new
    return differences(old.pod, new.pod)  # type: ignore[attr-defined]


def test_equal_pods_do_not_differ_whatever_the_agent_wrote_on_them() -> None:
    marked = a_pod(annotations={"kubernetes.io/config.seen": "now"})
    assert told(a_pod(), marked) == ()


def test_a_changed_field_of_a_named_container_is_named() -> None:
    new = a_pod(a_container(image="busybox:2"))
    assert told(a_pod(), new) == ('spec.containers[web].image: "busybox:1" -> "busybox:2"',)


def test_what_is_new_and_what_is_gone_is_told() -> None:
    two = a_pod(a_container(), a_container("proxy"))
    assert told(a_pod(), two) == ("spec.containers[proxy]: nothing -> proxy",)
    assert told(two, a_pod()) == ("spec.containers[proxy]: proxy -> nothing",)
    noted = a_pod(annotations={"a": "1"})
    assert told(a_pod(), noted) == ('metadata.annotations.a: nothing -> "1"',)


def test_another_order_is_a_difference() -> None:
    one, other = a_container("a"), a_container("b")
    assert told(a_pod(one, other), a_pod(other, one)) == ("spec.containers: in another order",)


def test_lists_without_names_are_compared_as_a_whole_and_cut_short() -> None:
    old = a_pod(a_container(command=["sh"]))
    new = a_pod(a_container(command=["x" * 100]))
    (line,) = told(old, new)
    assert line.startswith('spec.containers[web].command: ["sh"] -> ["xxx')
    assert line.endswith("...")


def test_a_field_that_is_set_to_nothing_in_both_is_no_difference() -> None:
    one = a_pod(a_container(resources=None, lifecycle=None))
    assert told(one, a_pod(a_container(resources=None, lifecycle=None))) == ()
