"""Several sources, one desired set: clashes are refused and never stop what runs."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.merge import CLASH_REASON, Merged, merge
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate
from nodeagent.model.ids import PodUid


def a_pod(
    name: str = "web",
    uid: str = "u1",
    *,
    origin: str = "/m/a.yaml",
    source: Source = Source.FILE,
    image: str = "a",
    deleting: bool = False,
) -> DesiredPod:
    pod = v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default"),
        spec=v1.PodSpec(containers=[v1.Container(name="c", image=image)]),
    )
    return DesiredPod(uid=PodUid(uid), source=source, origin=origin, pod=pod, deleting=deleting)


def files(*pods: DesiredPod, problems: tuple[Problem, ...] = ()) -> SourceUpdate:
    return SourceUpdate(source=Source.FILE, pods=pods, problems=problems)


def join(*updates: SourceUpdate, previous: tuple[DesiredPod, ...] = ()) -> Merged:
    return merge(updates, {pod.uid: pod for pod in previous})


def test_sources_are_joined_and_changes_are_named() -> None:
    kept, old = a_pod("a", "u1"), a_pod("b", "u2")
    new, gone = a_pod("b", "u2", image="b"), a_pod("c", "u3")
    api = a_pod("d", "u4", origin="", source=Source.API)
    merged = join(
        files(kept, new),
        SourceUpdate(source=Source.API, pods=(api,)),
        previous=(kept, old, gone),
    )
    assert merged.desired == {"u1": kept, "u2": new, "u4": api}
    assert merged.changed == {"u2", "u3", "u4"}
    assert merged.problems == ()


def test_an_equal_set_changes_nothing() -> None:
    assert join(files(a_pod()), previous=(a_pod(),)).changed == frozenset()


def test_problems_of_sources_are_handed_on() -> None:
    problem = Problem(origin="/m/x.yaml", message="is empty")
    assert join(files(problems=(problem,))).problems == (problem,)


def test_two_manifests_of_one_pod_are_both_refused_and_name_each_other() -> None:
    merged = join(files(a_pod(uid="u1"), a_pod(uid="u2", origin="/m/b.yaml")))
    assert merged.desired == {}
    a, b = merged.problems
    assert (a.origin, b.origin) == ("/m/a.yaml", "/m/b.yaml")
    assert "pod default/web is also in /m/b.yaml" in a.message
    assert "pod default/web is also in /m/a.yaml" in b.message
    assert (a.reason, a.pod) == (CLASH_REASON, "default/web")


def test_what_runs_under_the_name_keeps_running_as_it_was() -> None:
    runs = a_pod(uid="u1")
    other = a_pod(uid="u2", origin="/m/b.yaml")
    merged = join(files(runs, other), previous=(runs,))
    assert (merged.desired, merged.changed) == ({"u1": runs}, frozenset())
    edited = a_pod(uid="u3", image="edited")
    merged = join(files(edited, other), previous=(runs,))
    assert (merged.desired, merged.changed) == ({"u1": runs}, frozenset())


def test_a_file_may_clash_with_the_api_and_with_a_url() -> None:
    api = a_pod(uid="u2", origin="", source=Source.API)
    url = a_pod(uid="u3", origin="http://x", source=Source.HTTP)
    merged = join(
        files(a_pod()),
        SourceUpdate(source=Source.API, pods=(api,)),
        SourceUpdate(source=Source.HTTP, pods=(url,)),
    )
    assert merged.desired == {}
    assert "is also in http://x, the API;" in merged.problems[0].message


def test_a_pod_that_is_being_deleted_makes_room() -> None:
    leaving = a_pod(uid="u2", origin="", source=Source.API, deleting=True)
    api = SourceUpdate(source=Source.API, pods=(leaving,))
    merged = join(files(a_pod()), api, previous=())
    assert merged.desired == {"u1": a_pod(), "u2": leaving}
    assert merged.problems == ()


def test_two_pods_with_one_fixed_uid_are_both_refused() -> None:
    one, two = a_pod("one"), a_pod("two", origin="/m/b.yaml")
    merged = join(files(one, two), previous=(one,))
    assert merged.desired == {"u1": one}
    assert "a pod with the uid u1 is also in /m/b.yaml" in merged.problems[0].message


PODS = st.lists(
    st.builds(
        a_pod,
        st.sampled_from("abc"),
        st.sampled_from(["u1", "u2", "u3", "u4"]),
        origin=st.sampled_from(["/m/a", "/m/b"]),
        image=st.sampled_from("xy"),
    ),
    max_size=6,
)


@given(wanted=PODS, previous=st.lists(PODS, max_size=1))
def test_no_name_that_is_still_wanted_and_runs_ever_stops(
    wanted: list[DesiredPod], previous: list[list[DesiredPod]]
) -> None:
    first = merge([files(*previous[0])] if previous else [], {})
    second = merge([files(*wanted)], first.desired)
    running = {pod.key for pod in first.desired.values()}
    asked = {pod.key for pod in wanted}
    kept = {pod.key for pod in second.desired.values()}
    clashed = {problem.pod for problem in second.problems}
    assert asked - clashed <= kept
    uids = {pod.uid for pod in wanted}
    free = {pod.key for pod in first.desired.values() if pod.uid not in uids}
    assert running & asked & free <= kept
    assert all(uid == pod.uid for uid, pod in second.desired.items())
    again = merge([files(*wanted)], second.desired)
    assert msgspec.structs.replace(second, changed=frozenset()) == again
