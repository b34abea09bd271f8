"""Manifests that are checked together."""

from nodeagent.core.check_files import ManifestFile, check_files

POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  containers:
  - name: web
    image: busybox
"""


def manifest(origin: str, name: str, *, more: str = "") -> ManifestFile:
    return ManifestFile(origin=origin, text=(POD.format(name=name) + more).encode())


def test_files_that_are_right_give_their_pods() -> None:
    found = check_files([manifest("a.yaml", "a"), manifest("b.yaml", "b")], node_name="n1")
    assert found.problems == ()
    assert [pod.name for pod in found.pods] == ["a-n1", "b-n1"]


def test_a_name_that_two_files_share_is_a_problem_of_both_with_its_place() -> None:
    found = check_files(
        [manifest("a.yaml", "a"), manifest("b.yaml", "b"), manifest("c.yaml", "a")], node_name="N1"
    )
    assert [pod.origin for pod in found.pods] == ["b.yaml"]
    assert [(p.origin, p.line, p.column) for p in found.problems] == [
        ("a.yaml", 4, 9),
        ("c.yaml", 4, 9),
    ]
    assert "default/a is also in c.yaml" in found.problems[0].message
    assert "a.yaml" in found.problems[1].message


def test_one_name_in_two_namespaces_is_no_clash() -> None:
    other = POD.replace("name: {name}", "name: {name}\n  namespace: kube-system")
    files = [
        manifest("a.yaml", "a"),
        ManifestFile(origin="b", text=other.format(name="a").encode()),
    ]
    assert check_files(files, node_name="n1").problems == ()


def test_each_file_tells_all_that_is_wrong_with_it_in_the_order_given() -> None:
    broken = manifest("z.yaml", "z", more="    imag: x\n    tty: maybe\n")
    gone = ManifestFile(origin="a.yaml", trouble="cannot be read: No such file")
    found = check_files([broken, gone], node_name="n1")
    assert [(p.origin, p.line) for p in found.problems] == [
        ("z.yaml", 9),
        ("z.yaml", 10),
        ("a.yaml", 0),
    ]
    assert "did you mean image?" in found.problems[0].message


def test_a_file_that_is_wrong_takes_no_part_in_clashes() -> None:
    files = [manifest("a.yaml", "a", more="    x: 1\n"), manifest("b.yaml", "a")]
    found = check_files(files, node_name="n1")
    assert [p.origin for p in found.problems] == ["a.yaml"]
    assert [pod.origin for pod in found.pods] == ["b.yaml"]


DATA = """apiVersion: v1
kind: {kind}
metadata: {{name: {name}}}
"""


def data(origin: str, *objects: tuple[str, str]) -> ManifestFile:
    text = "---\n".join(DATA.format(kind=kind, name=name) for kind, name in objects)
    return ManifestFile(origin=origin, text=text.encode())


def test_config_maps_and_secrets_are_checked_too() -> None:
    files = [data("a", ("ConfigMap", "x"), ("Secret", "x")), manifest("b.yaml", "x")]
    found = check_files(files, node_name="n1")
    assert found.problems == ()
    assert (len(found.objects), len(found.pods)) == (2, 1)


def test_what_is_wrong_with_them_has_its_line() -> None:
    wrong = ManifestFile(origin="a", text=DATA.format(kind="Secret", name="x").encode() + b"dat: 1")
    (problem,) = check_files([wrong], node_name="n1").problems
    assert (problem.line, "did you mean data?" in problem.message) == (4, True)


def test_objects_of_one_kind_and_name_clash_within_and_between_files() -> None:
    files = [
        data("a", ("ConfigMap", "x")),
        data("b", ("ConfigMap", "x")),
        data("c", ("Secret", "x")),
    ]
    found = check_files(files, node_name="n1")
    assert [(p.origin, p.line) for p in found.problems] == [("a", 3), ("b", 3)]
    assert "ConfigMap default/x is also in b" in found.problems[0].message
    assert len(found.objects) == 1
    twice = check_files([data("a", ("Secret", "x"), ("Secret", "x"))], node_name="n1")
    assert all("is also in a" in p.message for p in twice.problems)
    assert len(twice.problems) == 2
