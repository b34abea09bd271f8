"""Text for Prometheus: the classic format, or OpenMetrics 1.0.

Names stay those of a kubelet in both. OpenMetrics wants the names of counters to end in `_total`;
the few of a kubelet's that do not are `unknown` there, which scrapers take as they are.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

_TOTAL = "_total"
_FASTEST = 1  # level of gzip: text of this kind shrinks to a fifth or less with it
_AS_GZIP = 31  # zlib's word for its largest window, and the header of gzip
END = "# EOF\n"


class Sample(Protocol):
    """One series with its value, as prometheus_client has it."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def value(self) -> float: ...


class Collected(Protocol):
    """A family as prometheus_client collects it; the name of a counter is without `_total`."""

    @property
    def name(self) -> str: ...
    @property
    def documentation(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def samples(self) -> Sequence[Sample]: ...


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One family: its name as in the classic format, its type and what it tells."""

    name: str
    type: str
    help: str


def head(family: Family, *, openmetrics: bool) -> str:
    """The two lines before a family's series."""
    name, type_, text = family.name, family.type, family.help
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    if openmetrics:
        text = text.replace('"', '\\"')
        if type_ == "counter":
            name = name.removesuffix(_TOTAL)
            type_ = "counter" if name != family.name else "unknown"
    return f"# HELP {name} {text}\n# TYPE {name} {type_}\n"


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Labels as they stand between braces."""
    return ",".join([f'{name}="{escaped(value)}"' for name, value in labels])


def number(value: float) -> str:
    """A value as both formats have it."""
    if value != value:  # only NaN differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    whole = int(value)
    return str(whole) if whole == value else repr(float(value))


def stamp(at: float, *, openmetrics: bool) -> str:
    """When a sample was read (Unix seconds): milliseconds in the classic format, else seconds."""
    return f"{at:.3f}" if openmetrics else str(int(at * 1000))


def page_of(collected: Iterable[Collected], *, openmetrics: bool) -> str:
    """A whole page of what prometheus_client collected, without the times of creation."""
    parts = []
    for one in collected:
        samples = [s for s in one.samples if not s.name.endswith(("_created", "_gcreated"))]
        if not samples:
            continue
        total = one.type == "counter" and samples[0].name.endswith(_TOTAL)
        name = f"{one.name}{_TOTAL}" if total and not one.name.endswith(_TOTAL) else one.name
        parts.append(
            head(Family(name=name, type=one.type, help=one.documentation), openmetrics=openmetrics)
        )
        for sample in samples:
            labels = label_text(_bounded(sample.labels, openmetrics=openmetrics).items())
            braces = f"{{{labels}}}" if labels else ""
            parts.append(f"{sample.name}{braces} {number(sample.value)}\n")
    return "".join(parts) + (END if openmetrics else "")


def _bounded(labels: Mapping[str, str], *, openmetrics: bool) -> Mapping[str, str]:
    """The classic format has bounds of buckets as Go writes them ("1"), OpenMetrics as floats."""
    bound = labels.get("le", "")
    if openmetrics or not bound.endswith(".0"):
        return labels
    return {**labels, "le": bound.removesuffix(".0")}


def encoded(page: str) -> bytes:
    """UTF-8 whatever the labels hold: what is no text becomes a question mark."""
    return page.encode("utf-8", "replace")


def written(pieces: Iterable[str], *, packed: bool) -> bytes:
    """The body of an answer, piece by piece; `packed` as gzip does it."""
    if not packed:
        return b"".join([encoded(piece) for piece in pieces])
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _AS_GZIP)
    parts = [packer.compress(encoded(piece)) for piece in pieces]
    return b"".join([*parts, packer.flush()])
