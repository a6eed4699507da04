"""Trying a template's patches: they apply, keep what others wrote, and rolling back restores every byte.

All of it happens in scratch folders, which go away again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop import sample
from tokenop.errors import MisuseError, TokenOpError
from tokenop.trials import projects
from tokenop.trials.model import Check

if TYPE_CHECKING:
    from decimal import Decimal

    from tokenop.applying.model import Change
    from tokenop.catalogue.model import Template

    Values = Mapping[str, str | int | Decimal | bool]
    Files = Iterator[tuple[str, str]]


class _FailedError(Exception):
    """A step of a trial that went wrong, in words."""


@dataclass(frozen=True)
class _Tried:
    """A template without what it needs beside it, and the values that are given to it."""

    template: Template
    values: Values


def checks(template: Template) -> Iterator[Check]:
    """Yield what a template's patches do in scratch projects."""
    if not template.patches:
        yield Check("patches", "patches", "note", "it has none: nothing can be applied or rolled back")
    try:
        # Whether other templates are in place is no matter of its patches.
        tried = _Tried(replace(template, requires=(), conflicts=()), projects.standins(template))
    except ValueError as error:
        # A patch that nobody can try is not shown to be one that applies.
        yield Check("patches", "patches", "fail", f"cannot be tried: {error}")
        return
    if template.patches:
        yield _run(tried, "clean project", projects.clean, _applied)
        if any(patch.merge not in ("create", "diff") for patch in template.patches):
            yield _run(tried, "project with other content", projects.lived_in, _kept)
        if any(patch.merge == "create" for patch in template.patches):
            yield _run(tried, "project with a file in the way", projects.blocked, _refused)
    if any(lever.kind == "capacity" for lever in template.levers):
        yield _terraform(tried)


def _run(tried: _Tried, name: str, files: Callable[[Template], Files], step: Callable[[_Tried, Path], str]) -> Check:
    with tempfile.TemporaryDirectory(prefix="tokenop-trial-") as folder:
        project = Path(folder)
        try:
            projects.write(project, files(tried.template))
            return Check("patches", name, "pass", step(tried, project))
        except _FailedError as failed:
            return Check("patches", name, "fail", str(failed))
        except (TokenOpError, OSError) as error:
            return Check("patches", name, "fail", str(error).replace(f"{folder}/", ""))


def _applied(tried: _Tried, project: Path, diffs: Mapping[str, str] | None = None) -> str:
    """Apply, apply again, roll back, and return what was done."""
    from tokenop import applying

    before = projects.snapshot(project)
    change = _planned(tried, project, diffs)
    applying.write(change, project)
    for file in change.files:
        path = project / file.target
        if not path.is_file() or path.read_bytes() != file.after:
            raise _FailedError(f"{file.target} does not hold what the diff shows")
    again = applying.plan(tried.template, project, tried.values, diffs)
    if again.files:
        raise _FailedError(f"applying it twice changes {', '.join(one.target for one in again.files)} twice")
    applying.rollback(project, tried.template.id)
    after = projects.snapshot(project)
    wrong = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if wrong:
        raise _FailedError(f"rolling back does not restore {', '.join(wrong)}")
    count = len(change.files)
    return f"{count} file{'s' * (count != 1)} written, a second time changes nothing, rollback restores every byte"


def _planned(tried: _Tried, project: Path, diffs: Mapping[str, str] | None) -> Change:
    from tokenop import applying

    change = applying.plan(tried.template, project, tried.values, diffs)
    if change.conflicts:
        raise _FailedError("; ".join(f"{one.file}: {one.message}" for one in change.conflicts))
    if not change.files:
        raise _FailedError("it changes nothing")
    return change


def _kept(tried: _Tried, project: Path) -> str:
    """Look whether what stood in the files stays, then apply."""
    files = {change.target: change.after for change in _planned(tried, project, None).files}
    for patch in tried.template.patches:
        after = files.get(patch.target)
        if after is not None and not projects.kept(patch.target, patch.merge, after):
            raise _FailedError(f"{patch.target} loses what stood in it")
    return f"what must stay stays; {_applied(tried, project)}"


def _refused(tried: _Tried, project: Path) -> str:
    """Look whether files in the way are left as they are."""
    from tokenop import applying

    change = applying.plan(tried.template, project, tried.values)
    refused = {one.file for one in change.conflicts}
    for target, _ in projects.in_the_way(tried.template):
        if target not in refused:
            raise _FailedError(f"{target} must be new, and would be overwritten")
    return "is refused, and the file stays as it is"


def _terraform(tried: _Tried) -> Check:
    """Apply the diffs of capacity levers to the sample's Terraform sources."""
    from tokenop import inventory
    from tokenop.applying import hunks
    from tokenop.inventory.patches import diffs

    with tempfile.TemporaryDirectory(prefix="tokenop-trial-") as folder:
        project = Path(folder)
        shutil.copytree(sample.terraform(), project, dirs_exist_ok=True)
        try:
            found = diffs(inventory.read(sample.inventory()), tried.template, project)
            changed = {name: text for diff in found for name, text in hunks.split(diff.text).items()}
            if not changed:
                notes = sum(len(diff.notes) for diff in found)
                text = f"nothing to change in the sample's Terraform sources ({notes} notes on what is done by hand)"
                return Check("patches", "terraform", "note", text)
            text = _applied(_Tried(replace(tried.template, patches=()), {}), project, changed)
            return Check("patches", "terraform", "pass", f"{', '.join(sorted(changed))}: {text}")
        except MisuseError as error:
            return Check("patches", "terraform", "note", f"not tried: {error}")
        except _FailedError as failed:
            return Check("patches", "terraform", "fail", str(failed))
        except TokenOpError as error:
            return Check("patches", "terraform", "fail", str(error).replace(f"{folder}/", ""))
