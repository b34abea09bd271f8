"""What scrapers ask the agent for, and in which form."""

import enum

import msgspec


class Page(enum.StrEnum):
    """The metrics endpoints; the values are their paths, as those of a kubelet."""

    OWN = "/metrics"
    CADVISOR = "/metrics/cadvisor"
    RESOURCE = "/metrics/resource"
    PROBES = "/metrics/probes"
    SLIS = "/metrics/slis"


class Tier(enum.StrEnum):
    """How much `/metrics/cadvisor` tells: each tier has all that the one before it has."""

    CORE = "core"
    STANDARD = "standard"
    FULL = "full"


class TextForm(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is written: OpenMetrics or the classic text format, packed by gzip or not.

    `escaping` is the way in which names would be escaped that are not plain.
    """

    openmetrics: bool = False
    gzip: bool = False
    escaping: str = "underscores"
