"""Small readings of /proc and /sys, each from the text of one file."""

import fcntl
import ipaddress
import resource
import socket
import struct
from pathlib import Path

_UP = 0x1
_SIOCGIFADDR = 0x8915
_TEMPORARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE = 0x01, 0x08, 0x20, 0x40  # IFA_F_*


def meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes (and counts, for the lines without a unit)."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words:
            found[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return found


def default_interface(route: str) -> str:
    """The interface of the default IPv4 route with the least metric, from /proc/net/route."""
    best: tuple[int, str] | None = None
    for line in route.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        if int(fields[3], 16) & _UP and (best is None or int(fields[6]) < best[0]):
            best = (int(fields[6]), fields[0])
    return best[1] if best else ""


def default_interface6(route: str) -> str:
    """The same for IPv6, from /proc/net/ipv6_route; the loopback catch-all does not count."""
    best: tuple[int, str] | None = None
    for line in route.splitlines():
        fields = line.split()
        if len(fields) < 10 or set(fields[0]) != {"0"} or fields[1] != "00" or fields[9] == "lo":
            continue
        metric = int(fields[5], 16)
        if best is None or metric < best[0]:
            best = (metric, fields[9])
    return best[1] if best else ""


def global_ipv6(if_inet6: str, interface: str) -> str:
    """The first lasting global address of the interface, from /proc/net/if_inet6; "" for none."""
    unusable = _TEMPORARY | _DAD_FAILED | _DEPRECATED | _TENTATIVE
    for line in if_inet6.splitlines():
        raw, _, _, scope, flags, name = line.split()
        if name == interface and scope == "00" and not int(flags, 16) & unusable:
            return str(ipaddress.IPv6Address(bytes.fromhex(raw)))
    return ""


def ipv4_of(interface: str) -> str:
    """The interface's first IPv4 address, asked of the kernel; "" for none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asker:
        try:
            answer = fcntl.ioctl(asker, _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return ""
    return str(ipaddress.IPv4Address(answer[20:24]))


def lower_oom_score(score: int, path: str = "/proc/self/oom_score_adj") -> bool:
    """Have the kernel kill others first; False where that is not allowed."""
    try:
        Path(path).write_text(str(score))
    except OSError:
        return False
    return True


def raise_open_files(wanted: int = 1_000_000) -> int:
    """Raise the soft limit of open files as far as allowed, at most to `wanted`; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
