"""Every error of the agent by a stable code: what it means and what to do about it.

Codes are never given to another meaning. Thousands: 1 manifests, 2 admission, 3 images, 4 starting,
5 running, 6 ending, 7 the runtime, 8 configuration and host, 9 a cluster.
"""

from typing import Final

from nodeagent.core import catalogue_node, catalogue_pods
from nodeagent.core.catalogue_entry import Entry

ENTRIES: Final[tuple[Entry, ...]] = (*catalogue_pods.ENTRIES, *catalogue_node.ENTRIES)
_BY_CODE: Final = {entry.code: entry for entry in ENTRIES}
_BY_REASON: Final = {reason: entry for entry in ENTRIES for reason in entry.reasons}
_RESOURCES: Final = "OutOf"  # any resource's name may follow
_CRASH: Final = "CrashLoopBackOff"
_BY_EXIT: Final = {126: "NA5005", 127: "NA5006", 137: "NA5007", 139: "NA5008", 143: "NA5009"}


def entry_for(word: str) -> Entry | None:
    """The entry of a code, in any case, or of a reason as status and events spell it."""
    found = _BY_CODE.get(word.upper()) or _BY_REASON.get(word)
    if found is None and word.startswith(_RESOURCES) and len(word) > len(_RESOURCES):
        return _BY_REASON["OutOfpods"]
    return found


def code_for(reason: str, *, exit_code: int | None = None) -> str:
    """The code of a reason, "" where it is no error.

    A container's plain `Error` says less than its exit code: that decides where it is known.
    """
    if reason in ("Error", _CRASH) and exit_code in _BY_EXIT:
        return _BY_EXIT[exit_code]
    found = entry_for(reason)
    return found.code if found is not None else ""


def similar(word: str) -> list[str]:
    """Codes and reasons that somebody who wrote `word` may have meant, the nearest first."""
    from difflib import get_close_matches

    known = {one.lower(): one for one in (*_BY_CODE, *_BY_REASON)}
    return [known[near] for near in get_close_matches(word.lower(), known, n=3, cutoff=0.6)]
