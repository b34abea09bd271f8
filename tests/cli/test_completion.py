"""What shells are offered, asked the way their scripts ask."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nodeagent.cli.group import COMMANDS, nodeagent
from tests.cli.agent_cli import PROGRAM
from tests.fakes.local_node import LocalNode, a_pod, running, serving


async def offered(*words: str, socket: Path | None = None, shell: str = "bash") -> list[str]:
    """The names offered for the last of these words."""
    env = {
        "_NODEAGENT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(["nodeagent", *words]),
        "COMP_CWORD": str(len(words)),
        "NODEAGENT_SOCKET": str(socket or "/no/such/socket"),
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE, env=env
    )
    async with asyncio.timeout(20):
        out, _ = await process.communicate()
    lines = out.decode().split()
    return [line.partition(",")[2] for line in lines] if shell == "bash" else lines[1:2]


async def test_commands_and_options_are_offered() -> None:
    assert await offered("") == sorted(COMMANDS)
    assert await offered("lo") == ["logs"]
    assert await offered("logs", "--ta") == ["--tail"]
    assert await offered("ps", "-o", "") == ["table", "wide", "json", "yaml"]
    assert await offered("de", shell="zsh") == ["describe"]


async def test_pods_and_containers_of_the_running_agent_are_offered(tmp_path: Path) -> None:
    node = LocalNode(tmp_path)
    node.pods = [a_pod("web-node1", running("app"), running("proxy")), a_pod("dns-node1")]
    async with serving(node):
        assert await offered("why", "", socket=node.socket) == ["web", "dns"]
        assert await offered("logs", "d", socket=node.socket) == ["dns"]
        chosen = await offered("logs", "web", "-c", "", socket=node.socket)
    assert chosen == ["app", "proxy"]


async def test_without_an_agent_nothing_is_offered_and_nothing_said() -> None:
    assert await offered("why", "") == []


async def test_codes_reasons_and_flags_are_offered() -> None:
    assert await offered("help", "NA100") == ["NA1001", "NA1002", "NA1003", "NA1004"]
    assert await offered("help", "ImageP") == ["ImagePullBackOff"]
    assert await offered("run", "--max-p") == ["--max-pods"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_names_the_program(shell: str) -> None:
    found = CliRunner().invoke(nodeagent, ["completion", shell])
    assert found.exit_code == 0
    assert f"_NODEAGENT_COMPLETE={shell}_complete" in found.stdout


def test_bash_can_read_its_script(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(CliRunner().invoke(nodeagent, ["completion", "bash"]).stdout)
    subprocess.run(["bash", "-n", str(script)], check=True)
    command = f"source {script}; complete -p nodeagent"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "nodeagent" in done.stdout
