"""Tell systemd how the agent is: the sd_notify(3) protocol, without its library."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends states to $NOTIFY_SOCKET; without one every call does nothing and answers False.

    Never blocks and never raises: True means that systemd's socket took the message.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self._watchdog = _watchdog(env)

    @property
    def watchdog_period(self) -> float:
        """Seconds between two `alive` calls, half of what systemd allows; 0.0 for no watchdog."""
        return self._watchdog / 2

    def ready(self, status: str = "") -> bool:
        """Start-up is over."""
        return self._send("READY=1", status)

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send("", status)

    def alive(self) -> bool:
        """Feed the watchdog."""
        return self._send("WATCHDOG=1", "")

    def stopping(self, status: str = "") -> bool:
        """Shutdown has begun."""
        return self._send("STOPPING=1", status)

    def more_time(self, seconds: float) -> bool:
        """Whatever the unit's time limits say, so many seconds from now are still needed."""
        return self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}", "")

    def _send(self, state: str, status: str) -> bool:
        if not self._address:
            return False
        line = f"STATUS={' '.join(status.split())}" if status else ""
        text = "\n".join(part for part in (state, line) if part)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as peer:
                peer.setblocking(False)
                peer.sendto(text.encode(), self._address)
        except OSError:
            return False
        return True


def _address(given: str) -> bytes:
    """A path, or a name in the abstract namespace, which systemd writes with a leading "@"."""
    raw = os.fsencode(given)
    if raw.startswith(b"@"):
        return b"\0" + raw[1:]
    return raw if raw.startswith(b"/") else b""


def _watchdog(env: Mapping[str, str]) -> float:
    """Seconds systemd waits, if it is this process it waits for (sd_watchdog_enabled(3))."""
    owner, limit = env.get("WATCHDOG_PID", ""), env.get("WATCHDOG_USEC", "")
    if not limit.isascii() or not limit.isdigit() or owner not in ("", str(os.getpid())):
        return 0.0
    return int(limit) / 1_000_000
