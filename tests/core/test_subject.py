"""Whom events point at."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.subject import subject_of, subject_of_claim
from nodeagent.model.data import Claim
from tests.fakes.pods import a_container, a_pod

POD = a_pod(
    a_container("web"),
    initContainers=[a_container("init"), a_container("side", restartPolicy="Always")],
    ephemeralContainers=[v1.EphemeralContainer(name="shell")],
)


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ("", ""),
        ("web", "spec.containers{web}"),
        ("init", "spec.initContainers{init}"),
        ("side", "spec.initContainers{side}"),
        ("shell", "spec.ephemeralContainers{shell}"),
        ("gone", ""),
    ],
)
def test_an_event_points_at_the_list_its_container_is_in(container: str, path: str) -> None:
    found = subject_of(POD, container)
    assert (found.kind, found.name, found.namespace, found.uid) == (
        "Pod",
        "web-n1",
        "default",
        "u1",
    )
    assert found.field_path == path


def test_an_event_about_a_claim_points_at_it() -> None:
    claim = Claim(namespace="shop", name="disk", uid="u", spec=v1.PersistentVolumeClaimSpec())
    found = subject_of_claim(claim)
    assert (found.kind, found.namespace, found.name, found.uid) == (
        "PersistentVolumeClaim",
        "shop",
        "disk",
        "u",
    )
