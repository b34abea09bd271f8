"""The samples of volumes run as they are and show what they say."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.core.manifest import check_manifest
from nodeagent.core.objects import read_objects
from nodeagent.model.data import DataKind
from tests.e2e.agent import Agent, running_agent
from tests.e2e.csi import Driver, running_driver
from tests.e2e.pods import ready
from tests.e2e.runtime import Runtime
from tests.fakes.csi_driver import Options

SAMPLES = Path("docs/samples/volumes")
PODS = sorted(SAMPLES.glob("manifests/*.yaml"))
DOCUMENTS = sorted({*SAMPLES.glob("*/*.yaml")} - {*PODS})
DISK = Path("/tmp/nodeagent-sample-disk")


@pytest.mark.parametrize("sample", PODS, ids=lambda sample: sample.stem)
def test_a_sample_pod_says_what_it_shows_and_is_without_mistakes(sample: Path) -> None:
    text = sample.read_bytes()
    assert text.startswith(b"# ")
    assert check_manifest(text, origin=sample.name, node_name="node") == ()


@pytest.mark.parametrize(
    "sample", DOCUMENTS, ids=lambda sample: f"{sample.parent.name}-{sample.stem}"
)
def test_a_sample_document_says_what_it_shows_and_is_without_mistakes(sample: Path) -> None:
    text = sample.read_bytes()
    assert text.startswith(b"# ")
    found = read_objects(text, origin=sample.name, allowed=tuple(DataKind))
    assert found.problems == ()
    assert found.objects


@pytest.fixture
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent
    shutil.rmtree(DISK, ignore_errors=True)


@pytest.fixture
def driver(agent: Agent, tmp_path: Path) -> Iterator[Driver]:
    """Stands in for the one that the samples name."""
    options = Options(name="hostpath.csi.k8s.io")
    with running_driver(agent, tmp_path / "csi", options) as driver:
        yield driver
        agent.remove("driver")
        agent.wait_gone("driver")


def test_the_samples_show_what_they_say(agent: Agent, driver: Driver) -> None:
    for folder in ("configmaps", "secrets", "volumes"):
        shutil.copytree(SAMPLES / folder, agent.root / folder)
        (agent.root / folder).chmod(0o700)
    for sample in PODS:
        agent.put(sample.name, sample.read_text())
    for sample in PODS:
        agent.wait(sample.stem, ready)
    shown = agent.sh("site", 'cat /etc/site/greeting /etc/keys/password; echo "|$SENTENCE|$MOOD|"')
    assert shown == "helloonly an example|hello, world||\n"
    assert agent.sh("handover", "cat /work/file; echo $ANSWER") == "made by init\n42\n"
    assert agent.sh("self", 'echo "$CPU_MILLI $MEMORY_MIB $NODE"; cat /etc/pod/labels') == (
        '250 32 node\ncolor="green"'
    )
    assert (DISK / "log").read_text() == "started\n"
    assert (driver.disk.volume("sample") / "log").read_text() == "started\n"
    assert agent.sh("driver", "touch /own/x && ls /own") == "x\n"
