"""Manifests: what is read, what is refused and where, and how a static pod is named."""

import json
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.manifest import (
    HASH_ANNOTATION,
    SEEN_ANNOTATION,
    check_manifest,
    keep_seen,
    parse_manifest,
    parse_url_body,
)
from nodeagent.core.qos import CONFIG_SOURCE
from nodeagent.errors import ManifestError
from nodeagent.model.desired import DesiredPod, Source

DATA = Path(__file__).parent.parent / "data/manifests"
WEB = (DATA / "web.yaml").read_bytes()
SMALL = """apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - name: web
    image: registry.local/web:1.2
"""


def parse(
    text: bytes | str,
    *,
    origin: str = "/m/web.yaml",
    node: str = "Node-1",
    source: Source = Source.FILE,
    seen_at: float = 1.5e9,
) -> DesiredPod:
    raw = text.encode() if isinstance(text, str) else text
    return parse_manifest(raw, origin=origin, source=source, node_name=node, seen_at=seen_at)


def refuse(text: bytes | str) -> tuple[str, int, int]:
    with pytest.raises(ManifestError) as caught:
        parse(text)
    return caught.value.detail, caught.value.line, caught.value.column


def test_a_static_pod_is_named_for_its_node() -> None:
    pod = parse(WEB)
    assert (pod.name, pod.namespace) == ("web-node-1", "default")
    assert pod.spec.nodeName == "Node-1"
    assert pod.annotations == {
        CONFIG_SOURCE: "file",
        SEEN_ANNOTATION: "2017-07-14T02:40:00.000000000Z",
        HASH_ANNOTATION: pod.uid,
    }
    assert pod.pod.metadata is not None and pod.pod.metadata.uid == pod.uid
    assert pod.pod.status is not None and pod.pod.status.phase == "Pending"
    assert (pod.source, pod.origin, pod.is_static) == (Source.FILE, "/m/web.yaml", True)


def test_a_pod_from_a_file_tolerates_every_no_execute_taint() -> None:
    for pod in (
        parse(SMALL),
        parse(SMALL + "  tolerations: [{operator: Exists, effect: NoExecute}]\n"),
    ):
        assert [(t.operator, t.effect, t.key) for t in pod.spec.tolerations or ()] == [
            ("Exists", "NoExecute", None)
        ]
    assert parse(SMALL, source=Source.HTTP).spec.tolerations is None


def test_the_uid_is_32_hex_digits_of_content_node_and_place() -> None:
    uid = parse(SMALL).uid
    assert len(uid) == 32 and int(uid, 16) >= 0
    different = {
        parse(SMALL, origin="/m/other.yaml").uid,
        parse(SMALL, node="node-2").uid,
        parse(SMALL, source=Source.HTTP).uid,
        parse(SMALL.replace("1.2", "1.3")).uid,
    }
    assert len(different | {uid}) == 5


def test_the_uid_is_blind_to_layout_time_and_status() -> None:
    uid = parse(SMALL).uid
    as_json = json.dumps(yaml.safe_load(SMALL), indent="\t", sort_keys=True)
    assert parse(as_json).uid == uid
    assert parse(SMALL, seen_at=9.0).uid == uid
    assert parse("# a comment\n" + SMALL + "status: {phase: Running}\n").uid == uid


def test_a_uid_in_the_manifest_is_kept() -> None:
    pod = parse(SMALL.replace("name: web\nspec", "name: web\n  uid: fixed-1\nspec"))
    assert (pod.uid, pod.annotations[HASH_ANNOTATION]) == ("fixed-1", "fixed-1")


def test_a_pod_seen_before_keeps_its_first_time() -> None:
    first, later = parse(SMALL, seen_at=1.0), parse(SMALL, seen_at=2.0)
    assert first != later
    assert keep_seen(later, first) is first
    other = parse(SMALL.replace("1.2", "1.3"), seen_at=2.0)
    assert keep_seen(other, first) is other


