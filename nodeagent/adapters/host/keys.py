"""Keys and certificates, made and read in a process that ends when it is done (`key_work.py`)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import structlog

_WORKER: Final = str(Path(__file__).with_name("key_work.py"))
_LIBRARY: Final = "cryptography.x509"
_LIMIT: Final = 60.0  # seconds, on the busiest of machines

log = structlog.get_logger()


def work(call: str, **given: Any) -> Any:
    """What `call` of `key_work.py` gives; blocks. ValueError where it was given nonsense.

    Here in this process where its library is there already, or no other can be started.
    """
    order = {"call": call, **given}
    answer = None if _LIBRARY in sys.modules else _elsewhere(order)
    if answer is None:
        from nodeagent.adapters.host import key_work  # late: it stays in memory

        answer = key_work.answer(order)
    if "wrong" in answer:
        raise ValueError(answer["wrong"])
    return answer["ok"]


def _elsewhere(order: dict[str, Any]) -> dict[str, Any] | None:
    """The worker's answer; None where it gives none."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", _WORKER],
            input=json.dumps(order).encode(),
            capture_output=True,
            check=True,
            timeout=_LIMIT,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError) as error:
        log.warning("keys are worked with in the agent's own process", error=type(error).__name__)
        return None
    return answer
