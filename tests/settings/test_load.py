"""Files, drop-ins and flags together: who wins, what is derived, what is refused."""

from pathlib import Path

import pytest

from nodeagent.errors import SettingsError
from nodeagent.settings import (
    BackOff,
    ClusterAccess,
    InstanceLock,
    KubeletConfiguration,
    Listener,
    Listeners,
    Settings,
    node_version,
)
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load

KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
AGENT = "apiVersion: nodeagent.dev/v1alpha1\nkind: AgentConfiguration\n"


class Machine:
    """A folder with a configuration file and drop-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.drop_ins = folder / "conf.d"
        self.drop_ins.mkdir()

    def has(self, text: str, *, header: str = KUBELET) -> None:
        self.config.write_text(header + text)

    def drops(self, name: str, text: str, *, header: str = KUBELET) -> None:
        path = self.drop_ins / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(header + text)

    def load(self, *words: str, host_name: str = "node-1") -> Settings:
        return self.load_with_warnings(*words, host_name=host_name)[0]

    def load_with_warnings(
        self, *words: str, host_name: str = "node-1"
    ) -> tuple[Settings, list[str]]:
        argv = ["--config", str(self.config)] if self.config.exists() else []
        argv += ["--config-dir", str(self.drop_ins)] if any(self.drop_ins.iterdir()) else []
        settings, warnings = load(parse_flags([*argv, *words]), host_name=host_name)
        return settings, [str(warning) for warning in warnings]

    def refuses(self, *words: str, host_name: str = "node-1") -> str:
        with pytest.raises(SettingsError) as caught:
            self.load(*words, host_name=host_name)
        return str(caught.value)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_any_flag_the_agent_runs_standalone_with_sane_defaults(machine: Machine) -> None:
    settings, warnings = machine.load_with_warnings(host_name=" Node-1.Example ")
    assert settings.standalone and not settings.registers
    assert settings.kubelet == KubeletConfiguration()
    assert settings.node.name == "node-1.example"
    assert settings.paths.root == Path("/var/lib/kubelet")
    assert settings.paths.certificates == Path("/var/lib/kubelet/pki")
    assert settings.paths.manifests == Path("/etc/kubernetes/manifests")
    assert settings.paths.socket == Path("/run/nodeagent/nodeagent.sock")
    assert settings.listeners == Listeners()
    assert settings.verbosity == 0
    assert warnings == []


def test_the_machines_own_name_is_the_node_name() -> None:
    assert load()[0].node.name


def test_settings_are_one_comparable_value(machine: Machine) -> None:
    assert machine.load("--max-pods=5") == machine.load("--max-pods", "5")
    assert machine.load("--max-pods=5") != machine.load()


def test_flags_win_over_drop_ins_and_these_over_the_file(machine: Machine) -> None:
    machine.has("maxPods: 1\npodsPerCore: 1\nport: 1001\nhealthzPort: 1002\n")
    machine.drops("10.conf", "maxPods: 2\npodsPerCore: 2\nport: 2001\n")
    machine.drops("20.conf", "maxPods: 3\npodsPerCore: 3\n")
    config = machine.load("--max-pods=4").kubelet
    assert (config.max_pods, config.pods_per_core, config.port) == (4, 3, 2001)
    assert config.healthz_port == 1002
    assert config.registry_burst == 10


def test_a_flag_set_to_the_default_still_wins_over_the_file(machine: Machine) -> None:
    machine.has("maxPods: 7\nauthentication: {anonymous: {enabled: true}}\n")
    config = machine.load("--max-pods=110", "--anonymous-auth=false").kubelet
    assert config.max_pods == 110
    assert not config.authentication.anonymous.enabled


def test_drop_ins_are_taken_in_lexical_order_at_any_depth_and_only_conf(machine: Machine) -> None:
    machine.drops("20.conf", "clusterDomain: twenty\n")
    machine.drops("10.d/99.conf", "clusterDomain: ninety-nine\nmaxPods: 9\n")
    machine.drops("30.yaml", "clusterDomain: thirty\n")
    config = machine.load().kubelet
    assert (config.cluster_domain, config.max_pods) == ("twenty", 9)


def test_drop_ins_merge_mappings_replace_lists_and_remove_by_null(machine: Machine) -> None:
    machine.has(
        "systemReserved: {cpu: 100m, memory: 1Gi}\n"
        "clusterDNS: [10.0.0.1, 10.0.0.2]\nmaxPods: 50\n"
        "authentication: {webhook: {cacheTTL: 1m}, anonymous: {enabled: true}}\n"
    )
    machine.drops(
        "a.conf",
        "systemReserved: {cpu: 200m}\nclusterDNS: [10.0.0.3]\nmaxPods: null\n"
        "authentication: {anonymous: {enabled: false}}\n",
    )
    config = machine.load().kubelet
    assert config.system_reserved == {"cpu": "200m", "memory": "1Gi"}
    assert config.cluster_dns == ("10.0.0.3",)
    assert config.max_pods == 110
    assert config.authentication.webhook.cache_ttl == 60.0
    assert not config.authentication.anonymous.enabled


def test_eviction_hard_in_the_file_drops_the_other_default_thresholds(machine: Machine) -> None:
    machine.has("evictionHard: {memory.available: 1Gi}\n")
    assert machine.load().kubelet.eviction_hard == {"memory.available": "1Gi"}


def test_eviction_hard_in_a_drop_in_adds_to_the_default_thresholds(machine: Machine) -> None:
    machine.has("maxPods: 5\n")
    machine.drops("a.conf", "evictionHard: {memory.available: 1Gi, nodefs.inodesFree: null}\n")
    assert machine.load().kubelet.eviction_hard == {
        "memory.available": "1Gi",
        "nodefs.available": "10%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
    }


def test_eviction_hard_of_a_drop_in_adds_to_what_the_file_set(machine: Machine) -> None:
    machine.has("evictionHard: {pid.available: 10%}\n")
    machine.drops("a.conf", "evictionHard: {memory.available: 1Gi}\n")
    assert machine.load().kubelet.eviction_hard == {
        "pid.available": "10%",
        "memory.available": "1Gi",
    }


def test_no_thresholds_at_all_can_be_asked_for(machine: Machine) -> None:
    machine.has("evictionHard: {}\n")
    assert machine.load().kubelet.eviction_hard == {}


def test_the_eviction_flag_replaces_every_threshold(machine: Machine) -> None:
    machine.has("evictionHard: {pid.available: 10%}\n")
    config = machine.load("--eviction-hard=memory.available<1Gi,nodefs.available<5%").kubelet
    assert config.eviction_hard == {"memory.available": "1Gi", "nodefs.available": "5%"}


def test_merged_eviction_settings_keep_the_defaults(machine: Machine) -> None:
    machine.has("evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true\n")
    found = machine.load().kubelet.eviction_hard
    assert found["memory.available"] == "1Gi" and found["nodefs.available"] == "10%"


def test_feature_gates_of_flags_are_merged_over_those_of_files(machine: Machine) -> None:
    machine.has("featureGates: {MemoryQoS: true, EventedPLEG: true}\n")
    settings = machine.load("--feature-gates=EventedPLEG=false,QOSReserved=true")
    assert settings.gate("MemoryQoS") and settings.gate("QOSReserved")
    assert not settings.gate("EventedPLEG")
    assert settings.gate("SidecarContainers") and settings.gate("EnvFiles")


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


def test_whole_stages_of_gates_can_be_switched(machine: Machine) -> None:
    settings = machine.load("--feature-gates=AllAlpha=true,AllBeta=false,EnvFiles=true")
    assert settings.gate("MemoryQoS") and not settings.gate("PodLevelResources")
    assert settings.gate("EnvFiles") and settings.gate("NodeSwap")
    with pytest.raises(KeyError):
        settings.gate("NoSuchGate")


def test_a_report_frequency_follows_a_set_update_frequency(machine: Machine) -> None:
    machine.has("nodeStatusUpdateFrequency: 20s\nnodeStatusReportFrequency: 0s\n")
    assert machine.load().kubelet.node_status_report_frequency == 20.0


def test_a_drop_ins_update_frequency_leaves_the_report_frequency(machine: Machine) -> None:
    machine.has("maxPods: 5\n")
    machine.drops("a.conf", "nodeStatusUpdateFrequency: 20s\n")
    assert machine.load().kubelet.node_status_report_frequency == 300.0


def test_parallel_pulls_turn_serial_pulls_off(machine: Machine) -> None:
    machine.has("maxParallelImagePulls: 1\n")
    assert machine.load().kubelet.serialize_image_pulls
    machine.drops("a.conf", "maxParallelImagePulls: 4\n")
    assert not machine.load().kubelet.serialize_image_pulls


def test_the_zeros_that_kubeadm_writes_mean_the_defaults(machine: Machine) -> None:
    machine.has(
        "syncFrequency: 0s\nfileCheckFrequency: 0s\nruntimeRequestTimeout: 0s\n"
        "volumeStatsAggPeriod: 0s\nimageMinimumGCAge: 0s\ncontainerRuntimeEndpoint: ''\n"
        "nodeStatusReportFrequency: 0s\nnodeStatusUpdateFrequency: 0s\ncrashLoopBackOff: {}\n"
        "memorySwap: {}\nshutdownGracePeriod: 0s\ncpuManagerReconcilePeriod: 0s\n"
        "authentication: {webhook: {cacheTTL: 0s}}\nport: 0\nmaxPods: 0\n"
        "logging: {flushFrequency: 0, verbosity: 0, options: {json: {infoBufferSize: '0'}}}\n"
    )
    config, warnings = machine.load_with_warnings()
    blank = config.kubelet.logging
    assert blank.options == {"json": {"infoBufferSize": "0"}}
    assert config.kubelet.runtime_request_timeout == 120.0
    assert config.kubelet.container_runtime_endpoint == "unix:///run/containerd/containerd.sock"
    assert (config.kubelet.port, config.kubelet.max_pods) == (10250, 110)
    assert config.kubelet.node_status_report_frequency == 300.0
    assert config.listeners.https is None
    assert warnings == []


def test_paths_in_a_file_count_from_its_folder(machine: Machine) -> None:
    machine.has(
        "staticPodPath: pods\nresolvConf: ../resolv.conf\n"
        "authentication: {x509: {clientCAFile: ca.crt}}\n"
    )
    settings = machine.load()
    assert settings.paths.manifests == machine.folder / "pods"
    assert settings.kubelet.resolv_conf == str(machine.folder.parent / "resolv.conf")
    assert settings.kubelet.authentication.x509.client_ca_file == str(machine.folder / "ca.crt")


def test_json_is_taken_too(machine: Machine) -> None:
    machine.has(
        '{"apiVersion": "kubelet.config.k8s.io/v1beta1",\n\t"kind": "KubeletConfiguration",\n'
        '\t"maxPods": 7}\n',
        header="",
    )
    assert machine.load().kubelet.max_pods == 7


def test_dates_and_times_of_day_are_texts(machine: Machine) -> None:
    machine.has("clusterDomain: 2001-01-01\nproviderID: 12:30:45\nkubeletCgroups: 12:30.5\n")
    config = machine.load().kubelet
    assert config.cluster_domain == "2001-01-01"
    assert (config.provider_id, config.kubelet_cgroups) == ("12:30:45", "12:30.5")


def test_yaml_tags_that_could_build_objects_are_refused(machine: Machine) -> None:
    machine.has("maxPods: !!python/object/apply:os.getpid []\nclusterDomain: !x y\n")
    assert "line 4: not YAML" in machine.refuses()


def test_merge_keys_of_yaml_work(machine: Machine) -> None:
    machine.has("systemReserved: &r {cpu: 100m, pid: '5'}\nkubeReserved: {<<: *r, cpu: 200m}\n")
    settings, warnings = machine.load_with_warnings()
    assert settings.kubelet.kube_reserved == {"cpu": "200m", "pid": "5"}
    assert warnings == []


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
            "cpuCFSQuotaPeriod: 5ms\nfeatureGates: {CPUCFSQuotaPeriod: false}",
            "cpuCFSQuotaPeriod",
            "CPUCFSQuotaPeriod",
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


def test_our_own_settings_stand_in_a_second_document_or_a_drop_in(machine: Machine) -> None:
    machine.has(f"maxPods: 5\n---\n{AGENT}auditPeriod: 30s\ncrashLoop: {{initial: 1s, max: 20s}}\n")
    machine.drops("a.conf", "maxParallelStarts: 8\ncrashLoop: {reset: 1m}\n", header=AGENT)
    settings = machine.load()
    assert settings.kubelet.max_pods == 5
    assert (settings.agent.audit_period, settings.agent.max_parallel_starts) == (30.0, 8)
    assert settings.back_off == BackOff(initial=1.0, max=20.0, reset=60.0)


def test_our_own_settings_are_checked_likewise(machine: Machine) -> None:
    machine.has(f"maxPods: 5\n---\n{AGENT}auditPeriod: 5h\n")
    message = machine.refuses()
    assert f"auditPeriod ({machine.config}, line 7)" in message
    assert "from 1s to 3600s" in message


def test_the_first_wait_is_never_above_the_configured_cap(machine: Machine) -> None:
    machine.has("crashLoopBackOff: {maxContainerRestartPeriod: 4s}\n")
    assert machine.load().back_off == BackOff(initial=4.0, max=4.0, reset=600.0)


def test_without_settings_the_back_off_is_kubelets(machine: Machine) -> None:
    assert machine.load().back_off == BackOff(initial=10.0, max=300.0, reset=600.0)


def test_a_kubeconfig_joins_a_cluster_and_opens_its_ports(machine: Machine) -> None:
    settings = machine.load("--kubeconfig=/k.conf", "--bootstrap-kubeconfig=/b.conf")
    assert settings.cluster == ClusterAccess(kubeconfig=Path("/k.conf"), bootstrap=Path("/b.conf"))
    assert settings.registers and not settings.standalone
    assert settings.paths.manifests is None
    assert settings.listeners == Listeners(
        https=Listener(address="0.0.0.0", port=10250),
        healthz=Listener(address="127.0.0.1", port=10248),
    )
    assert not machine.load("--kubeconfig=/k.conf", "--register-node=false").registers


def test_standalone_opens_only_ports_that_were_asked_for(machine: Machine) -> None:
    assert machine.load("--port=10350").listeners == Listeners(
        https=Listener(address="0.0.0.0", port=10350)
    )
    assert machine.load("--healthz-port=10248", "--read-only-port=10255").listeners == Listeners(
        read_only=Listener(address="0.0.0.0", port=10255),
        healthz=Listener(address="127.0.0.1", port=10248),
    )


def test_a_server_turned_off_stays_off(machine: Machine) -> None:
    machine.has("enableServer: false\nport: 10250\nreadOnlyPort: 10255\nhealthzPort: 0\n")
    assert machine.load("--kubeconfig=/k.conf").listeners == Listeners()


def test_standalone_certificates_stand_under_the_root_folder(machine: Machine) -> None:
    assert machine.load("--root-dir=/srv/n").paths.certificates == Path("/srv/n/pki")
    joined = machine.load("--root-dir=/srv/n", "--kubeconfig=/k.conf")
    assert joined.paths.certificates == Path("/var/lib/kubelet/pki")
    assert machine.load("--cert-dir=/c").paths.certificates == Path("/c")


def test_manifests_come_from_where_they_were_told_to(machine: Machine) -> None:
    assert machine.load("--pod-manifest-path=/m").paths.manifests == Path("/m")
    assert machine.load("--manifest-url=http://h/p").paths.manifests is None
    machine.has("staticPodPath: ''\n")
    assert machine.load().paths.manifests is None


def test_the_image_service_is_the_runtime_unless_set_apart(machine: Machine) -> None:
    runtime = machine.load("--container-runtime-endpoint=/run/c.sock").runtime
    assert runtime.images == runtime.endpoint == "unix:///run/c.sock"
    apart = machine.load("--image-service-endpoint=unix:///run/i.sock", "--embedded-containerd")
    assert apart.runtime.images == "unix:///run/i.sock" and apart.runtime.embedded


def test_verbosity_comes_from_the_flag_before_the_file(machine: Machine) -> None:
    machine.has("logging: {verbosity: 2}\n")
    assert machine.load().verbosity == 2
    assert machine.load("-v0").verbosity == 0
    assert machine.load("--v=6").verbosity == 6


def test_a_node_can_be_named_labelled_and_addressed(machine: Machine) -> None:
    node = machine.load(
        "--hostname-override=Edge-7",
        "--node-labels=tier=front,node.kubernetes.io/pool=a",
        "--node-labels=empty=",
        "--node-ip=10.0.0.7,fd00::7",
        "--cloud-provider=external",
    ).node
    assert node.name == "edge-7"
    assert node.labels == {"tier": "front", "node.kubernetes.io/pool": "a", "empty": ""}
    assert node.ips == ("10.0.0.7", "fd00::7")
    assert node.cloud_provider == "external"


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


def test_the_other_flags_reach_the_settings(machine: Machine) -> None:
    settings = machine.load(
        "--lock-file=/run/l",
        "--exit-on-lock-contention",
        "--image-credential-provider-config=/c.yaml",
        "--image-credential-provider-bin-dir=/bin/c",
        "--maximum-dead-containers=7",
        "--maximum-dead-containers-per-container=2",
        "--minimum-container-ttl-duration=1m",
        "--runtime-cgroups=/containerd",
        "--experimental-allocatable-ignore-eviction",
        "--pod-logs-dir=/srv/logs",
        "--socket=/run/n.sock",
    )
    assert settings.lock == InstanceLock(path=Path("/run/l"), yield_to_others=True)
    assert settings.credential_providers is not None
    assert settings.credential_providers.bin_dir == Path("/bin/c")
    dead = settings.dead_containers
    assert (dead.total, dead.per_container, dead.min_age) == (7, 2, 60.0)
    assert settings.runtime.cgroups == "/containerd"
    assert settings.ignore_eviction_in_allocatable
    assert settings.paths.pod_logs == Path("/srv/logs")
    assert settings.paths.socket == Path("/run/n.sock")


def test_flags_without_effect_warn_once_by_name(machine: Machine) -> None:
    _, warnings = machine.load_with_warnings(
        "--pod-infra-container-image=pause:3.9", "--logtostderr", "--logtostderr=false"
    )
    assert len(warnings) == 2
    assert warnings[0].startswith("flag --pod-infra-container-image: has no effect here: ")
    assert warnings[1] == "flag --logtostderr: has no effect here"


def test_the_node_reports_the_kubernetes_version_and_then_our_own() -> None:
    assert node_version().startswith("v1.36.2+nodeagent.")
