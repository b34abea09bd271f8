"""Fixtures that any folder of tests may ask for."""

pytest_plugins = ("tests.e2e.runtime",)
