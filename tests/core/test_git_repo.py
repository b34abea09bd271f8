"""What a gitRepo volume may ask for."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.git_repo import complaint, told

URL = "https://example.org/x.git"


@pytest.mark.parametrize(
    ("repository", "revision", "directory"),
    [
        (URL, None, None),
        ("http://name:word@example.org/x", "v1.0", ""),
        ("git://example.org/x", "HEAD~1", "."),
        (URL, "main", "./sub"),
        (URL, "", "a/b"),
        (URL, "main", "..x"),
    ],
)
def test_a_volume_that_can_be_cloned(
    repository: str, revision: str | None, directory: str | None
) -> None:
    source = v1.GitRepoVolumeSource(repository=repository, revision=revision, directory=directory)
    assert complaint(source) == ""


@pytest.mark.parametrize(
    ("repository", "revision", "directory", "words"),
    [
        ("--upload-pack=x", "", "", '"--upload-pack=x" is an invalid value for repository'),
        (URL, "-f", "", '"-f" is an invalid value for revision'),
        (URL, "", "--bare", '"--bare" is an invalid value for directory'),
        (URL, "a\nb", "", "revision has control characters"),
        ("ext::sh -c id", "", "", "needs an address with http://, https:// or git://"),
        ("ext://x", "", "", "needs an address"),
        ("file:///etc", "", "", "needs an address"),
        ("/srv/x.git", "", "", "needs an address"),
        ("ssh://git@example.org/x", "", "", 'repository is "ssh://***@example.org/x"'),
        ("git@example.org:x", "", "", "needs an address"),
        (URL, "", "/x", 'directory is "/x"'),
        (URL, "", "a/../../x", 'without ".."'),
        (URL, "main", "a/.git", "must not contain a directory separator"),
    ],
)
def test_what_may_not_be_asked_of_git(
    repository: str, revision: str, directory: str, words: str
) -> None:
    source = v1.GitRepoVolumeSource(repository=repository, revision=revision, directory=directory)
    assert words in complaint(source)


def test_what_git_says_is_shown_on_one_line_without_passwords() -> None:
    text = "fatal: \x1b[31mno\n\thttps://me:secret@example.org/x\r\nremote: see http://a/b@c"
    assert told(text) == "fatal: [31mno https://***@example.org/x remote: see http://a/b@c"
    assert told("x" * 5000) == "x" * 1500
