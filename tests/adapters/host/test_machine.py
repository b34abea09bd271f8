"""Where processes are counted."""

from pathlib import Path

import pytest

from nodeagent.adapters.host.machine import cgroup_of


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("0::/system.slice/agent.service\n", "/system.slice/agent.service"),
        ("5:memory:/a\n2:cpu,cpuacct:/a\n0::/\n", "/a"),
        ("5:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/a\n0::/a\n", "/"),
        ("5:memory:/a\n2:cpu,cpuacct:/\n0::/\n", ""),  # two figures that do not belong together
    ],
)
def test_a_process_is_counted_where_its_cpu_and_its_memory_are(
    tmp_path: Path, text: str, path: str
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_text(text)
    assert cgroup_of(7, proc=str(tmp_path)) == path
    assert cgroup_of(8, proc=str(tmp_path)) == ""
