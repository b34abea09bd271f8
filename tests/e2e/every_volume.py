"""Pods with every kind of volume that there is, and what must never be lost or left of them."""

import subprocess
from pathlib import Path

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import NODE
from tests.e2e.csi import Driver
from tests.e2e.member import Member
from tests.e2e.objects import config_map, mount, mounts_of, secret, volume_and_claim
from tests.e2e.pods import IDLE, Document, container, pod
from tests.fakes.csi_driver import NAME

KEPT = "kept"
_SHOW = (
    "cat /map/word /key/word /me/name /all/word /all/secret /part /host/file /claim-host/file"
    " /claim-local/file /inner/file; test -s /all/token && test -x /image/bin/busybox"
    " && touch /disk/x /memory/x /csi/x /inline/x /generic/x"
)


class EveryVolume:
    """The volumes' sources on the node and in the API, and pods that use them all.

    The first pod has the block volume too, for that has one user at a time. Each pod mounts a
    folder of the host inside its own emptyDir: a clean-up that went below a mount would empty it.
    """

    def __init__(self, member: Member, driver: Driver, top: Path, *, pods: int) -> None:
        self._member, self._driver, self._top = member, driver, top
        self.names = tuple(f"every-{number}" for number in range(pods))
        for name in ("host", "claim-host", "claim-local"):
            (top / name).mkdir()
            (top / name / "file").write_text(KEPT)
        rules = {"attachRequired": False, "volumeLifecycleModes": ["Persistent", "Ephemeral"]}
        member.cluster.put(
            {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": NAME},
             "spec": rules},
            *self._bound("claim-host", {"hostPath": {"path": str(top / "claim-host")}}),
            *self._bound("claim-local", {"local": {"path": str(top / "claim-local")}}),
            *self._bound("csi", _of_driver("files")),
            *self._bound("raw", _of_driver("raw"), volumeMode="Block"),
        )  # fmt: skip
        member.apply(config_map("words", word="a"), secret("keys", word="b", secret="c"))
        self.before = mounts_of(member)

    def create(self) -> None:
        """The pods are in the API, and claims for their ephemeral volumes, which need their uid."""
        self._member.apply(*(self._pod(name) for name in self.names))
        for name in self.names:
            made = self._member.api_pod(name)
            assert made is not None
            owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "controller": True}
            volume, claim = self._bound(f"{name}-generic", _of_driver(f"generic-{name}"))
            claim["metadata"]["ownerReferences"] = [{**owner, "uid": made["metadata"]["uid"]}]
            self._member.cluster.put(volume, claim)

    def delete(self) -> None:
        """As a user does, who does not wait."""
        self._member.kubectl("delete", "pod", *self.names, "--wait=false")

    def check_shown(self) -> None:
        """Every volume of every pod shows what it should, and can be written where it should."""
        for name in self.names:
            self._member.wait_phase(name, within=60)
            shown = self._member.sh(name, _SHOW)
            assert shown == f"ab{name}aca{KEPT * 4}", shown
        assert self._member.sh(self.names[0], "head -c5 /dev/raw") == "block"

    def check_kept(self) -> None:
        """Whatever the pods were given of the node is as it was."""
        for name in ("host", "claim-host", "claim-local"):
            assert (self._top / name / "file").read_text() == KEPT, name
            assert [one.name for one in (self._top / name).iterdir()] == ["file"], name
        files = self._driver.disk.volume("files")
        assert not files.exists() or [one.name for one in files.iterdir()] in ([], ["x"])

    def check_gone(self) -> None:
        """No pod is left, no mount, no device, no record of a volume; and all else is kept."""
        self._member.wait_gone(*self.names, within=60)
        self._member.until(
            lambda: not any(self._member.api_pod(name) for name in self.names),
            what="the end of the objects",
        )
        assert mounts_of(self._member) == self.before
        assert [*(self._member.state / "pods").iterdir()] == []
        assert [*(self._member.state / "plugins").rglob("vol_data.json")] == []
        raw = self._driver.disk.volume("raw")
        assert subprocess.check_output(["losetup", "-j", str(raw)]) == b""
        self.check_kept()

    def _bound(self, name: str, source: Document, **fields: str) -> tuple[Document, Document]:
        volume, claim = volume_and_claim(name, source, **fields)
        claim["metadata"]["namespace"] = "default"
        claim["status"] = {"phase": "Bound", "capacity": {"storage": "1Mi"}}
        return volume, claim

    def _pod(self, name: str) -> Document:
        sources: dict[str, Document] = {
            "disk": {"emptyDir": {}},
            "memory": {"emptyDir": {"medium": "Memory"}},
            "host": {"hostPath": {"path": str(self._top / "host"), "type": "Directory"}},
            "map": {"configMap": {"name": "words"}},
            "key": {"secret": {"secretName": "keys"}},
            "me": {"downwardAPI": {"items": [_NAME]}},
            "all": {"projected": {"sources": [
                {"configMap": {"name": "words"}},
                {"secret": {"name": "keys", "items": [{"key": "secret", "path": "secret"}]}},
                {"downwardAPI": {"items": [_NAME]}},
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            ]}},
            **{one: {"persistentVolumeClaim": {"claimName": one}}
               for one in ("claim-host", "claim-local", "csi")},
            "inline": {"csi": {"driver": NAME}},
            "generic": {"ephemeral": {"volumeClaimTemplate": {"spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}}}}}},
            "image": {"image": {"reference": BUSYBOX_IMAGE, "pullPolicy": "IfNotPresent"}},
        }  # fmt: skip
        mounts = [mount(one, f"/{one}") for one in sources if one not in ("disk", "host")]
        mounts += [
            mount("disk", "/disk", mountPropagation="Bidirectional"),
            mount("host", "/host", mountPropagation="HostToContainer"),
            mount("map", "/part", subPath="word"),
        ]
        more: Document = {}
        if name == self.names[0]:
            sources["raw"] = {"persistentVolumeClaim": {"claimName": "raw"}}
            more = {"volumeDevices": [{"name": "raw", "devicePath": "/dev/raw"}]}
        inside = (
            "mkdir -p /disk/inner && mount --bind /host /disk/inner && ln -s /disk/inner /inner"
        )
        main = container(
            f"{inside}; {IDLE}",
            volumeMounts=mounts,
            securityContext={"privileged": True},
            readinessProbe={"exec": {"command": ["test", "-f", "/inner/file"]}, "periodSeconds": 1},
            **more,
        )
        volumes = [{"name": one, **source} for one, source in sources.items()]
        return pod(name, main, volumes=volumes, nodeName=NODE, terminationGracePeriodSeconds=1)


_NAME: Document = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}


def _of_driver(handle: str) -> Document:
    return {"csi": {"driver": NAME, "volumeHandle": handle, "fsType": "ext4"}}
