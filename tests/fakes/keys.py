"""Credentials of the node, and the memory of pulls, in dicts."""

from nodeagent.core.credentials import Wallet
from nodeagent.model.credentials import Credential, PulledRecord
from nodeagent.model.ids import ImageRef


class FakeKeys:
    """Implements `NodeKeys`: `wallet` for the docker configuration, `plugin` for every image."""

    def __init__(self) -> None:
        self.wallet = Wallet()
        self.plugin: tuple[Credential, ...] = ()

    async def configured(self) -> Wallet:
        return self.wallet

    async def provided(self, image: str) -> tuple[Credential, ...]:
        return self.plugin


class FakePullFiles:
    """Implements `PullFiles`; it outlives an agent, as a disk does."""

    def __init__(self) -> None:
        self.records: dict[ImageRef, PulledRecord] = {}
        self.intents: set[str] = set()

    async def load(self) -> tuple[tuple[PulledRecord, ...], frozenset[str]]:
        return tuple(self.records.values()), frozenset(self.intents)

    async def intend(self, image: str) -> None:
        self.intents.add(image)

    async def unintend(self, image: str) -> None:
        self.intents.discard(image)

    async def save(self, record: PulledRecord) -> None:
        self.records[record.ref] = record

    async def forget(self, ref: ImageRef) -> None:
        self.records.pop(ref, None)
