"""Builds what tells metrics and stats: a piece of `app.py`."""

import gzip

from nodeagent.aio.threads import Threads
from nodeagent.core.exposition import encoded, page_of
from nodeagent.metrics import AgentMetrics
from nodeagent.model.scrapes import Page, TextForm
from nodeagent.server.figures import Figures

PACKING = 1  # the fastest level of gzip: text of this kind shrinks to a tenth with it


class Metering:
    """Answers the metrics endpoints."""

    def __init__(self, metrics: AgentMetrics, threads: Threads) -> None:
        self._metrics, self._threads = metrics, threads

    def figures(self) -> Figures:
        """What servers are given."""
        return Figures(text=self._text, summary=self._summary)

    async def _text(self, page: Page, form: TextForm) -> bytes:
        collected = {Page.PROBES: self._metrics.probes, Page.OWN: self._metrics.own}.get(
            page, tuple
        )
        text = encoded(page_of(collected(), openmetrics=form.openmetrics))
        return await self._threads.run(_packed, text) if form.gzip else text

    async def _summary(self, only_cpu_and_memory: bool) -> bytes:
        return b"{}"


def _packed(text: bytes) -> bytes:
    return gzip.compress(text, PACKING, mtime=0)
