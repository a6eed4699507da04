"""Whether this system can hold programs in at all, found out without asking the sandbox."""

from __future__ import annotations

import ctypes
import platform
import sys

import pytest


def _landlock() -> bool:
    """Return whether the kernel has Landlock (its system call that asks for the version)."""
    libc = ctypes.CDLL(None)
    return int(libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1))) > 0


HELD = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and _landlock()
needs_walls = pytest.mark.skipif(not HELD, reason="programs are only run where Linux has Landlock")
