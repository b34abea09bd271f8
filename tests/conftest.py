"""Fixtures that any folder of tests may ask for."""

import asyncio

pytest_plugins = ("tests.e2e.runtime",)


def pytest_configure() -> None:
    """No event loop is made behind our back.

    looptime asks for the current loop even in plain tests; asyncio would then make one that
    nobody closes, and the next test would fail for it.
    """
    asyncio.set_event_loop(None)
