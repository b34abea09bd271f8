"""Metrics and stats on a real runtime: what the agent tells is what the kernel says, within 2 %.

Where a figure moves, the kernel is read before and after the scrape, and the figure lies between.
"""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodeagent.core.rates import SHORTEST
from nodeagent.model.scrapes import Tier
from tests.e2e.agent import CGROUPS, NODE, Agent, is_cgroup_v2, running_agent
from tests.e2e.kernel import figures, fits, interface, machine_cpu, words
from tests.e2e.pods import IDLE, View, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.e2e.scraping import complaints, get, scrape, scrape_modern, summary
from tests.fakes.summary_shape import CPU_AND_MEMORY, WHOLE, differences

MIB = 1 << 20
LAYER, DATA, SENT, HELD = 16 * MIB, 8 * MIB, 5_000_000, 20_000_000
WRITE = "dd if=/dev/zero of={} bs=1M count={}"
BUSY = (
    f"x=$(head -c {HELD} /dev/zero | tr '\\0' x); "
    f"i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; "
    f"{WRITE.format('/layer', LAYER // MIB)}; {WRITE.format('/data/file', DATA // MIB)}; "
    f"mkdir /www; head -c {SENT} /dev/zero >/www/data; httpd -p 8080 -h /www; "
    f"seq 20000; >/done; {IDLE}"
)
BURN = "while :; do :; done"
PAGES = ("/metrics", "/metrics/cadvisor", "/metrics/resource", "/metrics/probes", "/metrics/slis")


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    kubelet = {"volumeStatsAggPeriod": "1s"}
    with running_agent(runtime, kubelet=kubelet, own={"metrics": {"tier": "full"}}) as agent:
        mount = {"name": "data", "mountPath": "/data"}
        limits = {"cpu": "200m", "memory": "50Mi"}
        agent.write(
            pod(
                "busy",
                container(BUSY, volumeMounts=[mount]),
                volumes=[{"name": "data", "emptyDir": {}}],
            ),
            pod("burner", container(BURN, resources={"limits": limits})),
        )
        agent.wait("busy", ready)
        agent.wait("burner", ready)
        agent.until(lambda: "yes" in agent.sh("busy", "[ -e /done ] && echo yes || :"), what="data")
        yield agent


def view(agent: Agent, name: str) -> View:
    found = agent.pod(name)
    assert found is not None
    return found


def named(entries: list[Any], name: str) -> Any:
    """The entry of this name in a list of /stats/summary."""
    return next(one for one in entries if one.get("name") == name)


def told(agent: Agent, name: str, *, only: bool = False) -> Any:
    """A pod in /stats/summary."""
    pods = summary(agent.socket, only=only)["pods"]
    return next(one for one in pods if one["podRef"]["name"] == f"{name}-{NODE}")


@pytest.mark.parametrize("name", ["busy", "burner"])
@pytest.mark.parametrize("part", ["main", ""])
def test_cpu_and_memory_are_the_kernels(agent: Agent, name: str, part: str) -> None:
    """Of a container, and of its pod as a whole."""
    seen = view(agent, name)
    before = figures(agent, seen, part)
    full = scrape(agent.socket, "/metrics/cadvisor")
    small = scrape(agent.socket, "/metrics/resource")
    stats = told(agent, name)
    least = told(agent, name, only=True)
    after = figures(agent, seen, part)
    labels = {"pod": seen.name, "namespace": "default"}
    kind = "container" if part else "pod"
    if part:
        labels["container"] = part
        stats, least = named(stats["containers"], part), named(least["containers"], part)
    whole = {**labels, "name": seen.id_of(part) if part else ""}
    for figure, values in {
        "cpu": (
            full.value("container_cpu_usage_seconds_total", cpu="total", **whole) * 1e9,
            small.value(f"{kind}_cpu_usage_seconds_total", **labels) * 1e9,
            stats["cpu"]["usageCoreNanoSeconds"],
            least["cpu"]["usageCoreNanoSeconds"],
        ),
        "memory": (
            full.value("container_memory_usage_bytes", **whole),
            stats["memory"]["usageBytes"],
            least["memory"]["usageBytes"],
        ),
        "working_set": (
            full.value("container_memory_working_set_bytes", **whole),
            small.value(f"{kind}_memory_working_set_bytes", **labels),
            stats["memory"]["workingSetBytes"],
            least["memory"]["workingSetBytes"],
        ),
        "rss": (
            full.value("container_memory_rss", **whole),
            stats["memory"]["rssBytes"],
            least["memory"]["rssBytes"],
        ),
    }.items():
        for value in values:
            assert fits(value, getattr(before, figure), getattr(after, figure)), (figure, values)
    if name == "busy":
        assert before.rss > HELD


