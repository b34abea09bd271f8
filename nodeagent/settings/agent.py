"""What this agent can be told and kubelet has no field for: AgentConfiguration, our own document.

It stands as a second YAML document in the file of `--config` or in any drop-in.
"""

from typing import Annotated

import msgspec

from nodeagent.settings import rules as r
from nodeagent.settings.names import MetricsTier

API_VERSION = "nodeagent.dev/v1alpha1"
KIND = "AgentConfiguration"


class CrashLoop(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds of the first wait before a crashed container starts again, of the longest wait, and
    of running after which the waits begin anew.

    `max` not set means kubelet's `crashLoopBackOff.maxContainerRestartPeriod`; set, it wins.
    """

    initial: Annotated[r.Seconds, r.Between(0.1, 300)] = 10.0
    max: Annotated[r.Seconds, r.Between(0.1, 3600)] | None = None
    reset: Annotated[r.Seconds, r.Between(1)] = 600.0


class Probes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many probe commands run at once on the whole node, and whether a readiness or startup
    probe is asked quickly until its first success (a pod's annotation wins over it).
    """

    max_exec_probes: Annotated[int, r.Between(1, 1000)] = 8
    fast_until_ready: bool = True


class Metrics(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much `/metrics/cadvisor` tells: `core` (at most 12 series a container), `standard`
    (what the dashboards and alerts of kube-prometheus use) or `full` (all that cAdvisor has).
    """

    tier: MetricsTier = MetricsTier.STANDARD


class AgentConfiguration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Our own settings, defaults applied.

    `audit_period`: seconds between full relists of the runtime and of the manifest folder.
    `manifest_settle`: seconds of quiet before a changed manifest is read.
    `max_parallel_starts`: pods started at once; 0 lets the agent find the best number itself.
    `config_map_dir`, `secret_dir`, `volume_dir`: folders of ConfigMap and Secret documents, and of
    PersistentVolume and PersistentVolumeClaim documents, for a node without API server; "" means
    `configmaps`, `secrets` and `volumes` beside the manifests.
    `sandbox_image`: pause image of a containerd of our own (`--embedded-containerd`); empty means
    the one that the agent makes itself.
    """

    audit_period: Annotated[r.Seconds, r.Between(1, 3600)] = 60.0
    manifest_settle: Annotated[r.Seconds, r.Between(0, 10)] = 0.1
    max_parallel_starts: Annotated[int, r.Between(0, 1000)] = 0
    crash_loop: CrashLoop = CrashLoop()
    probes: Probes = Probes()
    metrics: Metrics = Metrics()
    config_map_dir: Annotated[r.AbsolutePath, r.ZERO] = ""
    secret_dir: Annotated[r.AbsolutePath, r.ZERO] = ""
    volume_dir: Annotated[r.AbsolutePath, r.ZERO] = ""
    sandbox_image: str = ""
