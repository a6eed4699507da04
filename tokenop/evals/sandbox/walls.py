"""The walls around a program under check, put up by the process itself before it sees the program. Linux only.

1. Limits: processor time, address space, size of files (none), open files, core dumps (none).
2. Landlock: no file but Python's own libraries can be opened, and those for reading; no folder but theirs be listed; no
   TCP; no signals out of the process. A sandboxed process cannot look into another one through /proc either.
3. seccomp: of all system calls a list of some sixty remains. Starting a process or thread, another program, a socket, a
   signal to others, or raising a limit kills the process; the rest is refused.

None of them can be taken down again, not even by root: `no_new_privs` is set.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterator

from tokenop.evals.sandbox.syscalls import MACHINES, Calls

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SIGKILL = 9
# Landlock's numbers are the same on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many rights over files each version of Landlock knows; a ruleset handles all of them.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_FROM, _SCOPES_FROM = 4, 6
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_NOT_PYTHONS_OWN = ("site-packages", "dist-packages", "test", "tests")
ZONES = "/usr/share/zoneinfo"


class NoWallsError(Exception):
    """This system cannot hold a program in; the message says what it lacks."""


def raise_walls(seconds: int, memory_mb: int) -> None:
    """Put up all walls around this process.

    Args:
        seconds: of processor time.
        memory_mb: of address space, what Python itself takes included.

    Raises:
        NoWallsError: one of them cannot be put up.
    """
    calls = MACHINES.get(platform.machine())
    if sys.platform != "linux" or calls is None:
        raise NoWallsError(f"there is no sandbox for programs on {sys.platform} {platform.machine()}")
    libc = ctypes.CDLL(None, use_errno=True)
    _limits(seconds, memory_mb)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NoWallsError("the kernel does not let a process give up privileges")
    _landlock(libc)
    _seccomp(libc, calls)


def _limits(seconds: int, memory_mb: int) -> None:
    wanted = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_AS: (memory_mb * 1024 * 1024,) * 2,
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }
    for kind, (soft, hard) in wanted.items():
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))


def libraries() -> Iterator[str]:
    """Yield Python's own libraries, one by one: what is installed beside them is nobody's business."""
    for folder in [entry for entry in sys.path if entry]:
        if os.path.isdir(folder):  # noqa: PTH112 pathlib is not loaded in the child
            yield from (entry.path for entry in os.scandir(folder) if entry.name not in _NOT_PYTHONS_OWN)
        elif os.path.exists(folder):  # noqa: PTH110
            yield folder


def _landlock(libc: ctypes.CDLL) -> None:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    if version < 1:
        raise NoWallsError("the kernel has no Landlock, or it is switched off")
    rights = (1 << _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]) - 1
    attributes = struct.pack("Q", rights)
    if version >= _NETWORK_FROM:
        attributes += struct.pack("Q", 0b11)
    if version >= _SCOPES_FROM:
        attributes += struct.pack("Q", 0b11)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        raise NoWallsError(f"Landlock makes no ruleset: {os.strerror(ctypes.get_errno())}")
    for folder in sys.path:
        _allow(libc, ruleset, folder, _READ_DIR)
    for path in (*libraries(), ZONES):
        _allow(libc, ruleset, path, _READ_FILE | _READ_DIR)
    if libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)):
        raise NoWallsError(f"Landlock does not hold: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Allow `rights` on what lies at and below `path`; what is not there is left out."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):  # noqa: PTH112
        rights &= ~_READ_DIR
    rule = struct.pack("=Qi", rights, handle)
    done = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, ctypes.c_uint32(0)) if rights else 0
    os.close(handle)
    if done:
        raise NoWallsError(f"Landlock takes no rule: {os.strerror(ctypes.get_errno())}")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(libc: ctypes.CDLL, calls: Calls) -> None:
    lines = [
        (_LOAD, 0, 0, 4),  # the machine that the call is made for
        (_JUMP_EQUAL, 1, 0, calls.audit_arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the call's number
    ]
    for numbers, verdict in ((calls.allowed, _ALLOW), (calls.deadly, _KILL)):
        for number in numbers:
            lines += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, verdict)]
    lines.append((_RETURN, 0, 0, _EPERM))
    program = _Program(len(lines), b"".join(struct.pack("=HBBI", *line) for line in lines))
    if libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0):
        raise NoWallsError(f"seccomp takes no filter: {os.strerror(ctypes.get_errno())}")
