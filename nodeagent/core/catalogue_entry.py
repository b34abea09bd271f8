"""One entry of the catalogue of errors."""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A kind of error. `reasons`: the words that status, events and errors use for it."""

    code: str
    title: str
    reasons: tuple[str, ...]
    cause: str
    fix: str
