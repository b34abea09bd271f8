"""The probes' metrics as a scraper reads them."""

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.model.probes import BUCKETS, ProbeCount, ProbeKind

COUNT = ProbeCount(
    namespace="ns",
    pod="p",
    pod_uid="u",
    container="web",
    kind=ProbeKind.LIVENESS,
    successful=3,
    failed=1,
    unknown=0,
    seconds=0.5,
    buckets=(2, *(0,) * (len(BUCKETS) - 1), 1),
)


def test_a_probe_is_told_under_a_kubelets_names() -> None:
    registry = CollectorRegistry()
    registry.register(ProbeCollector(lambda: (COUNT,)))
    text = generate_latest(registry).decode()
    samples = {
        (sample.name, sample.labels.get("result") or sample.labels.get("le", "")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["prober_probe_total", "successful"].labels == {
        "probe_type": "Liveness",
        "result": "successful",
        "container": "web",
        "pod": "p",
        "namespace": "ns",
        "pod_uid": "u",
    }
    assert samples["prober_probe_total", "failed"].value == 1
    assert ("prober_probe_total", "unknown") not in samples
    assert samples["prober_probe_duration_seconds_bucket", "0.005"].value == 2
    assert samples["prober_probe_duration_seconds_bucket", "10.0"].value == 2
    assert samples["prober_probe_duration_seconds_bucket", "+Inf"].value == 3
    assert samples["prober_probe_duration_seconds_count", ""].value == 3
    assert samples["prober_probe_duration_seconds_sum", ""].value == 0.5


def test_durations_of_pods_of_one_name_are_one_series() -> None:
    again = msgspec.structs.replace(COUNT, pod_uid="again")
    total, duration = ProbeCollector(lambda: (COUNT, again)).collect()
    assert len(total.samples) == 4
    found = {
        (one.name.removeprefix(duration.name), one.labels.get("le", "")): one.value
        for one in duration.samples
    }
    assert len(found) == len(duration.samples)
    assert found["_count", ""] == 6 and found["_sum", ""] == 1.0 and found["_bucket", "0.005"] == 4
