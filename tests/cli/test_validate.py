"""`nodeagent validate`, without any agent."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from nodeagent.cli.validate import validate

GOOD = """apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: web, image: busybox}
"""
BAD = """apiVersion: v1
kind: Pod
metadata: {name: bad}
spec:
  restartPolicie: Never
  containers:
  - name: web
    image: 5
    command: sleep
"""


def ran(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(validate, words, input=given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def test_a_good_file_prints_nothing_and_is_exit_code_0(folder: Path) -> None:
    found = ran(str(folder / "good.yaml"))
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "1 checked\n")


def test_every_mistake_has_file_line_and_column(folder: Path) -> None:
    bad = folder / "bad.yaml"
    found = ran(str(folder / "good.yaml"), str(bad))
    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{bad}:5:3", f"{bad}:8:12", f"{bad}:9:14"]
    assert "did you mean restartPolicy?" in lines[0]
    assert "needs a list" in lines[2]
    assert found.stderr == "2 checked, 1 cannot be used\n"


def test_a_folder_stands_for_its_manifests_and_their_names_may_not_clash(folder: Path) -> None:
    (folder / "bad.yaml").unlink()
    (folder / "same.json").write_text(
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},'
        ' "spec": {"containers": [{"name": "a", "image": "b"}]}}'
    )
    (folder / ".good.yaml.swp").write_text("no manifest")
    found = ran(str(folder))
    assert found.exit_code == 1
    assert len(found.stdout.splitlines()) == 2
    assert f"{folder}/good.yaml:3:18: metadata.name: pod default/web" in found.stdout


def test_json_is_one_document(folder: Path) -> None:
    found = ran("-o", "json", str(folder))
    document = msgspec.json.decode(found.stdout)
    assert (found.exit_code, document["files"], len(document["findings"])) == (1, 2, 3)
    assert document["findings"][0] == {
        "file": str(folder / "bad.yaml"),
        "line": 5,
        "column": 3,
        "reason": "InvalidManifest",
        "message": "spec.restartPolicie: unknown field; did you mean restartPolicy?",
    }


def test_standard_input_is_a_dash(folder: Path) -> None:
    assert ran("-", given=GOOD).exit_code == 0
    assert ran("-", given="x: [").stdout.startswith("standard input:2:1: is not")


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    found = ran(str(tmp_path / "no.yaml"))
    assert found.exit_code == 1
    assert found.stdout == f"{tmp_path}/no.yaml: cannot be read: No such file or directory\n"


def test_a_folder_without_manifests_is_told(tmp_path: Path) -> None:
    found = ran(str(tmp_path))
    assert found.exit_code == 0
    assert "no manifest in" in found.stderr


def test_no_file_at_all_is_wrong_usage() -> None:
    assert ran().exit_code == 2
