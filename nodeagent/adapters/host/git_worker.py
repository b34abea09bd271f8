"""A disposable process that clones a repository in a sandbox, and prints how that went.

Run by path in a bare interpreter, so it imports nothing of the agent. Its argument is an `Order`
of `git.py` as JSON. What git and its helpers see: the programs and libraries of the node, its
certificates and how it finds names, all read-only; the folder to clone into, where nothing can be
executed; no other process. They run as a user without any rights and can gain none.
"""

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any

_NEW_NAMESPACES = 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000  # mounts, pids, ipc, uts
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _MOVE, _REC, _PRIVATE = 32, 4096, 8192, 16384, 1 << 18
_DIE_WITH_PARENT, _NO_NEW_PRIVS = 1, 38
_KEPT = 8192  # bytes of what git says last
_UNTOLD = 1 << 62  # some file systems make inodes as they need them, and tell of none
_INSIDE = "inside"
FOLDER = "{folder}"
_libc = ctypes.CDLL(None, use_errno=True)

PROGRAM_FOLDERS = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/nix/store", "/gnu/store"),
)
_CERTIFICATES = (
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies"),
    *("/etc/alternatives", "/etc/gnutls"),
)
_FILES = tuple(
    f"/etc/{name}"
    for name in "ld.so.cache resolv.conf hosts nsswitch.conf host.conf gai.conf services".split()
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def main() -> None:
    """Answer {"ok": null}, {"failed": what, "output": text} or {"errno": number, "text": words}."""
    order = json.loads(sys.argv[1])
    if sys.argv[2:] == [_INSIDE]:
        _answer(_inside(order))
        return
    os.umask(0o022)
    try:
        _die_with(order["parent"])
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write("1000")
        _check(_libc.unshare(_NEW_NAMESPACES), "unshare")
        subprocess.run([sys.executable, "-ISE", __file__, sys.argv[1], _INSIDE], check=False)
    except OSError as error:
        _answer(_failure(error))


def _inside(order: dict[str, Any]) -> dict[str, object]:
    """Process 1 of the sandbox: all others of it end with it."""
    sys.setrecursionlimit(20000)  # folders may lie deep, and os.walk descends by calls
    try:
        _check(_libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0), "prctl")
        _enter(order["root"], order["tree"], order["user"])
        for words in order["commands"]:
            told = _in_place(words)
            why, output = _run(order, [*order["git"], *told])
            if why:
                return {"failed": f"git {' '.join(told)}: {why}", "output": output}
        _give_to_root()
    except OSError as error:
        return _failure(error)
    return {"ok": None}


