"""Whose a token's file is, and when it is replaced."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.tokens import closed_file, replace_at
from tests.fakes.pods import a_container, a_pod


def user(uid: int | None) -> v1.SecurityContext:
    return v1.SecurityContext(runAsUser=uid)


@pytest.mark.parametrize(
    ("whole", "own", "expected"),
    [
        (None, (None, None), (0o644, None)),
        (7, (None, None), (0o600, 7)),
        (None, (7, 7), (0o600, 7)),
        (7, (None, 8), (0o644, None)),
        (None, (7, None), (0o644, None)),
        (0, (None, None), (0o600, 0)),
    ],
)
def test_a_token_is_for_the_one_user_of_all_containers(
    whole: int | None, own: tuple[int | None, int | None], expected: tuple[int, int | None]
) -> None:
    containers = [a_container(f"c{n}", securityContext=user(uid)) for n, uid in enumerate(own)]
    pod = a_pod(*containers, securityContext=v1.PodSecurityContext(runAsUser=whole))
    assert closed_file(pod, 0o644) == expected


def test_a_group_closes_it_too_and_init_containers_count() -> None:
    group = v1.PodSecurityContext(fsGroup=5)
    assert closed_file(a_pod(securityContext=group), 0o644) == (0o600, None)
    first = a_container("first", securityContext=user(8))
    pod = a_pod(a_container(securityContext=user(7)), initContainers=[first])
    assert closed_file(pod, 0o640) == (0o640, None)


@pytest.mark.parametrize(("life", "after"), [(600, 480), (3600, 2880), (48 * 3600, 24 * 3600)])
def test_a_token_is_replaced_before_it_is_old(life: float, after: float) -> None:
    assert replace_at(expires_at=1000 + life, life=life, jitter=0) == 1000 + after
    assert replace_at(expires_at=1000 + life, life=life, jitter=9) == 991 + after
