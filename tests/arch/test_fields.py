"""The table of supported fields: complete, fresh on its page, and true of the code."""

import re
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.support import KUBELET_CONFIGURATION, POD, Support
from nodeagent.engine.tokens import Tokens
from nodeagent.model.node import NodeFacts
from nodeagent.settings import NodeIdentity, Settings
from nodeagent.settings.kubelet import KubeletConfiguration, spell
from nodeagent.storage import Membership, Storage
from tests.fakes.api import FakeApi
from tests.fakes.host import FakeData, FakeRecorder
from tests.fakes.pods import a_container, a_pod
from tests.fakes.probes import LoopClock
from tools import fields_page

PACKAGE = Path(__file__).parents[2] / "nodeagent"
# What only reads, checks, shows or explains fields, and acts by none of them.
TALK = (
    "core/support.py",
    "core/validation",
    "core/defaults.py",
    "core/doctor",
    "cli/",
    "core/table",
)
SETTINGS = ("kubelet.py", "validate.py", "load.py", "names.py", "show.py", "flag_table.py")


def sources(*skipped: str) -> str:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if "/pb/" not in name and not name.startswith(skipped):
            found.append(path.read_text())
    return "\n".join(found)


def type_of(name: str) -> type[msgspec.Struct]:
    found: type[msgspec.Struct] = getattr(v1, name, None) or getattr(meta_v1, name)
    return found


def test_the_page_is_fresh() -> None:
    assert fields_page.PAGE.read_text() == fields_page.page(), "run python -m tools.fields_page"


@pytest.mark.parametrize("kind", POD)
def test_every_field_of_a_type_has_its_place(kind: str) -> None:
    assert POD[kind].names == set(type_of(kind).__struct_fields__)


def test_every_field_of_the_configuration_has_its_place() -> None:
    fields = {spell(name) for name in KubeletConfiguration.__struct_fields__}
    assert KUBELET_CONFIGURATION.names == fields


@pytest.mark.parametrize("support", [*POD.values(), KUBELET_CONFIGURATION], ids=[*POD, "kubelet"])
def test_no_field_has_two_places(support: Support) -> None:
    count = len(support.honoured) + len(support.without_effect) + len(support.refused)
    assert count == len(support.names)
    assert set(support.notes) <= set(support.honoured)


def test_the_configuration_table_is_true() -> None:
    """Read is what is taken from the configuration anywhere but where it is made and checked."""
    code = sources(*TALK, *(f"settings/{name}" for name in SETTINGS))
    read = {
        spell(name)
        for name in KubeletConfiguration.__struct_fields__
        if re.search(rf"\b(?:kubelet|config)\.{name}\b", code)
    }
    read.add("mergeDefaultEvictionSettings")  # goes into evictionHard while it is loaded
    assert set(KUBELET_CONFIGURATION.honoured) == read


@pytest.mark.parametrize("kind", POD)
def test_the_pod_table_is_true(kind: str) -> None:
    """Each honoured field is read somewhere; of the others only those that share their name."""
    code = sources(*TALK, "core/containers.py", "core/manifest")
    shared = {name for other, support in POD.items() if other != kind for name in support.honoured}
    for name in POD[kind].honoured:
        whole = code + sources() if kind in ("Volume", "ObjectMeta") else code
        assert re.search(rf"\.{name}\b", whole), f"{kind}.{name} is honoured and never read"
    for name in {*POD[kind].without_effect, *POD[kind].refused} - shared - FOREIGN:
        assert not re.search(rf"\.{name}\b", code), f"{kind}.{name} has no effect and is read"


# Read of other types than those of pods, or where a thing is not of a manifest.
FOREIGN = {
    "claims",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "ownerReferences",
    "resourceClaims",
    "managedFields",
    "ephemeralContainers",
    "mode",
    "csi",
    "finalizers",
}


@pytest.mark.parametrize("kind", sorted(POD["Volume"].names - {"name"}))
def test_a_kind_of_volume_is_refused_where_the_table_says_so(kind: str) -> None:
    (note,) = (f.type for f in msgspec.structs.fields(v1.Volume) if f.name == kind)
    source_type = note.__args__[0]
    needed = {f.name: "http://x" for f in msgspec.structs.fields(source_type) if f.required}
    volume = v1.Volume(name="data", **{kind: source_type(**needed)})
    web = a_container(volumeMounts=[v1.VolumeMount(name="data", mountPath="/data")])
    facts = NodeFacts(
        name="n1", runtime_name="containerd", runtime_version="2.2.0", allocatable={"memory": 1}
    )
    gates = KubeletConfiguration(feature_gates={"GitRepoVolumeDriver": True})
    threads = Threads()
    try:
        storage = Storage(
            Settings(node=NodeIdentity(name="n1"), kubelet=gates),
            threads,
            FakeData(),
            FakeRecorder(),
            Inotify(),
            node=lambda: facts,
            member=Membership(
                api=FakeApi(),
                clock=LoopClock(),
                node=lambda: None,
                in_use=lambda _: None,
                trouble=lambda _: None,
                tokens=Tokens(FakeApi(), LoopClock()),
            ),
        )
        refusal = storage.registry.unsupported(a_pod(web, volumes=[volume]))
    finally:
        threads.close()
    assert bool(refusal) == (kind in POD["Volume"].refused), refusal
