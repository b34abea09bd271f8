"""Every field of KubeletConfiguration: settable, defaulted as the table says, refused by line."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from nodeagent.errors import SettingsError
from nodeagent.settings import KubeletConfiguration
from nodeagent.settings.load import load

TABLE = Path(__file__).parent.parent / "data" / "kubelet_configuration.tsv"
HEADER = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = rows()
each = pytest.mark.parametrize("row", ROWS, ids=[row["field"] for row in ROWS])


def written(field: str, text: str, beside: str = "") -> str:
    """A configuration that sets one field, on its last line."""
    *parents, last = field.split(".")
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(parents)]
    lines = [beside, *lines] if beside else lines
    return HEADER + "\n".join([*lines, f"{'  ' * len(parents)}{last}: {text}"]) + "\n"


def read(tmp_path: Path, text: str) -> tuple[KubeletConfiguration, tuple[object, ...]]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    settings, warnings = load({"config": (str(path),)}, host_name="node-1")
    return settings.kubelet, warnings


def at(config: KubeletConfiguration, field: str) -> Any:
    """A field's value as JSON has it."""
    value = msgspec.json.decode(msgspec.json.encode(config))
    for key in field.split("."):
        value = value[key]
    return value


def test_the_table_names_every_field_there_is() -> None:
    named = {row["field"].partition(".")[0] for row in ROWS}
    assert named == {field.encode_name for field in msgspec.structs.fields(KubeletConfiguration)}


@each
def test_a_written_default_changes_nothing(row: dict[str, str], tmp_path: Path) -> None:
    config, warnings = read(tmp_path, written(row["field"], row["default"]))
    if row["field"] == "nodeStatusUpdateFrequency":  # written, it also moves the report frequency
        config = msgspec.structs.replace(config, node_status_report_frequency=300.0)
    assert config == KubeletConfiguration()
    assert warnings == ()


@each
def test_a_default_is_what_the_table_says(row: dict[str, str]) -> None:
    value = at(KubeletConfiguration(), row["field"])
    told = yaml.safe_load(row["default"])
    if isinstance(value, float) and isinstance(told, str):
        minutes = {"h": 3600, "ms": 0.001, "s": 1, "m": 60}
        unit = next(unit for unit in minutes if told.endswith(unit))
        told = float(told.removesuffix(unit)) * minutes[unit]
    if row["field"] == "containerLogMaxSize":
        told = int(told.removesuffix("Mi")) * 2**20
    assert value == told


@each
def test_another_value_takes_the_place_of_the_default(row: dict[str, str], tmp_path: Path) -> None:
    config, warnings = read(tmp_path, written(row["field"], row["another"], row["beside"]))
    assert at(config, row["field"]) == json.loads(row["becomes"])
    is_new = at(config, row["field"]) != at(KubeletConfiguration(), row["field"])
    assert is_new or row["field"] == "runOnce"  # which may only be false
    assert warnings == ()


@each
def test_a_wrong_value_is_refused_with_field_file_line_and_what_is_allowed(
    row: dict[str, str], tmp_path: Path
) -> None:
    text = written(row["field"], row["wrong"])
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert caught.value.target.startswith(row["field"])
    assert caught.value.target.endswith(f"({tmp_path}/config.yaml, line {text.count(chr(10))})")
    assert row["allowed"] in caught.value.detail


@each
def test_null_means_the_default(row: dict[str, str], tmp_path: Path) -> None:
    config, warnings = read(tmp_path, written(row["field"], "null"))
    assert (config, warnings) == (KubeletConfiguration(), ())
