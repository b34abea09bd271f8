"""Which credentials a pod has for an image, and which images on the node it may use."""

from collections.abc import Callable

from nodeagent.core.credentials import matching, read_secret
from nodeagent.core.image_access import AccessRules, is_open, may_use, needs_check, opened
from nodeagent.engine.ports import Clock, DataSource
from nodeagent.engine.upkeep_ports import NodeKeys, PullFiles
from nodeagent.errors import AgentError, SourceUnknown
from nodeagent.logs import get_logger
from nodeagent.model.credentials import Credential, PulledRecord
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ImageRef

log = get_logger()


class ImageAccess:
    """Owns what is remembered of pulls. The same trouble with a credential is told once.

    `checked` hears how each look at a pod's right to an image ended, in a kubelet's words.
    """

    def __init__(
        self,
        *,
        data: Callable[[], DataSource],
        keys: NodeKeys,
        files: PullFiles,
        clock: Clock,
        rules: AccessRules,
        checked: Callable[[str], None],
    ) -> None:
        self._data, self._keys, self._files = data, keys, files
        self._clock, self._rules, self._checked = clock, rules, checked
        self._records: dict[ImageRef, PulledRecord] = {}
        self._begun: dict[str, int] = {}
        self._doubtful: set[str] = set()  # images of pulls that ended without an answer
        self._told: set[str] = set()

    async def load(self) -> None:
        """Take up what an earlier run remembered; once, before anything is pulled."""
        records, intents = await self._files.load()
        self._records = {record.ref: record for record in records}
        self._begun = dict.fromkeys(intents, 0)
        self._doubtful = set(intents)

    @property
    def pulls_begun(self) -> int:
        """Images that a pull may have brought, or may yet, without a record of who opened them."""
        return len(self._begun)

    @property
    def pulls_recorded(self) -> int:
        """Images of which it is recorded who opened them."""
        return len(self._records)

    # --- who may ----------------------------------------------------------------------------

    def is_open(self, image: str, ref: ImageRef) -> bool:
        """Whether any pod may use an image of the node; cheap, and never too generous.

        With a yes the check is over, and is counted.
        """
        record = self._records.get(ref)
        by_us = record is not None or image in self._begun
        if not needs_check(self._rules, image, pulled_by_us=by_us):
            self._checked("credentialPolicyAllowed")
            return True
        if is_open(record, image):
            self._checked("credentialRecordFound")
            return True
        return False

    async def may_use(self, pod: DesiredPod, image: str, ref: ImageRef) -> bool:
        """Whether the pod may; where not, a real pull with its credentials has to tell."""
        if self.is_open(image, ref):
            return True
        record = self._records.get(ref)
        own = matching(image, await self._of_pod(pod))
        credential = may_use(record, image, own)
        self._checked("mustAuthenticate" if credential is None else "credentialRecordFound")
        if credential is None:
            return False
        await self._remember(opened(record, image, ref, credential, now=self._clock.now()))
        return True

    async def candidates(self, pod: DesiredPod, image: str) -> tuple[Credential, ...]:
        """All that match the image, in the order to be tried: the pod's, the node's, plugins'."""
        own = matching(image, await self._of_pod(pod))
        wallet = await self._keys.configured()
        self._tell("docker configuration of the node", wallet.problems)
        provided = await self._keys.provided(image)
        return (*own, *matching(image, wallet.credentials), *matching(image, provided))

    async def _of_pod(self, pod: DesiredPod) -> list[Credential]:
        """From its imagePullSecrets; one that is absent or unusable is told and left out."""
        found: list[Credential] = []
        for reference in pod.spec.imagePullSecrets or ():
            where = f"image pull secret {pod.namespace}/{reference.name} of pod {pod.name}"
            try:
                secret = await self._data().secret(pod.namespace, reference.name or "")
            except SourceUnknown as error:
                self._tell(where, (error.detail,))
                continue
            if secret is None:
                self._tell(where, ("there is no such secret",))
                continue
            wallet = read_secret(secret)
            self._tell(where, wallet.problems)
            found += wallet.credentials
        return found

    def _tell(self, what: str, problems: tuple[str, ...]) -> None:
        for problem in problems:
            text = f"{what}: {problem}"
            if text not in self._told:
                self._told.add(text)
                log.warning("registry credentials cannot be used", detail=text)

    # --- what happened ----------------------------------------------------------------------

    async def begin(self, image: str) -> None:
        """A pull begins: noted first, so that its image is never taken for a preloaded one."""
        count = self._begun.get(image, 0)
        self._begun[image] = count + 1
        if not count:
            await self._files.intend(image)

    async def end(self, image: str, *, settled: bool) -> None:
        """The pull is over; `settled` unless it may yet bring the image, which nobody then opened.

        The note of such a pull stays until one succeeds.
        """
        if not settled:
            self._doubtful.add(image)
        left = self._begun.get(image, 0) - 1
        if left > 0 or image in self._doubtful:
            self._begun[image] = max(left, 0)
            return
        await self._files.unintend(image)
        self._begun.pop(image, None)

    async def pulled(self, image: str, ref: ImageRef, credential: Credential | None) -> None:
        """The pull succeeded with this credential, or without any."""
        record = self._records.get(ref)
        if await self._remember(opened(record, image, ref, credential, now=self._clock.now())):
            self._doubtful.discard(image)
        else:
            self._doubtful.add(image)

    async def forget_all_but(self, refs: frozenset[ImageRef], *, before: float) -> None:
        """Records of images that the node no longer had at this time are not needed."""
        for ref, record in list(self._records.items()):
            if ref not in refs and record.at < before:
                del self._records[ref]
                await self._files.forget(ref)

    async def _remember(self, record: PulledRecord) -> bool:
        """Whether the disk knows it now."""
        before = self._records.get(record.ref)
        self._records[record.ref] = record
        if before is not None and before.openers == record.openers:
            return True
        try:
            await self._files.save(record)
        except AgentError as error:
            log.warning("pull of an image is not recorded", image=record.ref, error=str(error))
            return False
        return True
