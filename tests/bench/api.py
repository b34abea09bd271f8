"""The API servers a bench can have: the tests' own, a real control plane, or any other."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import yaml

from tests.bench.counting_proxy import Proxy
from tests.contracts.control_plane import NODE_TOKEN, TOKEN, real_control_plane


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API is: kubeconfigs of the administrator and of the node called `name`."""

    admin: Path
    node_config: Path
    name: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(yaml.safe_load(self.admin.read_text())["clusters"][0]["cluster"]["server"])
        return parts.hostname or "", parts.port or 443


@contextmanager
def small_server(name: str) -> Iterator[Server]:
    """The tests' own, in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        program = [sys.executable, "-m", "tests.bench.api", str(folder), name]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                process.stdout.readline()
                admin, node = folder / "admin.conf", folder / "node.conf"
                yield Server(admin=admin, node_config=node, name=name)
            finally:
                process.terminate()


@contextmanager
def real_server(programs: Path, name: str) -> Iterator[Server]:
    """etcd and kube-apiserver out of the folder `programs`."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with real_control_plane(programs, folder) as access:
            for file, token in (("admin.conf", TOKEN), ("node.conf", NODE_TOKEN)):
                cluster = {
                    "server": access.server,
                    "certificate-authority": str(folder / "apiserver.crt"),
                }
                _write(folder / file, cluster, {"token": token})
            yield Server(admin=folder / "admin.conf", node_config=folder / "node.conf", name=name)


def _write(path: Path, cluster: dict[str, str], user: dict[str, str]) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "bench", "user": user}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    }
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)


def through(config: Path, proxy: Proxy, folder: Path) -> Path:
    """The kubeconfig as it reaches the same server through the proxy."""
    text = yaml.safe_load(config.read_text())
    cluster = text["clusters"][0]["cluster"]
    cluster["tls-server-name"] = urlsplit(cluster["server"]).hostname
    cluster["server"] = f"https://127.0.0.1:{proxy.port}"
    path = folder / "through.conf"
    path.write_text(yaml.safe_dump(text))
    path.chmod(0o600)
    return path


async def serve(folder: Path, name: str) -> None:
    """Be the small server until ended."""
    from tests.apiserver.cluster import Cluster

    cluster = Cluster(folder)
    cluster.start()
    cluster.kubeconfig()
    cluster.kubeconfig(cluster.node(name), name="node.conf")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
