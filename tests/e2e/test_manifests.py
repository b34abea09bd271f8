"""Files in the manifest folder: every way to change one, and what a bad one must not do."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.agent import NODE, Agent, running_agent
from tests.e2e.pods import View, container, pod, ready
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def text(name: str, version: str) -> str:
    """A manifest whose version can be seen in the running pod."""
    return json.dumps(pod(name, container(env=[{"name": "VERSION", "value": version}])))


def _version(view: View) -> str:
    return str(view.document["spec"]["containers"][0]["env"][0]["value"])


def wait_for(agent: Agent, name: str, version: str) -> View:
    view = agent.wait(name, lambda v: v.is_ready and _version(v) == version)
    assert agent.sh(name, "echo $VERSION").strip() == version
    return view


def test_a_file_renamed_over_the_old_one_replaces_the_pod(agent: Agent) -> None:
    agent.put("renamed.yaml", text("renamed", "1"))
    first = wait_for(agent, "renamed", "1")
    agent.put("renamed.yaml", text("renamed", "2"))
    second = wait_for(agent, "renamed", "2")
    assert first.uid != second.uid
    assert second.restarts() == 0


def test_a_file_written_in_place_replaces_the_pod(agent: Agent) -> None:
    file = agent.manifests / "inplace.yaml"
    for version in ("1", "2"):
        whole = text("inplace", version)
        with file.open("w") as half:
            half.write(whole[:50])
            half.flush()
            time.sleep(0.03)
            half.write(whole[50:])
        wait_for(agent, "inplace", version)


def test_a_swapped_link_replaces_the_pod(agent: Agent) -> None:
    for version in ("1", "2"):
        target = agent.root / f"linked-{version}.yaml"
        target.write_text(text("linked", version))
        link = agent.root / "staging" / "linked.yaml"
        link.symlink_to(target)
        link.rename(agent.manifests / "linked.yaml")
        wait_for(agent, "linked", version)


def test_a_swapped_data_folder_replaces_the_pod(agent: Agent) -> None:
    """As Kubernetes projects config maps: the file is a link into `..data`, itself a link."""
    for version in ("1", "2"):
        folder = agent.manifests / f"..2026_01_0{version}"
        folder.mkdir()
        (folder / "projected.yaml").write_text(text("projected", version))
        new = agent.manifests / "..data_tmp"
        new.symlink_to(folder.name)
        new.rename(agent.manifests / "..data")
        if version == "1":
            (agent.manifests / "projected.yaml").symlink_to("..data/projected.yaml")
        wait_for(agent, "projected", version)


def test_a_bad_file_keeps_the_last_good_pod_and_is_shown_with_its_place(agent: Agent) -> None:
    agent.put("turned.yaml", text("turned", "1"))
    before = wait_for(agent, "turned", "1")
    bad = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: turned\nspec:\n  containers: 5\n"
    agent.put("turned.yaml", bad)
    agent.until(lambda: "turned.yaml" in agent.run("ps").stderr, what="the problem in ps")
    shown = agent.run("ps")
    assert f"turned-{NODE}" in shown.stdout
    assert "turned.yaml:6:15: spec.containers" in shown.stderr
    agent.restart()
    time.sleep(0.5)
    after = agent.wait("turned", ready)
    assert (after.uid, after.id_of("main")) == (before.uid, before.id_of("main"))
    assert ":6:15: " in agent.run("ps").stderr
    agent.put("turned.yaml", text("turned", "2"))
    wait_for(agent, "turned", "2")
    assert agent.run("ps").stderr == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x01binary\xff", "never.yaml"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" * 3, "never.yaml"),
        (b"kind: PodList\napiVersion: v1\nitems: []\n", "PodList"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {nonsense: 1}\n", "nonsense"),
        (b"x" * ((1 << 20) + 1), "1 MiB"),
    ],
    ids=["binary", "alias bomb", "list", "unknown field", "too big"],
)
def test_a_file_that_is_no_pod_disturbs_no_other(agent: Agent, content: bytes, said: str) -> None:
    (agent.manifests / "never.yaml").write_bytes(content)
    agent.until(lambda: said in agent.run("ps").stderr, what=said)
    agent.put("beside.yaml", text("beside", "1"))
    wait_for(agent, "beside", "1")
    (agent.manifests / "never.yaml").unlink()
    agent.until(lambda: agent.run("ps").stderr == "", what="no problem any more")


def test_a_folder_with_a_manifests_name_is_told_and_hidden_files_never_run(agent: Agent) -> None:
    (agent.manifests / "folder.yaml").mkdir()
    for name in (".hidden.yaml", "copy.yaml~", "copy.yaml.swp", "copy.yaml.bak", "note.txt"):
        (agent.manifests / name).write_text(text("hidden", "1"))
    agent.until(lambda: "folder.yaml" in agent.run("ps").stderr, what="the folder in ps")
    assert "hidden" not in agent.pods()
    for name in (".hidden.yaml", "copy.yaml~", "copy.yaml.swp", "copy.yaml.bak", "note.txt"):
        (agent.manifests / name).unlink()
    (agent.manifests / "folder.yaml").rmdir()


def test_two_files_of_one_pod_name_are_both_refused_and_what_runs_goes_on(agent: Agent) -> None:
    agent.put("one.yaml", text("twin", "1"))
    before = wait_for(agent, "twin", "1")
    agent.put("other.yaml", text("twin", "2"))

    def both() -> bool:
        said = agent.run("ps").stderr
        return "one.yaml" in said and "other.yaml" in said

    agent.until(both, what="both files in ps")
    time.sleep(0.5)
    after = agent.wait("twin", ready)
    assert (after.id_of("main"), _version(after)) == (before.id_of("main"), "1")
    (agent.manifests / "one.yaml").unlink()
    wait_for(agent, "twin", "2")


def test_a_removed_file_ends_its_pod_with_its_grace(agent: Agent) -> None:
    script = (
        "trap 'sleep 1; echo done > /out/done; exit 0' TERM; while :; do sleep 9 & wait $!; done"
    )
    out = agent.root / "out"
    out.mkdir()
    document = pod(
        "graceful",
        container(script, volumeMounts=[{"name": "out", "mountPath": "/out"}]),
        volumes=[{"name": "out", "hostPath": {"path": str(out)}}],
    )
    agent.write(document)
    agent.wait("graceful", ready)
    agent.remove("graceful")
    agent.wait_gone("graceful")
    assert (out / "done").read_text() == "done\n"


@pytest.mark.timeout(150)
def test_a_pod_removed_and_added_a_hundred_times_is_right_in_the_end(agent: Agent) -> None:
    document = text("again", "same")
    for number in range(100):
        agent.put("again.yaml", document)
        time.sleep((number % 7) * 0.02)
        (agent.manifests / "again.yaml").unlink()
        time.sleep((number % 3) * 0.02)
    agent.put("again.yaml", document)
    wait_for(agent, "again", "same")
    time.sleep(0.5)
    assert agent.wait("again", ready).restarts() == 0
    (agent.manifests / "again.yaml").unlink()
    agent.wait_gone("again")
