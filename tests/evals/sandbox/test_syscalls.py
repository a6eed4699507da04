"""The numbers of system calls, against the kernel's own headers where they are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenop.evals.sandbox import syscalls

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), 0),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), 1),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    path, column = HEADERS[machine]
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text(encoding="utf-8"))
    told = {name.replace("fstatat", "newfstatat") if name == "fstatat" else name: int(number) for name, number in found}
    for name, numbers in {**syscalls._NEEDED, **syscalls._DEADLY}.items():
        assert told.get(name) == numbers[column] or numbers[column] is None, name


def test_nothing_that_is_needed_kills() -> None:
    for calls in syscalls.MACHINES.values():
        assert not set(calls.allowed) & set(calls.deadly)
