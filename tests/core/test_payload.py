"""What volumes show: keys, items, modes, fields of the pod; what is missing is named."""

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.payload import (
    Wish,
    config_map_files,
    downward_files,
    file_path,
    nested_mounts,
    secret_files,
)
from nodeagent.errors import MountFailed, SourceMissing
from nodeagent.model.data import ConfigMap, Secret
from tests.fakes.pods import NODE, a_container, a_pod

MAP = ConfigMap(namespace="default", name="app", data={"a": "1"}, binary={"b": b"\xff"})


def of_map(wish: Wish, found: ConfigMap | None = MAP) -> dict[str, tuple[bytes, int]]:
    files = config_map_files(found, wish, namespace="default", place="/maps")
    return {path: (file.data, file.mode) for path, file in files.items()}


def test_every_key_is_a_file_of_its_name() -> None:
    assert of_map(Wish(name="app", mode=0o600)) == {"a": (b"1", 0o600), "b": (b"\xff", 0o600)}


def test_items_choose_keys_paths_and_modes() -> None:
    items = (
        v1.KeyToPath(key="a", path="x/./y"),
        v1.KeyToPath(key="b", path="z", mode=0o400),
    )
    assert of_map(Wish(name="app", items=items)) == {"x/y": (b"1", 0o644), "z": (b"\xff", 0o400)}


def test_a_missing_key_is_named_with_those_that_are_there_unless_optional() -> None:
    items = (v1.KeyToPath(key="c", path="c"), v1.KeyToPath(key="a", path="a"))
    with pytest.raises(SourceMissing, match=r"non-existent config key: c \(it has a, b\)"):
        of_map(Wish(name="app", items=items))
    assert of_map(Wish(name="app", items=items, optional=True)) == {"a": (b"1", 0o644)}


def test_a_missing_object_is_named_with_where_it_was_looked_for_unless_optional() -> None:
    words = 'configmap "app" not found in namespace "default"; no file in /maps holds it'
    with pytest.raises(SourceMissing) as caught:
        of_map(Wish(name="app"), None)
    assert caught.value.detail == words
    assert of_map(Wish(name="app", optional=True), None) == {}
    with pytest.raises(SourceMissing) as caught:
        secret_files(None, Wish(name="key"), namespace="web", place="")
    assert caught.value.detail == 'secret "key" not found'


def test_a_secret_shows_bytes_and_never_its_values_in_a_text() -> None:
    secret = Secret(namespace="web", name="key", data={"k": b"hush"})
    assert secret_files(secret, Wish(name="key"), namespace="web", place="")["k"].data == b"hush"
    assert "hush" not in repr(secret)
    items = (v1.KeyToPath(key="x", path="x"),)
    with pytest.raises(SourceMissing, match="references non-existent secret key: x"):
        secret_files(secret, Wish(name="key", items=items), namespace="web", place="")


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", ".", "..a", "a" * 256])
def test_a_path_that_leaves_the_volume_or_hides_is_refused(path: str) -> None:
    with pytest.raises(MountFailed, match="no path below a volume"):
        file_path(path)


def test_downward_files_show_fields_and_amounts_of_the_pod() -> None:
    limits = v1.ResourceRequirements(limits={"memory": "64Mi"})
    pod = a_pod(a_container(resources=limits), annotations={"k": 'a "b"'})
    items = [
        v1.DownwardAPIVolumeFile(
            path="all", fieldRef=v1.ObjectFieldSelector(fieldPath="metadata.annotations")
        ),
        v1.DownwardAPIVolumeFile(
            path="d/mem",
            mode=0o400,
            resourceFieldRef=v1.ResourceFieldSelector(
                containerName="web", resource="limits.memory", divisor="1Mi"
            ),
        ),
    ]
    files = downward_files(pod, items, mode=0o644, node=NODE)
    assert {path: (file.data, file.mode) for path, file in files.items()} == {
        "all": (b'k="a \\"b\\""', 0o644),
        "d/mem": (b"64", 0o400),
    }


def test_folders_are_made_for_mounts_inside_a_volume_but_not_inside_a_part_of_it() -> None:
    def mount(name: str, path: str, sub: str | None = None) -> v1.VolumeMount:
        return v1.VolumeMount(name=name, mountPath=path, subPath=sub)

    mounts = [mount("conf", "/etc/conf/"), mount("x", "/etc/conf/x/y"), mount("z", "/etc/confz")]
    pod = a_pod(a_container(volumeMounts=mounts))
    assert nested_mounts(pod, "conf") == ("x/y",)
    assert nested_mounts(pod, "x") == ()
    part = msgspec.structs.replace(mounts[0], subPath="part")
    assert nested_mounts(a_pod(a_container(volumeMounts=[part, mounts[1]])), "conf") == ()
