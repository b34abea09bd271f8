"""`nodeagent doctor` on this machine, its configuration pointed at places of the test."""

from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from nodeagent.cli.doctor import doctor
from tests.settings.machine import KUBELET


def ran(folder: Path, *words: str) -> Result:
    flags = (
        f"--container-runtime-endpoint=unix://{folder}/cri.sock",
        f"--root-dir={folder}/root",
        f"--socket={folder}/agent.sock",
        f"--pod-manifest-path={folder}/manifests",
    )
    return CliRunner().invoke(doctor, [*flags, *words])


def findings(found: Result) -> dict[str, dict[str, str]]:
    document = msgspec.json.decode(found.stdout)
    return {one["check"]: one for one in document["findings"]}


def test_a_runtime_that_is_not_there_is_a_failure_with_cause_and_fix(tmp_path: Path) -> None:
    found = ran(tmp_path)
    assert found.exit_code == 1
    assert f"fail  runtime: unix://{tmp_path}/cri.sock cannot be used" in found.stdout
    assert f"why: nothing is at {tmp_path}/cri.sock" in found.stdout
    assert "fix: systemctl start containerd" in found.stdout
    assert " failed, " in found.stderr


def test_json_is_one_document_of_findings(tmp_path: Path) -> None:
    found = ran(tmp_path, "-o", "json", "--port=10250")
    told = findings(found)
    assert told["runtime"]["level"] == "fail"
    assert told["agent"]["level"] == "warn"
    assert told["manifests"]["fix"] == f"mkdir -p {tmp_path}/manifests"
    assert "port 10250" in told
    assert all({"check", "level", "says", "cause", "fix"} == set(one) for one in told.values())


def test_quiet_leaves_out_what_is_ok(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    told = findings(ran(tmp_path, "-q", "-o", "json"))
    assert "manifests" not in told
    assert all(one["level"] != "ok" for one in told.values())


def test_a_wrong_configuration_is_a_finding_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(KUBELET + "maxPods: many\n")
    told = findings(CliRunner().invoke(doctor, ["-o", "json", "--config", str(config)]))
    assert told["configuration"]["level"] == "fail"
    assert f"{config}, line 3" in told["configuration"]["cause"]
    assert "time" in told and "runtime" in told


def test_an_unknown_flag_is_wrong_usage(tmp_path: Path) -> None:
    found = ran(tmp_path, "--no-such-flag")
    assert (found.exit_code, found.stdout) == (2, "")


def test_nothing_is_changed(tmp_path: Path) -> None:
    ran(tmp_path)
    ran(tmp_path, "--embedded-containerd")
    assert list(tmp_path.iterdir()) == []
