"""A real Prometheus reads a node by docs/prometheus/secured.yml; what it answers is compared with
the kernel, and every question of the dashboard is put to it."""

import json
import math
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.problems import Document
from tests.e2e.kernel import Figures, figures, fits, interface
from tests.e2e.member import Member, free_port, running_member
from tests.e2e.pods import IDLE, View, container, pod
from tests.e2e.prometheus import Prometheus, configured, running_prometheus
from tests.e2e.runtime import Runtime

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "nodeagent.json"
SENT = 5_000_000
TURNS = 300_000
BURN = (
    f"mkfifo /go; read x </go; i=0; while [ $i -lt {TURNS} ]; do i=$((i+1)); done; >/done; {IDLE}"
)
HOLD = f"x=$(head -c 20000000 /dev/zero | tr '\\0' x); >/held; {IDLE}"
SERVE = f"mkdir /www; head -c {SENT} /dev/zero >/www/data; exec httpd -f -p 8080 -h /www"
LIMITED = "while :; do :; done"
LIMITS = {"cpu": "100m", "memory": "50Mi"}
CRASH = "while [ ! -e /crash ]; do sleep 0.1; done; exit 1"
READER = "system:serviceaccount:default:prometheus"
CADVISOR = 'metrics_path="/metrics/cadvisor"'
REFUSED = "nodeagent-refused"
STRANGER = "nodeagent-stranger"
EMPTY_WHEN_WELL = {
    "Processes killed for want of memory",
    "Probes that failed, each second",
    "Calls of the runtime that failed, each second",
    "Restarts in the last hour",
    "Starts that failed, refusals and evictions in the last hour",
    "Claims in use",
}


