"""Several files written, or none: what a kill in the middle leaves behind is put right by the next command.

1. The journal `.tokenop/pending.json` says what is about to change, with the bytes from before.
2. New contents, and the receipt, are written beside their targets under other names, and synced.
3. Each target is looked at once more, then replaced by renaming.
4. The journal is renamed to `.tokenop/done.json`: from here on the change has happened.
5. The receipt is put in its place or removed, and the journal is removed. Neither needs room on the disk.

Before step 4 the next command restores all files, after it it finishes step 5.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenop.applying import receipts
from tokenop.applying.locking import alone
from tokenop.applying.model import State
from tokenop.applying.root import MAX_OWN_BYTES, OWN, Root, complaint
from tokenop.applying.tree import RULE
from tokenop.errors import Finding, InputError

PENDING = f"{OWN}/pending.json"
DONE = f"{OWN}/done.json"

_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.tmp\Z")
_UNFINISHED = "it stopped halfway: make room, or allow writing, then run the command again, which puts it right first"


@dataclass(frozen=True, slots=True)
class Step:
    """One file from one state to another; None means that it is not there."""

    target: str
    before: State | None
    after: State | None


class ChangedError(InputError):
    """A file is not as it was when the change was planned."""


@contextlib.contextmanager
def locked(root: Root) -> Iterator[str]:
    """Hold the project against other commands that apply or roll back; mend what a killed one left, and say it.

    Yields:
        What was mended, in one line; empty where nothing was.

    Raises:
        InputError: another command is at work, or what was left cannot be mended.
    """
    with alone(root.handle, f"{root.path}: another tokenop changes this project right now; try again"):
        yield mended(root)


def mend(project: Path) -> str:
    """Put right what a killed command left in a project, and say what was done; empty where there was nothing.

    Raises:
        InputError: another command is at work, or what was left cannot be mended.
    """
    with Root(project) as root:
        with root.folder(f"{OWN}/x") as handle:
            if handle is None:
                return ""
        with locked(root) as said:
            return said


@contextlib.contextmanager
def _told(root: Root, what: str) -> Iterator[None]:
    """Tell of a disk that is full, or that may not be written, in words; `what` says what that means here."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{root.path}: cannot be written: {error.strerror or error}; {what}") from error


def interrupted(root: Root) -> bool:
    """Return whether a killed command left something that the next one has to mend."""
    return any(root.read(name, MAX_OWN_BYTES) is not None for name in (PENDING, DONE))


def finding(root: Root) -> Finding:
    """Return what a plan says where a killed command left something."""
    fix = "run it without --dry-run: what was left is put right first"
    return Finding(str(root.path), 0, "journal", RULE, "error", "an interrupted command left something behind", 0, fix)


def run(root: Root, steps: Sequence[Step], receipt: str, content: str | None, folders: Sequence[str]) -> None:
    """Take all steps, then write the receipt (or remove it where `content` is None). Call it within `locked`.

    Args:
        root: the project.
        steps: what changes.
        receipt: id of the template whose receipt it is.
        content: the receipt's text.
        folders: empty folders to remove at the end, the outermost first.

    Raises:
        ChangedError: a file is not in its state `before`; nothing is written.
        InputError: a file cannot be written; everything is as before.
    """
    made = [folder for step in steps if step.after for folder in root.missing_folders(step.target)]
    journal = {
        "receipt": receipt,
        "content": content,
        "remove_folders": list(folders),
        "made_folders": list(dict.fromkeys(made)),
        "temporary": f".tokenop-{secrets.token_hex(6)}.tmp",
        "steps": [
            {"target": step.target, "before": step.before and step.before.as_dict(),
             "after": step.after and step.after.as_dict()}
            for step in steps
        ],
    }  # fmt: skip
    written = json.dumps(journal)
    if len(written) > MAX_OWN_BYTES:
        raise InputError(f"{root.path}: this changes more than could be taken back; nothing was changed")
    for step in steps:
        _unchanged(root, step)
    with _told(root, "nothing was changed"):
        try:
            _own(root, PENDING, written)
        except OSError:
            _sweep(root)
            raise
        _take(root, journal, steps)
    with _told(root, _UNFINISHED):
        _finish(root, journal)


