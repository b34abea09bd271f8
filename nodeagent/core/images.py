"""Image references: their parts and their full spelling."""

import re
from typing import Final

import msgspec

from nodeagent.errors import ImageNameInvalid

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
    """Take a reference apart (distribution's reference grammar).

    ImageNameInvalid says what does not fit.
    """
    match = _REFERENCE.fullmatch(image)
    if match is None or _ID.fullmatch(image):
        raise _invalid(image, _why(image))
    name, digest = match["name"], match["digest"] or ""
    algorithm, _, value = digest.partition(":")
    if digest and len(value) != _HEX_LENGTH.get(algorithm, len(value)):
        raise _invalid(image, "invalid checksum digest length")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        host, path = first, rest
    else:
        host, path = DEFAULT_HOST, name if slash else f"library/{name}"
    if host == "index.docker.io":
        host = DEFAULT_HOST
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    if len(path) > _NAME_MAX:
        raise _invalid(image, f"repository name must not be more than {_NAME_MAX} characters")
    return ImageName(host=host, path=path, tag=match["tag"] or "", digest=digest)


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


def _why(image: str) -> str:
    if not image:
        return "repository name must have at least one component"
    if _ID.fullmatch(image):
        return "a name of 64 hexadecimal digits is an image id, not a repository"
    if _REFERENCE.fullmatch(image.lower()):
        return "repository name must be lowercase"
    return "invalid reference format"


def _invalid(image: str, why: str) -> ImageNameInvalid:
    return ImageNameInvalid(
        op="parse image name",
        target=f'"{image}"',
        detail=f'couldn\'t parse image name "{image}": {why}',
    )
