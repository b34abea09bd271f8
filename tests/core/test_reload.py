"""What a changed configuration changes at once, and what it does not."""

import msgspec
import pytest

from nodeagent.core.image_gc import GcRules
from nodeagent.core.log_rotation import LogRules
from nodeagent.core.reload import RELOADABLE, compare
from nodeagent.core.rules import gc_rules, log_rules, node_rules, probe_rules
from nodeagent.model.probes import ProbeRules
from nodeagent.settings import Settings
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load
from tests.settings.machine import AGENT, Machine


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"))


def test_equal_settings_change_nothing() -> None:
    settings, _ = load(parse_flags(["--hostname-override=n"]))
    found = compare(settings, settings)
    assert (found.applied, found.needs_restart) == ((), ())
    assert found.settings is settings


def test_log_level_limits_and_back_off_count_at_once(machine: Machine) -> None:
    before = machine.load()
    machine.has("maxPods: 7\npodPidsLimit: 99\nlogging: {verbosity: 4}\n")
    machine.drops("a.conf", "crashLoop: {initial: 1s}\nmaxParallelStarts: 3\n", header=AGENT)
    after = machine.load()
    found = compare(before, after)
    assert found.needs_restart == ()
    assert found.settings == after
    assert {str(one) for one in found.applied} == {
        "kubelet.maxPods: 110 -> 7",
        "kubelet.podPidsLimit: -1 -> 99",
        "kubelet.logging.verbosity: 0 -> 4",
        "verbosity: 0 -> 4",
        "agent.crashLoop.initial: 10.0 -> 1.0",
        "agent.maxParallelStarts: 0 -> 3",
    }


def test_images_logs_and_probes_change_at_once(machine: Machine) -> None:
    before = machine.load()
    machine.has(
        "imageGCHighThresholdPercent: 70\nimageGCLowThresholdPercent: 60\n"
        "imageMinimumGCAge: 1m\nimageMaximumGCAge: 1h\n"
        "containerLogMaxSize: 1Mi\ncontainerLogMaxFiles: 3\ncontainerLogMonitorInterval: 5s\n"
    )
    machine.drops("a.conf", "probes: {maxExecProbes: 2, fastUntilReady: false}\n", header=AGENT)
    after = machine.load()
    found = compare(before, after)
    assert found.needs_restart == ()
    assert found.settings == after
    assert len(found.applied) == 9
    assert gc_rules(after) == GcRules(high_percent=70, low_percent=60, min_age=60.0, max_age=3600.0)
    assert log_rules(after) == LogRules(period=5.0, max_bytes=2**20, max_files=3)
    assert probe_rules(after) == ProbeRules(max_execs=2, fast=False)


def test_what_was_built_into_something_needs_a_restart_and_stays(machine: Machine) -> None:
    before = machine.load()
    machine.has("maxPods: 7\ncgroupRoot: /x\nport: 10250\n")
    found = compare(before, machine.load("--root-dir=/elsewhere"))
    assert [one.field for one in found.applied] == ["kubelet.maxPods"]
    assert {one.field for one in found.needs_restart} == {
        "kubelet.cgroupRoot",
        "listeners.https",
        "paths.root",
        "paths.certificates",
    }
    assert found.settings.kubelet.max_pods == 7
    assert found.settings.kubelet.cgroup_root == before.kubelet.cgroup_root
    assert found.settings.paths == before.paths


def test_every_reloadable_field_is_there() -> None:
    settings, _ = load(parse_flags(["--hostname-override=n"]))
    for path in RELOADABLE:
        value: object = settings
        for name in path.split("."):
            assert isinstance(value, msgspec.Struct), path
            fields = {f.encode_name: f.name for f in msgspec.structs.fields(value)}
            value = getattr(value, fields[name])


def test_decisions_about_pods_see_reloaded_values(machine: Machine) -> None:
    before = machine.load()
    machine.has("maxPods: 7\nclusterDomain: x.org\nallowedUnsafeSysctls: [net.*]\n")
    found: Settings = compare(before, machine.load()).settings
    rules = node_rules(found, cgroup_driver="cgroupfs")
    assert (rules.max_pods, rules.cluster_domain) == (7, "x.org")
    assert rules.allowed_unsafe_sysctls == ("net.*",)
