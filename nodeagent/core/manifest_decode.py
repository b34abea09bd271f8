"""Node tree to Kubernetes types: strict, and every wrong or unknown field gets its place."""

import datetime
import difflib
import functools
import inspect
import re
import types
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from nodeagent.core.manifest_yaml import PLAIN, TEXT, Finding, Path, kind_of, show_path, spot

T = TypeVar("T", bound=msgspec.Struct)

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_BOOLS = _TRUE | _FALSE
_INT = re.compile(r"[-+]?(?:0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN"
)
_MAYBE_NUMBER = frozenset("0123456789+-.")
_QUANTITY = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?"
)
_BIGGEST = 2**63 - 1
_MERGE = "<<"
_ANY_TEXT = (("data",), ("stringData",))  # what becomes files may hold any character
_BROKEN: Any = object()  # stands where a value could not be read; never leaves this module

Decode: TypeAlias = Callable[[yaml.Node, Path, list[Finding]], Any]


def decode(cls: type[T], root: yaml.Node) -> tuple[T | None, list[Finding]]:
    """The tree as a value of `cls`, or None with everything that is wrong with it.

    Follows what the API server takes: null counts as absent, YAML 1.1 words are booleans, a
    quantity may be a bare number. Unlike it, unknown and repeated fields are refused.
    """
    findings: list[Finding] = []
    value = _struct(cls)(root, (), findings)
    return (None if findings else value), findings


def plain_type(node: yaml.Node) -> str:
    """What an unquoted value is by itself, in words for a message; "" for a text."""
    kind = kind_of(node)
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return _scalar_type(node.value) if kind == PLAIN else ""


def _scalar_type(value: str) -> str:
    if value in _NULLS:
        return "nothing"
    if value in _BOOLS:
        return f"the boolean {value}"
    if value[0] in _MAYBE_NUMBER and (_INT.fullmatch(value) or _FLOAT.fullmatch(value)):
        return f"the number {value}"
    return ""


def _is_null(node: yaml.Node) -> bool:
    return node.tag == PLAIN and node.value in _NULLS and isinstance(node, yaml.ScalarNode)


def _wrong(node: yaml.Node, path: Path, findings: list[Finding], need: str) -> Any:
    kind = kind_of(node)
    if isinstance(node, yaml.ScalarNode) and kind not in (PLAIN, TEXT):
        has = f"a value with the tag {kind}"
    else:
        has = plain_type(node) or f'the text "{node.value[:40]}"'
    hint = ""
    if need == "a text" and isinstance(node, yaml.ScalarNode) and kind == PLAIN and node.value:
        hint = f'; write it in quotes: "{node.value}"'
    name = show_path(path) or "the document"
    findings.append(Finding(f"{name}: needs {need}, has {has}{hint}", *spot(node)))
    return _BROKEN


