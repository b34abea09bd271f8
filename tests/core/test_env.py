"""Environment of containers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.env import (
    Lookup,
    container_env,
    expand,
    expand_strictly,
    parse_env_file,
    service_variables,
)
from nodeagent.errors import ConfigError, Retry
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.node import NodeFacts

NODE = NodeFacts(name="n", ips=("10.0.0.7",), allocatable={"cpu": 2000})


def a_pod(*, source: Source = Source.FILE, links: bool | None = None) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u1"),
        source=source,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(name="web", namespace="shop"),
            spec=v1.PodSpec(containers=[v1.Container(name="c")], enableServiceLinks=links),
        ),
    )


def env_of(
    *env: v1.EnvVar,
    lookup: Lookup | None = None,
    sources: list[v1.EnvFromSource] | None = None,
    pod: DesiredPod | None = None,
) -> dict[str, str]:
    container = v1.Container(name="c", env=list(env), envFrom=sources)
    found = container_env(
        pod or a_pod(), container, node=NODE, ips=("10.4.0.2",), lookup=lookup or Lookup()
    )
    assert len(dict(found)) == len(found)
    return dict(found)


def reference(**kind: object) -> v1.EnvVar:
    return v1.EnvVar(name="X", valueFrom=v1.EnvVarSource(**kind))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "one"),
        ("$(A)$(B)", "onetwo"),
        ("$(NOPE)", "$(NOPE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$one"),
        ("$$$$", "$$"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$(", "$("),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
        ("$(A)\n$(B)", "one\ntwo"),
        ("a$", "a$"),
        ("$(A$$B", "$(A$B"),
    ],
)
def test_references_are_replaced_where_known(text: str, expected: str) -> None:
    assert expand(text, {"A": "one", "B": "two"}) == expected


@given(st.text(alphabet="ab $(){}\n"))
def test_a_doubled_dollar_protects_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"a": "x", "": "y"}) == text


def test_strict_expansion_names_what_is_missing() -> None:
    known = {"A": "one", "E": ""}
    assert expand_strictly("$(A)/$$x", known) == ("one/$x", ())
    assert expand_strictly("$(Z)/$(E)/$(A)", known)[1] == ("E", "Z")


def test_variables_see_those_before_them_and_services() -> None:
    got = env_of(
        v1.EnvVar(name="LATE", value="$(FIRST)"),
        v1.EnvVar(name="FIRST", value="1"),
        v1.EnvVar(name="NEXT", value="$(FIRST)-$(KUBERNETES_SERVICE_HOST)-$(FROM)"),
        v1.EnvVar(name="FIRST", value="2"),
        v1.EnvVar(name="EMPTY"),
        lookup=Lookup(services=(KUBERNETES,), config_maps={"cm": {"FROM": "cm"}}),
        sources=[v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="cm"))],
    )
    assert got["LATE"] == "$(FIRST)"
    assert got["NEXT"] == "1-10.96.0.1-cm"
    assert (got["FIRST"], got["EMPTY"]) == ("2", "")
    assert next(iter(got)) == "FROM"


def test_own_variables_win_over_services_and_later_sources_over_earlier() -> None:
    got = env_of(
        v1.EnvVar(name="KUBERNETES_PORT", value="mine"),
        lookup=Lookup(
            services=(KUBERNETES,),
            config_maps={"one": {"A": "1", "B": "1"}},
            secrets={"two": {"B": b"2"}},
        ),
        sources=[
            v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="one")),
            v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="two")),
            v1.EnvFromSource(prefix="P_", secretRef=v1.SecretEnvSource(name="two")),
            v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="no", optional=True)),
            v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="no", optional=True)),
            v1.EnvFromSource(prefix="Q_"),
        ],
    )
    assert got["KUBERNETES_PORT"] == "mine"
    assert got["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert (got["A"], got["B"], got["P_B"]) == ("1", "2", "2")


def test_keys_that_no_shell_can_name_are_variables_all_the_same() -> None:
    """Kubernetes 1.34 gave up leaving them out with an event (KEP-4369)."""
    got = env_of(
        lookup=Lookup(config_maps={"cm": {"1st-word.txt": "a"}}, secrets={"sec": {"..x": b"b"}}),
        sources=[
            v1.EnvFromSource(prefix="9 ", configMapRef=v1.ConfigMapEnvSource(name="cm")),
            v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="sec")),
        ],
    )
    assert got == {"9 1st-word.txt": "a", "..x": "b"}


LOOKUP = Lookup(
    config_maps={"cm": {"key": "$(not expanded)"}},
    secrets={"sec": {"key": b"hush", "raw": b"\xff"}},
    files={("vol", "e.env"): "A='one'\nE=\n"},
)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (reference(fieldRef=v1.ObjectFieldSelector(fieldPath="status.podIP")), "10.4.0.2"),
        (reference(resourceFieldRef=v1.ResourceFieldSelector(resource="limits.cpu")), "2"),
        (reference(configMapKeyRef=v1.ConfigMapKeySelector(name="cm", key="key")),
         "$(not expanded)"),
        (reference(secretKeyRef=v1.SecretKeySelector(name="sec", key="key")), "hush"),
        (reference(fileKeyRef=v1.FileKeySelector(volumeName="vol", path="e.env", key="A")), "one"),
        (reference(), ""),
    ],
)  # fmt: skip
def test_values_come_from_every_kind_of_source(variable: v1.EnvVar, expected: str) -> None:
    assert env_of(variable, lookup=LOOKUP) == {"X": expected}


@pytest.mark.parametrize(
    "variable",
    [
        reference(configMapKeyRef=v1.ConfigMapKeySelector(name="no", key="k", optional=True)),
        reference(configMapKeyRef=v1.ConfigMapKeySelector(name="cm", key="k", optional=True)),
        reference(secretKeyRef=v1.SecretKeySelector(name="no", key="k", optional=True)),
        reference(secretKeyRef=v1.SecretKeySelector(name="sec", key="k", optional=True)),
        reference(fileKeyRef=v1.FileKeySelector(volumeName="v", path="p", key="A", optional=True)),
        reference(
            fileKeyRef=v1.FileKeySelector(volumeName="vol", path="e.env", key="E", optional=True)
        ),
    ],
)
def test_what_is_optional_and_missing_is_not_set(variable: v1.EnvVar) -> None:
    assert env_of(variable, lookup=LOOKUP) == {}


@pytest.mark.parametrize(
    ("variable", "detail"),
    [
        (reference(configMapKeyRef=v1.ConfigMapKeySelector(name="no", key="k")),
         'configmap "no" not found'),
        (reference(configMapKeyRef=v1.ConfigMapKeySelector(name="cm", key="k")),
         "couldn't find key k in ConfigMap shop/cm"),
        (reference(secretKeyRef=v1.SecretKeySelector(name="no", key="k")),
         'secret "no" not found'),
        (reference(secretKeyRef=v1.SecretKeySelector(name="sec", key="k")),
         "couldn't find key k in Secret shop/sec"),
        (reference(secretKeyRef=v1.SecretKeySelector(name="sec", key="raw")),
         "key raw in Secret shop/sec is not UTF-8 text: mount it as a file"),
        (reference(fileKeyRef=v1.FileKeySelector(volumeName="v", path="p", key="A")),
         'cannot find file "p" in volume "v" (key "A")'),
        (reference(fileKeyRef=v1.FileKeySelector(volumeName="vol", path="e.env", key="Z")),
         'environment variable key "Z" not found in file "e.env" of volume "vol"'),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(variable: v1.EnvVar, detail: str) -> None:
    with pytest.raises(ConfigError) as failure:
        env_of(variable, lookup=LOOKUP)
    assert failure.value.detail == detail
    assert failure.value.target == "container c of shop/web"
    assert failure.value.reason == "CreateContainerConfigError"
    assert failure.value.retry is Retry.BACKOFF


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="no")),
         'configmap "no" not found'),
        (v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="no")),
         'secret "no" not found'),
    ],
)  # fmt: skip
def test_a_missing_source_is_named(source: v1.EnvFromSource, detail: str) -> None:
    with pytest.raises(ConfigError) as failure:
        env_of(sources=[source])
    assert failure.value.detail == detail


def a_service(
    name: str,
    namespace: str,
    ip: str | None = "10.96.0.1",
    ports: list[v1.ServicePort] | None = None,
) -> v1.Service:
    return v1.Service(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace),
        spec=v1.ServiceSpec(clusterIP=ip, ports=ports),
    )


KUBERNETES = a_service("kubernetes", "default", ports=[v1.ServicePort(port=443, name="https")])


def test_a_service_has_its_variables() -> None:
    dns = a_service(
        "my-dns",
        "shop",
        "fd00::a",
        [v1.ServicePort(port=53, protocol="UDP", name="dns-udp"), v1.ServicePort(port=54)],
    )
    assert service_variables((dns,), "shop", links=True) == {
        "MY_DNS_SERVICE_HOST": "fd00::a",
        "MY_DNS_SERVICE_PORT": "53",
        "MY_DNS_SERVICE_PORT_DNS_UDP": "53",
        "MY_DNS_PORT": "udp://[fd00::a]:53",
        "MY_DNS_PORT_53_UDP": "udp://[fd00::a]:53",
        "MY_DNS_PORT_53_UDP_PROTO": "udp",
        "MY_DNS_PORT_53_UDP_PORT": "53",
        "MY_DNS_PORT_53_UDP_ADDR": "fd00::a",
        "MY_DNS_PORT_54_TCP": "tcp://[fd00::a]:54",
        "MY_DNS_PORT_54_TCP_PROTO": "tcp",
        "MY_DNS_PORT_54_TCP_PORT": "54",
        "MY_DNS_PORT_54_TCP_ADDR": "fd00::a",
    }


@pytest.mark.parametrize(
    ("links", "hosts"), [(True, {"KUBERNETES", "MINE"}), (False, {"KUBERNETES"})]
)
def test_a_pod_sees_kubernetes_and_with_links_its_namespace(links: bool, hosts: set[str]) -> None:
    services = (
        KUBERNETES,
        a_service("kubernetes", "default", "10.96.0.99"),
        a_service("mine", "shop", "10.96.0.2"),
        a_service("headless", "shop", "None"),
        a_service("outside", "shop", None),
        a_service("other", "default"),
    )
    got = service_variables(services, "shop", links=links)
    assert {n.removesuffix("_SERVICE_HOST") for n in got if n.endswith("_HOST")} == hosts
    assert got["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"


def test_services_never_read_hold_up_only_pods_from_the_api() -> None:
    unread = Lookup(services=None)
    assert env_of(lookup=unread) == {}
    with pytest.raises(ConfigError, match="services have not yet been read at least once"):
        env_of(lookup=unread, pod=a_pod(source=Source.API))


def test_service_links_can_be_switched_off() -> None:
    lookup = Lookup(services=(KUBERNETES, a_service("mine", "shop")))
    assert "MINE_SERVICE_HOST" in env_of(lookup=lookup)
    assert "MINE_SERVICE_HOST" not in env_of(lookup=lookup, pod=a_pod(links=False))


ENV_FILE = """\
# about A=0
A=1
 B = 2 # not this
C='x # y'  # but not this
D='two
lines'
no equals sign
Q="kept"
A=3
OPEN='half
W=win\r
LAST=end"""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("A", "1"), ("B", " 2 "), ("C", "x # y"), ("D", "two\nlines"), ("Q", '"kept"'),
        ("OPEN", "'half"), ("W", "win"), ("LAST", "end"), ("NONE", None), ("lines'", None),
    ],
)  # fmt: skip
def test_an_env_file_is_read_line_by_line(key: str, value: str | None) -> None:
    assert parse_env_file(ENV_FILE, key) == value
