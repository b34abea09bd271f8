"""The pause program as bytes: what holds a pod's namespaces open, made without a compiler."""

import struct

from nodeagent.errors import SettingsError

_SIGINT, _SIGTERM, _SIGCHLD = 2, 15, 17
_AWAITED = 1 << (_SIGINT - 1) | 1 << (_SIGTERM - 1) | 1 << (_SIGCHLD - 1)
_BASE = 0x400000
_HEADERS = 64 + 2 * 56  # ELF header and two program headers
_MACHINES = {"x86_64": 62, "aarch64": 183}


def pause_program(machine: str) -> bytes:
    """Return a static ELF program for `machine` (as `uname -m` names it).

    It blocks SIGINT, SIGTERM and SIGCHLD, then for ever reaps every dead child and waits for the
    next of those signals; on SIGINT or SIGTERM it exits with 0. As PID 1 of a shared namespace it
    thus leaves no zombies. Raises SettingsError for a machine we have no code for.
    """
    if machine == "x86_64":
        code = _x86_64()
    elif machine == "aarch64":
        code = _aarch64()
    else:
        raise SettingsError(
            op="make the pause program for",
            target=machine,
            detail=f"only {' and '.join(_MACHINES)} are known; name another sandbox image",
        )
    return _elf(code, _MACHINES[machine])


def _x86_64() -> bytes:
    """Arguments go in rdi, rsi, rdx, r10 and the call's number in rax; rsp holds the signal set."""
    syscall = b"\x0f\x05"
    size_of_set = b"\x6a\x08\x41\x5a"  # r10 = 8
    start = (
        b"\x68"
        + struct.pack("<I", _AWAITED)  # push the set
        + b"\x31\xff"  # rdi = 0, SIG_BLOCK
        + b"\x48\x89\xe6"  # rsi = rsp, the set
        + b"\x31\xd2"  # rdx = 0, no old set
        + size_of_set
        + b"\x6a\x0e\x58"  # rt_sigprocmask
        + syscall
    )
    reap = (
        b"\x6a\xff\x5f"  # rdi = -1, any child
        + b"\x31\xf6"  # rsi = 0, no status wanted
        + b"\x6a\x01\x5a"  # rdx = WNOHANG
        + b"\x45\x31\xd2"  # r10 = 0, no usage wanted
        + b"\x6a\x3d\x58"  # wait4
        + syscall
        + b"\x85\xc0"  # was there one?
    )
    reap += b"\x7f" + _back(len(reap) + 2)  # then look for another
    wait = (
        b"\x48\x89\xe7"  # rdi = rsp, the set
        + b"\x31\xf6"  # rsi = 0, no details wanted
        + b"\x31\xd2"  # rdx = 0, no deadline
        + size_of_set
        + b"\xb8\x80\x00\x00\x00"  # rt_sigtimedwait
        + syscall
        + b"\x83\xf8\x02"  # SIGINT?
        + b"\x74\x05"  # then skip the next test
        + b"\x83\xf8\x0f"  # SIGTERM?
    )
    wait += b"\x75" + _back(len(reap) + len(wait) + 2)  # neither: reap again
    leave = b"\x31\xff" + b"\xb8\xe7\x00\x00\x00" + syscall  # exit_group(0)
    return start + reap + wait + leave


def _back(distance: int) -> bytes:
    """A short jump's offset, `distance` bytes back from the end of the jump itself."""
    return struct.pack("<b", -distance)


def _aarch64() -> bytes:
    """Arguments go in x0 to x3 and the call's number in x8; sp holds the signal set."""
    svc = 0xD4000001
    start = [
        _mov(0, _AWAITED & 0xFFFF),
        0xF2A00000 | (_AWAITED >> 16) << 5,  # movk x0, upper half of the set
        0xF81F0FE0,  # str x0, [sp, #-16]!
        _mov(0, 0),  # SIG_BLOCK
        0x910003E1,  # x1 = sp
        _mov(2, 0),
        _mov(3, 8),
        _mov(8, 135),  # rt_sigprocmask
        svc,
    ]
    reap = [
        0x92800000,  # x0 = -1, any child
        _mov(1, 0),
        _mov(2, 1),  # WNOHANG
        _mov(3, 0),
        _mov(8, 260),  # wait4
        svc,
        _compare_w0(0),
    ]
    reap.append(_branch(12, -len(reap)))  # greater: there was one, look for another
    wait = [
        0x910003E0,  # x0 = sp, the set
        _mov(1, 0),
        _mov(2, 0),
        _mov(3, 8),
        _mov(8, 137),  # rt_sigtimedwait
        svc,
        _compare_w0(_SIGINT),
        _branch(0, 3),  # equal: skip the next test
        _compare_w0(_SIGTERM),
    ]
    wait.append(_branch(1, -len(reap) - len(wait)))  # neither: reap again
    leave = [_mov(0, 0), _mov(8, 94), svc]  # exit_group(0)
    words = start + reap + wait + leave
    return struct.pack(f"<{len(words)}I", *words)


def _mov(register: int, value: int) -> int:
    return 0xD2800000 | value << 5 | register


def _compare_w0(value: int) -> int:
    return 0x7100001F | value << 10


def _branch(condition: int, words: int) -> int:
    return 0x54000000 | (words & 0x7FFFF) << 5 | condition


def _elf(code: bytes, machine: int) -> bytes:
    """One readable and executable segment, and a note that the stack needs no execute right."""
    size = _HEADERS + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bit, little endian, version 1
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code
