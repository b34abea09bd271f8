"""Many scrapers at once: each is answered, and pods do not notice."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from nodeagent.model.scrapes import Page
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime
from tests.server.http_client import ask

SCRAPERS = 6
SUMMARY = "/stats/summary"
PATHS = (Page.CADVISOR, Page.RESOURCE, Page.OWN, Page.PROBES, SUMMARY)
FORMS: tuple[dict[str, str], ...] = (
    {},
    {"Accept-Encoding": "gzip"},
    {"Accept": "application/openmetrics-text;version=1.0.0"},
)


@contextmanager
def scrapers(agent: Agent) -> Iterator[Counter[tuple[str, int]]]:
    """Scrapers that ask without a pause while inside; how often each path had each answer."""
    over = threading.Event()
    found: Counter[tuple[str, int]] = Counter()
    lock = threading.Lock()

    async def scrape(first: int) -> None:
        asked = itertools.islice(itertools.cycle(itertools.product(PATHS, FORMS)), first, None)
        for path, headers in asked:
            if over.is_set():
                return
            answer = await ask(agent.socket, path, headers=headers)
            with lock:
                found[path, answer.code] += 1

    with ThreadPoolExecutor(SCRAPERS) as pool:
        running: list[Future[None]] = [
            pool.submit(asyncio.run, scrape(number)) for number in range(SCRAPERS)
        ]
        try:
            yield found
        finally:
            over.set()
        for one in running:
            one.result()


def test_pods_come_and_go_while_many_scrape(runtime: Runtime) -> None:
    alive = {"exec": {"command": ["true"]}, "periodSeconds": 1, "timeoutSeconds": 10}
    with running_agent(runtime, own={"metrics": {"tier": "full"}}) as agent:
        agent.write(pod("steady", container(livenessProbe=alive)))
        before = agent.wait("steady", ready)
        with scrapers(agent) as found:
            for number in range(3):
                name = f"wave-{number}"
                agent.write(pod(name))
                agent.wait(name, ready)
                agent.remove(name)
                agent.wait_gone(name)
            agent.until(
                lambda: all(found[path, 200] >= 2 * len(FORMS) for path in PATHS),
                what="scrapes of every path",
                show=lambda: str(found),
            )
        assert {code for _, code in found} == {200}
        after = agent.wait("steady", ready)
        assert after.id_of("main") == before.id_of("main")
        assert after.restarts() == 0
        assert not [one for one in agent.events("steady") if one[0] == "Unhealthy"]
        page = asyncio.run(ask(agent.socket, Page.CADVISOR)).body.decode()
        errors = {
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == "container_scrape_error"
        }
        assert errors == {0}
