"""What a request to the node's port needs: the verb and subresources that are authorized.

Source: section 10.3 of the reference; KEP-2862 (fine-grained kubelet authorization).
"""

from nodeagent.model.access import Wish

_VERBS = {
    "GET": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# Tried first, before `proxy`.
_FINE = {
    "/pods": "pods",
    "/healthz": "healthz",
    "/configz": "configz",
    "/runningpods": "pods",
}
# In place of `proxy`.
_OWN = {
    "/stats": "stats",
    "/metrics": "metrics",
    "/logs": "log",
    "/checkpoint": "checkpoint",
    "/statusz": "statusz",
    "/flagz": "configz",
}


def wish_of(method: str, path: str) -> Wish:
    """The verb on `nodes/<subresource>` that a request must be allowed; "" for a method of none."""
    fine = _below(path, _FINE)
    own = _below(path, _OWN) or "proxy"
    return Wish(verb=_VERBS.get(method, ""), subresources=(fine, own) if fine else (own,))


def _below(path: str, table: dict[str, str]) -> str:
    for top, subresource in table.items():
        if path == top or path.startswith(f"{top}/"):
            return subresource
    return ""


def refusal_text(user: str, wish: Wish) -> str:
    """The body of a 403, as a kubelet writes it."""
    listed = " ".join(wish.subresources)
    return f"Forbidden (user={user}, verb={wish.verb}, resource=nodes, subresource(s)=[{listed}])\n"
