"""Clones over a real git server, in the real sandbox."""

import asyncio
import json
import os
import shutil
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host import git_worker
from nodeagent.adapters.host.git import GitClones
from nodeagent.adapters.host.mounts import Kernel, mounts_below
from nodeagent.adapters.host.trees import remove_tree
from nodeagent.errors import HostError
from tests.apiserver.authority import Authority
from tests.fakes.git_server import GitServer, git_server, needs_git

pytestmark = needs_git
MIB = 1 << 20
SLEEP = f"sleep 1000.{os.getpid()}"  # nobody else's
BARE = {"HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/x": ""}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "clone"
    folder.mkdir()
    yield folder
    assert mounts_below(str(folder)) == ()


async def clone(
    url: str, folder: Path, *, most: int = 64 * MIB, revision: str = "", directory: str = ""
) -> Path:
    source = v1.GitRepoVolumeSource(repository=url, revision=revision, directory=directory)
    return Path(await GitClones(deadline=30).clone(source, str(folder), most_bytes=most))


def found_in(folder: Path, *tests: str) -> int:
    """How many entries find(1) finds, however deep they are."""
    words = ["find", ".", *tests]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True).stdout.count(b"\n")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("revision", "directory", "place", "word"),
    [
        ("", "", "app", "three"),
        ("", ".", ".", "three"),
        ("", "a/b", "a/b", "three"),
        ("one", "", "app", "one"),
        ("main~1", "sub", "sub", "two"),
        ("side", ".", ".", "two"),
    ],
)
async def test_the_volume_holds_the_revision_in_the_directory(
    server: GitServer, folder: Path, revision: str, directory: str, place: str, word: str
) -> None:
    for number in ("one", "two", "three"):
        files = {"word": number, f"run-{number}": "#!/bin/sh\n", f"deep/{number}/x": ""}
        server.commit("app", files, tag=number)
    server.git("app", "branch", "side", "two")
    tree = await clone(server.url("app"), folder, revision=revision, directory=directory)
    found = tree / place
    assert (found / "word").read_text() == word
    assert stat.S_IMODE((found / "run-one").stat().st_mode) == 0o755
    assert {path.lstat().st_uid for path in tree.rglob("*")} == {0}
    assert ".git" in names(found)


@pytest.mark.parametrize("secure", [False, True])
async def test_http_works_and_a_strange_certificate_does_not(
    server: GitServer, folder: Path, secure: bool
) -> None:
    server.commit("app", {"word": "x"})
    server.git("app", "update-server-info")
    with served(server.top, secure=secure) as url:
        if secure:
            with pytest.raises(HostError, match="certificate"):
                await clone(f"{url}/app/.git", folder)
        else:
            tree = await clone(f"{url}/app/.git", folder)
            assert (tree / "app/word").read_text() == "x"


@contextmanager
def served(top: Path, *, secure: bool) -> Iterator[str]:
    """The files as a plain web server has them; `secure`: with a certificate of its own."""
    handler = partial(Quiet, directory=str(top))
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if secure:
        pair = Authority().server("127.0.0.1", ["127.0.0.1"])
        (top / "pair.pem").write_bytes(pair.both)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(top / "pair.pem")
        web.socket = context.wrap_socket(web.socket, server_side=True)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if secure else ''}://127.0.0.1:{web.server_port}"
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


async def test_an_empty_repository_makes_an_empty_folder(server: GitServer, folder: Path) -> None:
    (server.top / "app").mkdir()
    server.git("app", "init", "--quiet")
    tree = await clone(server.url("app"), folder)
    assert names(tree) == {"app"} and names(tree / "app") == {".git"}


