"""POSTs that make no object of their own: reviews, tokens, bindings and evictions."""

import base64
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.apiserver import problems
from tests.apiserver.checks import check_access_review
from tests.apiserver.kinds import kind_named
from tests.apiserver.problems import Document
from tests.apiserver.store import Options, Store, stamp

AUDIENCE = "https://kubernetes.default.svc.cluster.local"
ISSUER = AUDIENCE


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = {}

    def document(self) -> Document:
        """As reviews tell it."""
        found: Document = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            found["uid"] = self.uid
        if self.extra:
            found["extra"] = self.extra
        return found


ANONYMOUS = User(name="system:anonymous", groups=("system:unauthenticated",))
Allow = Callable[[Document], bool]


class Reviews:
    """Tokens it signs and knows again, and whom it lets do what: `allow` judges reviews' specs.

    `tokens` are further bearer tokens that tests make up.
    """

    def __init__(self, store: Store, *, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.tokens: dict[str, User] = {}
        self.allow: Allow = lambda _: True
        self.asked: list[Document] = []  # every review so far

    def post(
        self, body: Document, plural: str, namespace: str, name: str, subresource: str
    ) -> Document | None:
        """The answer to a POST of this kind; None for one that makes an ordinary object."""
        act = _ACTS.get((plural, subresource))
        return None if act is None else act(self, body, namespace, name)

    # --- tokens ------------------------------------------------------------------------------

    def user_of(self, token: str, audiences: list[str] | None = None) -> User | None:
        """Whom a bearer token belongs to, None where it is unknown, expired or of a past object."""
        known = self.tokens.get(token)
        if known is not None:
            return known
        claims = self._claims(token)
        if claims is None or claims["exp"] < self._now():
            return None
        if not set(claims["aud"]) & set(audiences or [AUDIENCE]):
            return None
        told = claims["kubernetes.io"]
        if not self._bound_is_there(told):
            return None
        namespace, account = told["namespace"], told["serviceaccount"]
        extra = {}
        if "pod" in told:
            extra = {
                "authentication.kubernetes.io/pod-name": [told["pod"]["name"]],
                "authentication.kubernetes.io/pod-uid": [told["pod"]["uid"]],
            }
        return User(
            name=f"system:serviceaccount:{namespace}:{account['name']}",
            groups=(
                "system:serviceaccounts",
                f"system:serviceaccounts:{namespace}",
                "system:authenticated",
            ),
            uid=account["uid"],
            extra=extra,
        )

    def _bound_is_there(self, told: Document) -> bool:
        for field, kind in (("serviceaccount", "ServiceAccount"), ("pod", "Pod")):
            if field in told:
                known = kind_named("v1", kind)
                assert known is not None
                found = self._store.find(known, told[field]["name"], told["namespace"])
                if found is None or found["metadata"]["uid"] != told[field]["uid"]:
                    return False
        return True

    def sign(self, claims: Document) -> str:
        """A JWT of these claims (ES256)."""
        head = _b64(msgspec.json.encode({"alg": "ES256", "kid": "test", "typ": "JWT"}))
        text = f"{head}.{_b64(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _claims(self, token: str) -> Document | None:
        """What a token of ours says, None where it is not of ours."""
        head, _, rest = token.partition(".")
        body, _, _ = rest.partition(".")
        try:
            claims: Document = msgspec.json.decode(_unb64(body))
            signed = self._signed_by_us(f"{head}.{body}", token.rpartition(".")[2])
        except (ValueError, msgspec.DecodeError):
            return None
        return claims if signed else None

    def _signed_by_us(self, text: str, signature: str) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        raw = _unb64(signature)
        pair = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        try:
            self._key.public_key().verify(
                encode_dss_signature(*pair), text.encode(), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature:
            return False
        return True

    # --- acts --------------------------------------------------------------------------------

    def _request_token(self, body: Document, namespace: str, name: str) -> Document:
        accounts = kind_named("v1", "ServiceAccount")
        assert accounts is not None
        account = self._store.get(accounts, name, namespace)
        spec = body.setdefault("spec", {})
        seconds = spec.setdefault("expirationSeconds", 3600)
        if seconds < 600:
            raise problems.invalid(
                "TokenRequest",
                name,
                "spec.expirationSeconds: Invalid value: may not specify a duration less than 10 "
                "minutes",
            )
        spec["audiences"] = spec.get("audiences") or [AUDIENCE]
        told: Document = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
        }
        bound = spec.get("boundObjectRef")
        if bound:
            told[bound["kind"].lower()] = self._bound(bound, namespace)
        now = int(self._now())
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "aud": spec["audiences"],
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": told,
        }
        status = {"token": self.sign(claims), "expirationTimestamp": stamp(now + seconds)}
        return {**body, "metadata": {"name": name, "namespace": namespace}, "status": status}

    def _bound(self, bound: Document, namespace: str) -> Document:
        kind = kind_named("v1", bound["kind"])
        if kind is None:
            raise problems.bad_request(f"cannot bind token for {bound['kind']}")
        found = self._store.get(kind, bound["name"], namespace if kind.namespaced else "")
        uid = found["metadata"]["uid"]
        if bound.get("uid", uid) != uid:
            raise problems.conflict(
                kind.resource, bound["name"], f"the UID in the bound object reference ({uid})"
            )
        return {"name": bound["name"], "uid": uid}

    def _review_token(self, body: Document, namespace: str, name: str) -> Document:
        self.asked.append(body)
        spec = body.get("spec") or {}
        audiences = spec.get("audiences") or [AUDIENCE]
        user = self.user_of(spec.get("token", ""), audiences)
        status: Document = {"user": {}, "error": "[invalid bearer token, unknown]"}
        if user is not None:
            claims = self._claims(spec.get("token", "")) or {"aud": audiences}
            meant = [one for one in audiences if one in claims["aud"]]
            status = {"authenticated": True, "user": user.document(), "audiences": meant}
        return {**body, "status": status}

    def _review_access(self, body: Document, namespace: str, name: str) -> Document:
        self.asked.append(body)
        check_access_review(body.get("spec") or {})
        allowed = self.allow(body.get("spec") or {})
        return {**body, "status": {"allowed": allowed, **({} if allowed else {"reason": "no"})}}

    def _bind(self, body: Document, namespace: str, name: str) -> Document:
        self._store.bind(name, namespace, body["target"]["name"])
        return _success(201)

    def _evict(self, body: Document, namespace: str, name: str) -> Document:
        given = body.get("deleteOptions") or {}
        kind = kind_named("v1", "Pod")
        assert kind is not None
        options = Options(
            grace=given.get("gracePeriodSeconds"),
            uid=(given.get("preconditions") or {}).get("uid") or "",
        )
        self._store.delete(kind, name, namespace, options)
        return _success(201)


_ACTS: dict[tuple[str, str], Callable[[Reviews, Document, str, str], Document]] = {
    ("serviceaccounts", "token"): Reviews._request_token,
    ("tokenreviews", ""): Reviews._review_token,
    ("subjectaccessreviews", ""): Reviews._review_access,
    ("selfsubjectaccessreviews", ""): Reviews._review_access,
    ("pods", "binding"): Reviews._bind,
    ("pods", "eviction"): Reviews._evict,
}


def _success(code: int) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
