"""What the agent itself says it has sent to and received from the API server, by purpose."""

from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tools.pods import read

_BYTES = "nodeagent_api_bytes_total"


def api_bytes(socket: Path) -> Counter[str]:
    """Bytes both ways so far, by purpose; none from an agent that does not tell, as a kubelet."""
    found: Counter[str] = Counter()
    if socket.exists():
        for family in text_string_to_metric_families(read(socket, "/metrics")):
            for sample in family.samples:
                if sample.name == _BYTES:
                    found[sample.labels["purpose"]] += int(sample.value)
    return found
