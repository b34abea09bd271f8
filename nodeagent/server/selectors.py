"""Label and field selectors of list requests."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nodeagent.server.refusals import Refusal

Match: TypeAlias = Callable[[Mapping[str, str]], bool]

_COMMA = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=(),]+)$")


def label_selector(text: str) -> Match:
    """A test of labels by `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas.

    400 where the text cannot be read.
    """
    return _all([_label_term(part.strip()) for part in _COMMA.split(text) if part.strip()])


def _label_term(part: str) -> Match:
    if found := _SET.match(part):
        key, wanted = found["key"], {v.strip() for v in found["values"].split(",")}
        if found["op"] == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if found := _EQUAL.match(part):
        return _equal(found["key"], found["op"], found["value"])
    if found := _EXISTS.match(part):
        key, absent = found["key"], bool(found["not"])
        return lambda labels: (key in labels) is not absent
    raise Refusal(400, f'unable to parse label selector at "{part}"')


def field_selector(text: str, allowed: frozenset[str]) -> Match:
    """A test of fields by `a=b` and `a!=b`; 400 for a field that cannot be selected by."""
    terms = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _EQUAL.match(part)
        if not found:
            raise Refusal(400, f'unable to parse field selector at "{part}"')
        if found["key"] not in allowed:
            raise Refusal(
                400, f"field label not supported: {found['key']}; there are {_list(allowed)}"
            )
        terms.append(_equal(found["key"], found["op"], found["value"]))
    return _all(terms)


def field_of(object_: object, path: str) -> str:
    """The text at a dotted path of an object, "" where nothing is."""
    here: Any = object_
    for part in path.split("."):
        here = getattr(here, part, None)
        if here is None:
            return ""
    return str(here)


def _equal(key: str, op: str, value: str) -> Match:
    if op == "!=":
        return lambda fields: fields.get(key, "") != value
    return lambda fields: fields.get(key) == value


def _all(terms: list[Match]) -> Match:
    return lambda fields: all(term(fields) for term in terms)


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
