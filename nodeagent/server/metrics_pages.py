"""Answers for the metrics endpoints and /stats/summary, for whichever server has the request."""

import asyncio
from typing import cast

import tornado.web
from tornado.http1connection import HTTP1Connection

from nodeagent.core.negotiation import content_type, text_form
from nodeagent.model.scrapes import Page
from nodeagent.server.figures import Figures

SLOWEST_READER = 120.0
"""Seconds until whoever does not take an answer is let go: each would hold megabytes for ever."""


async def answer_page(handler: tornado.web.RequestHandler, figures: Figures, page: Page) -> None:
    """Answer a request for a metrics page in the form that it asks for."""
    headers = handler.request.headers
    form = text_form(headers.get("Accept", ""), headers.get("Accept-Encoding", ""))
    body = await figures.text(page, form)
    handler.set_header("Content-Type", content_type(form))
    handler.set_header("Vary", "Accept, Accept-Encoding")
    if figures.started_at:
        handler.set_header("Process-Start-Time-Unix", str(figures.started_at))
    if form.gzip:
        handler.set_header("Content-Encoding", "gzip")
    await _send(handler, body)


async def answer_summary(handler: tornado.web.RequestHandler, figures: Figures) -> None:
    """Answer a request for /stats/summary (`?only_cpu_and_memory=true`)."""
    only = handler.get_query_argument("only_cpu_and_memory", "").lower() in ("1", "t", "true")
    body = await figures.summary(only)
    handler.set_header("Content-Type", "application/json")
    await _send(handler, body)


async def _send(handler: tornado.web.RequestHandler, body: bytes) -> None:
    stream = cast(HTTP1Connection, handler.request.connection).stream
    try:
        async with asyncio.timeout(SLOWEST_READER):
            await handler.finish(body)
    except TimeoutError:
        stream.close()
