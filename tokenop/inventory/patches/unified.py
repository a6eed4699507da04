"""Unified diffs that `git apply` and `patch -p1` take."""

from __future__ import annotations

import difflib

NO_NEWLINE = "\\ No newline at end of file\n"


def diff(name: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of one file, empty where nothing changes; `name` is its path with forward slashes."""
    if before == after:
        return ""
    # A tab ends a name that has a space in it; without one, readers would cut the name there.
    end = "\t" if " " in name else ""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}{end}", f"b/{name}{end}", n=3, lineterm="\n")
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}" for line in lines)


def _lines(data: bytes) -> list[str]:
    """Return the lines with their ends; only a line feed ends a line."""
    lines = [line + "\n" for line in data.decode("utf-8").split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
