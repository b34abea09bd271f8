"""What a pod may learn of itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.downward import field_value, format_map, order_ips, quote, resource_value
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.node import NodeFacts

NODE = NodeFacts(
    name="node-1",
    ips=("10.0.0.7", "fd00::7"),
    allocatable={"cpu": 1900, "memory": 1 << 30, "ephemeral-storage": 5 << 30},
)
WEB = v1.Container(
    name="web",
    resources=v1.ResourceRequirements(
        requests={"cpu": "250m", "memory": "64Mi", "hugepages-2Mi": "4Mi"},
        limits={"cpu": "1500m", "hugepages-2Mi": "4Mi"},
    ),
)
BARE = v1.Container(name="bare")


def a_pod(resources: v1.ResourceRequirements | None = None, *, node: str = "") -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u1"),
        source=Source.FILE,
        origin="web.yaml",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(
                name="web-node-1",
                namespace="shop",
                labels={"app": "web", "a": 'say "hi"'},
                annotations={"x.io/build": "17"},
            ),
            spec=v1.PodSpec(
                containers=[WEB, BARE],
                initContainers=[v1.Container(name="first")],
                nodeName=node or None,
                serviceAccountName="bot",
                resources=resources,
            ),
        ),
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web-node-1"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u1"),
        ("metadata.labels", 'a="say \\"hi\\""\napp="web"'),
        ("metadata.annotations", 'x.io/build="17"'),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['x.io/build']", "17"),
        ("spec.nodeName", "node-1"),
        ("spec.serviceAccountName", "bot"),
        ("status.hostIP", "10.0.0.7"),
        ("status.hostIPs", "10.0.0.7,fd00::7"),
        ("status.podIP", "10.4.0.9"),
        ("status.podIPs", "10.4.0.9,fd01::9"),
    ],
)
def test_every_field_can_be_read(path: str, expected: str) -> None:
    assert field_value(a_pod(), path, node=NODE, ips=("fd01::9", "10.4.0.9")) == expected


def test_the_spec_says_which_node() -> None:
    assert field_value(a_pod(node="other"), "spec.nodeName", node=NODE, ips=()) == "other"


def test_a_pod_without_addresses_has_empty_ones() -> None:
    assert field_value(a_pod(), "status.podIP", node=NODE, ips=()) == ""
    assert field_value(a_pod(), "status.podIPs", node=NODE, ips=()) == ""


@pytest.mark.parametrize("path", ["status.hostIP", "status.hostIPs"])
def test_a_node_without_address_is_an_error(path: str) -> None:
    with pytest.raises(ConfigError, match="the node has no address"):
        field_value(a_pod(), path, node=NodeFacts(name="n"), ips=())


@pytest.mark.parametrize("path", ["spec.hostname", "status.phase", "metadata.labels[app]", ""])
def test_other_paths_are_refused_by_name(path: str) -> None:
    with pytest.raises(ConfigError) as failure:
        field_value(a_pod(), path, node=NODE, ips=())
    assert failure.value.detail == f"unsupported fieldPath: {path}"
    assert "shop/web-node-1" in str(failure.value)


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("requests.cpu", None, "1"),
        ("requests.cpu", "1m", "250"),
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.memory", None, str(64 << 20)),
        ("requests.memory", "1Mi", "64"),
        ("requests.memory", "60M", "2"),
        ("limits.memory", "1Mi", "1024"),
        ("limits.ephemeral-storage", "1Gi", "5"),
        ("requests.ephemeral-storage", None, "0"),
        ("limits.hugepages-2Mi", "1Mi", "4"),
        ("requests.hugepages-2Mi", "1Mi", "4"),
        ("limits.hugepages-1Gi", None, "0"),
    ],
)
def test_amounts_are_divided_and_rounded_up(
    resource: str, divisor: str | None, expected: str
) -> None:
    selector = v1.ResourceFieldSelector(resource=resource, divisor=divisor)
    assert resource_value(a_pod(), WEB, selector, node=NODE) == expected


@pytest.mark.parametrize(
    ("resource", "expected"), [("limits.memory", "512"), ("limits.ephemeral-storage", "5120")]
)
def test_a_missing_limit_is_the_pods_before_the_nodes(resource: str, expected: str) -> None:
    whole = v1.ResourceRequirements(limits={"memory": "512Mi", "ephemeral-storage": "1Mi"})
    selector = v1.ResourceFieldSelector(resource=resource, divisor="1Mi")
    assert resource_value(a_pod(whole), BARE, selector, node=NODE) == expected


def test_another_container_can_be_named() -> None:
    selector = v1.ResourceFieldSelector(resource="requests.cpu", containerName="web", divisor="1m")
    assert resource_value(a_pod(), BARE, selector, node=NODE) == "250"
    assert resource_value(a_pod(), None, selector, node=NODE) == "250"
    first = v1.ResourceFieldSelector(resource="requests.cpu", containerName="first")
    assert resource_value(a_pod(), BARE, first, node=NODE) == "0"


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (v1.ResourceFieldSelector(resource="limits.gpu"), "resource: limits.gpu"),
        (v1.ResourceFieldSelector(resource="cpu"), "unsupported container resource: cpu"),
        (v1.ResourceFieldSelector(resource="limits.cpu", containerName="x"),
         "container x not found"),
    ],
)  # fmt: skip
def test_wrong_resource_fields_are_named(selector: v1.ResourceFieldSelector, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resource_value(a_pod(), WEB, selector, node=NODE)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("line\nend\t\r\a\b\f\v", '"line\\nend\\t\\r\\a\\b\\f\\v"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("größe 漢", '"größe 漢"'),
        ("\u00a0\u200b", '"\\u00a0\\u200b"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_text_is_quoted_as_go_does(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_quoted_ascii_reads_back(text: str) -> None:
    assert json.loads(quote(text)) == text


@given(st.dictionaries(st.from_regex(r"[a-z.]{1,8}", fullmatch=True), st.text()))
def test_a_map_has_one_sorted_line_a_key(values: dict[str, str]) -> None:
    text = format_map(values)
    lines = text.split("\n") if text else []
    assert [line.partition("=")[0] for line in lines] == sorted(values)


def test_the_family_of_the_node_comes_first() -> None:
    ips = ("10.0.0.1", "fd00::1")
    assert order_ips(ips, ("fd00::7",)) == ("fd00::1", "10.0.0.1")
    assert order_ips(ips, ()) == ips
