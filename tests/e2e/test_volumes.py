"""Volumes and configuration data on the real runtime: files edited while pods run."""

import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import Agent, running_agent
from tests.e2e.objects import config_map, mount, put, secret, volume_and_claim
from tests.e2e.pods import Document, container, pod, ready, waits
from tests.e2e.runtime import Runtime, Runtimes
from tests.e2e.shown import proc_root, seconds_until, seconds_until_shown, texts

LIMIT = 0.2  # seconds from an edit to the file in the container


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def change_map(agent: Agent, name: str, **data: str) -> None:
    put(agent, config_map(name, **data))


def change_secret(agent: Agent, name: str, **data: str) -> None:
    put(agent, secret(name, **data))


def envs(*entries: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(entries)


def test_a_secret_and_a_config_map_are_files_and_variables_and_follow_their_files(
    agent: Agent,
) -> None:
    change_map(agent, "app", greeting="hello", other="kept")
    change_secret(agent, "app", password="s3cret")
    agent.write(
        pod(
            "web",
            container(
                volumeMounts=[
                    mount("conf", "/conf"),
                    mount("keys", "/keys"),
                    mount("all", "/all"),
                    mount("conf", "/one", subPath="greeting"),
                ],
                env=envs(
                    {"name": "WORD", "valueFrom": {
                        "configMapKeyRef": {"name": "app", "key": "greeting"}}},
                    {"name": "PASSWORD", "valueFrom": {
                        "secretKeyRef": {"name": "app", "key": "password"}}},
                    {"name": "BOTH", "value": "$(WORD) $(PASSWORD)"},
                    {"name": "NONE", "valueFrom": {
                        "configMapKeyRef": {"name": "absent", "key": "x", "optional": True}}},
                ),
                envFrom=[{"prefix": "C_", "configMapRef": {"name": "app"}}],
            ),
            volumes=[
                {"name": "conf", "configMap": {"name": "app"}},
                {"name": "keys", "secret": {"secretName": "app", "defaultMode": 0o400}},
                {"name": "all", "projected": {"sources": [
                    {"configMap": {"name": "app", "items": [
                        {"key": "other", "path": "deep/er/other"}]}},
                    {"secret": {"name": "app"}},
                ]}},
            ],
        )
    )  # fmt: skip
    view = agent.wait("web", ready)
    shown = agent.sh("web", "cat /conf/greeting /keys/password /all/deep/er/other /all/password "
        "/one; echo; echo $BOTH ${NONE-unset} $C_other; stat -c %a /keys/..data/password; "
        "grep ' /keys ' /proc/mounts | cut -d' ' -f3; touch /conf/x 2>&1 | head -1")  # fmt: skip
    lines = shown.splitlines()
    assert lines[0] == "hellos3cretkepts3crethello"
    assert lines[1:4] == ["hello s3cret unset kept", "400", "tmpfs"]
    assert "Read-only" in lines[4]
    root = proc_root(agent, "web")
    took = []
    for number in range(5):
        change_map(agent, "app", greeting=f"g{number}", other="kept")
        took.append(seconds_until_shown(root, {"/conf/greeting": f"g{number}"}))
        change_secret(agent, "app", password=f"p{number}")
        word = f"p{number}"
        took.append(seconds_until_shown(root, {"/keys/password": word, "/all/password": word}))
    print(f"\nseconds from edit to container: {[round(one, 3) for one in took]}")
    assert max(took) < LIMIT
    assert texts(root, "/one") == ("hello",), "a subPath mount keeps its bytes"
    after = agent.pod("web")
    assert after is not None
    assert after.containers == view.containers, "nothing was restarted"


def test_a_file_is_never_seen_half_written(agent: Agent) -> None:
    change_map(agent, "pair", a="0" * 2000, b="0" * 2000)
    agent.write(
        pod("pair", container(volumeMounts=[mount("c", "/c")]),
            volumes=[{"name": "c", "configMap": {"name": "pair"}}])
    )  # fmt: skip
    agent.wait("pair", ready)
    root = proc_root(agent, "pair")
    for digit in "123456789":
        change_map(agent, "pair", a=digit * 2000, b=digit * 2000)
        until = time.monotonic() + 0.12
        while time.monotonic() < until:
            folder = root / "c" / (root / "c/..data").readlink()
            try:
                seen = {(folder / name).read_text() for name in "ab"}
            except FileNotFoundError:
                continue  # the set just went
            assert len(seen) == 1, "two versions in one set"
            assert len(seen.pop()) == 2000
    assert texts(root, "/c/a") == ("9" * 2000,)


def test_what_is_missing_keeps_the_container_waiting_and_it_starts_once_it_is_there(
    agent: Agent,
) -> None:
    reference = {"secretKeyRef": {"name": "late", "key": "token"}}
    agent.write(
        pod("by-env", container(env=envs({"name": "T", "valueFrom": reference}))),
        pod("by-volume", container(volumeMounts=[mount("s", "/s")]),
            volumes=[{"name": "s", "secret": {"secretName": "late"}}]),
    )  # fmt: skip
    view = agent.wait("by-env", waits("CreateContainerConfigError"))
    assert 'secret "late" not found' in view.waiting_message()
    agent.until(
        lambda: any(reason == "FailedMount" for reason, _ in agent.events("by-volume")),
        what="an event",
    )
    told = dict(agent.events("by-volume"))["FailedMount"]
    assert told.startswith('MountVolume.SetUp failed for volume "s" : ')
    assert 'secret "late" not found' in told
    time.sleep(4)  # the waits have grown to seconds by now
    start = time.monotonic()
    change_secret(agent, "late", token="now")
    agent.wait("by-env", ready)
    agent.wait("by-volume", ready)
    took = time.monotonic() - start
    print(f"\nseconds from the secret to both pods ready: {took:.2f}")
    assert took < 2.5
    assert agent.sh("by-env", "echo $T; echo").strip() == "now"
    assert agent.sh("by-volume", "cat /s/token") == "now"


def test_an_init_container_hands_a_file_over_a_shared_empty_dir(agent: Agent) -> None:
    agent.write(
        pod(
            "hand",
            container(
                volumeMounts=[mount("d", "/data")],
                env=envs({"name": "MADE", "valueFrom": {"fileKeyRef": {
                    "volumeName": "d", "path": "made.env", "key": "MADE"}}}),
            ),
            initContainers=[
                container("echo from init > /data/file; echo MADE=here > /data/made.env",
                    name="first", volumeMounts=[mount("d", "/data")]),
            ],
            volumes=[{"name": "d", "emptyDir": {}}],
        )
    )  # fmt: skip
    agent.wait("hand", ready)
    assert agent.sh("hand", "cat /data/file; echo $MADE") == "from init\nhere\n"


def test_labels_and_limits_reach_the_container_and_labels_follow_edits(agent: Agent) -> None:
    def document(color: str) -> Document:
        made = pod(
            "self",
            container(
                volumeMounts=[mount("me", "/me")],
                resources={"limits": {"cpu": "250m", "memory": "32Mi"}},
                env=envs(
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {
                        "resource": "limits.cpu", "divisor": "1m"}}},
                    {"name": "MEM", "valueFrom": {"resourceFieldRef": {
                        "resource": "limits.memory", "divisor": "1Mi"}}},
                    {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ),
            ),
            labels={"color": color},
            annotations={"note": f"is {color}"},
            volumes=[{"name": "me", "downwardAPI": {"items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "note", "fieldRef": {"fieldPath": "metadata.annotations['note']"}},
                {"path": "mem", "resourceFieldRef": {
                    "containerName": "main", "resource": "limits.memory"}},
            ]}}],
        )  # fmt: skip
        made["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555"
        return made

    agent.write(document("red"))
    view = agent.wait("self", ready)
    assert agent.sh("self", "echo $CPU $MEM $NAME; cat /me/labels; echo; cat /me/mem") == (
        f'250 32 self-node\ncolor="red"\n{32 << 20}'
    )
    root = proc_root(agent, "self")
    agent.write(document("blue"))
    took = seconds_until(
        lambda: texts(root, "/me/labels", "/me/note") == ('color="blue"', "is blue")
    )
    print(f"\nseconds from a label to the container: {took:.3f}")
    assert took < LIMIT
    after = agent.pod("self")
    assert after is not None
    assert after.id_of("main") == view.id_of("main")


def test_a_claim_waits_for_its_volume_and_gets_it(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("on the node")
    agent.write(
        pod("claims", container(volumeMounts=[mount("p", "/p")]),
            volumes=[{"name": "p", "persistentVolumeClaim": {"claimName": "disk"}}])
    )  # fmt: skip
    head = {"apiVersion": "v1"}
    put(agent, {**head, "kind": "PersistentVolumeClaim", "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"],
                 "resources": {"requests": {"storage": "1Gi"}}}})  # fmt: skip
    agent.until(
        lambda: any("not bound" in message for _, message in agent.events("claims")),
        what="an event that names the claim",
    )
    put(agent, {**head, "kind": "PersistentVolume", "metadata": {"name": "pv0"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"},
                 "local": {"path": str(tmp_path)}}})  # fmt: skip
    agent.wait("claims", ready)
    assert agent.sh("claims", "cat /p/file; echo new > /p/other") == "on the node"
    agent.remove("claims")
    agent.wait_gone("claims")
    assert (tmp_path / "other").read_text() == "new\n"


