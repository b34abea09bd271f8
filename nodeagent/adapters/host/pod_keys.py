"""Keys for certificates of pods."""

import base64

from nodeagent.adapters.host.keys import work
from nodeagent.aio.threads import Threads
from nodeagent.core.pod_certificates import KEY_TYPES
from nodeagent.errors import MountFailed
from nodeagent.model.pod_certificates import KeyProof


class PodKeys:
    """Makes them in a thread: the large ones take a second."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def make(self, key_type: str) -> KeyProof:
        """A new key, and an empty signing request by it (KEP-4317). MountFailed: unknown type."""
        return await self._threads.run(make_key, key_type)


def make_key(key_type: str) -> KeyProof:
    """What `PodKeys` makes. Blocks."""
    if key_type not in KEY_TYPES:
        detail = f'unknown key type "{key_type}"; needs one of {", ".join(KEY_TYPES)}'
        raise MountFailed(op="make key", target="podCertificate", detail=detail)
    made = work("pod_key", key_type=key_type)
    return KeyProof(key=made["key"].encode(), request=base64.b64decode(made["request"]))
