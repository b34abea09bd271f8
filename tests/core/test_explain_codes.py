"""The code that an explanation carries, for `nodeagent help CODE`."""

import pytest

from nodeagent.core.catalogue import entry_for
from nodeagent.core.explain import explain, explain_absent
from nodeagent.core.story import Case
from nodeagent.model.desired import Problem
from nodeagent.model.memory import Rejected
from tests.core.test_explain import BAD, crashed, end, why
from tests.fakes.local_node import NOW, a_pod, an_event, ended, running, waiting


def test_what_is_well_or_on_its_way_has_no_code() -> None:
    assert why(a_pod()).code == ""
    assert why(a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")).code == ""
    assert why(a_pod("web", ended(code=0), phase="Succeeded", policy="Never")).code == ""


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ImagePullBackOff", "NA3001"),
        ("ErrImageNeverPull", "NA3002"),
        ("InvalidImageName", "NA3003"),
        ("CreateContainerConfigError", "NA4001"),
        ("RunContainerError", "NA4003"),
    ],
)
def test_a_container_that_waits_has_the_code_of_its_reason(reason: str, code: str) -> None:
    assert why(a_pod("web", waiting(reason=reason, message="no"))).code == code


def test_a_crash_has_the_code_of_its_end() -> None:
    assert why(crashed(end(code=1, reason="Error"))).code == "NA5003"
    assert why(crashed(end(code=127, reason="Error"))).code == "NA5006"
    assert why(crashed(end(code=137, reason="OOMKilled"))).code == "NA5002"
    assert why(crashed(end(code=0, reason="Completed"))).code == "NA5001"
    assert why(a_pod("web", waiting(reason="CrashLoopBackOff"))).code == "NA5001"
    over = a_pod("web", ended(code=3), phase="Failed", policy="Never")
    assert why(over).code == "NA5003"


def test_events_before_the_first_container_have_their_code() -> None:
    pod = a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")
    event = an_event("FailedMount", "no such path", pod="web", container="", warning=True)
    assert why(pod, event).code == "NA4004"


def test_a_refusal_a_whole_failure_and_a_bad_edit_have_codes() -> None:
    rejected = Rejected(reason="OutOfcpu", message="too much")
    assert why(a_pod(phase="Failed"), rejected=rejected).code == "NA2001"
    assert why(a_pod(), problems=(BAD,)).code == "NA1001"
    pod = a_pod(phase="Failed")
    assert pod.status is not None
    pod.status.reason = "Evicted"
    assert explain(Case(pod=pod, now=NOW)).code == "NA6001"


def test_a_probe_that_fails_has_its_code() -> None:
    pod = a_pod("web", running(ready=False))
    event = an_event("Unhealthy", "Readiness probe failed: 500", pod="web", warning=True)
    assert why(pod, event).code == "NA5004"


def test_a_manifest_that_never_ran_has_its_code() -> None:
    twice = Problem(origin="a", message="also in b", reason="FailedValidation")
    found = explain_absent("default", "web", (twice,), ())
    assert found is not None
    assert found.code == "NA1002"
    entry = entry_for(found.code)
    assert entry is not None and "Rename" in entry.fix
