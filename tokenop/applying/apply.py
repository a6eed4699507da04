"""From a template and a project to what applying it changes, and to the files written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path, PurePosixPath

from tokenop.applying import filling, hunks, journal, merge, receipts
from tokenop.applying.model import Change, FileChange, Receipt, State, Target
from tokenop.applying.root import MAX_BYTES, Root, complaint
from tokenop.applying.tree import RULE
from tokenop.catalogue.model import Patch, Template
from tokenop.catalogue.parameters import Value
from tokenop.errors import Finding, FindingsError, InputError


def plan(
    template: Template,
    project: Path,
    parameters: Mapping[str, Value] | None = None,
    diffs: Mapping[str, str] | None = None,
) -> Change:
    """Return what applying the template would change. Nothing is written.

    Args:
        template: what to apply.
        project: the user's folder.
        parameters: values by name; defaults hold where none is given.
        diffs: unified diffs by target, on top of the template's patches: what capacity levers change in Terraform.

    Raises:
        MisuseError: parameters are missing or not allowed.
        InputError: the project cannot be read.
    """
    values = filling.values(template, parameters or {})
    with Root(project) as root:
        applied = receipts.load(root)
        planner = _Planner(root, list(_relations(template.id, template.requires, template.conflicts, applied, project)))
        if journal.interrupted(root):
            planner.conflicts.append(journal.finding(root))
        for patch in template.patches:
            planner.meet(patch.target, partial(_patched, template, patch, values))
        for target, diff in sorted((diffs or {}).items()):
            planner.meet(target, partial(_hunked, target, diff))
    files = planner.files.values()
    change = Change(
        template.id,
        template.version,
        template.sha256,
        values,
        template.requires,
        template.conflicts,
        files=tuple(one for one in files if one.before != one.after),
        unchanged=tuple(one.target for one in files if one.before == one.after),
        conflicts=tuple(planner.conflicts),
        notes=tuple(planner.notes),
    )
    return _again(change, next((one for one in applied if one.template == template.id), None), project, planner.files)


class _Planner:
    """Collects what each file becomes, and what stands in the way, all at once."""

    def __init__(self, root: Root, conflicts: list[Finding]) -> None:
        self.root = root
        self.files: dict[str, FileChange] = {}
        self.conflicts = conflicts
        self.notes: list[str] = []

    def meet(self, target: str, make: Callable[[str | None], str]) -> None:
        """Note what `make` makes of the file at `target`."""
        why = complaint(target) or next((told for one in self.files if (told := _apart(one, target))), None)
        if why:
            fix = "the template is not sound: `tokenop templates lint` says more"
            self.conflicts.append(_finding(target, "target", f"{target!r} {why}", fix))
            return
        try:
            known = self.files.get(target)
            if known is None:
                state = self.root.read(target)
                known = FileChange.between(target, state, state)
            after = _bytes(target, make(_text(target, known.after)))
            if known.before is not None and after != known.before and self.root.linked(target):
                self.notes.append(f"{target} has another name (a hard link); what that names stays as it is")
            self.files[target] = replace(known, after=after)
        except FindingsError as error:
            self.conflicts += error.findings
        except InputError as error:
            self.conflicts.append(_finding(target, "target", str(error), ""))


def _apart(one: str, other: str) -> str | None:
    """Return why two targets cannot both be there, on file systems that tell capitals apart and on others."""
    if one == other:
        return None
    if one.casefold() == other.casefold():
        return f"differs from {one} in capitals only"
    if one.casefold().startswith(f"{other.casefold()}/") or other.casefold().startswith(f"{one.casefold()}/"):
        return f"cannot be there together with {one}: a file is no folder"
    return None


def _bytes(target: str, text: str) -> bytes:
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{target}: would hold half of a character, which is no text") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{target}: would be larger than {MAX_BYTES // 1024 // 1024} MB; write it by hand")
    return content


def _text(target: str, content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{target}: is no UTF-8 text, so nothing can be merged into it") from error


def _patched(template: Template, patch: Patch, values: Mapping[str, Value], mine: str | None) -> str:
    """Return what a file becomes with one patch in it."""
    content = filling.filled(template, patch, values)
    if patch.merge == "diff":
        return _hunked(patch.target, content, mine)
    if mine is None or patch.merge == "replace":
        return content
    if patch.merge == "create":
        if mine == content:
            return mine
        fix = "move yours away, or merge the two by hand: `tokenop templates info` shows the template's"
        raise FindingsError([_finding(patch.target, "target", "is there already, with other content", fix)])
    if patch.merge == "append":
        return merge.text(mine, content)
    return (merge.yaml if patch.merge == "yaml" else merge.json)(mine, content, patch.target)


def _hunked(target: str, diff: str, mine: str | None) -> str:
    """Return what a file becomes with the hunks of a diff; itself where they are in it already."""
    return hunks.settled(mine or "", hunks.parse(diff, target), target)


def _relations(
    name: str, requires: Sequence[str], excludes: Sequence[str], applied: Sequence[Receipt], project: Path
) -> Iterator[Finding]:
    """Yield what template `name` requires and is not applied, and what is applied and in conflict with it."""
    there = {receipt.template for receipt in applied}
    for other in requires:
        if other not in there:
            message = f"{name} needs {other}, which is not applied here"
            yield _finding(project, "requires", message, f"first: tokenop template-apply {other}")
    for receipt in applied:
        if receipt.template in excludes or name in receipt.conflicts:
            message = f"{name} cannot be together with {receipt.template}, which is applied here"
            yield _finding(project, "conflicts", message, f"first: tokenop template-rollback {receipt.template}")


def _again(change: Change, receipt: Receipt | None, project: Path, now: Mapping[str, FileChange]) -> Change:
    """Say of a template that is applied already whether that still holds."""
    if receipt is None:
        return change
    values = plain(change.parameters)
    if not change.files and not change.conflicts and dict(receipt.parameters) == values:
        note = f"the receipt is of version {receipt.version}; this one changes no file"
        notes = change.notes if receipt.sha256 == change.sha256 else (*change.notes, note)
        return replace(change, applied=True, notes=notes)
    told = [f"in version {receipt.version}"] if receipt.sha256 != change.sha256 else []
    told += [f"with {name} = {value}" for name, value in receipt.parameters.items() if values.get(name) != value]
    if not told:
        as_left = all(one.target in now and now[one.target].before == one.after.content for one in receipt.targets)
        names = ", ".join(one.target for one in change.files)
        told = [f"and would change more now: {names}" if as_left and names else "and its files were changed since"]
    message = f"{change.template} is applied here already, {' and '.join(told)}"
    fix = f"take it back first: tokenop template-rollback {change.template}"
    return replace(change, conflicts=(*change.conflicts, _finding(project, "receipt", message, fix)))


def plain(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return values as JSON keeps them: a decimal number as its text."""
    return {name: value if isinstance(value, str | int) else str(value) for name, value in parameters.items()}


