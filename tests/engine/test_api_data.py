"""Objects of the API that pods use: followed one by one, kept while the server is away."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.api_objects import Kept, kept
from nodeagent.engine.api_classes import ApiClasses
from nodeagent.engine.api_data import ApiData
from nodeagent.engine.api_services import ApiServices
from nodeagent.engine.joined_data import JoinedData
from nodeagent.errors import SourceUnknown
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import ConfigMap, CsiDriver, DataKey, DataKind, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.settings.names import ChangeDetection
from tests.apiserver.kinds import kind_at
from tests.fakes.api import FakeApi
from tests.fakes.host import FakeData
from tests.fakes.node import until
from tests.fakes.pods import a_container, a_pod, an_api_pod

pytestmark = pytest.mark.looptime
CONFIG = DataKey(DataKind.CONFIG_MAP, "default", "app")
MERGE = "application/merge-patch+json"


def using(name: str = "app", *, uid: str = "u1", **spec: Any) -> DesiredPod:
    """A pod of the API that has a config map in its environment."""
    source = v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name=name))
    return an_api_pod(a_container(envFrom=[source]), uid=uid, **spec)


class Followed:
    """The sources over an API server in memory; who was rung, and what was to be kept."""

    def __init__(self, strategy: ChangeDetection = ChangeDetection.WATCH) -> None:
        self.api = FakeApi()
        self.rung: list[PodUid] = []
        self.to_keep: list[DataKey] = []
        connected = lambda: not self.api.down  # noqa: E731
        self.data = ApiData(
            self.api,
            strategy=strategy,
            connected=connected,
            on_change=self.rung.extend,
            on_kept=self.to_keep.append,
        )
        self.services = ApiServices(self.api, connected=connected, on_change=self.rung.extend)

    def put(self, plural: str, name: str, namespace: str = "default", **fields: Any) -> None:
        """Create the object, or merge the fields into it."""
        kind = kind_at(plural, "node.k8s.io" if plural == "runtimeclasses" else "", "v1")
        assert kind is not None
        if self.api.store.find(kind, name, namespace) is not None:
            self.api.store.patch(kind, name, fields, namespace, how=MERGE, subresource="")
            return
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        document = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
        self.api.store.create(kind, {**document, **fields}, namespace)

    def watches(self, plural: str = "configmaps") -> int:
        return len(self.api.requests("watch", plural))


@asynccontextmanager
async def following(strategy: ChangeDetection = ChangeDetection.WATCH) -> AsyncIterator[Followed]:
    followed = Followed(strategy)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(followed.data.run())]
        tasks.append(group.create_task(followed.services.run()))
        await asyncio.sleep(0)
        yield followed
        for task in tasks:
            task.cancel()


async def test_a_pod_finds_the_object_and_hears_of_its_change() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        first = node.data.follow(using())
        found = await node.data.config_map("default", "app")
        assert found == ConfigMap(namespace="default", name="app", data={"a": "1"})
        node.rung.clear()
        node.put("configmaps", "app", data={"a": "2"})
        await until(lambda: node.rung == ["u1"])
        second = await node.data.config_map("default", "app")
        assert second is not None
        assert second.data == {"a": "2"}
        assert node.data.follow(using()) != first


async def test_a_change_beside_the_content_rings_nobody() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        version = node.data.follow(using())
        await node.data.config_map("default", "app")
        version = node.data.follow(using())
        node.rung.clear()
        node.put("configmaps", "app", metadata={"labels": {"x": "y"}})
        await asyncio.sleep(5)
        assert node.rung == []
        assert node.data.follow(using()) == version


async def test_what_is_not_there_is_told_and_so_is_its_coming() -> None:
    async with following() as node:
        node.data.follow(using())
        assert await node.data.config_map("default", "app") is None
        node.rung.clear()
        node.put("configmaps", "app", data={"a": "1"})
        await until(lambda: node.rung == ["u1"])
        assert await node.data.config_map("default", "app") is not None


async def test_one_watch_serves_all_pods_and_ends_with_the_last() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        node.data.follow(using(uid="u1"))
        node.data.follow(using(uid="u2"))
        await node.data.config_map("default", "app")
        assert node.watches() == 1
        node.data.forget(PodUid("u1"))
        node.put("configmaps", "app", data={"a": "2"})
        await until(lambda: node.rung[-1:] == ["u2"])
        node.data.forget(PodUid("u2"))
        node.data.forget(PodUid("u2"))
        node.rung.clear()
        node.put("configmaps", "app", data={"a": "3"})
        await asyncio.sleep(5)
        assert (node.rung, node.data.used) == ([], frozenset())
        assert node.to_keep[-1] == CONFIG
        assert node.data.to_keep(CONFIG) is None


async def test_an_immutable_object_is_watched_no_longer() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"}, immutable=True)
        node.data.follow(using())
        assert await node.data.config_map("default", "app") is not None
        node.api.down = True
        node.api.down = False
        await asyncio.sleep(30)
        assert node.watches() == 1


async def test_a_403_right_after_binding_is_asked_again_soon() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        node.api.fail(403, times=2, plural="configmaps")
        node.data.follow(using())
        started = asyncio.get_running_loop().time()
        assert await node.data.config_map("default", "app") is not None
        assert asyncio.get_running_loop().time() - started < 1.0


async def test_a_lasting_403_is_told_in_the_servers_words_and_ends_by_itself() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        fault = node.api.fail(403, times=10_000, plural="configmaps")
        node.data.follow(using())
        with pytest.raises(SourceUnknown, match="failed to sync configmap cache: answered 403"):
            await node.data.config_map("default", "app")
        fault.times = 0
        await until(lambda: "u1" in node.rung)
        assert await node.data.config_map("default", "app") is not None


async def test_while_the_server_is_away_what_it_told_last_holds() -> None:
    async with following() as node:
        node.put("configmaps", "app", data={"a": "1"})
        node.data.follow(using())
        await node.data.config_map("default", "app")
        node.api.down = True
        await asyncio.sleep(3600)
        assert await node.data.config_map("default", "app") is not None
        node.data.follow(using("other", uid="u2"))
        with pytest.raises(SourceUnknown, match="timed out waiting for the condition"):
            await node.data.config_map("default", "other")


async def test_what_an_earlier_run_knew_is_there_at_once_without_a_server() -> None:
    async with following() as node:
        node.api.down = True
        old = ConfigMap(namespace="default", name="app", data={"a": "0"})
        node.data.restore([kept(CONFIG, old, "uid/1")])
        started = asyncio.get_running_loop().time()
        node.data.follow(using())
        assert await node.data.config_map("default", "app") == old
        assert asyncio.get_running_loop().time() == started
        assert node.data.to_keep(CONFIG) == kept(CONFIG, old, "uid/1")
        node.put("configmaps", "app", data={"a": "1"})
        node.api.down = False
        await until(lambda: node.rung == ["u1"])


async def test_a_claim_is_looked_at_until_it_is_bound_and_brings_its_volume() -> None:
    volume = v1.Volume(
        name="data",
        persistentVolumeClaim=v1.PersistentVolumeClaimVolumeSource(claimName="data"),
    )
    mount = v1.VolumeMount(name="data", mountPath="/data")
    pod = an_api_pod(a_container(volumeMounts=[mount]), volumes=[volume])
    async with following() as node:
        node.put("persistentvolumes", "pv1", "", spec={"hostPath": {"path": "/srv"}})
        spec = {"volumeName": "pv1", "accessModes": ["ReadWriteOnce"]}
        node.put("persistentvolumeclaims", "data", spec=spec)
        node.data.follow(pod)
        found = await node.data.claim("default", "data")
        version = node.data.follow(pod)
        assert found is not None
        assert (found.volume, found.why) == ("", "it is Pending")
        bind(node)
        await until(lambda: node.data.follow(pod) != version)
        bound = await node.data.claim("default", "data")
        assert bound is not None
        assert bound.volume == "pv1"
        there = await node.data.volume("pv1")
        assert there is not None
        assert DataKey(DataKind.VOLUME, "", "pv1") in node.data.used


async def test_secrets_that_only_a_volume_names_are_followed_and_kept_with_it() -> None:
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="data")
    mount = v1.VolumeMount(name="data", mountPath="/data")
    volume = v1.Volume(name="data", persistentVolumeClaim=claim)
    pod = an_api_pod(a_container(volumeMounts=[mount]), volumes=[volume])
    csi = {
        "driver": "d",
        "volumeHandle": "h",
        "nodeStageSecretRef": {"name": "stage", "namespace": "kube-system"},
        "nodePublishSecretRef": {"name": "publish", "namespace": "kube-system"},
        "nodeExpandSecretRef": {"name": "grow", "namespace": "kube-system"},
    }
    named = {DataKey(DataKind.SECRET, "kube-system", name) for name in ("stage", "publish", "grow")}
    async with following() as node:
        node.put("persistentvolumes", "pv1", "", spec={"csi": csi})
        for key in named:
            node.put("secrets", key.name, "kube-system", data={"k": "aGFpbA=="})
        spec = {"volumeName": "pv1", "accessModes": ["ReadWriteOnce"]}
        node.put("persistentvolumeclaims", "data", spec=spec)
        bind(node)
        node.data.follow(pod)
        await until(lambda: named <= node.data.used)
        await until(lambda: named <= set(node.to_keep))
        told = [node.data.to_keep(key) for key in node.data.used]
    async with following() as node:
        node.api.down = True
        node.data.restore([one for one in told if one is not None])
        node.data.follow(pod)
        for key in named:
            found = await node.data.secret(key.namespace, key.name)
            assert found is not None
            assert found.data == {"k": b"hail"}
        node.data.forget(pod.uid)
        assert node.data.used == frozenset()


def bind(node: Followed) -> None:
    kind = kind_at("persistentvolumeclaims", "", "v1")
    assert kind is not None
    status = {"status": {"phase": "Bound"}}
    node.api.store.patch(kind, "data", status, "default", how=MERGE, subresource="status")


async def test_get_reads_anew_for_every_use() -> None:
    async with following(ChangeDetection.GET) as node:
        node.put("configmaps", "app", data={"a": "1"})
        node.data.follow(using())
        await node.data.config_map("default", "app")
        node.put("configmaps", "app", data={"a": "2"})
        found = await node.data.config_map("default", "app")
        assert found is not None
        assert (found.data, node.watches()) == ({"a": "2"}, 0)
        node.api.down = True
        assert await node.data.config_map("default", "app") == found


async def test_cache_reads_once_a_minute() -> None:
    async with following(ChangeDetection.CACHE) as node:
        node.put("configmaps", "app", data={"a": "1"})
        node.data.follow(using())
        await node.data.config_map("default", "app")
        await asyncio.sleep(300)
        assert 5 <= len(node.api.requests("get", "configmaps")) <= 7
        assert node.watches() == 0


async def test_a_pull_secret_is_followed_with_its_pod_and_decoded() -> None:
    reference = v1.LocalObjectReference(name="pull")
    async with following() as node:
        node.put("secrets", "pull", data={"k": base64.b64encode(b"v").decode(), "bad": "?"})
        node.data.follow(an_api_pod(imagePullSecrets=[reference]))
        found = await node.data.secret("default", "pull")
        assert found == Secret(namespace="default", name="pull", data={"k": b"v"})
        assert node.watches("secrets") == 1


async def test_an_object_no_pod_refers_to_is_asked_for_each_time() -> None:
    async with following() as node:
        node.put("secrets", "csi", data={})
        assert await node.data.secret("default", "csi") is not None
        assert await node.data.secret("default", "none") is None
        assert node.watches("secrets") == 0
        node.api.down = True
        with pytest.raises(SourceUnknown, match="failed to sync secret cache"):
            await node.data.secret("default", "csi")


async def test_services_are_those_of_the_namespace_and_of_default() -> None:
    async with following() as node:
        for name, namespace in (("kubernetes", "default"), ("db", "shop"), ("x", "other")):
            if namespace != "default":
                node.put("namespaces", namespace, "")
            spec = {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "name": "web"}]}
            node.put("services", name, namespace, spec=spec)
        pod = a_pod()
        node.services.follow(pod)
        found = await node.services.services("default")
        assert found is not None
        assert [one.metadata.name for one in found if one.metadata] == ["kubernetes"]
        assert found[0].spec == v1.ServiceSpec(
            clusterIP="10.0.0.1", ports=[v1.ServicePort(port=80, name="web", protocol="TCP")]
        )
        node.services.forget(pod.uid)
        assert node.services.used == frozenset()


async def test_services_that_were_never_read_are_told_as_such() -> None:
    async with following() as node:
        node.api.down = True
        node.services.follow(using())
        assert await node.services.services("default") is None
        node.api.down = False
        await until(lambda: node.rung == ["u1"])
        assert await node.services.services("default") == ()


async def test_services_of_an_earlier_run_stand_in() -> None:
    async with following() as node:
        node.api.down = True
        node.services.restore([Kept(home="default", services=())])
        node.services.follow(using())
        assert await node.services.services("default") == ()


async def test_runtime_classes_are_handlers_by_name() -> None:
    told: list[dict[str, str]] = []
    node = Followed()
    classes = ApiClasses(node.api, on_change=lambda handlers: told.append(dict(handlers)))
    classes.restore([Kept(classes={"old": "runc"})])
    node.put("runtimeclasses", "kata", "", handler="kata-v2")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(classes.run())
        await until(lambda: len(told) == 2)
        task.cancel()
    assert told == [{"old": "runc"}, {"kata": "kata-v2"}]


class LocalFiles(FakeData):
    """Files of the node, and who uses them."""

    async def csi_driver(self, name: str) -> CsiDriver | None:
        return CsiDriver(name=name, rules=CsiDriverRules())

    def uses(self, key: DataKey) -> bool:
        return any(key in keys for keys in self.followed.values())


async def test_static_pods_have_the_nodes_files_and_pods_of_the_api_never() -> None:
    async with following() as node:
        local = LocalFiles()
        local.put(ConfigMap(namespace="default", name="app", data={"from": "file"}))
        joined = JoinedData(node.data, node.services, local)
        source = v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="app"))
        static = a_pod(a_container(envFrom=[source]), uid="static")
        joined.follow(static)
        found = await joined.config_map("default", "app")
        assert found is not None
        assert found.data == {"from": "file"}
        assert await joined.csi_driver("disks") is not None
        joined.follow(using())
        assert await joined.config_map("default", "app") is None
        joined.forget(PodUid("u1"))
        joined.forget(static.uid)
        assert await joined.config_map("default", "app") is None
