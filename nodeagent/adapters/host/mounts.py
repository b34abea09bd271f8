"""Mounts: what /proc/self/mountinfo tells, and the system calls that Python lacks.

Nothing here forks mount(8): the calls go through the C library, which lets go of the
interpreter while the kernel works. All functions block; call them in a thread.
"""

import ctypes
import errno
import os
import re
from contextlib import suppress
from pathlib import Path

import msgspec

from nodeagent.adapters.host.oserror import translated

MS_BIND = 4096
_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8

_SYS_OPENAT2 = 437  # the same number on every architecture that Linux added it to
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """One line of mountinfo. `root` is what of the file system is seen at `point`."""

    point: str
    root: str
    fstype: str
    source: str
    options: str
    super_options: str
    shared: bool = False  # with a peer group: what is mounted below shows there too


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def read_mountinfo(path: str = "/proc/self/mountinfo") -> str:
    """The kernel's text; odd bytes in names survive as surrogates."""
    return Path(path).read_bytes().decode(errors="surrogateescape")


def parse_mountinfo(text: str, *, containing: str = "") -> tuple[Mount, ...]:
    """The mounts, in the order they were made; only lines in which `containing` occurs.

    The filter looks at the kernel's escaped text and exists for speed: pass plain path letters.
    """
    return tuple(_parse(line) for line in text.splitlines() if containing in line)


def _parse(line: str) -> Mount:
    front, _, back = line.partition(" - ")
    fields = front.split(" ")
    fstype, source, super_options = [*back.split(" "), "", ""][:3]
    return Mount(
        point=_plain(fields[4]),
        root=_plain(fields[3]),
        fstype=fstype,
        source=_plain(source),
        options=fields[5],
        shared=any(field.startswith("shared:") for field in fields[6:]),
        super_options=super_options,
    )


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def mounts_below(path: str, text: str | None = None) -> tuple[Mount, ...]:
    """Every mount at or below `path` (which may lead over links), deepest first."""
    top = os.path.realpath(path)
    found = parse_mountinfo(read_mountinfo() if text is None else text, containing=_safe_part(top))
    inside = [m for m in found if m.point == top or m.point.startswith(f"{top}/")]
    return tuple(reversed(inside))


def _safe_part(path: str) -> str:
    """The longest last part of the path that mountinfo does not escape."""
    return re.split(r"[\s\\#]|[^\x21-\x7e]", path)[-1]


class Kernel:
    """System calls about mounts. HostError says which call failed on what."""

    def is_mount(self, path: str) -> bool:
        """Whether something is mounted at `path` itself, bind mounts included; a link is not
        followed, and what does not exist is no mount.
        """
        parent, _, name = path.rstrip("/").rpartition("/")
        with translated("check for a mount", path), suppress(FileNotFoundError):
            above = os.open(parent or "/", os.O_PATH | os.O_CLOEXEC)
            try:
                here = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
                try:
                    return _mount_id(above) != _mount_id(here)
                finally:
                    os.close(here)
            finally:
                os.close(above)
        return False

    def mount(
        self, source: str, target: str, fstype: str, *, flags: int = 0, options: str = ""
    ) -> None:
        """mount(2)."""
        with translated(f"mount {fstype or 'bind'}", target):
            _check(
                _libc.mount(
                    os.fsencode(source),
                    os.fsencode(target),
                    os.fsencode(fstype) or None,
                    ctypes.c_ulong(flags),
                    os.fsencode(options) or None,
                )
            )

    def bind(self, source: str, target: str) -> None:
        """Make `source`, without what is mounted below it, appear at `target` too."""
        self.mount(source, target, "", flags=MS_BIND)

    def unmount(self, target: str) -> None:
        """Nothing is mounted at `target` afterwards; nothing there counts as done.

        A mount that is in use is detached: it ends with its last user.
        """
        with translated("unmount", target):
            for _ in range(64):  # several mounts may lie on top of each other
                try:
                    self._unmount_one(target)
                except OSError as error:
                    if error.errno in (errno.EINVAL, errno.ENOENT):
                        return
                    raise
            raise OSError(errno.EBUSY, "more than 64 mounts lie on top of each other", target)

    def _unmount_one(self, target: str) -> None:
        name = os.fsencode(target)
        try:
            _check(_libc.umount2(name, _UMOUNT_NOFOLLOW))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            _check(_libc.umount2(name, _UMOUNT_NOFOLLOW | _MNT_DETACH))

    def mounts_below(self, path: str) -> tuple[str, ...]:
        """Mount points at or below `path`, deepest first."""
        with translated("read mounts", path):
            return tuple(mount.point for mount in mounts_below(path))

    def open_beneath(self, folder: int, path: str, flags: int) -> int:
        """Open `path` from an open folder; raises OSError.

        Links are followed as long as they stay inside the folder, else EXDEV.
        """
        return openat2(folder, path, flags, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)


def open_here(folder: int, name: str, flags: int) -> int:
    """Open an entry of an open folder that is neither a link (ELOOP) nor a mount (EXDEV)."""
    return openat2(folder, name, flags, _RESOLVE_NO_XDEV | _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH)


def openat2(folder: int, path: str, flags: int, resolve: int) -> int:
    """openat2(2), Linux 5.6; raises OSError. The file is closed on exec."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    while True:
        file = _libc.syscall(
            ctypes.c_long(_SYS_OPENAT2), folder, os.fsencode(path), ctypes.byref(how), size
        )
        if file >= 0:
            return int(file)
        code = ctypes.get_errno()
        if code not in (errno.EINTR, errno.EAGAIN):  # EAGAIN: a rename raced with the walk
            raise OSError(code, os.strerror(code), path)


def _mount_id(file: int) -> str:
    text = Path(f"/proc/self/fdinfo/{file}").read_text()
    return next(line for line in text.splitlines() if line.startswith("mnt_id:"))


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
