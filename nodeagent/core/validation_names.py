"""Forms of names, paths and numbers that several parts of a Pod share."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from typing import TypeAlias

import msgspec

from nodeagent.core.manifest_yaml import Path

Found: TypeAlias = Iterator[tuple[Path, str]]

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_SEARCH = re.compile(r"[a-z0-9_](?:[-_a-z0-9]*[a-z0-9_])?(?:\.[a-z0-9_](?:[-_a-z0-9]*[a-z0-9_])?)*")
_WORD = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
_VARIABLE = re.compile(r"[ -<>-~]+")
_HEADER = re.compile(r"[-A-Za-z0-9]+")
MAX_ID = 2**31 - 1


def label(path: Path, value: str | None, *, most: int = 63) -> Found:
    """A DNS label (RFC 1123), the form of container and volume names."""
    if not value:
        yield path, "is missing"
    elif len(value) > most or not _LABEL.fullmatch(value):
        yield (
            path,
            f'is "{value}"; needs at most {most} of a-z, 0-9 and "-", with a letter or digit at '
            "both ends",
        )


def subdomain(path: Path, value: str | None, *, most: int = 253) -> Found:
    """A DNS subdomain (RFC 1123), the form of most object names."""
    if not value:
        yield path, "is missing"
    elif len(value) > most or not _SUBDOMAIN.fullmatch(value):
        yield (
            path,
            f'is "{value}"; needs at most {most} of a-z, 0-9, "-" and ".", with a letter or '
            "digit at both ends of each part",
        )


def search_domain(path: Path, value: str) -> Found:
    """A DNS search domain: underscores, one trailing dot and "." alone are allowed (KEP-4427)."""
    name = value.removesuffix(".") if value != "." else "a"
    if len(name) > 253 or not _SEARCH.fullmatch(name):
        yield path, f'is "{value}"; needs a DNS search domain of a-z, 0-9, "-", "_" and "."'


def qualified(path: Path, value: str | None) -> Found:
    """A key such as `example.org/name` or `name`, of labels, annotations and resources."""
    if not value:
        yield path, "is missing"
        return
    prefix, slash, name = value.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        yield path, f'"{prefix}" before "/" needs to be a DNS name of at most 253 characters'
    if len(name) > 63 or not _WORD.fullmatch(name):
        yield (
            path,
            f'"{name}" needs at most 63 letters, digits, "-", "_" and ".", with a letter or '
            "digit at both ends",
        )


def labels(path: Path, given: dict[str, str] | None) -> Found:
    """Keys and values of labels or a node selector."""
    for key, value in (given or {}).items():
        yield from qualified((*path, key), key)
        if value and (len(value) > 63 or not _WORD.fullmatch(value)):
            yield (
                (*path, key),
                f'has the value "{value}"; needs at most 63 letters, digits, "-", "_" and ".", '
                "with a letter or digit at both ends",
            )


def port_name(path: Path, value: str) -> Found:
    """A service name (RFC 6335)."""
    if not _PORT.fullmatch(value):
        yield (
            path,
            f'is "{value}"; needs 1 to 15 of a-z, 0-9 and single "-", at least one letter, with '
            "a letter or digit at both ends",
        )


def variable(path: Path, value: str | None, *, part: bool = False) -> Found:
    """An environment variable's name, or the start of one: printable ASCII without "="."""
    if not value and not part:
        yield path, "is missing"
    elif value and not _VARIABLE.fullmatch(value):
        yield path, f'is "{value}"; needs printable ASCII characters other than "="'


def header_name(path: Path, value: str) -> Found:
    """The name of an HTTP header."""
    if not _HEADER.fullmatch(value):
        yield path, f'is "{value}"; needs letters, digits and "-"'


def ip(path: Path, value: str | None) -> Found:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value or "")
    except ValueError:
        yield path, f'is "{value or ""}"; needs an IP address'


def one_of(
    path: Path, value: str | None, allowed: Collection[str], *, needed: bool = False
) -> Found:
    """A word of a fixed set; absent is fine unless needed."""
    if value is None and not needed:
        return
    if value not in allowed:
        words = ", ".join(word or '""' for word in allowed)
        yield path, f'is "{value or ""}"; needs one of {words}'


def between(path: Path, value: int | None, low: int, high: int | None = None) -> Found:
    """A number of a range; absent is fine."""
    if value is not None and (value < low or (high is not None and value > high)):
        span = f"at least {low}" if high is None else f"{low} to {high}"
        yield path, f"is {value}; needs {span}"


def port(path: Path, value: int | str | None) -> Found:
    """A port as number or name."""
    if isinstance(value, str):
        yield from port_name(path, value)
    else:
        yield from between(path, value, 1, 65535)


def file_mode(path: Path, value: int | None) -> Found:
    """Permission bits of a volume's files."""
    if value is not None and not 0 <= value <= 0o777:
        yield path, f"is {value:o} octal; needs 0 to 0777"


def absolute(path: Path, value: str | None) -> Found:
    """An absolute path of the host or a container, without steps back."""
    if not value:
        yield path, "is missing"
    elif not value.startswith("/"):
        yield path, f'is "{value}"; needs an absolute path'
    elif ".." in value.split("/"):
        yield path, f'is "{value}"; may not have ".." in it'


def relative(path: Path, value: str | None, *, dots: bool = True) -> Found:
    """A path below a folder. `dots=False`: its first part may not begin with ".."."""
    if not value:
        yield path, "is missing"
    elif value.startswith("/"):
        yield path, f'is "{value}"; needs a path relative to the volume'
    elif ".." in value.split("/"):
        yield path, f'is "{value}"; may not have ".." in it'
    elif not dots and value.startswith(".."):
        yield path, f'is "{value}"; may not start with ".."'


def needed(path: Path, value: object) -> Found:
    """A text that may not be empty."""
    if not value:
        yield path, "is missing"


def exactly_one(path: Path, value: msgspec.Struct, *, of: tuple[str, ...], what: str) -> Found:
    """Of these fields, one is set."""
    given = [name for name in of if getattr(value, name) is not None]
    if not given:
        yield path, f"needs {what}: one of {', '.join(of)}"
    elif len(given) > 1:
        yield (*path, given[1]), f"is one too many beside {given[0]}; needs exactly one {what}"
