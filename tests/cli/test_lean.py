"""What the agent's process does not load."""

import subprocess
import sys

PROGRAM = """
from nodeagent.cli.lean import leave_out
leave_out()
import sys
import nodeagent.app
import nodeagent.cluster
from lightkube.models import core_v1
loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
import tornado.web
unwanted = {"rich", "pygments", "httpx2", "httpx", "anyio", "cryptography", "curses"}
print(sorted(loaded & unwanted), core_v1.Pod.__name__)
"""


def test_the_agent_loads_neither_another_api_client_nor_tables_nor_a_library_for_keys() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[] Pod\n", done.stderr[-2000:]
