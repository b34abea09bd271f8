"""`nodeagent config check` and `config show`."""

from pathlib import Path

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from nodeagent.cli.config import config
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load
from tests.settings.machine import KUBELET


def ran(*words: str) -> Result:
    return CliRunner().invoke(config, words)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(KUBELET + "maxPods: 50\n")
    return path


def test_check_names_every_wrong_value_with_its_line(file: Path) -> None:
    file.write_text(KUBELET + "maxPods: many\nport: 99999\nsyncFrequency: soon\n")
    found = ran("check", str(file))
    assert found.exit_code == 2
    assert [line.split(": ")[:3] for line in found.stdout.splitlines()] == [
        ["error", f"{file}, line 3", "maxPods"],
        ["error", f"{file}, line 4", "port"],
        ["error", f"{file}, line 5", "syncFrequency"],
    ]


def test_check_warns_of_what_has_no_effect(file: Path) -> None:
    file.write_text(KUBELET + "maxPod: 50\n")
    found = ran("check", "--config", str(file), "--pod-infra-container-image=x")
    assert found.exit_code == 0
    assert f'warning: {file}, line 3: unknown field "maxPod"' in found.stdout
    assert "did you mean maxPods?" in found.stdout
    assert "flag --pod-infra-container-image" in found.stdout
    assert found.stderr == "the configuration can be used\n"


def test_check_of_a_missing_file_or_an_unknown_flag_is_exit_code_2(tmp_path: Path) -> None:
    missing = ran("check", str(tmp_path / "no.yaml"))
    assert (missing.exit_code, "No such file" in missing.stdout) == (2, True)
    unknown = ran("check", "--max-pod=3")
    assert (unknown.exit_code, "--max-pods" in unknown.stdout) == (2, True)


def test_show_tells_each_value_and_its_source(file: Path) -> None:
    found = ran("show", str(file), "--pods-per-core=3")
    assert found.exit_code == 0
    lines = [line.split("  ") for line in found.stdout.splitlines()]
    rows = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert rows["maxPods"] == [f"{file}, line 3", "50"]
    assert rows["podsPerCore"] == ["flag --pods-per-core", "3"]
    assert rows["registryBurst"] == ["default", "10"]


def test_show_may_leave_out_defaults(file: Path) -> None:
    fields = msgspec.json.decode(ran("show", str(file), "--set", "-o", "json").stdout)["fields"]
    assert fields == [{"field": "maxPods", "value": 50, "source": f"{file}, line 3"}]


def test_show_as_yaml_is_a_file_that_means_the_same(file: Path, tmp_path: Path) -> None:
    words = ["--config", str(file), "--eviction-hard=memory.available<1Gi"]
    found = ran("show", "-o", "yaml", *words)
    (document,) = yaml.safe_load_all(found.stdout)
    assert document["maxPods"] == 50
    again = tmp_path / "again.yaml"
    again.write_text(found.stdout)
    assert load(parse_flags(["--config", str(again)]))[0] == load(parse_flags(words))[0]


def test_show_of_a_wrong_file_is_exit_code_2(file: Path) -> None:
    file.write_text(KUBELET + "maxPods: many\n")
    found = ran("show", str(file))
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"{file}, line 3: maxPods" in found.stderr
