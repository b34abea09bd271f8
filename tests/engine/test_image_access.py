"""Credentials in a whole engine: which are tried, who gets an image, what is remembered."""

import asyncio
import json

import msgspec
import pytest

from nodeagent.core.credentials import read_config
from nodeagent.model.data import Secret
from nodeagent.model.desired import DesiredPod
from tests.fakes.node import Machine, running
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime
IMAGE = "r.io/team/app:1"
REFUSED = ("ErrImagePull", "ImagePullBackOff")


def docker(**users: str) -> bytes:
    """A config.json with one user for each registry."""
    auths = {key.replace("_", "/"): {"username": u, "password": "p"} for key, u in users.items()}
    return json.dumps({"auths": auths}).encode()


def locked(*users: str) -> Machine:
    machine = Machine()
    machine.runtime.registry.add(IMAGE)
    machine.runtime.locked[IMAGE] = set(users)
    return machine


def give(machine: Machine, name: str, user: str) -> None:
    """A secret with that user's credential."""
    data = {".dockerconfigjson": docker(**{"r.io": user})}
    kind = "kubernetes.io/dockerconfigjson"
    machine.data.put(Secret(namespace="default", name=name, type=kind, data=data))


def pod(uid: str, *secrets: str, policy: str = "IfNotPresent") -> DesiredPod:
    made = a_pod(a_container("web", image=IMAGE, imagePullPolicy=policy), uid=uid, name=uid)
    references = [{"name": name} for name in secrets]
    spec = msgspec.convert(
        {**msgspec.to_builtins(made.spec), "imagePullSecrets": references}, type(made.spec)
    )
    document = msgspec.structs.replace(made.pod, spec=spec)
    return msgspec.structs.replace(made, pod=document)


async def test_a_pods_secret_opens_the_registry() -> None:
    machine = locked("alice")
    give(machine, "key", "alice")
    async with running(pod("u1", "key"), pod("u2"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.is_running(uid="u1")
        assert node.waiting(uid="u2") in REFUSED


async def test_every_matching_credential_is_tried_in_order() -> None:
    machine = locked("carol")
    give(machine, "a", "alice")
    machine.keys.wallet = read_config(docker(r_io="no", **{"r.io": "bob"}), legacy=False)
    machine.keys.plugin = read_config(docker(**{"r.io": "carol"}), legacy=False).credentials
    async with running(pod("u1", "a"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.is_running(uid="u1")
        assert node.runtime.count("pull_image") == 3


async def test_an_image_that_a_secret_opened_is_not_for_pods_without_it() -> None:
    machine = locked("alice")
    give(machine, "key", "alice")
    async with running(pod("u1", "key"), machine=machine) as node:
        await asyncio.sleep(3)
        node.want(pod("u2"), pod("u3", policy="Never"), pod("u4", "key"))
        await asyncio.sleep(3)
        assert node.waiting(uid="u2") in REFUSED
        assert node.waiting(uid="u3") == "ErrImageNeverPull"
        assert node.is_running(uid="u4")


async def test_who_opened_an_image_is_known_to_the_next_agent() -> None:
    machine = locked("alice")
    give(machine, "key", "alice")
    async with running(pod("u1", "key"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.is_running(uid="u1")
    assert not machine.pull_files.intents
    async with running(pod("u2"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.waiting(uid="u2") in REFUSED


async def test_an_image_of_an_interrupted_pull_is_not_taken_for_a_preloaded_one() -> None:
    machine = locked("alice")
    await machine.runtime.pull_image(
        IMAGE,
        annotations={},
        credential=read_config(docker(**{"r.io": "alice"}), legacy=False).credentials[0],
    )
    machine.pull_files.intents.add(IMAGE)
    async with running(pod("u2"), machine=machine) as node:
        await asyncio.sleep(60)
        assert node.waiting(uid="u2") in REFUSED


async def test_a_pull_that_the_runtime_broke_off_may_have_worked_and_opens_nothing() -> None:
    machine = locked("alice")
    give(machine, "key", "alice")
    machine.runtime.fail["pull_image"] = lambda _: True
    async with running(pod("u1", "key"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.waiting(uid="u1") in REFUSED
        machine.runtime.fail.clear()
        node.unwant()
        credential = read_config(docker(**{"r.io": "alice"}), legacy=False).credentials[0]
        await machine.runtime.pull_image(IMAGE, annotations={}, credential=credential)
        node.want(pod("u2"))
        await asyncio.sleep(60)
        assert node.waiting(uid="u2") in REFUSED
    assert machine.pull_files.intents == {IMAGE}


async def test_a_preloaded_image_is_for_everyone() -> None:
    machine = locked("alice")
    credential = read_config(docker(**{"r.io": "alice"}), legacy=False).credentials[0]
    await machine.runtime.pull_image(IMAGE, annotations={}, credential=credential)
    async with running(pod("u2"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.is_running(uid="u2")


async def test_pods_with_different_credentials_do_not_share_a_pull() -> None:
    machine = locked("alice")
    machine.runtime.pull_takes = 30.0
    give(machine, "good", "alice")
    give(machine, "bad", "mallory")
    async with running(pod("u1", "good"), pod("u2", "bad"), machine=machine) as node:
        await asyncio.sleep(32)
        assert node.is_running(uid="u1")
        assert node.waiting(uid="u2") in REFUSED


async def test_a_missing_secret_is_told_and_the_pull_is_tried_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = Machine()
    machine.runtime.registry.add(IMAGE)
    async with running(pod("u1", "nowhere"), machine=machine) as node:
        await asyncio.sleep(3)
        assert node.is_running(uid="u1")
    told = capsys.readouterr()
    assert "there is no such secret" in told.out + told.err


async def test_a_pull_beyond_the_parallel_ones_shows_that_it_waits_for_its_turn() -> None:
    machine = Machine()
    machine.runtime.pull_takes = 30.0
    names = [f"r.io/app{number}:1" for number in range(5)]
    machine.runtime.registry.update(names)
    pods = [
        a_pod(a_container("web", image=name), uid=f"u{number}", name=f"p{number}")
        for number, name in enumerate(names)
    ]
    async with running(*pods, machine=machine) as node:
        await asyncio.sleep(5)
        queued = [node.pulls.of(pod.uid)["web"].queued for pod in pods]
        assert sorted(queued) == [False] * 4 + [True]
        late = pods[queued.index(True)].uid
        assert node.memory(late).images["web"].queued, "the pod's memory, which why reads, has it"
        await asyncio.sleep(30)
        assert not node.pulls.of(late)["web"].queued
        await asyncio.sleep(30)
        assert all(node.is_running(uid=pod.uid) for pod in pods)
