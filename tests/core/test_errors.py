"""Errors as they are told."""

from nodeagent.errors import HostError


def test_an_error_about_a_name_that_is_no_text_can_be_told() -> None:
    error = HostError(op="remove", target="/v/\udcff", detail="it still holds \udcfe")
    text = f"{error} {error.target} {error.detail}"
    assert text.encode() and "/v/\\udcff" in text