def test_throttling_and_limits_are_the_kernels(agent: Agent) -> None:
    burner = view(agent, "burner")
    before = figures(agent, burner)
    full = scrape(agent.socket, "/metrics/cadvisor")
    after = figures(agent, burner)
    labels = {"pod": burner.name, "container": "main"}
    for name, figure, unit in (
        ("periods_total", "periods", 1),
        ("throttled_periods_total", "throttled", 1),
        ("throttled_seconds_total", "throttled_time", 1e9),
    ):
        value = full.value(f"container_cpu_cfs_{name}", **labels) * unit
        assert fits(value, getattr(before, figure), getattr(after, figure)), name
    assert before.throttled > 0
    assert full.value("container_spec_cpu_quota", **labels) == 20_000
    assert full.value("container_spec_cpu_period", **labels) == 100_000
    assert full.value("container_spec_memory_limit_bytes", **labels) == 50 * MIB
    assert full.value("container_processes", **labels) == after.processes


def test_a_rate_is_what_was_burnt_between_two_readings(agent: Agent) -> None:
    burner = view(agent, "burner")

    def read() -> tuple[tuple[float, int], int, tuple[float, int]]:
        before = time.time(), figures(agent, burner).cpu
        cpu = named(told(agent, "burner", only=True)["containers"], "main")["cpu"]
        return before, cpu["usageNanoCores"], (time.time(), figures(agent, burner).cpu)

    began = time.monotonic()
    agent.until(  # else the first reading is one with that of the test before
        lambda: time.monotonic() > began + SHORTEST, what="a reading of its own"
    )
    first_before, _, first_after = read()
    agent.until(  # at a fifth of a core
        lambda: figures(agent, burner).cpu > first_after[1] + 5e8, what="half a second of CPU"
    )
    second_before, rate, second_after = read()
    # In nanoseconds of CPU each second.
    least = (second_before[1] - first_after[1]) / (second_after[0] - first_before[0])
    most = (second_after[1] - first_before[1]) / (second_before[0] - first_after[0])
    assert fits(rate, least, most)


def test_disks_hold_what_was_written(agent: Agent) -> None:
    busy = view(agent, "busy")
    labels = {"pod": busy.name, "container": "main"}

    def layer() -> float:
        found = scrape(agent.socket, "/metrics/cadvisor").values(
            "container_fs_usage_bytes", **labels
        )
        return found[0] if found else 0.0

    # The runtime measures layers each ten seconds, the agent volumes and logs each second here.
    agent.until(lambda: fits(layer(), LAYER + SENT, LAYER + SENT), what="the layer", show=str)
    data = agent.pod_dir(busy) / "volumes/kubernetes.io~empty-dir/data"
    logs = next(agent.logs_dir.glob(f"*_{busy.name}_*")) / "main"
    agent.until(lambda: "volume" in told(agent, "busy"), what="the volume")
    stats = told(agent, "busy")
    main = named(stats["containers"], "main")
    assert fits(main["rootfs"]["usedBytes"], layer(), layer())
    volume = named(stats["volume"], "data")
    assert volume["usedBytes"] >= DATA
    assert fits(volume["usedBytes"], du(data), du(data))
    assert fits(main["logs"]["usedBytes"], du(logs), du(logs)) and du(logs) > 100_000
    parts = sum(one["usedBytes"] for one in (main["rootfs"], main["logs"], volume))
    assert fits(stats["ephemeral-storage"]["usedBytes"], parts, parts)
    space = os.statvfs(data)
    assert volume["capacityBytes"] == space.f_blocks * space.f_frsize
    assert volume["inodes"] == space.f_files


