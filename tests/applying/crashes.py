"""Kills applying and rolling back at every step on the disk, in turn: `python -m tests.applying.crashes DIR`.

A process of its own, because it forks: the copy kills itself with the real signal at its nth step. After each kill the
next command must find, or make, a project that is as before or as afterwards. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.applying.making import DAY, template, tree
from tokenop import applying
from tokenop.applying import journal
from tokenop.applying.undo import plan as taking_back
from tokenop.applying.undo import write as take_back

CHANGING = template(
    "short",
    ("tokenop/router.yaml", "yaml", "rules: {b: 2}\n"),
    ("deploy/new/readme.md", "create", "Hello.\n"),
    ("notes.txt", "append", "one more\n"),
)
STEPS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod")

Tree = dict[str, tuple[bytes, int] | None]


def start(folder: Path) -> None:
    (folder / "tokenop").mkdir(parents=True)
    (folder / "tokenop" / "router.yaml").write_text("rules: {a: 1}\n", encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")


def apply(folder: Path) -> None:
    applying.write(applying.plan(CHANGING, folder), folder, DAY)


def undo(folder: Path) -> None:
    take_back(taking_back(folder, "short"), folder)


def main(folder: Path) -> None:
    before, after = folder / "before", folder / "after"
    start(before)
    shutil.copytree(before, after)
    apply(after)
    told: dict[str, Any] = {"steps": {}, "problems": []}
    for name, step, source, ends in (("apply", apply, before, (before, after)), ("undo", undo, after, (after, before))):
        told["steps"][name] = every(folder / name, step, source, tree(ends[0]), tree(ends[1]), told["problems"])
    sys.stdout.write(json.dumps(told) + "\n")


def every(folder: Path, action: Callable[[Path], None], source: Path, old: Tree, new: Tree, problems: list[str]) -> int:
    """Kill `action` at each step and return how many there were."""
    number = 0
    while True:
        number += 1
        project = folder / str(number)
        shutil.copytree(source, project)
        if not killed(project, action, number):
            return number - 1
        journal.mend(project)
        found = tree(project)
        if found not in (old, new):
            problems.append(f"{folder.name} {number}: {sorted(found)}")
        # Whatever came of it, the next command works.
        if found == old:
            action(project)
            if tree(project) != new:
                problems.append(f"{folder.name} {number}: the next run gives {sorted(tree(project))}")
        shutil.rmtree(project)


def killed(project: Path, action: Callable[[Path], None], number: int) -> bool:
    """Run in a copy of this process that is killed at the nth step; tell whether it was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and not str(arguments[0]).endswith((".py", ".pyc")):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    action(project)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
