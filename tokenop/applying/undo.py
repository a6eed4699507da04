"""Taking a template back: files as they were before, to the byte, or with later edits kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenop.applying import hunks, journal, receipts
from tokenop.applying.model import FileChange, Receipt, State, Target
from tokenop.applying.root import Root
from tokenop.applying.tree import RULE
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.inventory.patches import unified


@dataclass(frozen=True, slots=True)
class Undoing:
    """What taking a template back changes. With `conflicts` it can only be shown.

    `edited` is the diff of what was changed in its files since it was applied.
    """

    receipt: Receipt
    files: tuple[FileChange, ...]
    conflicts: tuple[Finding, ...]
    edited: str

    def diff(self) -> str:
        """Return the unified diff of all files."""
        return "".join(change.diff() for change in self.files)


def plan(project: Path, template: str, keep_edits: bool = False) -> Undoing:
    """Return what taking a template back would change. Nothing is written.

    Args:
        project: the user's folder.
        template: id of an applied template.
        keep_edits: take back the template's lines only, and keep what was changed since; otherwise that is a conflict.

    Raises:
        InputError: the template is not applied here, or the project cannot be read.
    """
    with Root(project) as root:
        applied = receipts.load(root)
        receipt = next((one for one in applied if one.template == template), None)
        if receipt is None:
            others = ", ".join(one.template for one in applied) or "none"
            raise InputError(f"{project}: {template} is not applied here; applied: {others}")
        conflicts = list(_later(receipt, applied))
        theirs = {one.target for other in applied if other.sequence > receipt.sequence for one in other.targets}
        files: list[FileChange] = []
        edited: list[str] = []
        for target in receipt.targets:
            now = root.read(target.target)
            if now == target.after:
                files.append(FileChange.between(target.target, now, target.before))
            # As before (after a checkout, say) there is nothing to do; the change of another template is no edit.
            elif now != target.before and target.target not in theirs:
                since = FileChange.between(target.target, target.after, now).diff()
                edited.append(since or f"Mode of {target.target} differs\n")
                try:
                    files.append(_kept(receipt, target, now, keep_edits))
                except FindingsError as error:
                    conflicts += error.findings
        if journal.interrupted(root):
            conflicts.append(journal.finding(root))
    return Undoing(receipt, tuple(files), tuple(conflicts), "".join(edited))


def _later(receipt: Receipt, applied: Sequence[Receipt]) -> list[Finding]:
    """Return which templates were applied later to the same files, or need this one: the last one first."""
    own = {target.target for target in receipt.targets}
    found = []
    for other in reversed(applied):
        shared = sorted(own & {target.target for target in other.targets})
        if other.sequence > receipt.sequence and shared:
            message = f"{other.template} was applied later to the same file"
            fix = f"first: tokenop template-rollback {other.template}"
            found.append(Finding(shared[0], 0, "receipt", RULE, "error", message, 0, fix))
        elif receipt.template in other.requires:
            message = f"{other.template}, which is applied here, needs {receipt.template}"
            fix = f"first: tokenop template-rollback {other.template}"
            found.append(Finding(receipts.path(other.template), 0, "requires", RULE, "error", message, 0, fix))
    return found


def _kept(receipt: Receipt, target: Target, now: State | None, keep_edits: bool) -> FileChange:
    """Return the change that takes the template's lines out of a file that was edited since.

    Raises:
        FindingsError: edits are not to be kept, or stand where the template's lines are.
    """
    fix = "undo your change, or keep it with --keep-edits, which takes out the template's lines only"
    if not keep_edits:
        message = "changed since it was applied" if now else "removed since it was applied"
        raise FindingsError([Finding(target.target, 0, "file", RULE, "error", message, 0, fix)])
    if now is None:
        return FileChange.between(target.target, None, None)
    if now.content == target.after.content:
        return FileChange.between(target.target, now, target.before and State(target.before.content, now.mode))
    own = receipts.path(receipt.template)
    fix = f"bring it back to how it was before (from git, or `before` in {own}), run this again, then change it anew"
    try:
        before = target.before.content if target.before else b""
        back = unified.diff(target.target, target.after.content, before)
        text = hunks.apply(now.content.decode("utf-8"), hunks.parse(back, target.target), target.target)
    except UnicodeDecodeError as error:
        raise FindingsError([Finding(target.target, 0, "file", RULE, "error", "is no text", 0, fix)]) from error
    except FindingsError as error:
        message = "your changes stand where the template's lines are"
        raise FindingsError([Finding(target.target, 0, "file", RULE, "error", message, 0, fix)]) from error
    if not text and target.before is None:
        return FileChange.between(target.target, now, None)
    return FileChange.between(target.target, now, State(text.encode("utf-8"), now.mode))


def write(undoing: Undoing, project: Path) -> None:
    """Take a template back, whole or not at all, and remove its receipt.

    Raises:
        FindingsError: it has conflicts.
        ChangedError: a file is not as it was when this was planned.
        InputError: a file cannot be written. In each case nothing is changed.
    """
    if undoing.conflicts:
        raise FindingsError(undoing.conflicts)
    with Root(project) as root, journal.locked(root):
        applied = receipts.load(root)
        if undoing.receipt not in applied:
            raise InputError(f"{project}: the receipt of {undoing.receipt.template} changed meanwhile; run it again")
        # Another command may have come in between.
        if later := _later(undoing.receipt, applied):
            raise FindingsError(later, "Nothing was restored.")
        steps = [
            journal.Step(one.target, _state(one.before, one.mode), _state(one.after, one.after_mode))
            for one in undoing.files
            if (one.before, one.mode) != (one.after, one.after_mode)
        ]
        journal.run(root, steps, undoing.receipt.template, None, undoing.receipt.folders)


def _state(content: bytes | None, mode: int | None) -> State | None:
    return None if content is None else State(content, mode or 0)


def rollback(project: Path, template: str) -> Undoing:
    """Take a template back and return what that changed.

    Raises:
        FindingsError: a file was changed since, or another template was applied to it later.
        InputError: the template is not applied here, or a file cannot be written. Nothing is changed then.
    """
    undoing = plan(project, template)
    write(undoing, project)
    return undoing