def test_a_block_volume_is_a_device_in_the_container(agent: Agent, tmp_path: Path) -> None:
    device = tmp_path / "device"
    os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(1, 7))
    put(agent, *volume_and_claim("raw", {"local": {"path": str(device)}}, volumeMode="Block"))
    agent.write(
        pod("raw", container(volumeDevices=[{"name": "r", "devicePath": "/dev/raw"}]),
            volumes=[{"name": "r", "persistentVolumeClaim": {"claimName": "raw"}}])
    )  # fmt: skip
    agent.wait("raw", ready)
    assert agent.sh("raw", "test -b /dev/raw && stat -c %t:%T /dev/raw") == "1:7\n"


def test_an_agent_that_was_away_shows_what_changed_meanwhile(agent: Agent) -> None:
    change_map(agent, "away", word="before")
    agent.write(
        pod("away", container(volumeMounts=[mount("c", "/c")]),
            volumes=[{"name": "c", "configMap": {"name": "away"}}])
    )  # fmt: skip
    agent.wait("away", ready)
    root = proc_root(agent, "away")
    agent.kill()
    change_map(agent, "away", word="after")
    agent.start()
    seconds_until(lambda: texts(root, "/c/word") == ("after",))


def test_a_user_of_the_pods_group_reads_a_closed_secret(agent: Agent) -> None:
    change_secret(agent, "group", word="for the group")
    agent.write(
        pod("group", container(volumeMounts=[mount("s", "/s")]),
            securityContext={"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 4321},
            volumes=[{"name": "s", "secret": {"secretName": "group", "defaultMode": 0o400}}])
    )  # fmt: skip
    agent.wait("group", ready)
    assert agent.sh("group", "id -u; cat /s/word") == "1000\nfor the group"


def test_a_secrets_folder_that_others_can_read_is_refused_with_what_to_run(agent: Agent) -> None:
    change_secret(agent, "open", word="x")
    agent.write(
        pod("open", container(volumeMounts=[mount("c", "/c")]),
            volumes=[{"name": "c", "secret": {"secretName": "open"}}])
    )  # fmt: skip
    agent.wait("open", ready)
    folder = agent.root / "secrets"
    folder.chmod(0o755)
    words = f"run: chmod 700 {folder}"
    agent.until(lambda: agent.said(words) > 0, what="a refusal")
    change_secret(agent, "open", word="y")
    time.sleep(0.5)
    assert texts(proc_root(agent, "open"), "/c/word") == ("x",)
    folder.chmod(0o700)
    seconds_until(lambda: texts(proc_root(agent, "open"), "/c/word") == ("y",))


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"gitRepo": {"repository": "https://example.org/x"}}, "clone in an init container"),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            "serviceAccountToken",
        ),
    ],
)
def test_what_cannot_work_here_is_refused_with_advice(
    agent: Agent, volume: Document, words: str
) -> None:
    agent.write(
        pod("never", container(volumeMounts=[mount("v", "/v")]), volumes=[{"name": "v", **volume}])
    )
    view = agent.wait("never", lambda view: view.phase == "Failed")
    assert words in view.message
    agent.remove("never")
    agent.wait_gone("never")


def test_an_image_is_a_volume_where_the_runtime_can_mount_it(runtimes: Runtimes) -> None:
    volume = {"name": "i", "image": {"reference": BUSYBOX_IMAGE, "pullPolicy": "IfNotPresent"}}
    document = pod("image", container(volumeMounts=[mount("i", "/i")]), volumes=[volume])
    with running_agent(runtimes.get("forky")) as agent:
        agent.write(document)
        agent.wait("image", ready)
        assert agent.sh("image", "test -x /i/bin/busybox && touch /i/x 2>&1 || echo closed") == (
            "touch: /i/x: Read-only file system\nclosed\n"
        )


def test_an_image_volume_is_refused_by_an_older_containerd(agent: Agent) -> None:
    volume = {"name": "i", "image": {"reference": BUSYBOX_IMAGE}}
    agent.write(pod("image", container(volumeMounts=[mount("i", "/i")]), volumes=[volume]))
    view = agent.wait("image", lambda view: view.phase == "Failed")
    assert "image volumes need containerd 2.1, this node has" in view.message
    agent.remove("image")
    agent.wait_gone("image")