def test_a_changed_pod_with_a_fixed_uid_keeps_its_first_time_but_has_its_new_spec() -> None:
    text = SMALL.replace("name: web\nspec", "name: web\n  uid: fixed-1\nspec")
    first, later = parse(text, seen_at=1.0), parse(text.replace("1.2", "1.3"), seen_at=2.0)
    kept = keep_seen(later, first)
    assert kept.annotations[SEEN_ANNOTATION] == first.annotations[SEEN_ANNOTATION]
    assert kept.spec.containers[0].image == "registry.local/web:1.3"


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        (b"", "is empty", (0, 0)),
        (b"# nothing\n---\n", "is empty", (0, 0)),
        (b"\x7fELF\x00\x00", "binary file", (1, 5)),
        (b"kind: P\xff", "not UTF-8", (1, 8)),
        (b"kind: \x07", "control character", (1, 7)),
        (b"kind: Pod\n" + b"#" * (1 << 20), "larger than 1 MiB", (0, 0)),
        (b"spec:\n\tname: x", "tab where YAML takes only spaces", (2, 1)),
        (b"kind: [Pod", "not valid YAML", (2, 1)),
        (b"[" * 900, "nested deeper than 100", (1, 100)),
        (b"- " * 60_000, "nested deeper than 100", (1, 199)),
        (b"a: [" + b"1," * 60_000 + b"]", "more than 50000 values", (0, 0)),
        (b"a: &a [*a]", "inside of what it stands for", (1, 4)),
        (b"a: *b", "undefined alias", (1, 4)),
        (b"just a text", "needs a mapping with apiVersion, kind", (1, 1)),
        (b"[1, 2]", "has a list", (1, 1)),
        (b"spec: {}", "kind: is missing", (1, 1)),
        (b"apiVersion: v1\nkind: PodList\n", "kind: is a PodList; write one Pod a file", (2, 7)),
        (b"apiVersion: v1\nkind: List\n", "kind: is a List", (2, 7)),
        (b"apiVersion: apps/v1\nkind: Deployment\n", 'kind: is "Deployment"; only', (2, 7)),
        (b"kind: Pod\nspec: {}", "apiVersion: is missing", (1, 1)),
        (b"kind: Pod\napiVersion: v2", 'apiVersion: is "v2"', (2, 13)),
        (b"kind: Pod\napiVersion: v1\nspec: {containers: []}", "metadata.name: is missing", (1, 1)),
        (b"kind: Pod\napiVersion: v1\nmetadata: {name: a}", "spec: is missing", (1, 1)),
    ],
)
def test_what_is_no_pod_is_refused_with_its_place(
    text: bytes, words: str, place: tuple[int, int]
) -> None:
    detail, line, column = refuse(text)
    assert words in detail
    assert (line, column) == place


def test_a_text_that_only_nests_is_too_deep_for_every_version_of_the_parser() -> None:
    detail, line, _ = refuse(b"[" * 100_000)
    assert "nested deeper than 100" in detail
    assert line == 1


def test_a_port_is_a_number_or_a_name() -> None:
    for port, has in (("[1]", "a list"), ("yes", "the boolean yes")):
        text = SMALL + f"    livenessProbe: {{tcpSocket: {{port: {port}}}}}\n"
        detail, line, column = refuse(text)
        assert f"port: needs a whole number or a name, has {has}" in detail
        assert (line, column) == (9, 39)


def test_a_kubeadm_manifest_with_its_empty_fields_is_taken() -> None:
    text = (DATA / "kube-apiserver.yaml").read_bytes()
    pod = parse(text)
    assert (pod.key, pod.spec.hostNetwork) == ("kube-system/kube-apiserver-node-1", True)
    assert pod.spec.priorityClassName == "system-node-critical"
    assert len(pod.spec.volumes or ()) == 2


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert "unfold to too much" in refuse("\n".join(lines))[0]


def test_a_second_document_is_refused_but_an_empty_one_is_not() -> None:
    assert refuse(SMALL + "---\n" + SMALL)[:2] == (
        "has a second document; write one Pod a file",
        10,
    )
    assert parse("---\n" + SMALL + "---\n# the end\n").uid == parse(SMALL).uid


