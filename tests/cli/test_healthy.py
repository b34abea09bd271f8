"""Waiting for a fresh agent to be healthy, over a real socket."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nodeagent.cli.healthy import wait_healthy
from nodeagent.errors import JoinError
from nodeagent.settings.value import Listener


@contextmanager
def answering(*codes: int) -> Iterator[tuple[Listener, list[str]]]:
    """A server that gives these answers one after the other, the last one for ever."""
    left, asked = list(codes), []

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            code = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"ok" if code == 200 else b"[-]syncloop failed")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Listener(address="0.0.0.0", port=server.server_port), asked
        finally:
            server.shutdown()
            thread.join()


def test_it_is_asked_until_it_is_well() -> None:
    with answering(500, 200) as (listener, asked):
        wait_healthy(listener)
        assert asked == ["/healthz", "/healthz"]


def test_one_that_does_not_get_well_is_told_with_its_last_words() -> None:
    with (
        answering(500) as (listener, _),
        pytest.raises(JoinError, match=r"\[-\]syncloop failed; journalctl"),
    ):
        wait_healthy(listener, patience=0.1)


def test_one_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(JoinError, match="refused"):
            wait_healthy(Listener(address="127.0.0.1", port=port), patience=0.0)


def test_a_stranger_on_the_port_that_speaks_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def greet() -> None:
            client, _ = stranger.accept()
            with client:
                client.recv(1000)
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        place = Listener(address="127.0.0.1", port=stranger.getsockname()[1])
        with pytest.raises(JoinError, match=r"no answer in HTTP: SSH-2\.0"):
            wait_healthy(place, patience=0.0)
        thread.join()
