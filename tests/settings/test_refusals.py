"""Wrong and ineffective settings: named with field, file, line and the way out."""

import pytest

from nodeagent.settings import KubeletConfiguration
from tests.settings.machine import AGENT, KUBELET, Machine


def test_a_locked_gate_can_not_be_turned_off(machine: Machine) -> None:
    machine.has("featureGates:\n  SidecarContainers: false\n")
    assert "featureGates.SidecarContainers" in machine.refuses()
    assert "line 4" in machine.refuses()


def test_a_gate_of_other_components_only_warns(machine: Machine) -> None:
    machine.has("featureGates:\n  WatchListClient: true\n")
    _, warnings = machine.load_with_warnings()
    assert warnings == [
        f'{machine.config}, line 4: feature gate "WatchListClient" is unknown and ignored'
    ]


def test_yaml_tags_that_could_build_objects_are_refused(machine: Machine) -> None:
    machine.has("maxPods: !!python/object/apply:os.getpid []\nclusterDomain: !x y\n")
    assert "line 4: not YAML" in machine.refuses()


def test_a_folder_in_the_place_of_the_file_is_refused(machine: Machine) -> None:
    assert "Is a directory; --config names it" in machine.refuses("--config", str(machine.folder))


def test_an_unknown_field_warns_by_name_and_line_and_is_ignored(machine: Machine) -> None:
    machine.has("maxpods: 5\nauthentication:\n  x509: {}\n  x510: {}\n")
    settings, warnings = machine.load_with_warnings()
    assert settings.kubelet == KubeletConfiguration()
    assert warnings == [
        f'{machine.config}, line 3: unknown field "maxpods" is ignored; did you mean maxPods?',
        f'{machine.config}, line 6: unknown field "authentication.x510" is ignored;'
        " did you mean x509?",
    ]


def test_a_field_given_twice_warns_and_the_later_counts(machine: Machine) -> None:
    machine.has("maxPods: 5\nmaxPods: 6\n")
    settings, warnings = machine.load_with_warnings()
    assert settings.kubelet.max_pods == 6
    assert warnings == [
        f'{machine.config}, line 4: field "maxPods" is given twice; the later counts'
    ]


def test_all_wrong_values_are_named_at_once(machine: Machine) -> None:
    machine.has("maxPods: many\nport: 99999\nevictionHard:\n  memory.free: 1Gi\n")
    message = machine.refuses()
    assert message.startswith(
        f'configure maxPods ({machine.config}, line 3): "many" is not allowed'
    )
    assert f"port ({machine.config}, line 4)" in message
    assert f"evictionHard.memory.free ({machine.config}, line 6)" in message


def test_a_wrong_value_of_a_drop_in_names_the_drop_in(machine: Machine) -> None:
    machine.has("maxPods: 5\n")
    machine.drops("a.conf", "\nmaxPods: -5\n")
    assert f"maxPods ({machine.drop_ins}/a.conf, line 4)" in machine.refuses()


