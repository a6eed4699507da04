"""Which system calls a program under check may make: numbers by machine, as Linux' own headers have them."""

from __future__ import annotations

from typing import NamedTuple

# What a Python that has started needs to compute, to read its own libraries and to end. All others give EPERM.
_NEEDED = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "newfstatat": (262, 79),
    "statx": (332, 291), "stat": (4, None), "lstat": (6, None), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "pread64": (17, 67), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "getcwd": (79, 17),
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "gettimeofday": (96, 169), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "times": (100, 153),
    "getrusage": (98, 165), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getrandom": (318, 278),
    "futex": (202, 98), "open": (2, None), "openat": (257, 56), "getdents64": (217, 61), "exit": (60, 93),
    "exit_group": (231, 94), "restart_syscall": (219, 128), "membarrier": (324, 283), "rseq": (334, 293),
    "set_robust_list": (273, 99), "uname": (63, 160), "sysinfo": (99, 179), "poll": (7, None), "ppoll": (271, 73),
    "select": (23, None), "pselect6": (270, 72), "time": (201, None),
}  # fmt: skip
# What no right answer does, not even by accident: the program is killed at once. Sockets are not among them: a look-up
# of the user's home folder opens one, and is content with EPERM.
_DEADLY = {
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435), "execve": (59, 221),
    "execveat": (322, 281), "ptrace": (101, 117), "kill": (62, 129), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "bpf": (321, 280), "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97),
    "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "io_uring_setup": (425, 425),
    "memfd_create": (319, 279), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180),
}  # fmt: skip


class Calls(NamedTuple):
    """The system calls of one machine: the kernel's word for it, those allowed, those that kill."""

    audit_arch: int
    allowed: tuple[int, ...]
    deadly: tuple[int, ...]


def _calls(audit_arch: int, column: int) -> Calls:
    def numbers(of: dict[str, tuple[int, int | None]]) -> tuple[int, ...]:
        return tuple(number for row in of.values() if (number := row[column]) is not None)

    return Calls(audit_arch, numbers(_NEEDED), numbers(_DEADLY))


# `platform.machine()` → its calls. There is no sandbox on any other machine.
MACHINES = {"x86_64": _calls(0xC000003E, 0), "aarch64": _calls(0xC00000B7, 1)}
