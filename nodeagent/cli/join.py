"""`nodeagent join` and `reset`: this machine into a cluster as kubeadm does it, and out again."""

import asyncio
import base64
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import click

from nodeagent.adapters.host.checkup import runs_systemd
from nodeagent.adapters.host.undo import Undo
from nodeagent.cli.healthy import wait_healthy
from nodeagent.cli.output import fail, note, paint
from nodeagent.core import join as steps
from nodeagent.core import service_files
from nodeagent.core.certificates import client_wish, kubeconfig_document
from nodeagent.core.doctor import Finding, Level, examine
from nodeagent.errors import AgentError, JoinError, SettingsError

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_CODES = "Exit codes: 0 done, 1 failed (what was done is taken back), 2 wrong usage."
_JOIN = f"""\b
Examples:
  nodeagent join 10.0.0.1:6443 --token abcdef.0123456789abcdef \\
      --discovery-token-ca-cert-hash sha256:<hash>

{_CODES}"""
_PREFIX = click.option(
    "--prefix", type=click.Path(path_type=Path), default=Path("/"), metavar="DIR",
    help="Put DIR before every path that is written; nothing is started.",
)  # fmt: skip


@click.command(epilog=_JOIN)
@click.argument("address", metavar="HOST:PORT")
@click.option("--token", required=True, metavar="T", help="The bootstrap token.")
@click.option(
    "--discovery-token-ca-cert-hash", "pins", multiple=True, metavar="sha256:H",
    help="The key of the cluster's authority; may be given more than once.",
)  # fmt: skip
@click.option(
    "--discovery-token-unsafe-skip-ca-verification", "unpinned", is_flag=True,
    help="Join without a pin: whoever knows the token may then pose as the cluster.",
)  # fmt: skip
@click.option("--node-name", default="", metavar="N", help="Default: the host name.")
@click.option("--cri-socket", default="", metavar="S", help="The runtime's socket.")
@click.option(
    "--ignore-preflight-errors", "ignored", default="", metavar="NAMES",
    help='Checks that only warn, by name and comma separated, or "all".',
)  # fmt: skip
@click.option(
    "--timeout", type=float, default=60.0, show_default=True, metavar="S",
    help="Seconds to wait for the server, and for a certificate.",
)  # fmt: skip
@_PREFIX
def join(  # noqa: PLR0913 - as many as there are options
    address: str,
    token: str,
    pins: tuple[str, ...],
    node_name: str,
    cri_socket: str,
    ignored: str,
    timeout: float,
    prefix: Path,
    *,
    unpinned: bool,
) -> None:
    """Make this machine a node of the cluster whose API server is at HOST:PORT.

    Checks the machine first. A step that fails takes back what the steps before it wrote, and the
    join can be repeated. `nodeagent reset` takes back a whole join.
    """
    if not pins and not unpinned:
        raise click.UsageError(
            "give --discovery-token-ca-cert-hash, or --discovery-token-unsafe-skip-ca-verification"
        )
    undo = Undo(prefix)
    try:
        found = _Joining(
            host=steps.parse_address(address),
            token=steps.parse_token(token),
            pins=steps.parse_pins(pins),
            node_name=node_name,
            cri_socket=cri_socket,
            patience=timeout,
            undo=undo,
        )
        found.check(ignored.split(","))
    except AgentError as error:
        _give_up(error)
    try:
        found.run(start=prefix == Path("/"))
    except BaseException as error:
        taken = _take_back(undo)
        if taken:
            note(f"taken back: {', '.join(taken)}")
        if found.started:
            _start_alone()
        if isinstance(error, AgentError):
            _give_up(error)
        raise


