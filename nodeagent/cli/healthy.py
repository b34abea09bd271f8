"""Waits for an agent that was started to say that it is well."""

import http.client
import time
import urllib.error
import urllib.request
from typing import Final

from nodeagent.errors import JoinError
from nodeagent.settings.value import Listener

PATIENCE: Final = 40.0  # seconds, as kubeadm waits for a kubelet
_PAUSE: Final = 0.5
_ANSWER: Final = 5.0


def wait_healthy(listener: Listener, *, patience: float = PATIENCE) -> None:
    """Return once `/healthz` answers ok; JoinError with its last answer after `patience` s."""
    url = f"http://{_host(listener.address)}:{listener.port}/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + patience
    while True:
        try:
            with opener.open(url, timeout=_ANSWER):
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace").strip() or str(error)
        except OSError as error:
            said = str(error)
        except http.client.HTTPException as error:  # somebody else listens there
            said = f"no answer in HTTP: {error or type(error).__name__}"
        if time.monotonic() >= end:
            detail = f"not healthy within {patience:.0f} s: {said}; journalctl -u nodeagent"
            raise JoinError(op="start the agent", target=url, detail=detail)
        time.sleep(_PAUSE)


def _host(address: str) -> str:
    """Where a listener of this address is reached from the machine itself."""
    if address in ("", "0.0.0.0"):
        return "127.0.0.1"
    if address == "::":
        return "[::1]"
    return f"[{address}]" if ":" in address else address