def test_a_wrong_flag_value_names_the_flag(machine: Machine) -> None:
    message = machine.refuses("--max-pods=many")
    assert 'maxPods (flag --max-pods): "many" is not allowed' in message
    assert "root-dir" not in message


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("systemCgroups: /system", "systemCgroups", "cgroupRoot"),
        ("enforceNodeAllocatable: [none, pods]", "enforceNodeAllocatable", '"none"'),
        ("cgroupsPerQOS: false", "enforceNodeAllocatable", "cgroupsPerQOS: true"),
        ("enforceNodeAllocatable: [system-reserved]", "enforceNodeAllocatable", "systemReservedC"),
        ("enforceNodeAllocatable: [kube-reserved]", "enforceNodeAllocatable", "kubeReservedC"),
        (
            "enforceNodeAllocatable: [kube-reserved, kube-reserved-compressible]\n"
            "kubeReservedCgroup: /kube",
            "enforceNodeAllocatable",
            "exclude each other",
        ),
        ("reservedSystemCPUs: 0-1\nkubeReservedCgroup: /k", "reservedSystemCPUs", "kubeReservedC"),
        ("imageGCLowThresholdPercent: 85", "imageGCLowThresholdPercent", "below"),
        ("imageMaximumGCAge: 1m", "imageMaximumGCAge", "above imageMinimumGCAge"),
        (
            "maxParallelImagePulls: 2\nserializeImagePulls: true",
            "maxParallelImagePulls",
            "serializeImagePulls: false",
        ),
        ("preloadedImagesVerificationAllowlist: [a]", "preloadedImages", "NeverVerifyAllowlisted"),
        ("shutdownGracePeriodCriticalPods: 5s", "shutdownGracePeriodCriticalPods", "at most"),
        (
            "shutdownGracePeriod: 5s\nshutdownGracePeriodByPodPriority: [{priority: 1}]",
            "shutdownGracePeriodByPodPriority",
            "together",
        ),
        (
            "shutdownGracePeriodByPodPriority: [{priority: 1}, {priority: 1}]",
            "shutdownGracePeriodByPodPriority",
            "twice",
        ),
        (
            "shutdownGracePeriod: 5s\nfeatureGates: {GracefulNodeShutdown: false}",
            "shutdownGracePeriod",
            "GracefulNodeShutdown",
        ),
        ("evictionSoft: {memory.available: 5%}", "evictionSoft.memory.available", "GracePeriod"),
        (
            "evictionSoftGracePeriod: {memory.available: -5s}",
            "evictionSoftGracePeriod.memory.available",
            "0s or more",
        ),
        (
            "enableSystemLogQuery: true\nenableSystemLogHandler: false",
            "enableSystemLogQuery",
            "enableSystemLogHandler",
        ),
        ("tlsCertFile: /c.pem", "tlsCertFile", "tlsPrivateKeyFile"),
        (
            "serverTLSBootstrap: true\nfeatureGates: {RotateKubeletServerCertificate: false}",
            "serverTLSBootstrap",
            "RotateKubeletServerCertificate",
        ),
        (
            "cpuCFSQuotaPeriod: 5ms\nfeatureGates: {CustomCPUCFSQuotaPeriod: false}",
            "cpuCFSQuotaPeriod",
            "CustomCPUCFSQuotaPeriod",
        ),
        ("qosReserved: {memory: 5%}", "qosReserved", "QOSReserved"),
        (
            "registerWithTaints: [{key: a, effect: NoExecute}, {key: a, effect: NoExecute}]",
            "registerWithTaints",
            "twice",
        ),
        ("registerWithTaints: [{key: a}]", "registerWithTaints[0].effect", "has to be set"),
        ("clusterDNS: [null]", "clusterDNS[0]", "null"),
        ("logging: text", "logging", "a mapping"),
    ],
)
def test_fields_that_clash_are_refused_with_what_would_mend_it(
    machine: Machine, text: str, field: str, words: str
) -> None:
    machine.has(f"{text}\n")
    message = machine.refuses()
    assert message.startswith(f"configure {field}")
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty; needs a KubeletConfiguration"),
        ("# nothing\n---\n", "empty; needs a KubeletConfiguration"),
        ("maxPods: 5\n", "line 1: no kind is given; allowed is"),
        ("kind: KubeletConfiguration\n", 'apiVersion "", kind "KubeletConfiguration"'),
        ("apiVersion: v1\nkind: Pod\n", 'apiVersion "v1", kind "Pod" is not allowed'),
        (KUBELET + "---\n" + KUBELET, "line 4: a second KubeletConfiguration"),
        ("- 1\n", "line 1: needs a mapping of fields"),
        ("a: [1\nb: 2\n", "line 2: not YAML"),
        ("a: \x00\n", "not YAML"),
        ("? [a]\n: b\n", "line 1: a key needs to be a plain text"),
        ("a: &a [1]\nb: &b [" + "*a, " * 400 + "]\nc: &c [" + "*b, " * 400 + "]\n", "unfold"),
        ("a: &a [*a]\n", "unfold"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_configuration_is_refused(
    machine: Machine, text: str, words: str
) -> None:
    machine.has(text, header="")
    message = machine.refuses()
    assert str(machine.config) in message
    assert words in message


def test_a_file_that_is_not_text_is_refused(machine: Machine) -> None:
    machine.config.write_bytes(b"\xff\xfe\x00")
    assert machine.refuses() == f"read {machine.config}: not UTF-8 text"


def test_a_missing_file_is_named_with_its_flag(machine: Machine) -> None:
    missing = machine.folder / "none.yaml"
    assert machine.refuses("--config", str(missing)) == (
        f"read {missing}: No such file or directory; --config names it"
    )
    assert machine.refuses("--config-dir", str(missing)) == (
        f"read {missing}: No such file or directory; --config-dir names it"
    )


def test_a_drop_in_without_a_kind_is_refused(machine: Machine) -> None:
    machine.drops("a.conf", "maxPods: 5\n", header="")
    assert "no kind is given" in machine.refuses()


def test_our_own_settings_are_checked_likewise(machine: Machine) -> None:
    machine.has(f"maxPods: 5\n---\n{AGENT}auditPeriod: 5h\n")
    message = machine.refuses()
    assert f"auditPeriod ({machine.config}, line 7)" in message
    assert "from 1s to 3600s" in message


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--hostname-override=a_b"], "as a node name"),
        (["--node-ip=10.0.0.7,10.0.0.8"], "one IPv4 and one IPv6"),
        (["--node-ip=here"], "an IPv4 or IPv6 address"),
        (["--node-labels=kubernetes.io/role=master"], "kubernetes.io/role is reserved"),
        (["--node-labels=x.k8s.io/role=a"], "x.k8s.io/role is reserved"),
        (["--node-labels=-a=b"], 'key "-a" is not allowed'),
        (["--node-labels=/a=b"], 'key "/a" is not allowed'),
        (["--node-labels=a=-b"], 'value "-b" of a is not allowed'),
        (["--cloud-provider=aws"], '"external" and ""'),
        (["--bootstrap-kubeconfig=/b"], "needs --kubeconfig"),
        (["--image-credential-provider-config=/c"], "--image-credential-provider-bin-dir need"),
        (["--exit-on-lock-contention"], "needs --lock-file"),
        (["--v=-1"], "from 0"),
        (["--minimum-container-ttl-duration=5"], "a duration"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    machine: Machine, words: list[str], told: str
) -> None:
    message = machine.refuses(*words)
    assert told in message
    assert f"flag {words[0].partition('=')[0]}" in message


def test_a_host_name_that_no_node_may_have_is_refused_with_the_way_out(machine: Machine) -> None:
    message = machine.refuses(host_name="my_host")
    assert message.startswith('configure the host name: "my_host" is not allowed')
    assert "--hostname-override sets another" in message


def test_flags_without_effect_warn_once_by_name(machine: Machine) -> None:
    _, warnings = machine.load_with_warnings(
        "--pod-infra-container-image=pause:3.9", "--logtostderr", "--logtostderr=false"
    )
    assert len(warnings) == 2
    assert warnings[0].startswith("flag --pod-infra-container-image: has no effect here: ")
    assert warnings[1] == "flag --logtostderr: has no effect here"
