"""What the cluster knows of this node's CSI drivers: the CSINode object, and words on the Node.

Source: "CSINode" page; the annotation and the labels are those of a kubelet.
"""

import json
from collections.abc import Callable, Mapping

import msgspec
import structlog
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1, storage_v1

from nodeagent.aio.bell import Bell
from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiConflict, ApiError, ApiNotFound, DriverFailed
from nodeagent.model.api import CSI_NODES, NODES, Patch, Purpose
from nodeagent.model.csi import AskDriver, CsiNodeInfo

log = structlog.get_logger()

NODE_IDS = "csi.volume.kubernetes.io/nodeid"
_MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"
# Kinds that a cluster turns into CSI volumes before a node sees them.
_PLUGINS = "aws-ebs azure-disk azure-file cinder gce-pd portworx-volume vsphere-volume".split()
SOON, PERIOD, LONGEST = 1.0, 300.0, 30.0  # seconds between looks at the objects


class CsiNode:
    """Keeps the objects as the drivers of the moment say. `node` is the Node as the API has it.

    An outage of the API delays what the cluster learns, never the drivers themselves. Entries of
    drivers that have not announced themselves since the start stay: they may be about to.
    `on_trouble` is told why the node cannot be used yet, "" once it can.
    """

    def __init__(
        self,
        api: Api,
        *,
        name: str,
        node: Callable[[], v1.Node | None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._api, self._name, self._node = api, name, node
        self._on_trouble = on_trouble
        self._here: dict[str, CsiNodeInfo] = {}
        self._ask: dict[str, AskDriver] = {}
        self._gone: set[str] = set()
        self._bell = Bell()

    @property
    def drivers(self) -> tuple[str, ...]:
        """Those that are here."""
        return tuple(sorted(self._here))

    async def add(self, driver: str, info: CsiNodeInfo, ask: AskDriver) -> None:
        """The driver is here. DriverFailed where its topology is not that of the node."""
        labels = self._labels()
        for key, value in info.topology.items():
            known = labels.get(key, value)
            if known != value:
                detail = (
                    f'detected topology value collision: it reported "{key}":"{value}" but'
                    f' existing label is "{key}":"{known}"'
                )
                raise DriverFailed(
                    op="register CSI driver", target=driver, detail=detail, final=True
                )
        self._here[driver], self._ask[driver] = info, ask
        self._gone.discard(driver)
        self._bell.ring()

    async def refresh(self, driver: str) -> None:
        """The driver's limit is as it says now; its topology is asked for once only. DriverFailed
        where it does not answer; nothing is done for one that is not here.
        """
        if (ask := self._ask.get(driver)) is None:
            return
        fresh = await ask()
        known = self._here.get(driver)
        if known is not None and known.limit != fresh.limit:
            self._here[driver] = msgspec.structs.replace(known, limit=fresh.limit)
            self._bell.ring()

    async def remove(self, driver: str) -> None:
        """The driver is gone."""
        self._here.pop(driver, None)
        self._ask.pop(driver, None)
        self._gone.add(driver)
        self._bell.ring()

    async def run(self) -> None:
        """Keep the objects, for ever."""
        self._on_trouble("CSINode is not yet initialized")
        pause, ready = SOON, False
        while True:
            try:
                done = await self._settle()
                if done and not ready:
                    ready = True
                    self._on_trouble("")
                pause = PERIOD if done else SOON
            except ApiError as error:
                log.warning("CSINode not kept", error=str(error))
                pause = min(max(2 * pause, SOON), LONGEST) if pause < PERIOD else SOON
            await self._bell.wait(at_most=pause)

    def _labels(self) -> Mapping[str, str]:
        node = self._node()
        return (node.metadata.labels if node is not None and node.metadata else None) or {}

    async def _settle(self) -> bool:
        """The objects are as they should be; False while there is no Node to belong to."""
        node = self._node()
        uid = node.metadata.uid if node is not None and node.metadata else None
        if node is None or not uid:
            return False
        found = await self._api.read(CSI_NODES, self._name, purpose=Purpose.NODE)
        if found is not None and _owner(found) not in ("", uid):
            await self._api.delete(CSI_NODES, self._name, purpose=Purpose.NODE)
            found = None
        wanted = self._wanted(found, uid)
        if found is None:
            await self._api.create(CSI_NODES, wanted, purpose=Purpose.NODE)
        elif wanted != found:
            try:
                await self._api.replace(CSI_NODES, wanted, purpose=Purpose.NODE)
            except (ApiConflict, ApiNotFound):
                self._bell.ring()
                return False
        await self._tell_node(node)
        return True

    def _wanted(self, found: storage_v1.CSINode | None, uid: str) -> storage_v1.CSINode:
        known = {one.name: one for one in (found.spec.drivers if found is not None else None) or ()}
        for driver in self._gone:
            known.pop(driver, None)
        for driver, info in self._here.items():
            known[driver] = _entry(driver, info)
        spec = storage_v1.CSINodeSpec(drivers=[known[name] for name in sorted(known)])
        owner = meta_v1.OwnerReference(apiVersion="v1", kind="Node", name=self._name, uid=uid)
        meta = meta_v1.ObjectMeta(name=self._name)
        if found is not None and found.metadata is not None:
            meta = found.metadata
        plugins = ",".join(f"kubernetes.io/{one}" for one in _PLUGINS)
        annotations = {**(meta.annotations or {}), _MIGRATED: plugins}
        meta = msgspec.structs.replace(meta, annotations=annotations, ownerReferences=[owner])
        if found is None:
            return storage_v1.CSINode(metadata=meta, spec=spec)
        return msgspec.structs.replace(found, metadata=meta, spec=spec)

    async def _tell_node(self, node: v1.Node) -> None:
        """The Node's annotation and labels; those of a driver that went stay there."""
        meta = node.metadata or meta_v1.ObjectMeta()
        before = _node_ids(meta)
        ids = {name: value for name, value in before.items() if name not in self._gone}
        ids |= {driver: info.node_id for driver, info in self._here.items()}
        labels = {k: v for info in self._here.values() for k, v in info.topology.items()}
        missing = {k: v for k, v in labels.items() if (meta.labels or {}).get(k) != v}
        if ids == before and not missing:
            return
        text = json.dumps(ids, sort_keys=True, separators=(",", ":")) if ids else None
        patch = {"metadata": {"annotations": {NODE_IDS: text}, "labels": missing}}
        await self._api.patch(NODES, self._name, patch, purpose=Purpose.NODE, how=Patch.MERGE)


def _entry(driver: str, info: CsiNodeInfo) -> storage_v1.CSINodeDriver:
    limit = storage_v1.VolumeNodeResources(count=info.limit) if info.limit else None
    return storage_v1.CSINodeDriver(
        name=driver,
        nodeID=info.node_id,
        topologyKeys=sorted(info.topology) or None,
        allocatable=limit,
    )


def _owner(found: storage_v1.CSINode) -> str:
    owners = (found.metadata.ownerReferences if found.metadata else None) or ()
    return next((one.uid for one in owners if one.kind == "Node"), "")


def _node_ids(meta: meta_v1.ObjectMeta) -> dict[str, str]:
    text = (meta.annotations or {}).get(NODE_IDS) or "{}"
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}
