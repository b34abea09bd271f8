"""Hashes against published vectors and a value that kubelets write."""

from lightkube.models import core_v1 as v1

from nodeagent.core.hashing import fnv1a_32, fnv1a_128, spec_hash


def test_fnv_matches_its_published_vectors() -> None:
    assert fnv1a_32(b"") == 0x811C9DC5
    assert fnv1a_32(b"foobar") == 0xBF9CF968
    assert fnv1a_128(b"") == 0x6C62272E07BB014262B821756295C58D
    assert fnv1a_128(b"foobar") == 0x343E1662793C64BF6F0D3597BA446F18


def test_a_container_hash_is_the_one_a_kubelet_writes() -> None:
    container = v1.Container(name="test_container", image="foo/image:v1", args=["a"])
    assert spec_hash(container) == "8e45cbd0"


def test_only_name_and_image_count() -> None:
    base = v1.Container(name="a", image="b")
    assert spec_hash(base) == spec_hash(v1.Container(name="a", image="b", tty=True))
    assert len({spec_hash(base), spec_hash(v1.Container(name="a", image="c"))}) == 2
    assert spec_hash(v1.Container(name="a")) != spec_hash(base)
