"""Texts that Kubernetes configuration uses for durations, amounts and names: read and checked here.

Every reader raises ValueError with what is allowed; who calls it adds file, line and field.
"""

import ipaddress
import re

import msgspec

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNITS |= {"\u00b5s": 1e-6, "\u03bcs": 1e-6}  # both signs for micro, as Go takes them
_DURATION_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([num\u00b5\u03bc]?s|m|h)")
_DURATION_LIMIT = 2**63 / 1e9  # Go counts nanoseconds in 64 bits
_QUANTITY = re.compile(
    r"([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?", re.ASCII
)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DIGITS = re.compile(r"[0-9]{1,9}")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds in a duration as Go writes it: "1m30s", "100ms", "-1s"; "0" needs no unit."""
    sign, rest = (-1.0, text[1:]) if text[:1] == "-" else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(rest))
    if not parts or "".join(part.group() for part in parts) != rest:
        raise ValueError('a duration such as "1m30s" or "100ms"')
    seconds = sum(float(part[1]) * _UNITS[part[2]] for part in parts)
    if seconds >= _DURATION_LIMIT:
        raise ValueError("a duration below 292 years")
    # Whole nanoseconds, as Go keeps them, so that "1m0.1s" equals "60100ms".
    return sign * round(seconds, 9) + 0.0


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """A Kubernetes quantity, exactly: `numerator / denominator` of the base unit."""

    numerator: int
    denominator: int = 1

    @property
    def whole(self) -> int:
        """Rounded up to a whole number, as Kubernetes rounds bytes and counts."""
        return -(-self.numerator // self.denominator)


def parse_quantity(text: str) -> Amount:
    """The value of a resource quantity: "100Mi", "0.5", "250m", "1e3"."""
    found = _QUANTITY.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise ValueError('a quantity such as "100Mi", "250m" or "1.5"')
    sign, whole, fraction = found[1], found[2], found[3] or ""
    top, bottom = int(f"{whole}{fraction}"), 10 ** len(fraction)
    if found[4]:
        top <<= _BINARY[found[4]]
    power = _DECIMAL[found[5]] if found[5] else int(found[6] or 0)
    if power >= 0:
        top *= 10**power
    else:
        bottom *= 10**-power
    return Amount(numerator=-top if sign == "-" else top, denominator=bottom)


def read_seconds(value: object) -> float:
    """A duration from a configuration file, where it must be a text."""
    if not isinstance(value, str):
        raise ValueError('a duration such as "1m30s" or "100ms", in quotes')  # noqa: TRY004
    return parse_duration(value)


def read_bytes(value: object) -> int:
    """A size of at least one byte, as a quantity text."""
    allowed = 'a size above 0 such as "10Mi"'
    try:
        size = parse_quantity(value) if isinstance(value, str) else None
    except ValueError:
        size = None
    if size is None or size.whole <= 0:
        raise ValueError(allowed)
    return size.whole


def read_amount(value: object) -> str:
    """A quantity of zero or more; the text is kept as written."""
    if not isinstance(value, str) or parse_quantity(value).numerator < 0:
        raise ValueError('a quantity of 0 or more such as "100Mi" or "250m", in quotes')
    return value


def read_percent(value: object) -> str:
    """A percentage from 0% to 100%; the text is kept as written."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError('a percentage from "0%" to "100%"')
    return found[0]


def read_threshold(value: object) -> str:
    """An eviction threshold: a percentage or a quantity of zero or more, kept as written."""
    allowed = 'a quantity such as "100Mi" or a percentage from "0%" to "100%", in quotes'
    try:
        is_percent = isinstance(value, str) and value.endswith("%")
        return read_percent(value) if is_percent else read_amount(value)
    except ValueError:
        raise ValueError(allowed) from None


def read_address(value: object) -> str:
    """An IPv4 or IPv6 address."""
    allowed = "an IPv4 or IPv6 address"
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else _refuse(allowed)
    except ValueError:
        raise ValueError(allowed) from None


def read_network(value: object) -> str:
    """A network in CIDR form, or nothing."""
    allowed = 'a network such as "10.88.0.0/16"'
    try:
        if not isinstance(value, str):
            _refuse(allowed)
        for part in str(value).split(",") if value else ():
            ipaddress.ip_network(part, strict=False)
    except ValueError:
        raise ValueError(allowed) from None
    return str(value)


def read_cpus(value: object) -> str:
    """A list of CPUs such as "0-3,8", or nothing."""
    allowed = 'a list of CPUs such as "0-3,8"'
    if not isinstance(value, str):
        _refuse(allowed)
    for part in str(value).split(",") if value else ():
        first, dash, last = part.partition("-")
        if not _DIGITS.fullmatch(first) or (
            dash and not (_DIGITS.fullmatch(last) and int(first) <= int(last))
        ):
            _refuse(allowed)
    return str(value)


def read_absolute_path(value: object) -> str:
    """A clean absolute path in ASCII letters: no "..", no doubled or trailing slash."""
    allowed = "an absolute path in ASCII, without '..', '//' or a slash at its end"
    if not isinstance(value, str) or not value.startswith("/") or not value.isascii():
        _refuse(allowed)
    text = str(value)
    if text != "/" and any(part in ("", ".", "..") for part in text[1:].split("/")):
        _refuse(allowed)
    return text


def read_endpoint(value: object) -> str:
    """A unix socket as a URL; a bare absolute path gets its scheme. Nothing stays nothing."""
    text = value if isinstance(value, str) else _refuse("a text")
    if text.startswith("/"):
        return f"unix://{text}"
    if text and not (text.startswith("unix:///") and len(text) > len("unix:///")):
        _refuse('a unix socket such as "unix:///run/containerd/containerd.sock"')
    return text


def _refuse(allowed: str) -> str:
    raise ValueError(allowed)
