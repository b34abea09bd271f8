"""Image references: their parts and their full spelling."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from nodeagent.errors import ImageNameInvalid
from nodeagent.model.observed import RuntimeInfo, SeenImage

DEFAULT_HOST: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
_NAME_MAX: Final = 255
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_HEX_LENGTH: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_ID: Final = re.compile(r"[a-f0-9]{64}")


class ImageName(msgspec.Struct, frozen=True, kw_only=True):
    """A reference taken apart. `host` and `path` are complete: "docker.io", "library/busybox"."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        return f"{self.host}/{self.path}"


def parse_image(image: str) -> ImageName:
    """Take a reference apart (distribution's reference grammar, and its words for what is wrong).

    ImageNameInvalid says what does not fit.
    """
    if _ID.fullmatch(image):
        why = f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
        raise _invalid(image, why)
    host, rest = _split(image)
    remote = rest.partition(":")[0]
    if remote != remote.lower():
        why = f"invalid reference format: repository name ({remote}) must be lowercase"
        raise _invalid(image, why)
    match = _REFERENCE.fullmatch(f"{host}/{rest}")
    if match is None:
        only_case = _REFERENCE.fullmatch(f"{host}/{rest}".lower()) is not None
        why = "repository name must be lowercase" if only_case else "invalid reference format"
        raise _invalid(image, why)
    digest = match["digest"] or ""
    algorithm, _, value = digest.partition(":")
    if digest and len(value) != _HEX_LENGTH.get(algorithm, len(value)):
        raise _invalid(image, "invalid checksum digest length")
    path = match["name"].removeprefix(f"{host}/")
    if len(path) > _NAME_MAX:
        raise _invalid(image, f"repository name must not be more than {_NAME_MAX} characters")
    return ImageName(host=host, path=path, tag=match["tag"] or "", digest=digest)


def _split(image: str) -> tuple[str, str]:
    """The registry, and all that comes after it; both complete."""
    first, slash, rest = image.partition("/")
    if not slash:
        return DEFAULT_HOST, f"library/{image}"
    if first == "index.docker.io":
        first = DEFAULT_HOST
    elif first != "localhost" and not set(".:") & set(first) and first == first.lower():
        first, rest = DEFAULT_HOST, image
    if first == DEFAULT_HOST and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def normalize_image(image: str) -> str:
    """What CRI is asked for: the user's spelling, with ":latest" where it has no tag or digest.

    ImageNameInvalid for what does not parse.
    """
    parsed = parse_image(image)
    return image if parsed.tag or parsed.digest else f"{image}:{DEFAULT_TAG}"


def full_name(image: str) -> str:
    """The one spelling of a reference: host, path, tag and digest, nothing left out."""
    parsed = parse_image(image)
    tag = parsed.tag or ("" if parsed.digest else DEFAULT_TAG)
    return (
        parsed.repository
        + (f":{tag}" if tag else "")
        + (f"@{parsed.digest}" if parsed.digest else "")
    )


def sandbox_image(info: RuntimeInfo, images: Iterable[SeenImage]) -> str:
    """What sandboxes are made of, "" where that cannot be told.

    containerd 2 does not say it, but pins that image; of several pinned ones it is called pause.
    """
    if info.sandbox_image:
        return info.sandbox_image
    pinned = [tag for image in images if image.pinned for tag in image.tags[:1]]
    named = [tag for tag in pinned if tag.rpartition(":")[0].rpartition("/")[2] == "pause"]
    found = named or pinned
    return found[0] if len(found) == 1 else ""


def _invalid(image: str, why: str) -> ImageNameInvalid:
    return ImageNameInvalid(
        op="parse image name",
        target=f'"{image}"',
        detail=f'couldn\'t parse image name "{image}": {why}',
    )
