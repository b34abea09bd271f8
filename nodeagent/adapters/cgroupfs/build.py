"""Put the right tree together for this host and driver."""

from nodeagent.adapters.cgroupfs.detect import Layout
from nodeagent.adapters.cgroupfs.kubepods import Kubepods, Tree
from nodeagent.adapters.cgroupfs.systemd import SliceTree, SystemdTree, connect
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.adapters.cgroupfs.v2 import V2Tree
from nodeagent.aio.threads import Threads
from nodeagent.core.cgroups import SYSTEMD


def build_kubepods(layout: Layout, threads: Threads, *, driver: str, root: str = "") -> Kubepods:
    """For the driver the runtime uses: "cgroupfs" or "systemd". `root` is cgroupRoot."""
    inner: SliceTree = V1Tree(layout) if layout.version == 1 else V2Tree(layout.unified)
    tree: Tree = SystemdTree(inner, layout.version, connect) if driver == SYSTEMD else inner
    return Kubepods(tree, threads, root=root)
