"""What install and uninstall do with each file, for every state it can be in."""

from nodeagent.core.install import (
    FOLDER,
    Did,
    Recorded,
    Step,
    Wanted,
    plan_install,
    plan_uninstall,
    record_after,
)
from nodeagent.core.service_files import Machine, kubeadm_drop_in, kubelet_unit

UNIT = Wanted(path="/etc/u.service", text="new")
ETC = Wanted(path="/etc/n")


def installed(there: str | None, ours: str | None) -> Step:
    present = {UNIT.path: there} if there else {}
    recorded = [Recorded(path=UNIT.path, hash=ours)] if ours else []
    (step,) = plan_install([(UNIT, "h-new")], present=present, recorded=recorded)
    return step


def test_what_is_missing_is_written_also_where_it_was_removed_since() -> None:
    assert installed(None, None).did is Did.WRITE
    assert installed(None, "h-old").did is Did.WRITE


def test_what_is_the_same_stays() -> None:
    assert installed("h-new", None).did is Did.SAME
    assert installed("h-new", "h-old").did is Did.SAME


def test_what_we_wrote_and_nobody_changed_is_updated() -> None:
    assert installed("h-old", "h-old").did is Did.UPDATE


def test_what_somebody_changed_or_had_before_is_kept_and_named() -> None:
    changed, foreign = installed("h-user", "h-old"), installed("h-user", None)
    assert (changed.did, foreign.did) == (Did.KEEP, Did.KEEP)
    assert "changed since" in changed.why
    assert "there before" in foreign.why


def test_a_folder_is_made_or_is_there() -> None:
    (made,) = plan_install([(ETC, FOLDER)], present={}, recorded=())
    (same,) = plan_install([(ETC, FOLDER)], present={ETC.path: FOLDER}, recorded=())
    assert (made.did, same.did) == (Did.MAKE, Did.SAME)


def test_only_what_was_written_gets_ours() -> None:
    steps = (
        Step(path="/a", did=Did.WRITE),
        Step(path="/b", did=Did.SAME),
        Step(path="/c", did=Did.KEEP),
        Step(path="/d", did=Did.UPDATE),
    )
    hashes = {"/a": "1", "/b": "2", "/c": "3", "/d": "4"}
    found = record_after(steps, hashes=hashes, recorded=[Recorded(path="/c", hash="old")])
    assert {one.path: one.hash for one in found} == {"/a": "1", "/c": "old", "/d": "4"}


RECORD = (
    Recorded(path="/e", hash=FOLDER),
    Recorded(path="/e/n", hash=FOLDER),
    Recorded(path="/e/n/c", hash="h"),
    Recorded(path="/u", hash="h"),
)


def test_files_go_before_their_folders() -> None:
    present = {one.path: one.hash for one in RECORD}
    steps = plan_uninstall(RECORD, present=present, full=frozenset())
    assert [(step.path, step.did) for step in steps] == [
        ("/e/n/c", Did.REMOVE),
        ("/u", Did.REMOVE),
        ("/e/n", Did.REMOVE),
        ("/e", Did.REMOVE),
    ]


def test_a_changed_file_stays_with_the_folders_around_it() -> None:
    present = {**{one.path: one.hash for one in RECORD}, "/e/n/c": "other"}
    steps = {s.path: s for s in plan_uninstall(RECORD, present=present, full=frozenset())}
    assert steps["/u"].did is Did.REMOVE
    assert {steps[path].did for path in ("/e/n/c", "/e/n", "/e")} == {Did.KEEP}
    assert "changed" in steps["/e/n/c"].why


def test_a_folder_with_other_peoples_files_stays_and_what_is_gone_is_gone() -> None:
    present = {"/e": FOLDER, "/e/n": FOLDER}
    found = plan_uninstall(RECORD, present=present, full=frozenset({"/e/n"}))
    steps = {s.path: s.did for s in found}
    assert steps == {"/e/n/c": Did.GONE, "/u": Did.GONE, "/e/n": Did.KEEP, "/e": Did.KEEP}


def test_kubeadms_drop_in_names_the_files_that_kubeadm_writes() -> None:
    machine = Machine(program="/usr/bin/kubelet")
    text = kubeadm_drop_in(machine)
    for path in (
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        "--config=/var/lib/kubelet/config.yaml",
        "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env",
        "$KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS",
    ):
        assert path in text
    unit = kubelet_unit(machine)
    assert "\nExecStart=/usr/bin/kubelet\n" in unit and "/etc/nodeagent" not in unit
