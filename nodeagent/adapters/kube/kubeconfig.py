"""A kubeconfig file to what a connection needs, with errors that name the file and the field."""

import base64
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import yaml

from nodeagent.adapters.kube.access import Access, Pem, fits_header
from nodeagent.errors import SettingsError

_NOT_FOR_A_NODE = {
    "exec": "a program that logs in is not run for a node",
    "auth-provider": "was removed from Kubernetes",
    "username": "passwords were removed from Kubernetes",
    "as": "a node acts only as itself",
}


def load_kubeconfig(path: Path) -> Access:
    """The cluster and the user of the current context. Files it names may be missing yet.

    A context that is not named is the first one, and so are a cluster and a user where there is
    only one. SettingsError names the file and the field. Source: the kubeconfig v1 format
    (Kubernetes reference, "kubeconfig (v1)").
    """
    return read_kubeconfig(_text(path), path=path)


def read_kubeconfig(text: bytes, *, path: Path) -> Access:
    """See `load_kubeconfig`; paths in it are relative to the folder of `path`."""
    reader = _Reader(path)
    config = reader.document(text)
    context = reader.named(config, "contexts", "context", config.get("current-context"))
    cluster = reader.named(config, "clusters", "cluster", context.get("cluster"))
    user = reader.named(config, "users", "user", context.get("user"), needed=False)
    for field, why in _NOT_FOR_A_NODE.items():
        if user.get(field):
            reader.fail(f"user.{field}", f"is not supported: {why}")
    if cluster.get("proxy-url"):
        reader.fail("cluster.proxy-url", "is not supported: connect without a proxy")
    certificate = reader.pem(user, "user", "client-certificate")
    key = reader.pem(user, "user", "client-key")
    if bool(certificate) != bool(key):
        missing = "client-certificate" if key else "client-key"
        reader.fail(f"user.{missing}", "is missing; a certificate and its key go together")
    return Access(
        server=reader.server(cluster),
        ca=reader.pem(cluster, "cluster", "certificate-authority"),
        certificate=certificate,
        key=key,
        token=reader.token(user),
        token_file=reader.path(user, "user", "tokenFile"),
        insecure=reader.flag(cluster, "cluster", "insecure-skip-tls-verify"),
        server_name=reader.text(cluster, "cluster", "tls-server-name"),
        origin=str(path),
    )


class _Reader:
    """Fields of one file. Values never show in its errors, for they may be secret."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fail(self, field: str, detail: str) -> NoReturn:
        target = f"{self._path}, {field}" if field else str(self._path)
        raise SettingsError(op="read kubeconfig", target=target, detail=detail)

    def document(self, text: bytes) -> dict[str, Any]:
        try:
            found = yaml.load(text, Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, ValueError) as error:  # no UTF-8, or a date that is none
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark is not None else ""
            self.fail("", f"is no YAML{where}")
        if not isinstance(found, dict):
            self.fail("", "needs a mapping with clusters, users and contexts")
        return found

    def named(
        self, config: dict[str, Any], listed: str, inner: str, name: object, *, needed: bool = True
    ) -> dict[str, Any]:
        """The entry of that name in a list of the file; the only one where none is named."""
        entries = config.get(listed) or []
        if not isinstance(entries, list):
            self.fail(listed, "needs a list")
        found = [one for one in entries if isinstance(one, dict)]
        if name:
            found = [one for one in found if one.get("name") == name]
        if not found:
            if not needed and not name:
                return {}
            self.fail(listed, f'has no entry with the name "{name}"' if name else "is empty")
        value = found[0].get(inner) or {}
        if not isinstance(value, dict):
            self.fail(f"{listed}.{inner}", "needs a mapping")
        return value

    def server(self, cluster: dict[str, Any]) -> str:
        server = self.text(cluster, "cluster", "server").rstrip("/")
        if not server:
            self.fail("cluster.server", "is missing")
        if "://" not in server:
            server = f"https://{server}"
        try:
            parts = urlsplit(server)
            usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
            usable = usable and fits_header(server)
            (parts.hostname or "").encode("idna")
        except ValueError:  # UnicodeError too: a label that is empty or too long
            usable = False
        if not usable:
            self.fail("cluster.server", "needs a URL such as https://10.0.0.1:6443")
        return server

    def text(self, values: dict[str, Any], where: str, field: str) -> str:
        value = values.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(f"{where}.{field}", "needs a text")
        return value

    def token(self, user: dict[str, Any]) -> str:
        token = self.text(user, "user", "token").strip()
        if not fits_header(token):
            self.fail("user.token", "has spaces or characters that no token has")
        return token

    def flag(self, values: dict[str, Any], where: str, field: str) -> bool:
        value = values.get(field)
        if not isinstance(value, bool | None):
            self.fail(f"{where}.{field}", "needs true or false")
        return bool(value)

    def path(self, values: dict[str, Any], where: str, field: str) -> str:
        value = self.text(values, where, field)
        return str((self._path.parent / value).absolute()) if value else ""

    def pem(self, values: dict[str, Any], where: str, field: str) -> Pem:
        """A certificate or key: its data come before its file, as in kubectl."""
        given = self.text(values, where, f"{field}-data")
        if not given:
            return Pem(path=self.path(values, where, field))
        try:
            return Pem(data=base64.b64decode("".join(given.split()), validate=True))
        except ValueError:
            self.fail(f"{where}.{field}-data", "is no base64")


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            op="read kubeconfig", target=str(path), detail=error.strerror or str(error)
        ) from error
