"""A serving certificate that the agent signs itself, for a node that is given none."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.keys import work
from nodeagent.adapters.host.oserror import translated

CERTIFICATE, KEY = "kubelet.crt", "kubelet.key"
VALID, MARGIN = dt.timedelta(days=365), dt.timedelta(days=1)
EARLIER = dt.timedelta(hours=1)  # it begins by so much, for clocks of clients differ


def ensure_self_signed(folder: Path, *, name: str, ips: Iterable[str], now: dt.datetime) -> None:
    """`kubelet.crt` and `kubelet.key` are in the folder, and good for the name; blocks.

    Files that are there stay, unless their time is over. HostError where they cannot be written.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    with translated("make the certificate in", str(folder)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if key.exists() and _is_fresh(certificate, now):
            return
        made_key, made = _made(name, tuple(ips), now)
        write_atomic(str(key), made_key, durable=True)
        write_atomic(str(certificate), made, mode=0o644, durable=True)


def _is_fresh(certificate: Path, now: dt.datetime) -> bool:
    """Whether it was written less than its time ago, which is cheaper than to read it."""
    try:
        age = now.timestamp() - certificate.stat().st_mtime
    except FileNotFoundError:
        return False
    return age < (VALID - MARGIN).total_seconds()


def _made(name: str, ips: tuple[str, ...], now: dt.datetime) -> tuple[bytes, bytes]:
    made = work(
        "sign_self",
        name=f"{name}@{int(now.timestamp())}",
        addresses=list(ips),
        begin=(now - EARLIER).timestamp(),
        end=(now + VALID).timestamp(),
    )
    return made["key"].encode(), made["certificate"].encode()
