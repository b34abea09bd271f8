"""/debug/: profiles of the agent, and its verbosity."""

from pathlib import Path

from nodeagent.server import profiles
from nodeagent.server.node_http import NodeHandler
from nodeagent.server.numbers import whole_number
from nodeagent.server.refusals import Refusal

_INDEX = {
    "cmdline": "the command line of the agent",
    "goroutine": "where every task and thread is",
    "heap": "objects by type, and memory",
    "profile": "where time goes, as folded stacks; ?seconds= (30 if not given)",
}


class Pprof(NodeHandler):
    """A profile by its name in Go where there is one like it here; an index of them otherwise."""

    async def get(self, name: str = "") -> None:
        if name == "cmdline":
            self.write(await self.port.threads.run(Path("/proc/self/cmdline").read_bytes))
        elif name in ("goroutine", "threadcreate"):
            self.write(profiles.stacks())
        elif name in ("heap", "allocs"):
            self.write(await self.port.threads.run(profiles.heap))
        elif name == "profile":
            self.write(await self.port.threads.run(profiles.sample, self._seconds()))
        elif name:
            raise Refusal(404, "Unknown profile\n")
        else:
            self.write("/debug/pprof/\n\n" + "".join(f"{n}: {t}\n" for n, t in _INDEX.items()))

    def _seconds(self) -> float:
        text = self.get_query_argument("seconds", "30")
        seconds = whole_number(text)
        if seconds is None:
            raise Refusal(400, f'seconds: "{text}" is no whole number\n')
        return float(min(seconds, profiles.MOST_SECONDS))


class Verbosity(NodeHandler):
    """The -v of the running agent."""

    def put(self) -> None:
        text = self.request.body.decode(errors="replace")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refusal(400, f"failed set klog.logging.verbosity {text}: invalid syntax\n")
        self.backing.set_verbosity(int(text))
        self.write(f"successfully set klog.logging.verbosity to {text}\n")

    def get(self) -> None:
        raise Refusal(406, "unsupported http method\n")

    head = post = delete = patch = options = get
