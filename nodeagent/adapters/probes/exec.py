"""Exec probes: a command through the runtime, with a deadline that holds inside the container."""

import asyncio
from typing import Protocol

from nodeagent.adapters.probes.leftovers import end_command, since_boot
from nodeagent.errors import AgentError
from nodeagent.model.ids import ContainerId
from nodeagent.model.launch import ExecResult
from nodeagent.model.probes import ExecCheck, Outcome, ProbeResult, Verdict

OUTPUT_LIMIT = 10 * 1024
_BACKSTOP = 2.0  # seconds after which the runtime ends the command should we be gone by then
_PATIENCE = 0.5  # seconds for the runtime to notice that we ended it


class ExecSync(Protocol):
    """The one call of the runtime that is needed here."""

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        """Run a command inside, at most `limit` seconds; timing out is an answer."""
        ...


async def probe_exec(
    runtime: ExecSync, check: ExecCheck, container_id: str, *, limit: float
) -> ProbeResult:
    """Run the command, at most `limit` seconds; exit code 0 is success, a runtime fault an error.

    At the deadline the command and everything of its session are killed, then the answer is a
    failure. That is our own doing: runtimes count whole seconds and spare the children.
    """
    began = since_boot()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_run(runtime, check, container_id, limit=limit))
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done:
            await asyncio.to_thread(end_command, container_id, check.command, since=began)
            await asyncio.wait({task}, timeout=_PATIENCE)
            task.cancel()
            return _timed_out(check, limit)
    return task.result()


async def _run(
    runtime: ExecSync, check: ExecCheck, container_id: str, *, limit: float
) -> ProbeResult:
    try:
        answer = await runtime.exec_sync(
            ContainerId(container_id), check.command, limit=limit + _BACKSTOP
        )
    except AgentError as error:
        return ProbeResult(outcome=Outcome.ERROR, output=str(error), state=Verdict.UNKNOWN)
    output = (answer.stdout + answer.stderr)[:OUTPUT_LIMIT].decode(errors="replace")
    if answer.timed_out:
        return _timed_out(check, limit)
    outcome = Outcome.FAILURE if answer.exit_code else Outcome.SUCCESS
    return ProbeResult(outcome=outcome, output=output)


def _timed_out(check: ExecCheck, limit: float) -> ProbeResult:
    words = f'command timed out: "{" ".join(check.command)}" timed out after {limit:g}s'
    return ProbeResult(outcome=Outcome.FAILURE, output=words, timed_out=True)
