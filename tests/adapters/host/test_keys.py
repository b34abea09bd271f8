"""Keys and certificates are worked with in another process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nodeagent.adapters.host import keys
from nodeagent.adapters.host.key_pairs import read_pair
from tests.apiserver.authority import Authority

PROGRAM = """
import json, sys
from pathlib import Path
from nodeagent.adapters.host.key_pairs import CLIENT, KeyPairs, read_pair
from nodeagent.aio.threads import Threads
from nodeagent.core.certificates import client_wish
found = [read_pair(Path(path)) for path in sys.argv[1:]]
draft = KeyPairs(Path("."), CLIENT, Threads(1))._make(client_wish("n1"))
told = [None if one is None else one.common_name for one in found]
print(json.dumps([told, draft.request.decode(), "cryptography" in sys.modules]))
"""


def test_an_agent_reads_and_asks_for_certificates_without_their_library(tmp_path: Path) -> None:
    authority = Authority()
    pair, other = (authority.client("system:node:n1", ["system:nodes"]) for _ in range(2))
    good, mixed, odd = (tmp_path / name for name in ("good", "mixed", "odd"))
    good.write_bytes(pair.both)
    mixed.write_bytes(pair.certificate + other.key)
    odd.write_bytes(b"\xff nothing")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, good, mixed, odd, tmp_path / "none"],
        capture_output=True,
        text=True,
        check=True,
    )
    told, request, loaded = json.loads(done.stdout)
    assert told == ["system:node:n1", None, None, None]
    assert not loaded, done.stderr
    signed = authority.sign_request(request.encode(), usages=[])
    assert b"BEGIN CERTIFICATE" in signed


def test_without_another_process_the_agents_own_does_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pair"
    path.write_bytes(Authority().client("system:node:n1", ["system:nodes"]).both)
    monkeypatch.setattr(keys, "_LIBRARY", "no.such.library")
    monkeypatch.setattr(keys, "_WORKER", str(tmp_path / "none.py"))
    found = read_pair(path)
    assert found is not None and found.common_name == "system:node:n1"
