"""Configuration before it has types: plain values that remember where they were written."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from nodeagent.errors import SettingsError

MOST_NODES = 100_000  # an alias bomb unfolds to far more; a real file has hundreds
MOST_LEVELS = 100
_TOO_DEEP = f"it is nested deeper than {MOST_LEVELS} levels"
_TEXT_TAGS = frozenset({"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"})


class Place(msgspec.Struct, frozen=True):
    """Where a value stands: a file with a line that counts from 1, or a flag without one."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}" if self.line else self.source


class Scalar(msgspec.Struct, frozen=True):
    value: str | int | float | bool | None
    place: Place


class Items(msgspec.Struct, frozen=True):
    nodes: tuple["Node", ...]
    place: Place


class Branch(msgspec.Struct, frozen=True):
    entries: Mapping[str, "Node"]
    place: Place


Node: TypeAlias = Scalar | Items | Branch


class SettingsWarning(msgspec.Struct, frozen=True):
    """Something in the configuration that has no effect, and where it stands."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def plain(node: Node) -> Any:
    """The bare value of a node, as JSON would hold it."""
    if isinstance(node, Branch):
        return {key: plain(entry) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(entry) for entry in node.nodes]
    return node.value


def find(tree: Branch, path: str) -> Node | None:
    """The node at a dotted path, None where nothing is written there."""
    node: Node = tree
    for key in path.split("."):
        if not isinstance(node, Branch) or key not in node.entries:
            return None
        node = node.entries[key]
    return node


def place_of(tree: Branch, path: str) -> Place:
    """Where the value at a dotted path, or else its nearest parent, was written."""
    while path:
        node = find(tree, path)
        if node is not None:
            return node.place
        path = path.rpartition(".")[0]
    return tree.place


def put(tree: Branch, path: str, node: Node) -> Branch:
    """The tree with `node` at a dotted path, in the place of whatever stood there."""
    key, _, rest = path.partition(".")
    if rest:
        inner = tree.entries.get(key)
        below = inner if isinstance(inner, Branch) else Branch({}, node.place)
        node = put(below, rest, node)
    return Branch({**tree.entries, key: node}, tree.place)


def merge(base: Branch, patch: Branch) -> Branch:
    """JSON merge patch (RFC 7386): mappings merge, null removes, all else replaces."""
    entries = dict(base.entries)
    for key, node in patch.entries.items():
        if isinstance(node, Scalar) and node.value is None:
            entries.pop(key, None)
        elif isinstance(node, Branch):
            old = entries.get(key)
            below = old if isinstance(old, Branch) else Branch({}, node.place)
            entries[key] = merge(below, node)
        else:
            entries[key] = node
    return Branch(entries, patch.place)


def parse(text: str, source: str) -> tuple[list[Branch], list[SettingsWarning]]:
    """Every document of a YAML or JSON text. A key given twice warns; the later one counts.

    Raises SettingsError where the text is not YAML, or a document is not a mapping.
    """
    return _Reader(text, source).read()


def _bounded(base: Any, source: str) -> Any:
    """The loader, refusing what is nested so deep that the C composer would overrun its stack."""
    depth = 0

    def descend(self: Any, parent: Any, index: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_LEVELS:
            line = parent.start_mark.line + 1 if parent is not None else 0
            raise SettingsError(
                op="read",
                target=str(Place(source, line)),
                detail=_TOO_DEEP,
            )

    def ascend(self: Any) -> None:
        nonlocal depth
        depth -= 1

    return type("_Bounded", (base,), {"descend_resolver": descend, "ascend_resolver": ascend})


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        yaml = importlib.import_module("yaml")
        base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._errors: type[Exception] = yaml.YAMLError
        self._source = source
        self._left = MOST_NODES
        self._warnings: list[SettingsWarning] = []
        try:
            self._loader: Any = _bounded(base, source)(text)
        except self._errors as error:
            raise self._broken(error) from error

    def read(self) -> tuple[list[Branch], list[SettingsWarning]]:
        documents: list[Branch] = []
        try:
            while self._loader.check_node():
                node = self._convert(self._loader.get_node(), None, ())
                if isinstance(node, Branch):
                    documents.append(node)
                elif plain(node) is not None:
                    raise self._wrong(node.place.line, "needs a mapping of fields")
        except self._errors as error:
            raise self._broken(error) from error
        finally:
            self._loader.dispose()
        return documents, self._warnings

    def _convert(self, node: Any, line: int | None, parents: tuple[object, ...]) -> Node:
        place = Place(self._source, node.start_mark.line + 1 if line is None else line)
        self._left -= 1
        if self._left < 0 or node in parents:
            raise self._wrong(place.line, "aliases unfold to too much")
        inside = (*parents, node)
        if node.id == "mapping":
            return Branch(dict(self._entries(node, inside)), place)
        if node.id == "sequence":
            return Items(tuple(self._convert(one, None, inside) for one in node.value), place)
        return Scalar(self._scalar(node), place)

    def _entries(self, node: Any, parents: tuple[object, ...]) -> Iterator[tuple[str, Node]]:
        self._note_duplicates([key for key, _ in node.value if key.id == "scalar"])
        self._loader.flatten_mapping(node)
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.id != "scalar":
                raise self._wrong(line, "a key needs to be a plain text")
            yield key.value, self._convert(value, line, parents)

    def _note_duplicates(self, keys: list[Any]) -> None:
        seen: set[str] = set()
        for key in keys:
            if key.value in seen:
                where = Place(self._source, key.start_mark.line + 1)
                text = f'field "{key.value}" is given twice; the later counts'
                self._warnings.append(SettingsWarning(where, text))
            seen.add(key.value)

    def _scalar(self, node: Any) -> str | int | float | bool | None:
        # Dates and times of day ("12:30") are texts in every configuration file we know.
        if node.tag in _TEXT_TAGS or (node.tag.endswith((":int", ":float")) and ":" in node.value):
            return str(node.value)
        try:
            value = self._loader.construct_object(node)
        except ValueError:
            return str(node.value)
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)

    def _wrong(self, line: int, detail: str) -> SettingsError:
        return SettingsError(op="read", target=str(Place(self._source, line)), detail=detail)

    def _broken(self, error: Exception) -> SettingsError:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        line = mark.line + 1 if mark is not None else 0
        if "nesting depth" in problem:  # libyaml's own limit, met while it reads ahead
            return self._wrong(line, _TOO_DEEP)
        column = f" (column {mark.column + 1})" if mark is not None else ""
        return self._wrong(line, f"not YAML: {problem}{column}")