def _text(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: str = node.value
        tag = node.tag
        if tag == TEXT or (tag == PLAIN and not _scalar_type(value)) or kind_of(node) == TEXT:
            if "\0" in value and path[:1] not in _ANY_TEXT:
                return _has_nul(node, path, findings)
            return value
    return _wrong(node, path, findings, "a text")


def _has_nul(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    """The kernel ends each text there, so what was checked would not be what is used."""
    message = f"{show_path(path) or 'the document'}: has a NUL character, which no text may have"
    findings.append(Finding(message, *spot(node)))
    return _BROKEN


def _number(value: str) -> int | None:
    value = value.replace("_", "")
    if _INT.fullmatch(value):
        sign, digits = (value[0], value[1:]) if value[0] in "+-" else ("", value)
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            digits = f"0o{digits}"
        return int(sign + digits, 0) if len(digits) < 40 else None
    if _FLOAT.fullmatch(value) and len(value) < 40 and "n" not in value.lower():
        number = float(value)
        return int(number) if number.is_integer() else None
    return None


def _int(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode) and kind_of(node) == PLAIN and node.value:
        number = _number(node.value)
        if number is not None and -_BIGGEST <= number <= _BIGGEST:
            return number
    return _wrong(node, path, findings, "a whole number")


def _bool(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode) and kind_of(node) == PLAIN and node.value in _BOOLS:
        return node.value in _TRUE
    return _wrong(node, path, findings, "true or false")


def _int_or_text(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode):
        if kind_of(node) == TEXT or (kind_of(node) == PLAIN and not _scalar_type(node.value)):
            return node.value
        number = _number(node.value) if kind_of(node) == PLAIN and node.value else None
        if number is not None and abs(number) <= _BIGGEST:
            return number
    return _wrong(node, path, findings, "a whole number or a name")


def _quantity(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode) and kind_of(node) in (PLAIN, TEXT):
        value = node.value.replace("_", "") if node.tag == PLAIN else node.value
        if len(value) <= 64 and _QUANTITY.fullmatch(value):
            return value
    return _wrong(node, path, findings, 'a quantity such as "500m", "1.5" or "64Mi"')


def _time(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.ScalarNode):
        try:
            return msgspec.convert(node.value, datetime.datetime)
        except msgspec.ValidationError:
            pass
    return _wrong(node, path, findings, "a time such as 2026-01-31T12:00:00Z")


def _free(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.MappingNode):
        entries = _entries(node, path, findings)
        return {k.value: _free(v, (*path, k.value), findings) for k, v in entries}
    if isinstance(node, yaml.SequenceNode):
        return [_free(part, (*path, i), findings) for i, part in enumerate(node.value)]
    return None if _is_null(node) else node.value


def _list(item: Decode) -> Decode:
    def read(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return _wrong(node, path, findings, "a list")
        return [item(part, (*path, i), findings) for i, part in enumerate(node.value)]

    return read


def _map(item: Decode) -> Decode:
    def read(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return _wrong(node, path, findings, "a mapping")
        found: dict[str, Any] = {}
        for key, value in _entries(node, path, findings):
            if item is _text and _is_null(value):
                found[key.value] = ""  # a label or annotation without a value
            else:
                found[key.value] = item(value, (*path, key.value), findings)
        return found

    return read


def _entries(
    node: yaml.MappingNode, path: Path, findings: list[Finding]
) -> list[tuple[yaml.Node, yaml.Node]]:
    """Keys with values: each key a scalar and there once, YAML's merge keys taken apart."""
    seen: dict[str, yaml.Node] = {}
    entries: list[tuple[yaml.Node, yaml.Node]] = []
    merged: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in node.value:
        name = key.value
        if not isinstance(key, yaml.ScalarNode):
            where = show_path(path) or "the document"
            findings.append(Finding(f"{where}: a key needs to be a text", *spot(key)))
        elif name == _MERGE and key.tag == PLAIN:
            merged += _merged(value, path, findings)
        elif name in seen:
            first = spot(seen[name])[0]
            message = f"{show_path((*path, name))}: is given twice, first on line {first}"
            findings.append(Finding(message, *spot(key)))
        else:
            seen[name] = key
            entries.append((key, value))
    for key, value in merged:
        if seen.setdefault(key.value, key) is key:
            entries.append((key, value))
    return entries


def _merged(
    node: yaml.Node, path: Path, findings: list[Finding]
) -> list[tuple[yaml.Node, yaml.Node]]:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    entries: list[tuple[yaml.Node, yaml.Node]] = []
    for source in sources:
        if isinstance(source, yaml.MappingNode):
            entries += _entries(source, path, findings)
        else:
            _wrong(source, (*path, _MERGE), findings, "a mapping")
    return entries


@functools.cache
def _fields(cls: type[msgspec.Struct]) -> tuple[dict[str, Decode], tuple[str, ...]]:
    """How to read each field of a type, and which it needs. One entry a type, never more."""
    info = msgspec.structs.fields(cls)
    raw = {name: str(note) for name, note in inspect.get_annotations(cls).items()}
    readers = {f.name: _reader(f.type, f.name, raw.get(f.name, "")) for f in info}
    return readers, tuple(f.name for f in info if f.required)


def _struct(cls: type[msgspec.Struct]) -> Decode:
    def read(node: yaml.Node, path: Path, findings: list[Finding]) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return _wrong(node, path, findings, "a mapping")
        readers, required = _fields(cls)
        before = len(findings)
        found: dict[str, Any] = {}
        for key, value in _entries(node, path, findings):
            name = key.value
            reader = readers.get(name)
            if reader is None:
                findings.append(_unknown(key, path, readers))
            elif not _is_null(value):
                found[name] = reader(value, (*path, name), findings)
        for name in required:
            if name not in found:
                message = f"{show_path((*path, name))}: is missing"
                findings.append(Finding(message, *spot(node)))
        return cls(**found) if len(findings) == before else _BROKEN

    return read


def _unknown(key: yaml.Node, path: Path, known: dict[str, Decode]) -> Finding:
    name = str(key.value)
    same = [other for other in known if other.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Finding(f"{show_path((*path, name))}: unknown field{hint}", *spot(key))


_SIMPLE: dict[Any, Decode] = {str: _text, int: _int, bool: _bool, datetime.datetime: _time}
# Typed as a bare dict in the models.
_AMOUNTS = frozenset({"limits", "requests", "overhead", "capacity"})


def _reader(kind: Any, name: str, raw: str) -> Decode:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        args = tuple(arg for arg in args if arg is not types.NoneType)
        return _int_or_text if len(args) > 1 else _reader(args[0], name, raw)
    if origin is list:
        return _list(_reader(args[0], name, raw))
    if name == "fieldsV1":
        return _free
    if kind is dict or origin is dict:
        return _map(_quantity if name in _AMOUNTS else _text)
    if kind is str and "Quantity" in raw:
        return _quantity
    return _SIMPLE[kind] if kind in _SIMPLE else _struct(kind)