async def test_nothing_that_a_repository_holds_is_run(server: GitServer, folder: Path) -> None:
    """Hooks and settings as files, an embedded bare repository, filters, submodules, links."""
    evil = "#!/bin/sh\necho pwned >/work/pwned\necho pwned >pwned\n"
    settings = "[core]\n\tfsmonitor = /work/.git/hook\n\thooksPath = hooks\n\tbare = false\n"
    files = {
        **BARE,
        "hook": evil,
        "config": settings,
        "hooks/post-checkout": evil,
        "hooks/reference-transaction": evil,
        **{f"inner/{path}": content for path, content in BARE.items()},
        "inner/config": settings,
        "inner/hooks/post-checkout": evil,
        ".gitattributes": "* filter=evil\n*.x filter=lfs\n",
        "a.x": "version https://git-lfs.github.com/spec/v1\n",
        "out": "-> /etc",
        "up": "-> ../../..",
    }
    server.commit("evil", files)
    server.add_submodule("evil", "sub", "ext::sh -c 'echo pwned >/work/pwned'")
    for number, (revision, directory) in enumerate(
        [("", ""), ("main", ""), ("main", ".git"), ("main", "."), ("", "a/.git"), ("", "out")]
    ):
        place = folder / str(number)
        place.mkdir()
        tree = await clone(server.url("evil"), place, revision=revision, directory=directory)
        assert not list(place.rglob("pwned"))
        where = tree / (directory or "evil")
        assert (where / "out").is_symlink() and (where / "up").is_symlink()
        assert names(where / "sub") == set()
        assert not list((where / ".git").glob("modules/*"))
        assert "evil" not in (where / ".git/config").read_text().replace(server.url("evil"), "")


@pytest.mark.parametrize(
    ("url", "revision", "words"),
    [
        ("none", "", "not appear to be a git repository|access denied"),
        ("app", "nope", "git -C ./app checkout --quiet nope --: exit code 128: fatal: invalid"),
        ("app", "word", "invalid reference: word"),
    ],
)
async def test_what_git_says_is_the_error(
    server: GitServer, folder: Path, url: str, revision: str, words: str
) -> None:
    server.commit("app", {"word": "x"})
    with pytest.raises(HostError, match=words):
        await clone(server.url(url), folder, revision=revision)


@pytest.mark.parametrize("url", ["ext::sh -c true", "ssh://127.0.0.1/x", "file:///usr"])
async def test_only_the_network_is_asked_even_if_more_were_let_in(folder: Path, url: str) -> None:
    with pytest.raises(HostError, match=r"transport '\w+' not allowed"):
        await clone(url, folder)


async def test_folders_may_lie_deep(server: GitServer, folder: Path) -> None:
    server.commit("app", {"word": "x"})
    entry = f"100644,{server.git('app', 'hash-object', 'word').strip()},{'d/' * 1200}word"
    server.git("app", "update-index", "--add", "--cacheinfo", entry)
    server.git("app", "commit", "--quiet", "--message", "deep")
    tree = await clone(server.url("app"), folder, directory=".")
    try:
        assert found_in(tree, "-name", "word", "-uid", "0") == 2
    finally:
        assert remove_tree(str(tree))


async def test_a_password_in_the_address_is_not_told(folder: Path) -> None:
    with pytest.raises(HostError) as caught:
        await clone("http://me:secret@127.0.0.1:1/x", folder)
    assert "http://***@127.0.0.1:1/x" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_clone_that_is_too_large_is_ended(server: GitServer, folder: Path) -> None:
    """A small pack becomes large files, as with a bomb."""
    server.commit("bomb", {f"zeros{number}": bytes(8 * MIB) for number in range(4)})
    with pytest.raises(HostError, match="it takes more than 10 MiB"):
        await clone(server.url("bomb"), folder, most=10 * MIB)
    assert (await clone(server.url("bomb"), _fresh(folder))).exists()


async def test_a_clone_of_too_many_files_is_ended(server: GitServer, folder: Path) -> None:
    """Files without contents take no bytes, but an inode each."""
    server.commit("many", {f"d{number}/empty": b"" for number in range(150)})
    place = _fresh(folder)
    kernel = Kernel()
    kernel.mount("tmpfs", str(place), "tmpfs", options="nr_inodes=500")
    try:
        with pytest.raises(HostError, match="more than half of the disk's free inodes"):
            await clone(server.url("many"), place)
    finally:
        kernel.unmount(str(place))
    assert (await clone(server.url("many"), _fresh(folder))).exists()


