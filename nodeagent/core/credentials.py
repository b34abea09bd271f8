"""Docker credentials: reading their documents, and which of them are for an image.

Follows Kubernetes' documentation "Images", sections "Configuring nodes to authenticate to a
private registry" and "Interpretation of config.json".
"""

import base64
import binascii
import fnmatch
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from nodeagent.core.images import DEFAULT_HOST, parse_image
from nodeagent.model.credentials import Credential, SecretName
from nodeagent.model.data import Secret

HUB_KEY = "index.docker.io"
CONFIG_JSON, DOCKERCFG = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
_KEY_OF_TYPE = {CONFIG_JSON: ".dockerconfigjson", DOCKERCFG: ".dockercfg"}


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials read from documents, and what was wrong with those that could not be used."""

    credentials: tuple[Credential, ...] = ()
    problems: tuple[str, ...] = ()


def read_config(data: bytes, *, legacy: bool, secret: SecretName | None = None) -> Wallet:
    """A docker config.json (`auths` inside), or the `legacy` .dockercfg, which is `auths` alone.

    Entries without a name or password are left out, for docker writes such ones for its helpers.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Wallet(problems=(f"it is no JSON: {error}",))
    entries = document if legacy else document.get("auths") if isinstance(document, dict) else None
    if entries is None and isinstance(document, dict):
        return Wallet()
    if not isinstance(entries, dict):
        return Wallet(problems=("credentials must be an object keyed by registry",))
    return read_entries(entries, secret=secret)


def read_entries(entries: dict[str, Any], *, secret: SecretName | None = None) -> Wallet:
    """Entries by registry, each with `username` and `password`, or both in `auth`."""
    found, problems = [], []
    for key, entry in entries.items():
        try:
            username, password = _name_and_password(entry)
        except ValueError as error:
            problems.append(f'the entry of "{key}": {error}')
            continue
        if username or password:
            found.append(
                Credential(
                    key=_plain_key(key),
                    username=username,
                    password=password,
                    digest=_digest(username, password),
                    secret=secret,
                )
            )
    return Wallet(credentials=tuple(found), problems=tuple(problems))


def read_secret(secret: Secret) -> Wallet:
    """The credentials in a secret; one of another type than the two for docker has none."""
    key = _KEY_OF_TYPE.get(secret.type)
    if key is None:
        return Wallet()
    if key not in secret.data:
        return Wallet(problems=(f"it has no {key}",))
    name = SecretName(namespace=secret.namespace, name=secret.name)
    return read_config(secret.data[key], legacy=secret.type == DOCKERCFG, secret=name)


def matching(image: str, credentials: Iterable[Credential]) -> tuple[Credential, ...]:
    """Those for this image, in the order to be tried: keys in reverse alphabetical order, so
    that the longer of two paths comes first; equal ones once.
    """
    parsed = parse_image(image)
    ranked = sorted(credentials, key=lambda c: c.key, reverse=True)
    found = [c for c in ranked if c.key and is_match(c.key, parsed.repository)]
    if parsed.host == DEFAULT_HOST:
        found += [c for c in ranked if c.key == HUB_KEY]
    return tuple({(c.digest, c.secret): c for c in reversed(found)}.values())[::-1]


def is_match(pattern: str, repository: str) -> bool:
    """Whether `host[:port][/path]` with globs in its host's labels stands for the repository."""
    host, _, path = _plain_key(pattern).partition("/")
    real_host, _, real_path = repository.partition("/")
    name, _, port = host.partition(":")
    real_name, _, real_port = real_host.partition(":")
    labels, real_labels = name.split("."), real_name.split(".")
    return (
        port == real_port
        and len(labels) == len(real_labels)
        and all(map(fnmatch.fnmatchcase, real_labels, labels))
        and real_path.startswith(path)
    )


def repository_of(image: str) -> str:
    """The image's full name without tag and digest."""
    return parse_image(image).repository


def node_config_paths(*, root: str, working_dir: str, home: str) -> tuple[tuple[str, bool], ...]:
    """Where the node's own credentials may be, in the order to look; True marks a .dockercfg."""
    homes = (f"{home.rstrip('/')}/.docker",) if home else ()
    new = (root, working_dir, *homes, "/.docker")
    old = (root, working_dir, *((home,) if home else ()), "/")
    return (
        *((f"{place.rstrip('/')}/config.json", False) for place in new),
        *((f"{place.rstrip('/')}/.dockercfg", True) for place in old),
    )


def _plain_key(key: str) -> str:
    """A registry's key without scheme, without the path of docker's old API, without a last /."""
    _, scheme, rest = key.partition("://")
    plain = rest if scheme else key
    host, slash, path = plain.partition("/")
    for version in ("v1", "v2"):
        if path == version or path.startswith(f"{version}/"):
            path = path[len(version) + 1 :]
            break
    return f"{host}{slash}{path}".rstrip("/")


def _name_and_password(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise ValueError("it must be an object")  # noqa: TRY004
    auth = entry.get("auth")
    if auth:
        return _from_auth(auth)
    username, password = entry.get("username") or "", entry.get("password") or ""
    if not isinstance(username, str) or not isinstance(password, str):
        raise ValueError("username and password must be strings")  # noqa: TRY004
    return username, password


def _from_auth(auth: Any) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth + "=" * (-len(auth) % 4), validate=True).decode()
    except (TypeError, binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("auth is no base64 of name:password") from error
    username, colon, password = text.partition(":")
    if not colon:
        raise ValueError("auth has no colon between name and password")
    return username, password.rstrip("\0")


def _digest(username: str, password: str) -> str:
    return hashlib.sha256(msgspec.json.encode([username, password])).hexdigest()
