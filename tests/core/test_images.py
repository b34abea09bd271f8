"""Image references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.images import (
    ImageName,
    full_name,
    normalize_image,
    parse_image,
    sandbox_image,
)
from nodeagent.errors import ImageNameInvalid, Retry
from nodeagent.model.ids import ImageRef
from nodeagent.model.observed import RuntimeInfo, SeenImage

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "host", "path", "tag", "digest"),
    [
        ("busybox", "docker.io", "library/busybox", "", ""),
        ("busybox:1.36", "docker.io", "library/busybox", "1.36", ""),
        ("me/app", "docker.io", "me/app", "", ""),
        ("docker.io/busybox", "docker.io", "library/busybox", "", ""),
        ("index.docker.io/me/app", "docker.io", "me/app", "", ""),
        ("localhost/app", "localhost", "app", "", ""),
        ("localhost:5000/a/b:v1", "localhost:5000", "a/b", "v1", ""),
        ("127.0.0.1:5000/app", "127.0.0.1:5000", "app", "", ""),
        ("[::1]:5000/app", "[::1]:5000", "app", "", ""),
        ("Registry/app", "Registry", "app", "", ""),
        ("r.example/a_b/c--d.e:T_x-1", "r.example", "a_b/c--d.e", "T_x-1", ""),
        (f"r.example/app@{DIGEST}", "r.example", "app", "", DIGEST),
        (f"r.example/app:v1@{DIGEST}", "r.example", "app", "v1", DIGEST),
        (DIGEST, "docker.io", "library/sha256", DIGEST[7:], ""),
    ],
)
def test_a_reference_is_taken_apart(
    image: str, host: str, path: str, tag: str, digest: str
) -> None:
    assert parse_image(image) == ImageName(host=host, path=path, tag=tag, digest=digest)


@pytest.mark.parametrize(
    ("image", "asked", "full"),
    [
        ("busybox", "busybox:latest", "docker.io/library/busybox:latest"),
        ("busybox:1", "busybox:1", "docker.io/library/busybox:1"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"),
        (f"app@{DIGEST}", f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}"),
        (f"app:1@{DIGEST}", f"app:1@{DIGEST}", f"docker.io/library/app:1@{DIGEST}"),
    ],
)
def test_the_tag_latest_is_meant_where_nothing_is_said(image: str, asked: str, full: str) -> None:
    assert normalize_image(image) == asked
    assert full_name(image) == full


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("", "invalid reference format"),
        (
            "Busybox",
            "invalid reference format: repository name (library/Busybox) must be lowercase",
        ),
        ("r.example/App:v1", "invalid reference format: repository name (App) must be lowercase"),
        ("büsY:x", "invalid reference format: repository name (library/büsY) must be lowercase"),
        ("busybox:", "invalid reference format"),
        ("busybox:-x", "invalid reference format"),
        (" busybox", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("https://r.example/app", "invalid reference format"),
        ("app@sha256:abc", "invalid reference format"),
        ("app@sha256:" + "a" * 63, "invalid checksum digest length"),
        (
            "a" * 64,
            f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings",
        ),
        ("r.example/" + "a/" * 128 + "b", "must not be more than 255 characters"),
        ("büsybox", "invalid reference format"),
    ],
)
def test_what_is_no_reference_is_named(image: str, why: str) -> None:
    with pytest.raises(ImageNameInvalid) as failure:
        parse_image(image)
    assert failure.value.detail.startswith(f'couldn\'t parse image name "{image}": ')
    assert why in failure.value.detail
    assert failure.value.reason == "InvalidImageName"
    assert failure.value.retry is Retry.ON_CHANGE


@given(
    st.from_regex(r"([a-z0-9]+\.example(:[0-9]{1,4})?/)?[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,2}"
                  r"(:[a-z0-9]{1,9})?", fullmatch=True)
)  # fmt: skip
def test_the_full_name_is_final(image: str) -> None:
    full = full_name(image)
    assert full_name(full) == full
    assert normalize_image(full) == full
    assert parse_image(full) == parse_image(normalize_image(image))


@pytest.mark.parametrize(
    ("told", "pinned", "expected"),
    [
        ("pause:1", ("reg/pause:2",), "pause:1"),
        ("", ("reg/pause:2",), "reg/pause:2"),
        ("", ("reg:5000/own/infra:1",), "reg:5000/own/infra:1"),
        ("", ("reg/app:1", "reg:5000/pause:2"), "reg:5000/pause:2"),
        ("", ("reg/app:1", "reg/other:2"), ""),
        ("", (), ""),
    ],
)
def test_the_image_of_sandboxes_is_told_or_pinned(
    told: str, pinned: tuple[str, ...], expected: str
) -> None:
    images = [
        SeenImage(ref=ImageRef(f"sha256:{n}"), tags=(tag,), size_bytes=1, pinned=True)
        for n, tag in enumerate(pinned)
    ]
    images.append(SeenImage(ref=ImageRef("sha256:x"), tags=("reg/pause:3",), size_bytes=1))
    images.append(SeenImage(ref=ImageRef("sha256:y"), tags=(), size_bytes=1, pinned=True))
    assert sandbox_image(RuntimeInfo(sandbox_image=told), images) == expected