def _take(root: Root, journal: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Take all steps, or none: whatever happens, what was written so far goes back."""
    reached = 0
    try:
        for number, step in enumerate(steps):
            if step.after is not None:
                root.write(step.target, step.after, _temporary(journal, number))
        if journal["content"] is not None:
            root.write(receipts.path(journal["receipt"]), _text(journal["content"]), _ready(journal))
        for number, step in enumerate(steps):
            _unchanged(root, step)
            reached = number + 1
            if step.after is None:
                root.remove(step.target)
            else:
                root.rename(step.target, _temporary(journal, number))
        root.rename(DONE, "pending.json")
    except BaseException:
        with _told(root, _UNFINISHED):
            _undo(root, journal, reached)
        raise


def _unchanged(root: Root, step: Step) -> None:
    now = root.read(step.target)
    if now != step.before:
        raise ChangedError(f"{root.path / step.target}: changed meanwhile; nothing was written, run the command again")


def mended(root: Root) -> str:
    """Finish or undo what a killed command left, and say what was done; empty where there was nothing.

    Raises:
        InputError: a file was changed since, so that neither is safe.
    """
    with _told(root, _UNFINISHED):
        done = _journal(root, DONE)
        if done is not None:
            _finish(root, done)
            what = "template-rollback" if done["content"] is None else "template-apply"
            return f"finished an interrupted {what} of {done['receipt']}"
        pending = _journal(root, PENDING)
        if pending is None:
            _sweep(root)
            return ""
        _undo(root, pending, len(pending["steps"]))
    return f"an interrupted command had changed some files of {pending['receipt']}; put them back"


def _sweep(root: Root) -> None:
    """Remove what was on its way to be a file of ours, and folders of ours with nothing in them."""
    for folder in (OWN, receipts.FOLDER):
        for name in root.names(folder):
            if _TEMPORARY.match(name):
                root.remove(f"{folder}/{name}")
    root.remove_folder(receipts.FOLDER)
    root.remove_folder(OWN)


def _journal(root: Root, name: str) -> dict[str, Any] | None:
    state = root.read(name, MAX_OWN_BYTES)
    if state is None:
        return None
    try:
        journal = receipts.loaded(state.content, "journal")
        for step in journal["steps"]:
            receipts.state(step["before"]), receipts.state(step["after"])
        paths = [*(step["target"] for step in journal["steps"]), *journal["remove_folders"], *journal["made_folders"]]
        if any(complaint(path) for path in paths):
            raise ValueError("a path that templates may not touch")
        (journal["content"] or "").encode("utf-8")
    except ValueError as error:
        raise InputError(
            f"{root.path / name}: is no journal of tokenop ({error}); look at it, then remove it"
        ) from error
    return journal


def _undo(root: Root, journal: Mapping[str, Any], reached: int) -> None:
    """Bring the first `reached` files back to their state before, and remove what was only on the way."""
    restore: list[Step] = []
    for number, step in enumerate(journal["steps"][:reached]):
        before, after = receipts.state(step["before"]), receipts.state(step["after"])
        now = root.read(step["target"])
        if now == before or root.read(_beside(step["target"], _temporary(journal, number))) is not None:
            continue  # what was to go there still lies beside it: this file was not reached
        if now != after:
            raise InputError(
                f"{root.path / step['target']}: an interrupted command left this project half changed, and this file "
                f"was changed since; bring it back by hand, then remove {root.path / PENDING}"
            )
        restore.append(Step(step["target"], after, before))
    for number in range(len(journal["steps"])):
        root.remove(_beside(journal["steps"][number]["target"], _temporary(journal, number)))
    for number, back in enumerate(restore):
        if back.after is None:
            root.remove(back.target)
            continue
        temporary = _temporary(journal, number)
        root.write(back.target, back.after, temporary)
        root.rename(back.target, temporary)
    for folder in reversed(journal["made_folders"]):
        root.remove_folder(folder)
    root.remove(PENDING)
    _sweep(root)


def _finish(root: Root, journal: Mapping[str, Any]) -> None:
    path = receipts.path(journal["receipt"])
    if journal["content"] is None:
        root.remove(path)
    elif root.read(_beside(path, _ready(journal)), MAX_OWN_BYTES) == _text(journal["content"]):
        root.rename(path, _ready(journal))
    else:
        _own(root, path, journal["content"])
    for folder in reversed(journal["remove_folders"]):
        root.remove_folder(folder)
    root.remove(DONE)
    _sweep(root)


def _own(root: Root, path: str, content: str) -> None:
    """Write a file of ours, whole or not at all."""
    temporary = f".{secrets.token_hex(6)}.tmp"  # as `_TEMPORARY` has it
    root.write(path, _text(content), temporary)
    root.rename(path, temporary)


def _text(content: str) -> State:
    return State(content.encode("utf-8"), 0o644)


def _ready(journal: Mapping[str, Any]) -> str:
    """Return the name under which the receipt waits beside its place, as `_TEMPORARY` has it."""
    return f".{journal['temporary'].removeprefix('.tokenop-')}"


def _temporary(journal: Mapping[str, Any], number: int) -> str:
    return f"{journal['temporary']}{number}"


def _beside(target: str, name: str) -> str:
    return f"{target.rpartition('/')[0]}/{name}".removeprefix("/")