def write(change: Change, project: Path, today: date | None = None) -> Receipt:
    """Write a change whole or not at all, with its receipt, and return that.

    Args:
        change: from `plan`, for the same project.
        project: the user's folder.
        today: the day that the receipt names.

    Raises:
        FindingsError: the change has conflicts.
        ChangedError: a file is not as it was when the change was planned.
        InputError: a file cannot be written. In each case nothing is changed.
    """
    if change.conflicts:
        raise FindingsError(change.conflicts)
    with Root(project) as root, journal.locked(root):
        applied = receipts.load(root)
        known = next((receipt for receipt in applied if receipt.template == change.template), None)
        if known is not None:
            if change.files:
                raise InputError(f"{project}: {change.template} was applied meanwhile; run the command again")
            return known
        # Another command may have come in between.
        if found := list(_relations(change.template, change.requires, change.excludes, applied, project)):
            raise FindingsError(found, "Nothing was written.")
        new = 0o666 & ~_umask()
        steps = [
            journal.Step(
                one.target,
                None if one.before is None else State(one.before, one.mode or 0),
                State(one.after or b"", new if one.mode is None else one.mode),
            )
            for one in change.files
        ]
        folders = [folder for step in steps for folder in _folders(root, step.target, applied)]
        receipt = Receipt(
            change.template,
            change.version,
            change.sha256,
            plain(change.parameters),
            change.requires,
            change.excludes,
            max((one.sequence for one in applied), default=0) + 1,
            today,
            tuple(Target(step.target, step.before, step.after) for step in steps if step.after),
            tuple(dict.fromkeys(folders)),
        )
        journal.run(root, steps, change.template, receipts.text(receipt), ())
    return receipt


def _folders(root: Root, target: str, applied: Sequence[Receipt]) -> Iterator[str]:
    """Yield the folders above `target` that templates made, this one or others: they go with the last one in them."""
    made = {folder for receipt in applied for folder in receipt.folders}.union(root.missing_folders(target))
    for parent in reversed(PurePosixPath(target).parents):
        if parent.as_posix() in made:
            yield parent.as_posix()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _finding(file: object, field: str, message: str, fix: str) -> Finding:
    return Finding(str(file), 0, field, RULE, "error", message, 0, fix)
