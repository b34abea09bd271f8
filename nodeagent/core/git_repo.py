"""gitRepo volumes: what may be asked for, and how a refusal or a failure is told."""

import posixpath
import re
from typing import Final

from lightkube.models import core_v1 as v1

SCHEMES: Final = ("http", "https", "git")
DISABLED: Final = (
    "is off: Kubernetes has given it up; clone in an init container into an emptyDir instead"
    " (or set the feature gate GitRepoVolumeDriver, docs/volumes.md)"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_LONGEST: Final = 1500


def complaint(source: v1.GitRepoVolumeSource) -> str:
    """Why it can never be cloned, as a kubelet checks it and beyond; "" if it may be.

    Nothing of it may be taken for an option of git, and only addresses on the network are cloned:
    no path of the node, and nothing that would need the node's own keys.
    """
    fields = (
        ("repository", source.repository),
        ("revision", source.revision or ""),
        ("directory", source.directory or ""),
    )
    for name, value in fields:
        if value.startswith("-"):
            return f'"{value}" is an invalid value for {name}: it may not start with "-"'
        if _CONTROL.search(value):
            return f"{name} has control characters in it"
    scheme, found, _ = source.repository.partition("://")
    if not found or scheme not in SCHEMES:
        address = without_login(source.repository)
        return f'repository is "{address}"; needs an address with http://, https:// or git://'
    return _folder_complaint(source.directory or "", source.revision or "")


def _folder_complaint(folder: str, revision: str) -> str:
    if folder.startswith("/") or ".." in folder.split("/"):
        return f'directory is "{folder}"; needs a path in the volume, without ".."'
    if revision and folder and "/" in posixpath.normpath(folder):
        return (
            f'"{folder}" is not a valid directory, it must not contain a directory separator'
            " where a revision is given"
        )
    return ""


def without_login(text: str) -> str:
    """The text with what addresses in it say before "@", a password maybe, hidden."""
    return _LOGIN.sub("***", text)


def told(output: str) -> str:
    """The end of what git said, on one line that is safe to show."""
    words = " ".join(_CONTROL.sub(" ", output).split())
    return without_login(words)[-_LONGEST:]