async def test_a_server_that_never_answers_is_left_at_the_deadline(folder: Path) -> None:
    left = 2
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left -= 1
        if not left:
            done.set()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        for scheme in ("git", "http"):
            place = _fresh(folder)
            source = v1.GitRepoVolumeSource(repository=f"{scheme}://127.0.0.1:{port}/x")
            with pytest.raises(HostError, match="it was not done within 1 s"):
                await GitClones(deadline=1).clone(source, str(place), most_bytes=MIB)
            assert not _running(str(place)) and not _running(f"127.0.0.1:{port}")
        await done.wait()


async def test_a_clone_that_nobody_waits_for_any_more_ends(folder: Path) -> None:
    met, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        while await reader.read(1000):
            pass
        writer.close()
        await writer.wait_closed()
        gone.set()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"git://127.0.0.1:{listener.sockets[0].getsockname()[1]}/x"
    async with listener:
        task = asyncio.create_task(clone(url, folder))
        await met.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_node_without_git_says_what_to_install(folder: Path) -> None:
    source = v1.GitRepoVolumeSource(repository="http://127.0.0.1:1/x")
    with pytest.raises(HostError, match="no git on this node: install it"):
        await GitClones(programs=str(folder)).clone(source, str(folder), most_bytes=MIB)


def test_a_program_in_the_sandbox_has_no_rights_and_sees_little(folder: Path) -> None:
    script = r"""
        id -u; id -G; umask
        ls -A /home; ls / | tr '\n' ' '; echo
        setpriv --dump | grep no_new_privs
        ls /proc /root /var /tmp /etc/shadow 2>/dev/null
        for path in /x /usr/x /etc/x /home/x; do touch $path 2>/dev/null && echo wrote $path; done
        echo 'echo ran' >/work/x; chmod +x /work/x; /work/x 2>/dev/null || echo not run
        chown 0:0 /work/x 2>/dev/null || echo not given away
        mount -t tmpfs x /work 2>/dev/null || echo not mounted
        cat /etc/hosts >/dev/null && echo hosts
        setsid SLEEP &
    """
    answer = _in_sandbox(folder, script.replace("SLEEP", SLEEP))
    assert answer["output"].split("\n") == [
        *("65534", "65534", "0022"),
        " ".join(sorted(_top())) + " ",
        "no_new_privs: 1",
        *("not run", "not given away", "not mounted", "hosts", ""),
    ]
    assert not _running(SLEEP)


def test_a_sandbox_ends_with_the_agent(folder: Path) -> None:
    order = _order(folder, SLEEP)
    program = (
        "import json, os, subprocess, sys\n"
        "order = json.loads(sys.argv[1])\n"
        "order['parent'] = os.getpid()\n"
        f"words = [sys.executable, '-ISE', {git_worker.__file__!r}, json.dumps(order)]\n"
        "subprocess.Popen(words, stdout=sys.stdout)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as agent:
        while not _running(SLEEP):
            assert agent.poll() is None
        agent.kill()
        assert agent.stdout is not None
        assert agent.stdout.read() == b"", "nobody holds the other end any more"
    assert not _running(SLEEP)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _order(folder: Path, script: str) -> dict[str, Any]:
    return {
        "parent": os.getpid(),
        "root": str(folder / "root"),
        "tree": str(folder / "tree"),
        "user": 65534,
        "most_bytes": MIB,
        "memory_bytes": 1 << 30,
        "env": {"PATH": "/usr/bin:/bin"},
        "git": ["/bin/sh", "-c"],
        "commands": [[f"{script}\nexit 1"]],
    }


def _in_sandbox(folder: Path, script: str) -> dict[str, Any]:
    words = [sys.executable, "-ISE", git_worker.__file__, json.dumps(_order(folder, script))]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _top() -> set[str]:
    """What of the node's own top folder is to be seen, and the sandbox's own."""
    ours = {path for path in git_worker.PROGRAM_FOLDERS if Path(path).exists()}
    return {path.strip("/").split("/")[0] for path in ours} | {"dev", "etc", "home", "work"}


def _running(words: str) -> bool:
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if words.encode() in line and place.parent.name != str(os.getpid()):
            return True
    return False
