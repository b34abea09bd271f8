"""The adapters of the node fit the ports: mypy checks these assignments, running builds them."""

from pathlib import Path

from nodeagent.adapters.cgroupfs.detect import Layout
from nodeagent.adapters.cgroupfs.kubepods import Kubepods
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.adapters.host.files import HostPodFiles
from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.host.records import PodRecords
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.volumes import base
from nodeagent.adapters.volumes.empty_dir import EmptyDir
from nodeagent.adapters.volumes.host_path import HostPath
from nodeagent.adapters.volumes.registry import VolumeRegistry
from nodeagent.aio.threads import Threads
from nodeagent.engine import ports
from nodeagent.model.node import PodDirs


async def test_every_port_of_the_node_has_an_adapter_that_fits(tmp_path: Path) -> None:
    threads = Threads(1)
    root = str(tmp_path)
    records: ports.Records = PodRecords(root, threads)
    files: ports.PodFiles = HostPodFiles(PodDirs(root=root, logs=f"{root}/logs"), threads)
    cgroups: ports.Cgroups = Kubepods(V1Tree(Layout()), threads)
    kernel = Kernel()
    careful = CarefulFiles(threads, kernel)
    volume_kernel: base.Kernel = kernel
    volume_files: base.HostFiles = careful
    plugins: list[base.Plugin] = [
        EmptyDir(volume_kernel, volume_files, threads, node_memory=lambda: 0),
        HostPath(volume_files),
    ]
    volumes: ports.Volumes = VolumeRegistry(
        root, plugins, kernel=volume_kernel, files=volume_files, threads=threads
    )
    assert await records.load_all() == ()
    assert await files.used_restart_counts(f"{root}/logs/none") == {}
    assert await cgroups.list_pods() == {}
    assert callable(volumes.set_up)
    threads.close()