def _enter(root: str, tree: str, user: int) -> None:
    """What there is from now on is below `root`; `tree` is its /work. Both are made."""
    for path in (root, tree):
        os.mkdir(path, 0o700)  # noqa: PTH102
    _mount("none", "/", flags=_REC | _PRIVATE)
    _mount("sandbox", root, "tmpfs", _NOSUID | _NODEV, "mode=755,size=16m")
    for path in (*PROGRAM_FOLDERS, *_CERTIFICATES):
        _show(path, root)
    for path in _FILES:
        if os.path.isfile(path):  # noqa: PTH113
            os.makedirs(root + os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            shutil.copyfile(path, root + path)
    os.makedirs(f"{root}/dev", exist_ok=True)  # noqa: PTH103
    for path in _DEVICES:
        with open(root + path, "w"):  # noqa: PTH123
            pass
        _bind(path, root + path, _NOSUID | _NOEXEC)
    for name in ("home", "work"):
        os.mkdir(f"{root}/{name}")  # noqa: PTH102
    os.chown(tree, user, user)
    _bind(tree, f"{root}/work", _NOSUID | _NODEV | _NOEXEC)
    _mount("none", root, flags=_REMOUNT | _RDONLY | _NOSUID | _NODEV)
    os.chdir(root)
    _mount(".", "/", flags=_MOVE)
    os.chroot(".")
    os.chdir("/work")


def _show(path: str, root: str) -> None:
    """The folder or link of the node is there in the sandbox too, if it is there at all."""
    place = root + path
    if os.path.islink(path):  # noqa: PTH114
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        os.symlink(os.readlink(path), place)  # noqa: PTH115, PTH211
    elif os.path.isdir(path):  # noqa: PTH112
        os.makedirs(place, exist_ok=True)  # noqa: PTH103
        _bind(path, place, _RDONLY | _NOSUID | _NODEV)


def _run(order: dict[str, Any], words: list[str]) -> tuple[str, str]:
    """Why the program failed ("" if it did not), and the end of what it said."""

    def confine() -> None:
        for what, most in (
            (resource.RLIMIT_FSIZE, 2 * order["most_bytes"]),  # what is measured comes first
            (resource.RLIMIT_AS, order["memory_bytes"]),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))
        _check(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")

    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=order["env"],
        user=order["user"],
        group=order["user"],
        extra_groups=[],
        umask=0o022,
        preexec_fn=confine,
    )
    said = bytearray()
    reader = threading.Thread(target=_keep_the_end, args=(process.stdout, said))
    reader.start()
    most = order["most_bytes"], (os.statvfs(".").f_ffree or _UNTOLD) // 2
    _wait(process, most)
    try:
        os.kill(-1, signal.SIGKILL)  # in here that is all there is but ourselves
    except ProcessLookupError:
        pass
    reader.join()
    code, output = process.wait(), said.decode(errors="replace")
    if why := _too_much(most):
        return why, output
    if code == 0:
        return "", output
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name, output


def _in_place(words: list[str]) -> list[str]:
    """With FOLDER as the one folder that the clone has made."""
    if FOLDER not in words:
        return words
    (folder,) = os.listdir(".")  # noqa: PTH208
    return [f"./{folder}" if word == FOLDER else word for word in words]


def _wait(process: "subprocess.Popen[bytes]", most: tuple[int, int]) -> None:
    """Wait for its end, or until it has written too much."""
    pause = 0.5
    while True:
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            start = time.monotonic()
            if _too_much(most):
                return
            pause = max(0.5, 10 * (time.monotonic() - start))
        else:
            return


def _too_much(most: tuple[int, int]) -> str:
    """Why what is there is too large, "" if it is not; `most` are bytes and entries."""
    total, entries = _size()
    if total > most[0]:
        return f"it takes more than {most[0] >> 20} MiB"
    return "it takes more than half of the disk's free inodes" if entries > most[1] else ""


def _keep_the_end(pipe: IO[bytes], said: bytearray) -> None:
    while more := os.read(pipe.fileno(), 65536):
        said += more
        del said[:-_KEPT]


def _size() -> tuple[int, int]:
    """Bytes here and below, and what their blocks round them up to; and how many entries."""
    total = entries = 0
    for folder, folders, files in os.walk("."):
        for name in (*folders, *files):
            try:
                about = os.lstat(f"{folder}/{name}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            total += max(about.st_blocks * 512, about.st_size)
            entries += 1
    return total, entries


def _give_to_root() -> None:
    """Everything that was cloned belongs to root; nobody else can be at it by now."""
    for folder, folders, files in os.walk("."):
        for name in (*folders, *files):
            os.chown(f"{folder}/{name}", 0, 0, follow_symlinks=False)
    os.chown(".", 0, 0)


def _die_with(parent: int) -> None:
    _check(_libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        raise ProcessLookupError(3, "the agent has ended")


def _bind(source: str, target: str, flags: int) -> None:
    _mount(source, target, flags=_BIND)
    _mount("none", target, flags=_REMOUNT | _BIND | flags)


def _mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(fstype) or None,
        ctypes.c_ulong(flags),
        os.fsencode(options) or None,
    )
    _check(result, f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _failure(error: OSError) -> dict[str, object]:
    where = f": {error.filename}" if error.filename else ""
    return {"errno": error.errno, "text": f"{error.strerror}{where}"}


def _answer(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