class _Joining:
    """One join, step by step. Every step is printed before it is done."""

    def __init__(
        self,
        *,
        host: tuple[str, int],
        token: steps.Token,
        pins: tuple[str, ...],
        node_name: str,
        cri_socket: str,
        patience: float,
        undo: Undo,
    ) -> None:
        from nodeagent.adapters.kube.join import Server  # late: it brings cryptography along

        self._server = Server(*host, patience=patience)
        self.started = False  # the service was told to start as a member
        self._token, self._pins, self._undo, self._patience = token, pins, undo, patience
        words = {"kubeconfig": (steps.KUBECONFIG,)}
        if cri_socket:
            words["container-runtime-endpoint"] = (_as_endpoint(cri_socket),)
        if node_name:
            words["hostname-override"] = (node_name,)
        from nodeagent.settings.load import load_traced

        self._loaded = load_traced(words)
        self._endpoint = self._loaded.settings.runtime.endpoint
        self._name = self._loaded.settings.node.name

    def check(self, ignored: Iterable[str]) -> None:
        """Preflight: nothing is written before all of it holds."""
        from nodeagent.cli.doctor_facts import gather

        _say("checking this machine")
        facts = asyncio.run(gather(self._loaded, ()))
        files = (steps.KUBECONFIG, steps.BOOTSTRAP)
        joined = [path for path in files if self._undo.at(path).exists()]
        findings = steps.preflight(examine(facts), joined=joined, ignored=ignored)
        failed = [one for one in findings if one.level is Level.FAIL]
        for one in findings:
            if one.level is not Level.OK:
                _show(one)
        if failed:
            names = ", ".join(one.check for one in failed)
            raise JoinError(
                op="join", target=self._name, detail=f"not ready: {names}", reason="PreflightFailed"
            )

    def run(self, *, start: bool) -> None:
        """Discover, ask for the certificate, write what the agent needs, start it."""
        _say(f"asking {self._server.address} for the cluster's authority")
        info = self._server.discover(self._token, self._pins)
        _say("asking again over a connection that the authority vouches for")
        self._server.confirm(info, self._token)
        _say("reading the configuration of nodes from the cluster")
        config = self._server.config("kubelet-config", "kubelet", info, self._token)
        if self._server.is_taken(self._name, info, self._token):
            detail = "a node of this name is there and ready; --node-name gives another"
            raise JoinError(op="join", target=self._name, detail=detail)
        undo = self._undo
        undo.put(steps.BOOTSTRAP, steps.bootstrap_kubeconfig(info, self._token), mode=0o600)
        undo.put(steps.AUTHORITY, info.authority.decode())
        undo.put(steps.CONFIG, steps.kubelet_config(config, endpoint=self._endpoint))
        undo.put(steps.INSTANCE, steps.instance_config(self._endpoint))
        undo.put(steps.FLAGS, steps.flags_file(node_name=self._name, host_name=_host_name()))
        _say(f"requesting a certificate for system:node:{self._name}")
        asyncio.run(self._obtain())
        undo.put(
            steps.KUBECONFIG,
            kubeconfig_document(
                server=info.server,
                authority=base64.b64encode(info.authority).decode(),
                authority_file="",
                pair=str(undo.at(f"{steps.CERTIFICATES}/kubelet-client-current.pem")),
            ),
            mode=0o600,
        )
        undo.remove(undo.at(steps.BOOTSTRAP))
        self._hand_over(start=start)
        print(f"node {self._name} has joined {info.server}")

    async def _obtain(self) -> None:
        """The node's first certificate, by the bootstrap kubeconfig."""
        from nodeagent.adapters.host.key_pairs import CLIENT, KeyPairs
        from nodeagent.adapters.kube.client import KubeClient
        from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
        from nodeagent.aio.clock import WallClock
        from nodeagent.aio.threads import Threads
        from nodeagent.engine.certificates import CertificateKeeper

        threads = Threads(1)
        client = KubeClient(load_kubeconfig(self._undo.at(steps.BOOTSTRAP)), threads=threads)
        folder = self._undo.at(steps.CERTIFICATES)
        self._undo.expect(f"{steps.CERTIFICATES}/kubelet-client-current.pem")
        keeper = CertificateKeeper(
            name="client",
            pairs=KeyPairs(folder, CLIENT, threads),
            wish=lambda: client_wish(self._name),
            api=lambda _: client,
            clock=WallClock(),
            on_change=lambda _: None,
        )
        try:
            async with asyncio.timeout(self._patience):
                await keeper.obtain()
        except TimeoutError:
            raise JoinError(
                op="obtain certificate",
                target=f"system:node:{self._name}",
                detail=f"nobody approved it within {self._patience:.0f} s; kubectl get csr "
                "shows it, kubectl certificate approve NAME approves it",
                reason="CertificateRefused",
            ) from None
        finally:
            client.close()
            threads.close()

    def _hand_over(self, *, start: bool) -> None:
        program = shutil.which("nodeagent") or str(Path(sys.executable).with_name("nodeagent"))
        self._undo.put(steps.DROP_IN, steps.service_drop_in(program))
        if not start or not runs_systemd():
            note(
                f"next: nodeagent run --kubeconfig={self._undo.at(steps.KUBECONFIG)} "
                f"--config={self._undo.at(steps.CONFIG)} "
                f"--cert-dir={self._undo.at(steps.CERTIFICATES)} --hostname-override={self._name}"
            )
            return
        if not Path(f"{service_files.UNITS}/nodeagent.service").exists():
            note("next: nodeagent install --now")
            return
        _say("starting the agent")
        _systemctl("daemon-reload")
        _systemctl("enable", "nodeagent.service")
        self.started = True
        _systemctl("restart", "nodeagent.service")
        self._wait_healthy()

    def _wait_healthy(self) -> None:
        from nodeagent.settings.load import load_traced

        config, kubeconfig = (str(self._undo.at(one)) for one in (steps.CONFIG, steps.KUBECONFIG))
        given = load_traced({"config": (config,), "kubeconfig": (kubeconfig,)})
        listener = given.settings.listeners.healthz
        if listener is not None:
            _say("waiting for the agent to be healthy")
            wait_healthy(listener)


