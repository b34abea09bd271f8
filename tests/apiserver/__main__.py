"""Run the small API server for a look by hand: python -m tests.apiserver FOLDER."""

import asyncio
import sys
from pathlib import Path

from tests.apiserver.cluster import Cluster, kubelet_defaults


async def main(folder: Path) -> None:
    """Until it is interrupted."""
    cluster = Cluster(folder)
    cluster.start()
    cluster.publish_configs(kubelet_defaults())
    token = cluster.add_token()
    print(f"export KUBECONFIG={cluster.kubeconfig()}")
    print(
        f"nodeagent join {cluster.address} --token {token} "
        f"--discovery-token-ca-cert-hash {cluster.authority.pin}",
        flush=True,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1])))