def du(folder: Path) -> int:
    """Bytes on the disk, as `du` counts them."""
    done = subprocess.run(["du", "-s", "-B1", folder], capture_output=True, check=True, text=True)
    return int(done.stdout.split()[0])


def test_the_network_counts_what_was_sent(agent: Agent) -> None:
    busy = view(agent, "busy")
    pid = processes(agent, busy)[0]

    def sent() -> tuple[float, int]:
        before = interface(pid)
        page = scrape(agent.socket, "/metrics/cadvisor")
        stats = told(agent, "busy")["network"]
        after = interface(pid)
        labels = {"pod": busy.name, "interface": "eth0", "container": ""}
        for direction, word, field in (("tx", "transmit", "txBytes"), ("rx", "receive", "rxBytes")):
            value = page.value(f"container_network_{word}_bytes_total", **labels)
            assert fits(value, before[direction], after[direction])
            assert fits(stats[field], before[direction], after[direction])
        assert stats["name"] == "eth0" and named(stats["interfaces"], "eth0")
        return page.value("container_network_transmit_bytes_total", **labels), after["tx"]

    first, _ = sent()
    with urllib.request.urlopen(f"http://{busy.ip}:8080/data", timeout=20) as answer:
        assert len(answer.read()) == SENT
    assert SENT <= sent()[0] - first < 1.1 * SENT


def processes(agent: Agent, pod: View, container: str = "main") -> list[str]:
    return (agent.cgroup(pod, "pids", container=container) / "cgroup.procs").read_text().split()


def test_the_node_is_what_the_kernel_says(agent: Agent) -> None:
    before = machine_cpu(), interface("self"), os.statvfs(agent.state)
    page = scrape(agent.socket, "/metrics/cadvisor")
    small = scrape(agent.socket, "/metrics/resource")
    node = summary(agent.socket)["node"]
    least = summary(agent.socket, only=True)["node"]
    after = machine_cpu(), interface("self"), os.statvfs(agent.state)
    for cpu in (
        page.value("container_cpu_usage_seconds_total", id="/"),
        small.value("node_cpu_usage_seconds_total"),
        node["cpu"]["usageCoreNanoSeconds"] / 1e9,
        least["cpu"]["usageCoreNanoSeconds"] / 1e9,
    ):
        assert fits(cpu, before[0], after[0])
    meminfo = words(Path("/proc/meminfo"), unit=1024)
    assert page.value("machine_memory_bytes") == meminfo["MemTotal:"]
    assert page.value("machine_cpu_cores") == os.cpu_count()
    used = memory_of_the_node()
    for memory in (
        page.value("container_memory_usage_bytes", id="/"),
        node["memory"]["usageBytes"],
    ):
        assert fits(memory, used, memory_of_the_node())
    working_set = node["memory"]["workingSetBytes"]
    assert fits(small.value("node_memory_working_set_bytes"), working_set, working_set)
    available = meminfo["MemTotal:"] - working_set
    assert fits(node["memory"]["availableBytes"], available, available)
    assert fits(node["network"]["rxBytes"], before[1]["rx"], after[1]["rx"])
    fs, size = node["fs"], before[2].f_frsize
    assert fs["capacityBytes"] == before[2].f_blocks * size and fs["inodes"] == before[2].f_files
    assert fits(fs["availableBytes"], before[2].f_bavail * size, after[2].f_bavail * size)
    free = [(one.f_blocks - one.f_bfree) * size for one in (before[2], after[2])]
    assert fits(fs["usedBytes"], *free)
    assert {"imageFs", "containerFs"} <= node["runtime"].keys()
    assert {one["name"] for one in node["systemContainers"]} >= {"pods"}


