"""CredentialProviderConfig: which plugins there are and which images each is for.

Kubernetes' documentation, "Configure a kubelet image credential provider".
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import yaml

from nodeagent.errors import SettingsError
from nodeagent.settings.scalars import parse_duration

CONFIG_VERSIONS = tuple(f"kubelet.config.k8s.io/{v}" for v in ("v1", "v1beta1", "v1alpha1"))
PLUGIN_VERSIONS = tuple(
    f"credentialprovider.kubelet.k8s.io/{v}" for v in ("v1", "v1beta1", "v1alpha1")
)


class Variable(msgspec.Struct, frozen=True):
    name: str
    value: str


class TokenAttributes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Only whether a plugin insists on a service account matters without an API server."""

    require_service_account: bool = False


class Provider(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One plugin. `default_cache_duration` is as written: "12h"."""

    name: str
    match_images: tuple[str, ...]
    default_cache_duration: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    token_attributes: TokenAttributes | None = None

    @property
    def keep(self) -> float:
        """Seconds for which an answer that says nothing of it counts."""
        return parse_duration(self.default_cache_duration)


class _Config(msgspec.Struct, kw_only=True, rename="camel"):
    api_version: str
    kind: str
    providers: list[Provider]


def load_providers(config: Path, bin_dir: Path) -> tuple[Provider, ...]:
    """Every plugin of a file, or of all files of a folder in order of their names.

    SettingsError names the file and what is wrong in it; a plugin that is not there or has a
    name twice is wrong too.
    """
    found: list[Provider] = []
    for file in _files(config):
        for provider in _read(file):
            if provider.name in {other.name for other in found}:
                raise _wrong(file, f'there are two providers named "{provider.name}"')
            _check(file, provider, bin_dir)
            found.append(provider)
    return tuple(found)


def _files(config: Path) -> list[Path]:
    if not config.is_dir():
        return [config]
    return sorted(p for p in config.iterdir() if p.suffix in (".json", ".yaml", ".yml"))


def _read(file: Path) -> list[Provider]:
    try:
        document: Any = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        made = msgspec.convert(document, _Config)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise _wrong(file, str(error)) from error
    if made.kind != "CredentialProviderConfig" or made.api_version not in CONFIG_VERSIONS:
        detail = f"it must be a CredentialProviderConfig of {' or '.join(CONFIG_VERSIONS)}"
        raise _wrong(file, detail)
    return made.providers


def _check(file: Path, provider: Provider, bin_dir: Path) -> None:
    name = provider.name
    if not name or "/" in name or " " in name or name in (".", ".."):
        raise _wrong(file, f'"{name}" cannot be the name of a plugin: it is a file of {bin_dir}')
    if provider.api_version not in PLUGIN_VERSIONS:
        raise _wrong(file, f"{name}: apiVersion must be one of {', '.join(PLUGIN_VERSIONS)}")
    if not provider.match_images:
        raise _wrong(file, f"{name}: matchImages must not be empty")
    try:
        keep = provider.keep
    except ValueError as error:
        raise _wrong(file, f"{name}: defaultCacheDuration: {error}") from error
    if keep < 0:
        raise _wrong(file, f"{name}: defaultCacheDuration must not be negative")
    if not os.access(bin_dir / name, os.X_OK):
        raise _wrong(file, f"{name}: there is no program {bin_dir / name} that can be run")


def _wrong(file: Path, detail: str) -> SettingsError:
    return SettingsError(op="read credential providers", target=str(file), detail=detail)
