"""The probes' metrics as a scraper reads them."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.model.probes import BUCKETS, ProbeCount, ProbeKind


def test_a_probe_is_told_under_a_kubelets_names() -> None:
    count = ProbeCount(
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
    registry = CollectorRegistry()
    registry.register(ProbeCollector(lambda: (count,)))
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