def memory_of_the_node() -> int:
    """Version 2 has no figure for the topmost cgroup; there it is what is not free."""
    if is_cgroup_v2():
        meminfo = words(Path("/proc/meminfo"), unit=1024)
        return meminfo["MemTotal:"] - meminfo["MemFree:"]
    return int((CGROUPS / "memory/memory.usage_in_bytes").read_text())


def test_a_summary_has_the_fields_and_types_of_a_kubelets(agent: Agent) -> None:
    def wrong() -> list[str]:
        return differences(summary(agent.socket), WHOLE)

    agent.until(lambda: not wrong(), what="every figure", show=lambda: str(wrong()))
    assert differences(summary(agent.socket, only=True), CPU_AND_MEMORY) == []


@pytest.mark.parametrize("tier", list(Tier))
def test_every_page_is_read_whole_by_other_programs(agent: Agent, tier: Tier) -> None:
    agent.own["metrics"] = {"tier": tier.value}
    agent.configure()
    agent.hang_up()
    full = tier is Tier.FULL
    agent.until(
        lambda: (
            ("container_threads" in get(agent.socket, "/metrics/cadvisor")) is full
            and ("container_last_seen" in get(agent.socket, "/metrics/cadvisor"))
            is (tier != Tier.CORE)
        ),
        what=f"the tier {tier}",
    )
    for page in PAGES:
        assert complaints(get(agent.socket, page)) == [], page
        classic, modern = scrape(agent.socket, page), scrape_modern(agent.socket, page)
        assert {one.removesuffix("_total") for one in classic.families} == {
            one.removesuffix("_total") for one in modern.families
        }, page
        assert classic.families


def test_pods_that_come_and_go_never_fail_a_scrape(agent: Agent) -> None:
    names = [f"brief-{number}" for number in range(6)]
    labels = {"pod": view(agent, "busy").name, "container": "main"}

    def scraped() -> None:
        full = scrape_modern(agent.socket, "/metrics/cadvisor")
        small = scrape_modern(agent.socket, "/metrics/resource")
        assert full.value("container_scrape_error") == small.value("resource_scrape_error") == 0
        assert full.value("container_cpu_usage_seconds_total", **labels) > 0
        assert small.value("container_cpu_usage_seconds_total", **labels) > 0
        assert told(agent, "busy")["containers"]

    def all_are_there() -> bool:
        scraped()
        pods = agent.pods()
        return all(name in pods and pods[name].is_ready for name in names)

    def all_have_gone() -> bool:
        scraped()
        return not set(names) & set(agent.pods())

    agent.write(*(pod(name) for name in names))
    agent.until(all_are_there, what="the pods")
    agent.remove(*names)
    agent.until(all_have_gone, what="the end of the pods")


def test_an_interface_with_quotes_in_its_name_comes_out_as_it_is(agent: Agent) -> None:
    hostile = 'q"\\{}=,'
    busy = view(agent, "busy")
    inside = ["nsenter", f"--target={processes(agent, busy)[0]}", "--net"]
    link = ["ip", "link", "add", "name", hostile, "type", "veth", "peer", "name", "other"]
    subprocess.run([*inside, *link], check=True)
    for read in (scrape, scrape_modern):
        page = read(agent.socket, "/metrics/cadvisor")
        labels = {"pod": busy.name, "interface": hostile}
        assert page.value("container_network_receive_bytes_total", **labels) == 0
    assert named(told(agent, "busy")["network"]["interfaces"], hostile)["rxBytes"] == 0
