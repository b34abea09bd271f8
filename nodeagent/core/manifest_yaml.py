"""Manifest text to a tree of nodes that know their line and column. Knows no Kubernetes."""

import re
from collections.abc import Iterator
from typing import TypeAlias

import msgspec
import yaml
from yaml._yaml import CParser

MAX_BYTES = 1 << 20
MAX_VALUES = 50_000  # a large pod has a few thousand; an alias counts each time it is used
MAX_DEPTH = 100  # the C composer recurses without a guard of its own and would end the process
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"

PLAIN = "plain"  # tag of a scalar without quotes, whose type is still open
TEXT = "text"  # tag of a quoted or block scalar
_LIST = "list"
_MAP = "map"
_STANDARD = "tag:yaml.org,2002:"
_EXPLICIT = {
    f"{_STANDARD}str": TEXT,
    f"{_STANDARD}int": PLAIN,
    f"{_STANDARD}float": PLAIN,
    f"{_STANDARD}bool": PLAIN,
    f"{_STANDARD}null": PLAIN,
    f"{_STANDARD}seq": _LIST,
    f"{_STANDARD}map": _MAP,
}
_ESCAPE = re.compile(r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})|[^\n])")

Path: TypeAlias = tuple[str | int, ...]


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong in a manifest. Line and column count from 1; 0 means unknown."""

    message: str
    line: int = 0
    column: int = 0


class Unreadable(Exception):
    """The text is no tree at all; `finding` says why and where."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.finding = Finding(message, line, column)


def read_tree(text: bytes) -> yaml.Node:
    """The one document of a YAML or JSON text.

    Every tag in the tree is PLAIN or TEXT for scalars. Nodes that aliases share stay shared, and
    the tree is finite, at most MAX_DEPTH deep, with at most MAX_VALUES values once unfolded.
    Raises Unreadable.
    """
    found = read_documents(text)
    if len(found) > 1:
        raise Unreadable("has a second document; write one Pod a file", *spot(found[1]))
    if not found:
        raise Unreadable("is empty")
    return found[0]


def read_documents(text: bytes, *, most: int = MAX_BYTES) -> list[yaml.Node]:
    """Every document of a text of at most `most` bytes, as `read_tree` gives one; none if empty."""
    unicode = _as_text(text, most)
    composer = _Composer(unicode)
    try:
        roots = list(_documents(composer))
    except yaml.MarkedYAMLError as error:
        raise _broken(error, unicode) from error
    except yaml.reader.ReaderError as error:
        line, column = _place(text, error.position)
        raise Unreadable("has a control character that no text has", line, column) from error
    finally:
        composer.dispose()
    if b"*" in text and b"&" in text:
        for root in roots:
            _weigh(root, {}, set())
    return roots


def spot(node: yaml.Node) -> tuple[int, int]:
    """Line and column of a node, counted from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def locate(root: yaml.Node, path: Path) -> tuple[int, int]:
    """Line and column of the value at `path`, or of the nearest part of it that was written."""
    node, found = root, root
    for step in path:
        below = _child(node, step)
        if below is None:
            break
        key, node = below
        found = node if isinstance(node, yaml.ScalarNode) else key
    return spot(found)


def show_path(path: Path) -> str:
    """A path as people write it: spec.containers[0].image, metadata.labels[example.org/x]."""
    shown = ""
    for step in path:
        if isinstance(step, int) or "." in step or "/" in step:
            shown += f"[{step}]"
        else:
            shown += f".{step}" if shown else step
    return shown


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


class _Composer(CParser):
    """PyYAML's C composer with tags left open: the reader knows from the field what type it is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._left = MAX_VALUES
        self._depth = 0

    def resolve(self, kind: type, value: str | None, implicit: tuple[bool, bool] | bool) -> str:
        self._left -= 1
        if self._left < 0:
            raise Unreadable(f"has more than {MAX_VALUES} values")
        if isinstance(implicit, tuple):
            return PLAIN if implicit[0] else TEXT
        return _MAP if kind is yaml.MappingNode else _LIST

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            line, column = spot(parent) if parent is not None else (0, 0)
            raise Unreadable(_TOO_DEEP, line, column)

    def ascend_resolver(self) -> None:
        self._depth -= 1


def _as_text(raw: bytes, most: int) -> str:
    if len(raw) > most:
        raise Unreadable(f"is larger than {most >> 20} MiB ({len(raw)} bytes)")
    if b"\0" in raw:
        raise Unreadable("is a binary file (it has a NUL byte)", *_place(raw, raw.index(b"\0")))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(raw, error.start)
        raise Unreadable("is not UTF-8 text", line, column) from error
    if text.lstrip()[:1] == "{":
        text = _ESCAPE.sub(_join_surrogates, text)
    return text


def _join_surrogates(escape: re.Match[str]) -> str:
    """JSON writes characters beyond U+FFFF as two escapes, which YAML does not know."""
    if escape[1] is None:
        return escape[0]
    high, low = int(escape[1][1:], 16), int(escape[2][1:], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _documents(composer: _Composer) -> Iterator[yaml.Node]:
    """One after the other; what is nothing but "---" or comments is none."""
    while composer.check_node():
        node = composer.get_node()
        assert node is not None  # because check_node says there is one
        if not (isinstance(node, yaml.ScalarNode) and node.tag == PLAIN and not node.value):
            yield node


def _broken(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = str(error.problem or error.context)
    if "nesting depth" in problem:  # libyaml's own limit, met while it reads ahead
        return Unreadable(_TOO_DEEP, *place)
    line = "".join(text.splitlines()[mark.line : mark.line + 1]) if mark else ""
    if mark and line[mark.column : mark.column + 1] == "\t":
        return Unreadable("has a tab where YAML takes only spaces", *place)
    context = f" ({error.context})" if error.context and error.problem else ""
    return Unreadable(f"is not valid YAML: {problem}{context}", *place)


def _place(raw: bytes, offset: int) -> tuple[int, int]:
    before = raw[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def _weigh(node: yaml.Node, known: dict[int, tuple[int, int]], above: set[int]) -> tuple[int, int]:
    """How many values and levels a node unfolds to; refuses what is endless or too much."""
    done = known.get(id(node))
    if done is not None:
        return done
    line, column = spot(node)
    if id(node) in above:
        raise Unreadable("has an alias inside of what it stands for", line, column)
    above.add(id(node))
    parts = [_weigh(part, known, above) for part in _parts(node)]
    above.discard(id(node))
    size = 1 + sum(part[0] for part in parts)
    height = 1 + max((part[1] for part in parts), default=0)
    if size > MAX_VALUES or height > MAX_DEPTH:
        raise Unreadable("has aliases that unfold to too much", line, column)
    known[id(node)] = size, height
    return size, height


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def kind_of(node: yaml.Node) -> str:
    """PLAIN, TEXT, or the tag as written where it is none of YAML's ordinary ones."""
    return _EXPLICIT.get(node.tag, node.tag)