@pytest.fixture(scope="module")
def node(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    kubelet = {"serverTLSBootstrap": True, "readOnlyPort": free_port()}
    with running_member(runtime, tmp_path_factory.mktemp("cluster"), kubelet=kubelet) as member:
        member.cluster.do(lambda one: setattr(one.reviews, "allow", reads_metrics_only))
        check = {"exec": {"command": ["true"]}, "periodSeconds": 1}
        member.apply(
            pod("burner", container(BURN, readinessProbe=check)),
            pod("holder", container(HOLD)),
            pod("server", container(SERVE)),
            pod("limited", container(LIMITED, resources={"limits": LIMITS})),
            pod("crasher", container(CRASH)),
        )
        for name in ("burner", "holder", "server", "limited", "crasher"):
            member.wait_phase(name)
        yield member


def reads_metrics_only(review: Document) -> bool:
    """The scraper's account may get metrics; everybody else here is an administrator."""
    if not review["user"].startswith("system:serviceaccount:"):
        return True
    asked = review["resourceAttributes"]
    wanted = ("get", "nodes", "metrics")
    return review["user"] == READER and wanted == (
        asked["verb"],
        asked["resource"],
        asked.get("subresource"),
    )


@pytest.fixture(scope="module")
def prometheus(node: Member, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    tokens = {"broken": "a.broken.token"}
    for account in ("prometheus", "stranger"):
        tokens[account] = token_of(node, account)
    for name, token in tokens.items():
        (folder / name).write_text(token)
    configuration = configured(
        "secured.yml",
        f"{address(node)}:{node.port}",
        credentials_file=folder / "prometheus",
        ca_file=node.authority,
    )
    first = configuration["scrape_configs"][0]
    for job, token in ((REFUSED, "broken"), (STRANGER, "stranger")):
        configuration["scrape_configs"].append(
            {
                **first,
                "job_name": job,
                "authorization": {"credentials_file": str(folder / token)},
                "relabel_configs": [],
            }
        )
    with running_prometheus(configuration, folder) as running:
        node.until(
            lambda: {"up", "down"} == {one["health"] for one in running.targets().values()},
            what="a scrape of everything",
            show=running.said,
        )
        yield running


def address(node: Member) -> str:
    """The address that the node's certificate is for."""
    told = (node.node() or {})["status"]["addresses"]
    return str(next(one["address"] for one in told if one["type"] == "InternalIP"))


def token_of(node: Member, account: str) -> str:
    """A token of a new service account, as `kubectl create token` asks for one."""
    node.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
    path = f"/api/v1/namespaces/default/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = node.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(request))
    return str(json.loads(answer)["status"]["token"])


def of(name: str, family: str, /, **labels: str) -> str:
    """The series of one pod's only container, or with other labels."""
    wanted = {"pod": name, "container": "main", **labels}
    inner = ",".join(f'{key}="{value}"' for key, value in wanted.items())
    return f"{family}{{{CADVISOR},{inner}}}"


def view(node: Member, name: str) -> View:
    found = node.pod(name)
    assert found is not None
    return found


def told_after(node: Member, prometheus: Prometheus, series: str, moment: float) -> float:
    """The value of a series as it was read after this moment."""
    found: list[float] = []

    def asked() -> bool:
        at = prometheus.value(f"timestamp({series})")
        if at is None or at < moment:
            return False
        value = prometheus.value(series, time=f"{at:.3f}")
        assert value is not None
        found[:] = [value]
        return True

    node.until(asked, what=f"a sample of {series}", show=prometheus.said)
    return found[0]


def test_every_page_is_scraped_over_tls_with_a_token(node: Member, prometheus: Prometheus) -> None:
    def healthy() -> dict[str, tuple[str, str]]:
        return {
            name: (one["health"], one["lastError"])
            for name, one in prometheus.targets().items()
            if name not in (REFUSED, STRANGER)
        }

    node.until(
        lambda: {health for health, _ in healthy().values()} == {"up"},
        what="healthy targets",
        show=lambda: str(healthy()),
    )
    found = prometheus.targets()
    pages = {one["labels"]["metrics_path"] for one in found.values() if one["labels"].get("node")}
    assert pages == {"/metrics", "/metrics/cadvisor", "/metrics/resource", "/metrics/probes"}
    assert all(one["scrapeUrl"].startswith("https://") for one in found.values())
    for error in ("container_scrape_error", "machine_scrape_error", "resource_scrape_error"):
        assert prometheus.value(error) == 0
    node.until(
        lambda: bool(prometheus.ask('prober_probe_total{probe_type="Readiness",pod="burner"}')),
        what="the results of probes",
    )


def test_a_broken_token_makes_a_target_down(node: Member, prometheus: Prometheus) -> None:
    found = prometheus.targets()
    assert found[REFUSED]["health"] == found[STRANGER]["health"] == "down"
    assert "401" in found[REFUSED]["lastError"]
    assert "403" in found[STRANGER]["lastError"]
    reviews = node.cluster.do(lambda one: [review["kind"] for review in one.reviews.asked])
    assert {"TokenReview", "SubjectAccessReview"} <= set(reviews)


def test_the_other_configurations_read_the_other_ports(node: Member, tmp_path: Path) -> None:
    """Without TLS on the read-only port, and with a client certificate instead of a token."""
    pair = node.cluster.authority.client("prometheus", ["monitoring"])
    (tmp_path / "client.crt").write_bytes(pair.certificate)
    (tmp_path / "client.key").write_bytes(pair.key)
    configuration = configured("open.yml", f"127.0.0.1:{node.kubelet['readOnlyPort']}")
    others = configured(
        "standalone.yml",
        f"{address(node)}:{node.port}",
        ca_file=node.authority,
        cert_file=tmp_path / "client.crt",
        key_file=tmp_path / "client.key",
    )["scrape_configs"]
    configuration["scrape_configs"] += [
        {**one, "job_name": f"{one['job_name']}-standalone"} for one in others
    ]
    with running_prometheus(configuration, tmp_path) as running:
        node.until(
            lambda: [one["health"] for one in running.targets().values()] == ["up"] * 8,
            what="eight healthy targets",
            show=lambda: str(running.targets()),
        )


def test_the_cpu_rate_is_what_the_pod_burns(node: Member, prometheus: Prometheus) -> None:
    series = of("burner", "container_cpu_usage_seconds_total")
    burner = view(node, "burner")
    node.sh("burner", ":")  # what looking on costs is spent before
    began = time.time()
    told_after(node, prometheus, series, began)
    before = figures(node, burner).cpu
    node.sh("burner", "echo >/go")
    node.until(lambda: "yes" in node.sh("burner", "[ -e /done ] && echo yes || :"), what="the fire")
    after = figures(node, burner).cpu
    ended = time.time()
    told = told_after(node, prometheus, series, ended)
    assert fits(told * 1e9, after, figures(node, burner).cpu)
    # Between two samples, one from before the fire and one from after it.
    samples = prometheus.samples(series, int(time.time() - began) + 2)
    first, last = next(one for one in samples if one[0] >= began), samples[-1]
    burnt = last[1] - first[1]
    assert burnt > 0.2, "no fire to speak of"
    assert fits(burnt * 1e9, after - before, figures(node, burner).cpu - before)
    window = math.ceil(last[0] - first[0])
    rate = prometheus.value(f"rate({series}[{window}s])", time=f"{last[0]:.3f}")
    assert rate is not None
    # Prometheus extrapolates to the beginning of the window, at most by a sample.
    spans = len([at for at, _ in samples if at > first[0]])
    assert burnt * 0.98 <= rate * window <= burnt * 1.02 * (1 + 1.1 / spans)


def test_the_working_set_is_what_the_pod_holds(node: Member, prometheus: Prometheus) -> None:
    node.until(lambda: "yes" in node.sh("holder", "[ -e /held ] && echo yes || :"), what="memory")
    holder = view(node, "holder")
    before = figures(node, holder)
    told = told_after(
        node, prometheus, of("holder", "container_memory_working_set_bytes"), time.time()
    )
    assert before.rss > 20_000_000
    assert fits(told, before.working_set, figures(node, holder).working_set)
    whole = of("holder", "container_memory_working_set_bytes", container="", name="")
    pod_told = told_after(node, prometheus, whole, time.time())
    now = figures(node, holder, "").working_set
    assert fits(pod_told, now, now)


def test_the_network_of_a_pod_that_sends(node: Member, prometheus: Prometheus) -> None:
    server = view(node, "server")
    series = of("server", "container_network_transmit_bytes_total", container="", interface="eth0")
    pid = (node.cgroup(server, "pids", container="main") / "cgroup.procs").read_text().split()[0]
    first = told_after(node, prometheus, series, time.time())
    assert fits(first, interface(pid)["tx"], interface(pid)["tx"])
    with urllib.request.urlopen(f"http://{server.ip}:8080/data", timeout=20) as answer:
        assert len(answer.read()) == SENT
    after = interface(pid)["tx"]
    told = told_after(node, prometheus, series, time.time())
    assert fits(told, after, interface(pid)["tx"])
    assert SENT <= told - first < 1.1 * SENT
    assert (prometheus.value(f"rate({series}[30s])") or 0) * 30 > SENT / 2


def test_throttling_of_a_limited_container(node: Member, prometheus: Prometheus) -> None:
    limited = view(node, "limited")
    names: dict[str, Any] = {
        "container_cpu_cfs_periods_total": lambda one: one.periods,
        "container_cpu_cfs_throttled_periods_total": lambda one: one.throttled,
        "container_cpu_cfs_throttled_seconds_total": lambda one: one.throttled_time / 1e9,
    }
    before: Figures = figures(node, limited)
    moment = time.time()
    told = {name: told_after(node, prometheus, of("limited", name), moment) for name in names}
    after = figures(node, limited)
    for name, value in names.items():
        assert fits(told[name], value(before), value(after)), name
    assert before.throttled > 0
    quota = prometheus.value(of("limited", "container_spec_cpu_quota"))
    assert quota == 10_000
    rate = prometheus.value(f"rate({of('limited', 'container_cpu_usage_seconds_total')}[10s])")
    assert rate is not None and 0 < rate < 0.15


def test_restarts_are_counted(node: Member, prometheus: Prometheus) -> None:
    started = of("crasher", "container_start_time_seconds")
    node.until(lambda: prometheus.value(started) is not None, what="the first container")
    node.sh("crasher", ">/crash")
    [asked] = [text for title, text in questions() if title.startswith("Restarts")]
    node.until(lambda: bool(prometheus.ask(asked)), what="a restart", show=prometheus.said)
    found = {one["metric"]["pod"]: float(one["value"][1]) for one in prometheus.ask(asked)}
    assert found == {"crasher": 1} and view(node, "crasher").restarts() == 1


def test_every_question_of_the_dashboard_is_answered(node: Member, prometheus: Prometheus) -> None:
    # A second end: to Prometheus the first one of a kind is no increase.
    node.sh("crasher", ">/crash")

    def unanswered() -> set[str]:
        return {title for title, text in questions() if not prometheus.ask(text)}

    node.until(
        lambda: unanswered() <= EMPTY_WHEN_WELL, what="answers", show=lambda: str(unanswered())
    )


def questions() -> list[tuple[str, str]]:
    """Title and expression of everything on the dashboard, as Grafana asks it."""
    values = {"$node": ".+", "$namespace": ".+", "$__rate_interval": "10s"}
    board = json.loads(DASHBOARD.read_text())
    found = []
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for variable, value in values.items():
                text = text.replace(variable, value)
            found.append((panel["title"], text))
    return found
