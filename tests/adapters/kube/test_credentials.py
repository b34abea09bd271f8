"""What a connection proves itself with, as it is read from files."""

from pathlib import Path

import pytest

from nodeagent.adapters.kube.access import Access
from nodeagent.adapters.kube.credentials import read_credentials
from nodeagent.errors import ApiUnavailable


def access(folder: Path, text: bytes) -> Access:
    file = folder / "token"
    file.write_bytes(text)
    return Access(server="http://127.0.0.1:1", token_file=str(file))


def test_a_token_of_a_file_is_what_is_between_its_white_space(tmp_path: Path) -> None:
    assert read_credentials(access(tmp_path, b" a.b-c_d=\n\n")).token == "a.b-c_d="


@pytest.mark.parametrize(
    "text",
    [b"hunter2\nX-Remote-User: root", b"hunter2 a", "hunter2\u00e9".encode(), b"hunter2\xff"],
)
def test_a_file_that_holds_no_token_is_named_and_never_sent(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ApiUnavailable, match=r"read the token .*/token") as caught:
        read_credentials(access(tmp_path, text))
    assert "hunter2" not in str(caught.value)
