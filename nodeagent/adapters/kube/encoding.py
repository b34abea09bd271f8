"""JSON of the API: read leniently into lightkube's types, written as the server reads it."""

import datetime
import functools
import re
import sys
from typing import Any, Final, TypeVar, cast

import msgspec
from lightkube.models import meta_v1

T = TypeVar("T")

_MICRO: Final = ("renewTime", "acquireTime", "eventTime", "lastObservedTime")  # metav1.MicroTime
_MENDS: Final = 64  # quirks mended in one object
_DEEPEST: Final = 12_000  # values in one another; an API server takes 10000
_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; its items are read one by one."""

    metadata: meta_v1.ListMeta = msgspec.field(default_factory=meta_v1.ListMeta)
    items: list[msgspec.Raw] | None = None


class WatchEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class Unreadable(Exception):
    """JSON that cannot be made the type it is said to be."""


def decode(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """The object. Unknown fields are dropped, managedFields too; what is of a wrong type is mended.

    A number or a truth where a text belongs becomes that text (`cpu: 1`); what cannot be mended is
    left out. Unreadable where nothing is left.
    """
    try:
        one = _read(raw, kind)
    except RecursionError:
        one = _read_deep(raw, kind)
    metadata = getattr(one, "metadata", None)
    if isinstance(metadata, meta_v1.ObjectMeta):
        metadata.managedFields = None  # large, and nobody here asks who set which field
    return cast(T, one)


def encode(value: Any) -> bytes:
    """A body or a patch. Times get the digits that the server wants for their field."""
    plain = msgspec.to_builtins(value, builtin_types=(datetime.datetime,))
    return msgspec.json.encode(_timed(plain, ""))


def _read(raw: bytes | msgspec.Raw, kind: Any) -> Any:
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError:
        return _mended(raw, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error


def _read_deep(raw: bytes | msgspec.Raw, kind: Any) -> Any:
    """The same of what is deeper than Python goes by itself.

    Who may make a pod may have managedFields as deep as the server takes them, and must not be able
    to hide all other pods of the node by that, or to end the agent.
    """
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(usual + _DEEPEST)
    try:
        return _read(raw, kind)
    except RecursionError as error:
        raise Unreadable("it is too deep") from error
    finally:
        sys.setrecursionlimit(usual)


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _timed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _timed(one, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_timed(one, name) for one in value]
    if isinstance(value, datetime.datetime):
        shape = "%Y-%m-%dT%H:%M:%S.%fZ" if name in _MICRO else "%Y-%m-%dT%H:%M:%SZ"
        return value.astimezone(datetime.UTC).strftime(shape)
    return value


def _mended(raw: bytes | msgspec.Raw, kind: Any) -> Any:
    value = msgspec.json.decode(raw)
    for _ in range(_MENDS):
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            if not _mend(value, str(error)):
                raise Unreadable(str(error)) from error
    raise Unreadable("too much of it is of wrong types")


def _mend(value: Any, message: str) -> bool:
    """Change the one place that the message names; False where that is not possible."""
    place = _PLACE.search(message)
    steps: list[str | int] = []
    for name, index, some in _STEP.findall(place.group(1) if place else ""):
        if some:
            break  # a key of a map, unnamed: the map is what can be mended
        steps.append(int(index) if index else name)
    if not steps:
        return False
    for step in steps[:-1]:
        value = value[step]
    wrong, last = value[steps[-1]], steps[-1]
    if message.startswith("Expected `str") and isinstance(wrong, bool | int | float):
        value[last] = str(wrong).lower() if isinstance(wrong, bool) else str(wrong)
    elif wrong is None and message.startswith("Expected `array`"):
        value[last] = []  # Go writes an empty list as null
    else:
        del value[last]
    return True
