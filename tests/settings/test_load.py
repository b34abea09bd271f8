"""Files, drop-ins and flags together: who wins, and what is derived."""

import pytest

from nodeagent.errors import SettingsError
from nodeagent.settings import BackOff
from nodeagent.settings.agent import Probes
from nodeagent.settings.gates import stage_of
from nodeagent.settings.tree import parse
from tests.settings.machine import AGENT, Machine


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


def test_whole_stages_of_gates_can_be_switched(machine: Machine) -> None:
    settings = machine.load("--feature-gates=AllAlpha=true,AllBeta=false,EnvFiles=true")
    assert settings.gate("MemoryQoS") and not settings.gate("PodLevelResources")
    assert settings.gate("EnvFiles") and settings.gate("NodeSwap")
    assert not settings.gate("GitRepoVolumeDriver")
    given_up = machine.load("--feature-gates=AllAlpha=false,GitRepoVolumeDriver=true")
    assert given_up.gate("GitRepoVolumeDriver")
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


def test_merge_keys_of_yaml_work(machine: Machine) -> None:
    machine.has("systemReserved: &r {cpu: 100m, pid: '5'}\nkubeReserved: {<<: *r, cpu: 200m}\n")
    settings, warnings = machine.load_with_warnings()
    assert settings.kubelet.kube_reserved == {"cpu": "200m", "pid": "5"}
    assert warnings == []


def test_our_own_settings_stand_in_a_second_document_or_a_drop_in(machine: Machine) -> None:
    machine.has(f"maxPods: 5\n---\n{AGENT}auditPeriod: 30s\ncrashLoop: {{initial: 1s, max: 20s}}\n")
    machine.drops("a.conf", "maxParallelStarts: 8\ncrashLoop: {reset: 1m}\n", header=AGENT)
    settings = machine.load()
    assert settings.kubelet.max_pods == 5
    assert (settings.agent.audit_period, settings.agent.max_parallel_starts) == (30.0, 8)
    assert settings.back_off == BackOff(initial=1.0, max=20.0, reset=60.0)


@pytest.mark.parametrize("number", [0, 1001])
def test_commands_of_probes_at_once_are_one_to_a_thousand(machine: Machine, number: int) -> None:
    machine.drops("a.conf", "probes: {maxExecProbes: 1000}\n", header=AGENT)
    assert machine.load().agent.probes == Probes(max_exec_probes=1000, fast_until_ready=True)
    machine.drops("a.conf", f"probes: {{maxExecProbes: {number}}}\n", header=AGENT)
    assert "maxExecProbes" in machine.refuses()


def test_a_configuration_nested_without_end_is_refused() -> None:
    with pytest.raises(SettingsError, match="nested deeper than 100 levels"):
        parse("[" * 100_000, "deep.yaml")


@pytest.mark.parametrize(
    ("gate", "stage"),
    [
        ("MemoryQoS", "ALPHA"),
        ("EnvFiles", "BETA"),
        ("SELinuxMount", "BETA"),
        ("KubeletPSI", ""),
        ("CustomCPUCFSQuotaPeriod", ""),
        ("DisableNodeKubeProxyVersion", "DEPRECATED"),
    ],
)
def test_each_gate_has_a_stage(gate: str, stage: str) -> None:
    assert stage_of(gate) == stage
