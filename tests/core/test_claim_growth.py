"""Whose turn it is to let a claim's volume grow, and when it is given up."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.api_objects import data_object
from nodeagent.core.claim_growth import grew_elsewhere, is_given_up
from nodeagent.model.data import Claim, DataKind


def claim_of(*, mode: str = "ReadWriteMany", has: str = "2Gi", **annotations: str) -> Claim:
    written = v1.PersistentVolumeClaim(
        metadata=meta_v1.ObjectMeta(
            name="disk",
            namespace="shop",
            annotations={
                f"volume.kubernetes.io/{k.replace('_', '-')}": annotations[k] for k in annotations
            },
        ),
        spec=v1.PersistentVolumeClaimSpec(accessModes=[mode]),
        status=v1.PersistentVolumeClaimStatus(phase="Bound", capacity={"storage": has}),
    )
    claim = data_object(DataKind.CLAIM, written)
    assert isinstance(claim, Claim)
    return claim


@pytest.mark.parametrize(
    ("claim", "here", "elsewhere"),
    [
        (claim_of(), "1Gi", True),
        (claim_of(), "2Gi", False),
        (claim_of(), "", False),
        (claim_of(has="1Gi"), "1Gi", False),
        (claim_of(mode="ReadWriteOnce"), "1Gi", False),
        (claim_of(node_expansion_not_required="true"), "1Gi", False),
    ],
)
def test_a_node_has_its_own_part_of_what_several_nodes_write_to(
    claim: Claim, here: str, elsewhere: bool
) -> None:
    assert grew_elsewhere(claim, here=here, size="2Gi") is elsewhere


@pytest.mark.parametrize(
    ("wanted", "condition", "given_up"),
    [
        ("2Gi", "NodeResizeError", True),
        ("9216Mi", "NodeResizeError", False),
        ("2Gi", "ControllerResizeError", False),
        ("", "NodeResizeError", False),
    ],
)
def test_a_size_that_failed_is_given_up_once_another_is_wanted(
    wanted: str, condition: str, given_up: bool
) -> None:
    said = v1.PersistentVolumeClaimCondition(type=condition, status="True")
    requests = {"storage": wanted} if wanted else {}
    claim = v1.PersistentVolumeClaim(
        spec=v1.PersistentVolumeClaimSpec(
            resources=v1.VolumeResourceRequirements(requests=requests)
        ),
        status=v1.PersistentVolumeClaimStatus(conditions=[said]),
    )
    assert is_given_up(claim, "9Gi") is given_up