@pytest.mark.parametrize(
    ("old", "new", "words", "place"),
    [
        ("image:", "imagee:", "containers[0].imagee: unknown field; did you mean image?", (8, 5)),
        ("image:", "IMAGE:", "did you mean image?", (8, 5)),
        ("image:", "zzzzz:", "spec.containers[0].zzzzz: unknown field", (8, 5)),
        ("spec:", "spec:\n  containers: []", "is given twice, first on line 6", (7, 3)),
        ("registry.local/web:1.2", "12", 'has the number 12; write it in quotes: "12"', (8, 12)),
        ("registry.local/web:1.2", "yes", "needs a text, has the boolean yes", (8, 12)),
        ("registry.local/web:1.2", "[a]", "needs a text, has a list", (8, 12)),
        ("registry.local/web:1.2", "!!binary aGk=", "with the tag tag:yaml.org", (8, 12)),
        ("registry.local/web:1.2", "!go x", "with the tag !go", (8, 12)),
        ("  - name: web\n    ", "  - ", "spec.containers[0].name: is missing", (7, 5)),
        ("metadata:\n  name: web", "metadata: web", 'needs a mapping, has the text "web"', (3, 11)),
        ("spec:", "spec:\n  hostNetwork: 1", "needs true or false, has the number 1", (6, 16)),
        ("spec:", "spec:\n  priority: high", 'needs a whole number, has the text "high"', (6, 13)),
        ("spec:", "spec:\n  priority: 1.5", "needs a whole number, has the number 1.5", (6, 13)),
        ("spec:", "spec:\n  priority: '1'", 'needs a whole number, has the text "1"', (6, 13)),
        ("spec:", f"spec:\n  priority: {2**63}", "needs a whole number", (6, 13)),
        ("spec:", "spec:\n  overhead: {cpu: lots}", 'needs a quantity such as "500m"', (6, 19)),
        ("spec:", "spec:\n  overhead: {cpu: }", "needs a quantity", (6, 19)),
        ("spec:", "spec:\n  nodeSelector: [a]", "needs a mapping, has a list", (6, 17)),
        ("spec:", "spec:\n  overhead: {cpu: [1]}", "needs a quantity such as", (6, 19)),
        ("spec:", "spec:\n  dnsPolicy: None\n  dnsConfig:", "because dnsPolicy is None", (7, 13)),
        ("  name: web\n", "  name: web\n  creationTimestamp: [1]\n", "needs a time", (5, 22)),
        ("spec:", "spec:\n  ? [a, b]\n  : c", "spec: a key needs to be a text", (6, 5)),
        ("spec:", "spec:\n  <<: 3", "spec.<<: needs a mapping, has the number 3", (6, 7)),
        (
            "  name: web\n",
            "  name: web\n  deletionTimestamp: soon\n",
            "needs a time such as",
            (5, 22),
        ),
        (
            "  name: web\n",
            "  name: web\n  deletionTimestamp: 2020-01-01T00:00:00Z\n",
            "only the API server sets it",
            (5, 22),
        ),
        (
            "  name: web\n",
            "  name: web\n  annotations: {kubernetes.io/config.mirror: x}\n",
            "never runs",
            (5, 46),
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_place(
    old: str, new: str, words: str, place: tuple[int, int]
) -> None:
    detail, line, column = refuse(SMALL.replace(old, new, 1))
    assert words in detail
    assert (line, column) == place


def test_everything_wrong_is_told_at_once_in_order_of_lines() -> None:
    text = SMALL.replace("image:", "imagee:").replace("spec:", "spec:\n  hostPID: maybe\n  foo: 1")
    problems = check_manifest(text.encode(), origin="/m/web.yaml", node_name="n")
    assert [(p.line, p.message.split(":")[0]) for p in problems] == [
        (6, "spec.hostPID"),
        (7, "spec.foo"),
        (10, "spec.containers[0].imagee"),
    ]
    assert {p.origin for p in problems} == {"/m/web.yaml"}
    assert "(and 2 more)" in refuse(text)[0]
    assert check_manifest(WEB, origin="/m/web.yaml", node_name="n") == ()


def test_numbers_words_and_quantities_read_as_the_api_reads_them() -> None:
    pod = parse(
        SMALL.replace(
            "spec:", "spec:\n  hostIPC: on\n  hostPID: no\n  priority: 0x10\n  dnsPolicy: ~"
        )
        + "    resources: {limits: {cpu: 1, memory: 1e9, example.com/x: 1_0}}\n"
        + "    livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 10.0}\n"
        + "    readinessProbe: {tcpSocket: {port: web}}\n"
        + "    ports: [{name: web, containerPort: 80}]\n"
        + "  volumes:\n"
        + "  - {name: a, emptyDir: {sizeLimit: 1000}}\n"
        + "  - {name: b, secret: {secretName: b, defaultMode: 0400}}\n"
        + "  - {name: c, secret: {secretName: b, defaultMode: 0o400}}\n"
        + "  - name: d\n    emptyDir:\n"
    )
    spec, web = pod.spec, pod.spec.containers[0]
    assert (spec.hostIPC, spec.hostPID, spec.priority) == (True, False, 16)
    assert spec.dnsPolicy == "ClusterFirst"
    assert web.resources is not None and web.livenessProbe is not None
    assert web.resources.limits == {"cpu": "1", "memory": "1e9", "example.com/x": "10"}
    assert web.livenessProbe.periodSeconds == 10
    ports = [p.tcpSocket.port for p in (web.livenessProbe, web.readinessProbe) if p and p.tcpSocket]
    assert ports == [80, "web"]
    a, b, c, d = spec.volumes or []
    assert a.emptyDir is not None and a.emptyDir.sizeLimit == "1000"
    assert b.secret is not None and b.secret.defaultMode == 0o400
    assert c.secret is not None and c.secret.defaultMode == 0o400
    assert d.emptyDir is not None


def test_empty_labels_anchors_and_merge_keys_work() -> None:
    pod = parse(
        SMALL.replace("  name: web\n", "  name: web\n  labels: {a: , on: x, 1: z}\n", 1).replace(
            "  - name: web", "  - &base\n    name: web"
        )
        + "  - <<: *base\n    name: two\n  - <<: [*base, {tty: true}]\n    name: three\n"
    )
    assert pod.labels == {"a": "", "on": "x", "1": "z"}
    containers = [(c.name, c.image, c.tty) for c in pod.spec.containers]
    image = "registry.local/web:1.2"
    assert containers == [("web", image, None), ("two", image, None), ("three", image, True)]


def test_json_may_have_tabs_and_escaped_characters_beyond_16_bits() -> None:
    value = json.loads(json.dumps(yaml.safe_load(SMALL)))
    value["metadata"]["annotations"] = {"smile": "\U0001f600 \\ud83d\\ude00"}
    text = json.dumps(value, indent="\t", ensure_ascii=True)
    assert "\\ud83d\\ude00" in text
    assert parse(text).annotations["smile"] == "\U0001f600 \\ud83d\\ude00"


def test_what_kubectl_prints_of_a_pod_can_be_a_manifest() -> None:
    value = yaml.safe_load(SMALL)
    value["metadata"] |= {
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "resourceVersion": "17",
        "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {"f:a": {}, "b": [1, None]}}}],
    }
    value["status"] = {"phase": "Running", "startTime": "2026-01-31T12:00:00Z"}
    pod = parse(yaml.safe_dump(value))
    assert pod.pod.metadata is not None and pod.pod.metadata.managedFields is None
    assert pod.pod.status is not None and pod.pod.status.startTime is None


def test_a_url_may_answer_a_pod_or_a_list_of_pods() -> None:
    def pods(body: str) -> list[tuple[str, Source]]:
        found = parse_url_body(body.encode(), origin="http://x", node_name="n", seen_at=1.0)
        return [(pod.name, pod.source) for pod in found]

    one = yaml.safe_load(SMALL)
    two = msgspec.json.decode(msgspec.json.encode(one))
    two["metadata"]["name"] = "two"
    assert pods(SMALL) == [("web-n", Source.HTTP)]
    both = {"apiVersion": "v1", "kind": "PodList", "items": [one, two]}
    assert pods(json.dumps(both)) == [("web-n", Source.HTTP), ("two-n", Source.HTTP)]
    assert pods('{"kind": "PodList", "apiVersion": "v1"}') == []
    two["spec"]["foo"] = 1
    with pytest.raises(ManifestError, match=r"spec\.foo: unknown field"):
        pods(json.dumps(both))
    with pytest.raises(ManifestError, match="is empty"):
        pods("")


@given(
    cut=st.integers(0, len(WEB)),
    drop=st.integers(0, 40),
    put=st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"\n- ", b": ", b"*a", b"&a ", b"{", b"]", b"'", b"!!x ", b"<<: ", b"? ", b"~"]
        ),
    ),
)
def test_no_edit_of_a_manifest_breaks_the_parser(cut: int, drop: int, put: bytes) -> None:
    text = WEB[:cut] + put + WEB[cut + drop :]
    problems = check_manifest(text, origin="/m/x.yaml", node_name="n")
    try:
        parse(text)
    except ManifestError as error:
        assert problems and error.line == problems[0].line
    else:
        assert not problems


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=JSONISH, data=st.data())
def test_no_value_in_any_place_breaks_the_parser(value: object, data: st.DataObject) -> None:
    tree = yaml.safe_load(WEB)
    node = tree
    while True:
        keys = list(range(len(node))) if isinstance(node, list) else list(node)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = value
    check_manifest(json.dumps(tree).encode(), origin="/m/x.yaml", node_name="n")
