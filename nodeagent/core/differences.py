"""What differs between two versions of a pod, field by field, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

_OURS = "kubernetes.io/config."  # annotations that the agent itself writes
_SHOWN = 60
_ABSENT = object()


def differences(old: v1.Pod, new: v1.Pod) -> tuple[str, ...]:
    """One line for each field: `spec.containers[web].image: "a" -> "b"`.

    Entries of lists are matched by their name where they have one. Status and what the agent
    itself writes do not count.
    """
    return tuple(_walk("", _plain(old), _plain(new)))


def _plain(pod: v1.Pod) -> dict[str, Any]:
    metadata = pod.metadata
    notes = (metadata.annotations if metadata else None) or {}
    return {
        "metadata": {
            "name": metadata.name if metadata else "",
            "namespace": metadata.namespace if metadata else "",
            "labels": (metadata.labels if metadata else None) or {},
            "annotations": {k: v for k, v in notes.items() if not k.startswith(_OURS)},
        },
        "spec": msgspec.to_builtins(pod.spec),
    }


def _walk(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _walk_map(path, old, new)
    elif isinstance(old, list) and isinstance(new, list) and _are_named([*old, *new]):
        olds, news = ({one["name"]: one for one in entries} for entries in (old, new))
        for name in dict.fromkeys([*olds, *news]):
            yield from _walk(f"{path}[{name}]", olds.get(name, _ABSENT), news.get(name, _ABSENT))
        if list(olds) != list(news) and set(olds) == set(news):
            yield f"{path}: in another order"
    elif old != new:
        yield f"{path}: {_short(old)} -> {_short(new)}"


def _walk_map(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        inner = f"{path}.{key}" if path else key
        yield from _walk(inner, old.get(key, _ABSENT), new.get(key, _ABSENT))


def _are_named(entries: list[Any]) -> bool:
    return bool(entries) and all(isinstance(one, Mapping) and one.get("name") for one in entries)


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, Mapping) and "name" in value and len(value) > 1:
        return f"{value['name']}"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
