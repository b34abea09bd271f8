"""From tree to typed value: one small decoder that every configuration document goes through."""

import enum
import types
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from nodeagent.errors import SettingsError
from nodeagent.settings.rules import Between, Keys, Rule, ZeroIsDefault
from nodeagent.settings.scalars import parse_duration
from nodeagent.settings.tree import Branch, Items, Node, Place, Scalar, SettingsWarning, plain

T = TypeVar("T", bound=msgspec.Struct)
HEADER = frozenset({"apiVersion", "kind"})


class Problem(msgspec.Struct, frozen=True):
    """A wrong value: which field, where, and what is allowed."""

    field: str
    place: Place
    detail: str


class ValuesWrong(SettingsError):
    """Every wrong value of a configuration; its text has the first in full."""

    def __init__(self, *, target: str, detail: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(op="configure", target=target, detail=detail)
        self.problems = problems


class _Unset(enum.Enum):
    UNSET = enum.auto()


UNSET: Final = _Unset.UNSET


class Decoder:
    """Collects what is wrong and what is unknown over several documents."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[SettingsWarning] = []

    def decode(self, kind: type[T], tree: Branch) -> T | None:
        """The document as a value, defaults applied; None if `problems` says why not."""
        found = self._struct(kind, tree, "")
        return found if isinstance(found, kind) else None

    def wrong(self, field: str, place: Place, detail: str) -> None:
        """Note a problem that shows only from outside, such as two fields that clash."""
        self.problems.append(Problem(field, place, detail))

    def check(self) -> None:
        """Raise one SettingsError for all problems so far, the first in full."""
        if not self.problems:
            return
        first, *others = self.problems
        rest = ", ".join(f"{one.field} ({one.place})" for one in others)
        also = f"; also wrong: {rest}" if others else ""
        target = f"{first.field} ({first.place})" if first.field else str(first.place)
        problems = tuple(self.problems)
        raise ValuesWrong(target=target, detail=f"{first.detail}{also}", problems=problems)

    def _value(self, kind: Any, node: Node, path: str) -> Any:
        """The typed value, or UNSET where the default applies (also after noting a problem)."""
        kind, notes = _unwrap(kind)
        if isinstance(node, Scalar) and (node.value is None or _counts_as_unset(node.value, notes)):
            return UNSET
        if kind is Any:
            return plain(node)
        origin = get_origin(kind)
        if origin is tuple:
            return self._items(get_args(kind)[0], node, path)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(get_args(kind)[1], node, path, notes)
        if issubclass(kind, msgspec.Struct):
            return self._struct(kind, node, path)
        try:
            return _scalar(kind, node, notes)
        except ValueError as error:
            self.wrong(path, node.place, f"{_show(node)} is not allowed; allowed is {error}")
            return UNSET

    def _items(self, kind: Any, node: Node, path: str) -> Any:
        if not isinstance(node, Items):
            self.wrong(path, node.place, f"{_show(node)} is not allowed; allowed is a list")
            return UNSET
        values = []
        for index, one in enumerate(node.nodes):
            at = f"{path}[{index}]"
            value = self._value(kind, one, at)
            if value is not UNSET:
                values.append(value)
            elif isinstance(one, Scalar) and one.value is None:
                self.wrong(at, one.place, "null is not allowed in a list")
        return tuple(values)

    def _mapping(self, kind: Any, node: Node, path: str, notes: tuple[Any, ...]) -> Any:
        if not isinstance(node, Branch):
            self.wrong(path, node.place, f"{_show(node)} is not allowed; allowed is a mapping")
            return UNSET
        allowed = next((note for note in notes if isinstance(note, Keys)), None)
        values = {}
        for key, one in node.entries.items():
            at = f"{path}.{key}"
            if allowed is not None and not allowed.holds(key):
                names = ", ".join(allowed.names)
                self.wrong(at, one.place, f"unknown name; allowed are {names}")
                continue
            value = self._value(kind, one, at)
            if value is not UNSET:
                values[key] = value
        return values

    def _struct(self, kind: type[msgspec.Struct], node: Node, path: str) -> Any:
        if not isinstance(node, Branch):
            self.wrong(path, node.place, f"{_show(node)} is not allowed; allowed is a mapping")
            return UNSET
        known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        values = {}
        for key, one in node.entries.items():
            at = f"{path}.{key}" if path else key
            if key in known:
                value = self._value(known[key].type, one, at)
                if value is not UNSET:
                    values[known[key].name] = value
            elif path or key not in HEADER:
                self.warnings.append(SettingsWarning(one.place, _unknown(at, key, known)))
        missing = [f.encode_name for f in known.values() if f.required and f.name not in values]
        wrong = {problem.field for problem in self.problems}
        for name in missing:
            if f"{path}.{name}" not in wrong:
                self.wrong(f"{path}.{name}", node.place, "has to be set")
        return UNSET if missing else kind(**values)


def bare_type(kind: Any) -> Any:
    """A field's type without its rules and without None."""
    return _unwrap(kind)[0]


def rules_of(kind: Any) -> tuple[Any, ...]:
    """The rules that ride on a field's type."""
    return _unwrap(kind)[1]


def is_zero(value: object) -> bool:
    """Whether kubelet takes this value for "not set" where zero has no meaning of its own."""
    if isinstance(value, bool) or value is None:
        return value is None
    if isinstance(value, str) and value:
        try:
            return parse_duration(value) == 0
        except ValueError:
            return False
    return not value


def _counts_as_unset(value: object, notes: tuple[Any, ...]) -> bool:
    return any(isinstance(note, ZeroIsDefault) for note in notes) and is_zero(value)


def _unwrap(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    notes: tuple[Any, ...] = ()
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *more = get_args(kind)
            notes = (*notes, *more)
        elif origin in (Union, types.UnionType):
            kind = next(one for one in get_args(kind) if one is not type(None))
        else:
            return kind, notes


def _scalar(kind: Any, node: Node, notes: tuple[Any, ...]) -> Any:
    if not isinstance(node, Scalar):
        raise ValueError(_words(kind, notes))  # noqa: TRY004
    value: Any = node.value
    for note in notes:
        if isinstance(note, Rule):
            value = note.read(value)
    if issubclass(kind, enum.Enum):
        if value not in [member.value for member in kind]:
            raise ValueError(_words(kind, notes))
        return kind(value)
    if not _is(kind, value):
        raise ValueError(_words(kind, notes))
    for note in notes:
        if isinstance(note, Between) and not note.holds(value):
            raise ValueError(_words(kind, notes))
    return float(value) if kind is float else value


def _is(kind: type, value: object) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if kind is float else kind)


def _words(kind: Any, notes: tuple[Any, ...]) -> str:
    """What a scalar field takes, in words."""
    if issubclass(kind, enum.Enum):
        return ", ".join(f'"{member.value}"' for member in kind)
    is_time = any(isinstance(note, Rule) for note in notes) and kind is float
    word = "a duration" if is_time else _WORDS[kind]
    bounds = [note.describe("s" if is_time else "") for note in notes if isinstance(note, Between)]
    return " ".join([word, *bounds])


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _show(node: Node) -> str:
    if isinstance(node, Branch):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    if isinstance(node.value, str):
        short = node.value if len(node.value) <= 60 else node.value[:57] + "..."
        return f'"{short}"'
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)


def _unknown(path: str, key: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    near = get_close_matches(key.lower(), lower, n=1, cutoff=0.7)
    hint = f"; did you mean {lower[near[0]]}?" if near else ""
    return f'unknown field "{path}" is ignored{hint}'
