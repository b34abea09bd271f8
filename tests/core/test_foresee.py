"""What would happen to a node's pods if manifests were put in place."""

import json
from typing import Any

import msgspec

from nodeagent.core.check_files import ManifestFile
from nodeagent.core.foresee import Act, Foreseen, Future, Present, Seen, candidates, foresee
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeFacts, NodeRules

NOTHING = Seen()
NODE = NodeFacts(
    name="n1", allocatable={"cpu": 1000, "memory": 1 << 30, "pods": 10}, runtime_handlers=("",)
)


def manifest(
    name: str = "web", *containers: dict[str, Any], place: str = "", **spec: Any
) -> ManifestFile:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **spec.pop("metadata", {})},
        "spec": {"containers": list(containers) or [a_container()], **spec},
    }
    return ManifestFile(origin=place or f"/tmp/{name}.yaml", text=json.dumps(document).encode())


def a_container(name: str = "main", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox:1", **fields}


def present(*running: ManifestFile, **fields: Any) -> Present:
    """A node where these manifests lie in /m and run."""
    empty = Present(memories=(), node=NODE, rules=NodeRules(), manifests="/m")
    memories = []
    for file in running:
        moved = msgspec.structs.replace(file, origin=f"/m/{file.origin.rpartition('/')[2]}")
        ((_, pod),) = candidates([moved], empty).pods
        memories.append(PodMemory(pod=pod, seen_at=1.0, admitted=True))
    return msgspec.structs.replace(empty, memories=tuple(memories), **fields)


def future(*files: ManifestFile, at: Present, seen: Seen = NOTHING) -> Future:
    return foresee(candidates(files, at), at, seen)


def only(found: Future) -> Foreseen:
    (pod,) = found.pods
    return pod


def test_a_new_pod_starts_with_all_its_containers() -> None:
    found = only(future(manifest("web", a_container("a"), a_container("b")), at=present()))
    assert (found.act, found.name, found.starts, found.stops) == (
        Act.START,
        "web-n1",
        ("a", "b"),
        (),
    )


def test_the_manifest_that_runs_changes_nothing_wherever_the_copy_lies() -> None:
    found = only(future(manifest("web", place="/home/me/copy.yaml"), at=present(manifest("web"))))
    assert (found.act, found.changes, found.images) == (Act.NOTHING, (), ())


def test_an_edit_replaces_the_pod_within_its_grace() -> None:
    old = manifest("web", a_container("a"), terminationGracePeriodSeconds=9)
    new = manifest("web", a_container("a", image="busybox:2"), terminationGracePeriodSeconds=9)
    found = only(future(new, at=present(old)))
    assert (found.act, found.stops, found.starts, found.grace) == (
        Act.REPLACE,
        ("a",),
        ("a",),
        9.0,
    )
    assert found.changes == ('spec.containers[a].image: "busybox:1" -> "busybox:2"',)


def test_a_pod_that_fixes_its_uid_is_changed_in_place() -> None:
    fixed: dict[str, Any] = {"metadata": {"uid": "u-1"}}
    old = manifest("web", a_container("a"), a_container("b"), **fixed)
    new = manifest("web", a_container("a", image="x:2"), a_container("b", tty=True), **fixed)
    found = only(future(new, at=present(old)))
    assert (found.act, found.stops, found.starts) == (Act.UPDATE, ("a",), ("a",))
    assert len(found.changes) == 2


def test_a_file_whose_pod_has_another_name_takes_the_old_pods_place() -> None:
    at = present(manifest("old"))
    found = only(future(manifest("new", place="/m/old.yaml"), at=at))
    assert (found.act, found.stops) == (Act.REPLACE, ("main",))


def test_resources_ports_and_volumes_that_do_not_fit_refuse_the_pod() -> None:
    big = a_container(resources={"requests": {"cpu": "700m"}})
    found = only(future(manifest("two", big), at=present(manifest("one", big))))
    assert (found.act, found.reason) == (Act.REFUSE, "OutOfcpu")
    port = a_container(ports=[{"containerPort": 80, "hostPort": 80}])
    found = only(future(manifest("two", port), at=present(manifest("one", port))))
    assert (found.act, found.reason) == (Act.REFUSE, "NodePorts")
    assert found.clashes == ("a host port is taken by pod default/one-n1",)
    odd = present(unsupported=lambda pod: "volume v: no such kind")
    assert only(future(manifest(), at=odd)).reason == "VolumeNotSupported"


def test_a_pod_makes_room_for_its_own_next_version() -> None:
    port = a_container(ports=[{"containerPort": 80, "hostPort": 80}], tty=True)
    plain = a_container(ports=[{"containerPort": 80, "hostPort": 80}])
    found = only(future(manifest("one", port), at=present(manifest("one", plain))))
    assert (found.act, found.clashes) == (Act.REPLACE, ())


def test_candidates_count_against_those_after_them() -> None:
    big = a_container(resources={"requests": {"cpu": "700m"}})
    acts = [pod.act for pod in future(manifest("a", big), manifest("b", big), at=present()).pods]
    assert acts == [Act.START, Act.REFUSE]


def test_images_are_here_or_would_be_pulled_or_fail() -> None:
    pod = manifest(
        "web",
        a_container("here"),
        a_container("gone", image="x:1"),
        a_container("never", image="y:1", imagePullPolicy="Never"),
        a_container("always", image="z"),
    )
    seen = Seen(images={"busybox:1": 5, "x:1": None, "y:1": None, "z": 7})
    images = {one.container: one for one in only(future(pod, at=present(), seen=seen)).images}
    assert (images["here"].here, images["here"].size_bytes) == (True, 5)
    assert (images["gone"].here, images["gone"].fails) == (False, False)
    assert images["never"].fails
    assert (images["always"].policy, images["always"].here) == ("Always", True)


def test_host_paths_that_are_missing_or_shared_are_told() -> None:
    def writer(name: str, *, read_only: bool = False, type_: str = "") -> ManifestFile:
        mount = {"name": "v", "mountPath": "/v", "readOnly": read_only}
        path = {"path": "/srv", **({"type": type_} if type_ else {})}
        return manifest(
            name, a_container(volumeMounts=[mount]), volumes=[{"name": "v", "hostPath": path}]
        )

    at = present(writer("one"))
    shared = only(future(writer("two"), at=at)).clashes
    assert shared == ("volume v: /srv is also mounted writable by pod default/one-n1",)
    assert only(future(writer("two", read_only=True), at=at)).clashes == ()
    missing = only(future(writer("a", type_="Directory"), at=present())).clashes
    assert missing == ("volume v: /srv is not there, and a Directory is asked for",)
    wrong = Seen(paths={"/srv": "File"})
    assert (
        "is a File"
        in only(future(writer("a", type_="Socket"), at=present(), seen=wrong)).clashes[0]
    )
    right = Seen(paths={"/srv": "Directory"})
    made = future(writer("a", type_="DirectoryOrCreate"), at=present())
    assert only(future(writer("a", type_="Directory"), at=present(), seen=right)).clashes == ()
    assert only(made).clashes == ()


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_foreseen() -> None:
    broken = ManifestFile(origin="/tmp/bad.yaml", text=b"kind: Pod\n")
    found = future(broken, manifest("web"), at=present())
    assert [pod.name for pod in found.pods] == ["web-n1"]
    assert found.problems[0].origin == "/tmp/bad.yaml"


def test_a_pod_that_is_over_holds_nothing() -> None:
    from lightkube.models import core_v1 as v1

    big = a_container(resources={"requests": {"cpu": "700m"}})
    at = present(manifest("one", big))
    over = msgspec.structs.replace(
        at.memories[0], torn_down=True, status=v1.PodStatus(phase="Succeeded")
    )
    at = msgspec.structs.replace(at, memories=(over,))
    assert only(future(manifest("two", big), at=at)).act is Act.START
