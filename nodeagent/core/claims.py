"""Which volume a claim gets, where no API server binds them ("Persistent Volumes", binding)."""

from collections.abc import Iterable, Mapping

import msgspec
from lightkube.models import meta_v1

from nodeagent.core.quantity import as_bytes
from nodeagent.model.data import Claim, PersistentVolume


def bind(
    claims: Iterable[Claim], volumes: Iterable[PersistentVolume], *, bound: Mapping[str, str]
) -> tuple[Claim, ...]:
    """The claims, each bound to a volume that fits or saying why there is none.

    `bound` are the bindings until now, "<namespace>/<claim>" -> volume: they stay while both are
    there. Of the volumes that fit, the smallest is taken; one that names the claim in `claimRef`,
    or that the claim names in `volumeName`, is for that claim alone.
    """
    known = {volume.name: volume for volume in volumes}
    taken: dict[str, str] = {}
    ordered = sorted(claims, key=lambda c: (_key(c) not in bound, not _named(c), _key(c)))
    found = {_key(claim): _bind_one(claim, known, taken, bound) for claim in ordered}
    return tuple(found[key] for key in sorted(found))


def _bind_one(
    claim: Claim,
    known: Mapping[str, PersistentVolume],
    taken: dict[str, str],
    bound: Mapping[str, str],
) -> Claim:
    """Choose a volume, and put it down in `taken`."""
    key = _key(claim)
    wanted = _named(claim) or bound.get(key, "")
    chosen: PersistentVolume | None
    if wanted in known:
        chosen, why = known[wanted], _misfit(claim, known[wanted], taken, chosen=True)
    elif _named(claim):
        return _unbound(claim, f'there is no PersistentVolume "{wanted}"')
    else:
        chosen, why = _choose(claim, known.values(), taken)
    if chosen is None or why:
        return _unbound(claim, why)
    taken[chosen.name] = key
    return msgspec.structs.replace(claim, volume=chosen.name, why="")


def _choose(
    claim: Claim, volumes: Iterable[PersistentVolume], taken: Mapping[str, str]
) -> tuple[PersistentVolume | None, str]:
    misfits = {v.name: _misfit(claim, v, taken) for v in volumes}
    fitting = [v for v in volumes if not misfits[v.name]]
    if fitting:
        reserved = [v for v in fitting if v.spec.claimRef is not None]
        return min(reserved or fitting, key=lambda v: (_size(v), v.name)), ""
    if not misfits:
        return None, "there is no PersistentVolume"
    reasons = "; ".join(f"{name} {why}" for name, why in sorted(misfits.items()))
    return None, f"no PersistentVolume fits: {reasons}"


def _misfit(
    claim: Claim, volume: PersistentVolume, taken: Mapping[str, str], *, chosen: bool = False
) -> str:
    """Why this volume is not for the claim, "" if it is. A `chosen` one need not match by name."""
    spec, wish = volume.spec, claim.spec
    reserved, requests = spec.claimRef, (wish.resources.requests if wish.resources else None) or {}
    missing = set(wish.accessModes or ()) - set(spec.accessModes or ())
    asked = as_bytes(requests.get("storage", "0"))
    labels_fit = chosen or selects(wish.selector, volume.labels)
    own_class, wished_class = spec.storageClassName or "", wish.storageClassName or ""
    checks = (
        (
            reserved is not None
            and (reserved.namespace or "default", reserved.name) != (claim.namespace, claim.name),
            "is reserved for another claim",
        ),
        (_mode(spec.volumeMode) != _mode(wish.volumeMode), f"is {_mode(spec.volumeMode)}"),
        (bool(missing), f"does not offer {', '.join(sorted(missing))}"),
        (_size(volume) < asked, f"has less than {requests.get('storage')}"),
        (
            not chosen and own_class != wished_class,
            f'is of the storage class "{own_class}", not "{wished_class}"',
        ),
        (not labels_fit, "does not match the selector"),
        (taken.get(volume.name, _key(claim)) != _key(claim), "is bound to another claim"),
    )
    return next((why for wrong, why in checks if wrong), "")


def selects(selector: meta_v1.LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector picks these labels; none picks all."""
    if selector is None:
        return True
    if any(labels.get(key) != value for key, value in (selector.matchLabels or {}).items()):
        return False
    return all(_holds(one, labels) for one in selector.matchExpressions or ())


def _holds(one: meta_v1.LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(one.key)
    match one.operator:
        case "In":
            return value in (one.values or ())
        case "NotIn":
            return value not in (one.values or ())
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False


def _unbound(claim: Claim, why: str) -> Claim:
    return msgspec.structs.replace(claim, volume="", why=why)


def _key(claim: Claim) -> str:
    return f"{claim.namespace}/{claim.name}"


def _named(claim: Claim) -> str:
    return claim.spec.volumeName or ""


def _mode(mode: str | None) -> str:
    return mode or "Filesystem"


def _size(volume: PersistentVolume) -> int:
    return as_bytes((volume.spec.capacity or {}).get("storage", "0"))
