"""The first talk with a cluster's API server, before the node has anything to prove itself with.

Blocking, for a command that does one step after the other. Errors are JoinError, each with the
reason that the catalogue explains; tokens show in none of them.
"""

import email.utils
import hashlib
import http.client
import socket
import ssl
import time
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from nodeagent.core.join import SKEW, ClusterInfo, Token, check_cluster_info
from nodeagent.errors import JoinError

_INFO: Final = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
_CONFIGS: Final = "/api/v1/namespaces/kube-system/configmaps/"
_NOT_YET, _NO_MORE = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_ANSWER: Final = 10.0  # seconds for one
_AGAIN: Final = 1.0


class Server:
    """An API server at an address. `now` is this machine's clock, in Unix seconds."""

    def __init__(self, host: str, port: int, *, patience: float, now: float | None = None) -> None:
        self._host, self._port, self._patience = host, port, patience
        self._now = now

    @property
    def address(self) -> str:
        """As messages name it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self._port}"

    # --- steps ------------------------------------------------------------------------------

    def discover(self, token: Token, pins: tuple[str, ...]) -> ClusterInfo:
        """The cluster-info over a connection that nobody vouches for yet: signed with the token,
        its authority pinned (no pins: any). A token made a moment ago may be signed for late."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                info = check_cluster_info(self._cluster_info(_unverified()), token)
                break
            except JoinError as error:
                passing = error.reason in ("ServerUnreachable", "TokenUnknown")
                if not passing or time.monotonic() + _AGAIN > deadline:
                    raise
                time.sleep(_AGAIN)
        self._check_authority(info, pins)
        return info

    def confirm(self, info: ClusterInfo, token: Token) -> None:
        """Ask again over a connection that the authority vouches for; it must be the same."""
        again = check_cluster_info(self._cluster_info(trusting(info.authority)), token)
        if again.text != info.text:
            raise JoinError(
                op="compare",
                target="cluster-info",
                detail="two answers differ; somebody may sit in between, or it just changed",
                reason="AuthorityMismatch",
            )

    def config(self, name: str, key: str, info: ClusterInfo, token: Token) -> str | None:
        """A value of a config map that kubeadm keeps for joining nodes; None where there is none.

        JoinError (TokenExpired) where the token is not taken any more.
        """
        found = self._ask(_CONFIGS + name, trusting(info.authority), token)
        value = ((found or {}).get("data") or {}).get(key)
        return value if isinstance(value, str) else None

    def is_taken(self, node: str, info: ClusterInfo, token: Token) -> bool:
        """Whether a node of this name is there and ready."""
        found = self._ask(f"/api/v1/nodes/{node}", trusting(info.authority), token) or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)

    # --- inside -----------------------------------------------------------------------------

    def _cluster_info(self, context: ssl.SSLContext) -> dict[str, str]:
        found = self._ask(_INFO, context, None)
        data = (found or {}).get("data")
        if not isinstance(data, dict):
            raise JoinError(
                op="read",
                target=f"cluster-info at {self.address}",
                detail="there is none: the cluster was not made for joining with tokens "
                "(kubeadm init phase bootstrap-token makes it)",
            )
        return {str(key): str(value) for key, value in data.items()}

    def _ask(
        self, path: str, context: ssl.SSLContext, token: Token | None
    ) -> dict[str, Any] | None:
        """The object at a path; None for 404, and for 403 where no token is at stake."""
        status, body, date = self._fetch(path, context, token)
        self._check_clock(date)
        if status == 401:
            raise JoinError(
                op="ask",
                target=self.address,
                detail=f"the token {token} is not taken: it has expired or was deleted",
                reason="TokenExpired",
            )
        if status in (403, 404):
            return None
        try:
            found = msgspec.json.decode(body)
        except msgspec.DecodeError:
            found = None
        if status != 200 or not isinstance(found, dict):
            detail = f"it answered {status}, and not as a Kubernetes API server does"
            raise self._unreachable(detail)
        return found

    def _fetch(
        self, path: str, context: ssl.SSLContext, token: Token | None
    ) -> tuple[int, bytes, str]:
        headers = {"Accept": "application/json", "User-Agent": "nodeagent-join"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=_ANSWER, context=context
        )
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Date", "")
        except ssl.SSLCertVerificationError as error:
            raise self._not_trusted(error) from error
        except ssl.SSLError as error:
            raise self._unreachable(f"no TLS: {error.reason or error}") from error
        except TimeoutError as error:
            raise self._unreachable(f"no answer within {_ANSWER:.0f} s") from error
        except socket.gaierror as error:
            raise self._unreachable(f"the name is not known: {error.strerror}") from error
        except (OSError, http.client.HTTPException) as error:
            detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise self._unreachable(detail) from error
        finally:
            connection.close()

    def _not_trusted(self, error: ssl.SSLCertVerificationError) -> JoinError:
        reason = "AuthorityMismatch"
        detail = f"its certificate is not one of the cluster's authority: {error.verify_message}"
        if error.verify_code in (_NOT_YET, _NO_MORE):
            reason = "ClockWrong"
            detail = f"{error.verify_message}: this machine's clock or the certificate is wrong"
        return JoinError(op="connect to", target=self.address, detail=detail, reason=reason)

    def _unreachable(self, detail: str) -> JoinError:
        return JoinError(
            op="connect to", target=self.address, detail=detail, reason="ServerUnreachable"
        )

    def _check_clock(self, date: str) -> None:
        """The server tells its time; certificates made by its clock must count here."""
        try:
            theirs = email.utils.parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        ours = time.time() if self._now is None else self._now
        if abs(ours - theirs) > SKEW:
            ahead = "ahead of" if ours > theirs else "behind"
            raise JoinError(
                op="compare clocks with",
                target=self.address,
                detail=f"this machine is {abs(ours - theirs):.0f} s {ahead} the server",
                reason="ClockWrong",
            )

    def _check_authority(self, info: ClusterInfo, pins: tuple[str, ...]) -> None:
        try:
            found = x509.load_pem_x509_certificates(info.authority)
        except ValueError:
            raise JoinError(
                op="check", target="cluster-info", detail="its authority is no certificate"
            ) from None
        have = [pin_of(one) for one in found]
        if pins and not set(pins) & set(have):
            raise JoinError(
                op="check",
                target="the cluster's authority",
                detail=f"its key is {' '.join(have)}, and that is not pinned",
                reason="AuthorityNotPinned",
            )


def pin_of(certificate: x509.Certificate) -> str:
    """ "sha256:<hex>" of its public key (RFC 7469 in hexadecimal), as kubeadm prints it."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"sha256:{hashlib.sha256(key).hexdigest()}"


def trusting(authority: bytes) -> ssl.SSLContext:
    """Connections to servers of this authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority.decode("ascii"))
    return context


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
