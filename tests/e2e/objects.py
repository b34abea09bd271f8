"""Config maps, secrets and volumes for pods of tests, and the mounts that they make."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.agent import Agent
from tests.e2e.pods import Document

_FOLDERS = {"ConfigMap": "configmaps", "Secret": "secrets"}
_CLASS: Document = {"storageClassName": ""}


def put(agent: Agent, *documents: Document) -> None:
    """Rename each object's file into place, in the folder of its kind."""
    for document in documents:
        place = agent.root / _FOLDERS.get(document["kind"], "volumes")
        place.mkdir(mode=0o700, exist_ok=True)
        name = f"{document['kind']}-{document['metadata']['name']}.json"
        half = agent.root / "staging" / name
        half.write_text(json.dumps(document))
        half.rename(place / name)


def config_map(name: str, **data: str) -> Document:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> Document:
    """A Secret."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def volume_and_claim(name: str, source: Document, **fields: Any) -> tuple[Document, Document]:
    """A PersistentVolume of this source, and the claim of the same name that has it."""
    common = {"accessModes": ["ReadWriteOnce"], **_CLASS, **fields}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**common, "capacity": {"storage": "1Mi"}, **source},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {**common, "volumeName": name, "resources": {"requests": {"storage": "1Mi"}}},
    }
    return volume, claim


def mount(name: str, path: str, **more: Any) -> Document:
    """A volumeMount."""
    return {"name": name, "mountPath": path, **more}


@contextmanager
def sharing(folder: Path) -> Iterator[None]:
    """The folder is a mount that shares what is mounted in it with containers."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "--make-shared", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--recursive", folder], check=True)


def mounts_of(agent: Agent) -> list[str]:
    """What is mounted below the agent's folder."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(at for line in lines if (at := line.split()[4]).startswith(f"{agent.root}/"))
