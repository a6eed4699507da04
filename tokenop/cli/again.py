"""Commands to copy: what comes next, with the options that this run had."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

Value = str | Path | bool | Iterable[str] | None


def command(*words: str | Path, **options: Value) -> str:
    """Return `tokenop WORDS --option VALUE …` as a shell takes it.

    Options are named as in Python (`templates_dir`). Those that are None, False, empty or the folder here are left out.
    """
    from tokenop.applying.showing import visible

    parts = ["tokenop", *map(str, words)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            parts.append(option)
        elif isinstance(value, str | Path):
            parts += [option, str(value)] if str(value) != "." else []
        elif value:
            for one in value:
                parts += [option, one]
    return visible(shlex.join(parts))
