"""Documents of objects: what they become, and every mistake with its place."""

import base64

import pytest

from nodeagent.core.objects import read_objects
from nodeagent.model.data import Claim, ConfigMap, DataKind, PersistentVolume, Secret

ALL = tuple(DataKind)


def read(text: str) -> tuple[object, ...]:
    found = read_objects(text.encode(), origin="/f", allowed=ALL)
    assert found.problems == ()
    return found.objects


def wrong(text: str) -> list[str]:
    found = read_objects(text.encode(), origin="/f", allowed=ALL)
    assert found.objects == ()
    return [f"{p.line}:{p.column} {p.message}" for p in found.problems]


def test_a_config_map_has_texts_and_bytes() -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: web}\n"
        "data:\n  conf: |\n    a=1\nbinaryData: {raw: /w==}\nimmutable: true\n"
    )
    assert read(text) == (
        ConfigMap(
            namespace="web",
            name="app",
            data={"conf": "a=1\n"},
            binary={"raw": b"\xff"},
            immutable=True,
        ),
    )


def test_a_secret_is_decoded_and_plain_text_wins() -> None:
    both = base64.b64encode(b"encoded").decode()
    text = (
        '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},'
        f' "data": {{"a": "{both}", "b": "{both}"}}, "stringData": {{"b": "plain"}}}}'
    )
    assert read(text) == (
        Secret(namespace="default", name="key", data={"a": b"encoded", "b": b"plain"}),
    )


def test_documents_and_lists_are_taken_apart_and_an_empty_file_holds_nothing() -> None:
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
    names = [
        o.name
        for o in read(f"{one % 'a'}---\n{one % 'b'}---\n# none\n")
        if isinstance(o, ConfigMap)
    ]
    assert names == ["a", "b"]
    item = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}"
    assert len(read(f"apiVersion: v1\nkind: List\nitems: [{item}]\n")) == 1
    assert read("") == ()
    assert read("# nothing yet\n") == ()


def test_volumes_and_claims_are_read_with_numbers_as_sizes() -> None:
    volume = (
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv, labels: {a: b}}\n"
        "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1000}, hostPath: {path: /d}}\n"
    )
    claim = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    )
    first, second = read(f"{volume}---\n{claim}")
    assert isinstance(first, PersistentVolume)
    assert (first.labels, first.spec.capacity) == ({"a": "b"}, {"storage": "1000"})
    assert isinstance(second, Claim)


HEAD = "apiVersion: v1\nkind: {}\nmetadata: {{name: app}}\n"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("ConfigMap", "data: {a/b: x}", "data[a/b]: is no key"),
        ("ConfigMap", "data: {..a: x}", "data[..a]: is no key"),
        ("ConfigMap", "data: {a: 1}", "4:11 data.a: needs a text, has the number 1"),
        ("ConfigMap", "data: {a: x}\nbinaryData: {a: eA==}", "binaryData.a: is in data too"),
        ("ConfigMap", "binaryData: {a: '%'}", "binaryData.a: is not base64"),
        ("ConfigMap", "spec: {}", "4:1 spec: unknown field"),
        ("Secret", "data: {a: plain!}", "data.a: is not base64; plain text goes into stringData"),
        ("Secret", "type: kubernetes.io/tls\nstringData: {tls.crt: x}",
            "data[tls.key]: is missing"),
        ("PersistentVolume", "", " spec: is missing"),
        ("PersistentVolume", "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}",
            "spec: needs source: one of"),
        ("PersistentVolume", "spec: {capacity: {storage: 1Gi}, accessModes: [RWO], nfs: {server: s,"
            " path: /x}}", 'spec.accessModes[0]: is "RWO"'),
        ("PersistentVolume", "spec: {accessModes: [ReadWriteOnce], local: {path: x}}",
            "spec.capacity.storage: is missing"),
        ("PersistentVolume", "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1},"
            " nfs: {server: '', path: x}}", "spec.nfs.server: is missing"),
        ("PersistentVolume", "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1},"
            " local: {path: /x}, claimRef: {}}", "spec.claimRef.name: is missing"),
        ("PersistentVolumeClaim", "", " spec: is missing"),
        ("PersistentVolumeClaim", "spec: {resources: {requests: {storage: 0}}}",
            "spec.accessModes: is missing"),
        ("Pod", "", '2:7 kind: is "Pod"; only CSIDriver'),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(kind: str, body: str, said: str) -> None:
    found = wrong(f"{HEAD.format(kind)}{body}\n")
    assert any(said in one for one in found), found


def test_names_namespaces_and_versions_are_checked() -> None:
    assert "metadata.name: is missing" in wrong("apiVersion: v1\nkind: Secret\nmetadata: {}\n")[0]
    assert "metadata.name: is missing" in wrong("apiVersion: v1\nkind: Secret\n")[0]
    assert "apiVersion: is missing" in wrong("kind: Secret\nmetadata: {name: a}\n")[0]
    bad = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: A_B}\n"
    assert "metadata.namespace" in wrong(bad)[0]
    assert "needs a mapping" in wrong("- a\n")[0]
    placed = HEAD.format("PersistentVolume").replace("app", "app, namespace: x")
    spec = "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1}, local: {path: /x}}\n"
    assert "metadata.namespace: may not be set" in wrong(placed + spec)[0]


def test_an_object_of_more_than_a_mebibyte_is_refused() -> None:
    text = HEAD.format("ConfigMap") + f"data: {{a: {'x' * (1 << 20)}x}}\n"
    assert "data" in wrong(text.replace("\ndata:", "\nbinaryData:"))[0]
    assert wrong(text)[0].endswith("needs at most 1048576")


def test_one_wrong_document_makes_the_whole_file_unused() -> None:
    good = HEAD.format("ConfigMap")
    found = read_objects(f"{good}---\nkind: Nothing\n".encode(), origin="/f", allowed=ALL)
    assert found.objects == ()
    assert [p.line for p in found.problems] == [5]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_what_was_immutable_may_only_stay_as_it_is(kind: str) -> None:
    field = "data" if kind == "ConfigMap" else "stringData"

    def document(word: str, *, closed: bool = True) -> bytes:
        return f"{HEAD.format(kind)}immutable: {closed}\n{field}: {{a: {word}}}\n".encode()

    first = read_objects(document("x"), origin="/f", allowed=ALL).objects
    again = read_objects(document("x"), origin="/f", allowed=ALL, before=first)
    assert again.objects == first
    for change in (document("z"), document("x", closed=False)):
        found = read_objects(change, origin="/f", allowed=ALL, before=first)
        assert [p.message.partition(":")[2][:15] for p in found.problems] == [" may not change"]
    other = read_objects(document("x", closed=False), origin="/f", allowed=ALL).objects
    assert read_objects(document("z"), origin="/f", allowed=ALL, before=other).problems == ()