@click.command(epilog=f"\b\nExamples:\n  nodeagent reset\n\n{_CODES}")
@_PREFIX
def reset(prefix: Path) -> None:
    """Take back what `nodeagent join` did: the node is standalone again.

    Files get back what was in them before. Static pods go on running; pods of the cluster end with
    the agent's next start. The Node object stays for an administrator: kubectl delete node NAME.
    """
    undo, live = Undo(prefix), prefix == Path("/") and runs_systemd()
    if not undo.is_open:
        note("this machine has not joined by nodeagent join")
        return
    try:
        if live:
            _say("stopping the agent")
            _systemctl("stop", "nodeagent.service")
        for path in _take_back(undo):
            print(f"{paint('undone', 'green')}  {path}")
        if live:
            _start_alone()
    except AgentError as error:
        _give_up(error)


def _start_alone() -> None:
    """The service again, by the command line that it had before the join."""
    _systemctl("daemon-reload")
    _systemctl("restart", "nodeagent.service")


def _take_back(undo: Undo) -> tuple[str, ...]:
    """Certificates first, so that their folder is empty when its turn comes."""
    folder, found = undo.at(steps.CERTIFICATES), []
    for pattern in ("kubelet-client-*", "kubelet-server-*"):
        for place in sorted(folder.glob(pattern)):
            undo.remove(place)
            found.append(f"{steps.CERTIFICATES}/{place.name}")
    if undo.at(steps.SEAL).exists():
        undo.remove(undo.at(steps.SEAL))
        found.append(steps.SEAL)
    return (*found, *undo.take_back())


def _say(text: str) -> None:
    print(f"{paint('join', 'green')}  {text}")


def _show(one: Finding) -> None:
    word = paint(one.level.value.ljust(4), _COLOURS[one.level])
    print(f"{word}  {one.check}: {one.says}")
    for name, text in (("why", one.cause), ("fix", one.fix)):
        if text:
            print(f"      {name}: {text}")


def _give_up(error: AgentError) -> NoReturn:
    from nodeagent.core.catalogue import code_for

    if isinstance(error, SettingsError):
        fail(str(error), code=2)
    code = code_for(error.reason)
    fail(str(error) + (f" [{code}]" if code else ""))


def _as_endpoint(socket: str) -> str:
    return socket if "://" in socket else f"unix://{socket}"


def _host_name() -> str:
    import socket

    return socket.gethostname().strip().lower()


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise JoinError(op=f"systemctl {words[0]}", target=words[-1], detail=said)
