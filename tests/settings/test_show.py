"""Settings shown: values in a file's words, and where each comes from."""

import pytest

from nodeagent.settings.flags import parse_flags
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.load import load_traced
from nodeagent.settings.scalars import parse_duration, read_bytes
from nodeagent.settings.show import duration_text, places, rows, size_text
from tests.settings.machine import AGENT, Machine


def shown(machine: Machine, *words: str) -> dict[str, tuple[object, str]]:
    argv = ["--config", str(machine.config)] if machine.config.exists() else []
    argv += ["--config-dir", str(machine.drop_ins)] if any(machine.drop_ins.iterdir()) else []
    loaded = load_traced(parse_flags([*argv, *words]), host_name="node-1")
    return {row.field: (row.value, row.source) for row in rows(loaded)}


def test_a_value_comes_from_the_default_a_file_a_drop_in_or_a_flag(machine: Machine) -> None:
    machine.has("maxPods: 50\nsyncFrequency: 90s\npodsPerCore: 5\n")
    machine.drops("10.conf", "podsPerCore: 6\n")
    found = shown(machine, "--registry-burst=3")
    assert found["maxPods"] == (50, f"{machine.config}, line 3")
    assert found["syncFrequency"] == ("1m30s", f"{machine.config}, line 4")
    assert found["podsPerCore"] == (6, f"{machine.drop_ins}/10.conf, line 3")
    assert found["registryBurst"] == (3, "flag --registry-burst")
    assert found["registryPullQPS"] == (5, "default")


def test_a_value_that_follows_from_another_field_is_derived(machine: Machine) -> None:
    machine.has("maxParallelImagePulls: 4\n")
    assert shown(machine)["serializeImagePulls"] == (False, "derived")


def test_a_zero_that_means_not_set_is_not_its_source(machine: Machine) -> None:
    machine.has("syncFrequency: 0s\nreadOnlyPort: 0\n")
    found = shown(machine)
    assert found["syncFrequency"] == ("1m0s", "default")
    assert found["readOnlyPort"] == (0, f"{machine.config}, line 4")


def test_nested_fields_sizes_words_and_our_own_document_are_shown(machine: Machine) -> None:
    machine.has("authentication: {webhook: {cacheTTL: 1m}}\n", header=machine_header())
    machine.drops("a.conf", "crashLoop: {initial: 500ms}\n", header=AGENT)
    found = shown(machine)
    assert found["authentication.webhook.cacheTTL"][0] == "1m0s"
    assert found["containerLogMaxSize"] == ("10Mi", "default")
    assert found["cgroupDriver"] == ("cgroupfs", "default")
    assert found["crashLoop.initial"] == ("500ms", f"{machine.drop_ins}/a.conf, line 3")
    assert found["evictionHard"][0] == dict(KubeletConfiguration().eviction_hard)


def machine_header() -> str:
    return "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def test_places_tell_what_flags_and_fields_decide_together(machine: Machine) -> None:
    loaded = load_traced(parse_flags(["--port=10250", "--root-dir=/r"]), host_name="N1")
    found = dict(places(loaded.settings))
    assert found["node name"] == "n1"
    assert found["mode"] == "standalone"
    assert found["state folder"] == "/r"
    assert found["open ports"] == "https 0.0.0.0:10250"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.1, "100ms"),
        (10.0, "10s"),
        (1.5, "1.5s"),
        (60.0, "1m0s"),
        (5400.0, "1h30m0s"),
        (-1.0, "-1s"),
        (14400.0, "4h0m0s"),
    ],
)
def test_durations_read_back_as_what_they_are(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("size", "text"), [(1, "1"), (1 << 20, "1Mi"), (3 << 30, "3Gi")])
def test_sizes_read_back_as_what_they_are(size: int, text: str) -> None:
    assert size_text(size) == text
    assert read_bytes(text) == size
