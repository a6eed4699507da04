"""What applying a template changes, what it is stopped by, and what is kept to take it back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tokenop.errors import Finding
from tokenop.inventory.patches import unified


@dataclass(frozen=True, slots=True)
class State:
    """A regular file: its bytes and permission bits."""

    content: bytes
    mode: int

    @property
    def sha256(self) -> str:
        """Return the hash of the bytes."""
        return hashlib.sha256(self.content).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """Return the file as JSON-ready fields: readable text where it is text."""
        try:
            content, encoding = self.content.decode("utf-8"), "text"
        except UnicodeDecodeError:
            content, encoding = base64.b64encode(self.content).decode("ascii"), "base64"
        return {"mode": f"{self.mode:04o}", "sha256": self.sha256, "encoding": encoding, "content": content}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of the project before and after. `before` is None where the file is new, `mode` with it.

    `after` is None where the file goes away, which only a rollback does.
    """

    target: str
    before: bytes | None
    after: bytes | None
    mode: int | None = None
    after_mode: int | None = None

    @classmethod
    def between(cls, target: str, before: State | None, after: State | None) -> FileChange:
        """Return the change from one state to another."""
        return cls(
            target,
            None if before is None else before.content,
            None if after is None else after.content,
            None if before is None else before.mode,
            None if after is None else after.mode,
        )

    def diff(self) -> str:
        """Return the unified diff, which `git apply` takes; empty where nothing changes."""
        before, after = self.before or b"", self.after or b""
        try:
            text = unified.diff(self.target, before, after)
        except UnicodeDecodeError:
            return f"Binary file {self.target} differs\n"
        if not text:
            words = {(True, False): "New empty file", (False, True): "Removed empty file"}
            said = words.get((self.before is None, self.after is None))
            return f"{said} {self.target}\n" if said else ""
        if self.before is None:
            text = text.replace(text.split("\n", 1)[0], "--- /dev/null", 1)
        if self.after is None:
            text = text.replace("\n" + text.split("\n", 2)[1] + "\n", "\n+++ /dev/null\n", 1)
        return text


@dataclass(frozen=True, slots=True)
class Change:
    """What a template does to a project. With `conflicts` it can only be shown.

    `requires` and `excludes` name the templates that must and must not be applied as well; `conflicts` says what stands
    in the way. `files` holds what differs; `unchanged` the targets that hold already what the template writes.
    `applied` says that a receipt of the same template and values is there.
    """

    template: str
    version: str
    sha256: str
    parameters: Mapping[str, object]
    requires: tuple[str, ...]
    excludes: tuple[str, ...]
    files: tuple[FileChange, ...]
    unchanged: tuple[str, ...] = ()
    conflicts: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    applied: bool = False

    def diff(self) -> str:
        """Return the unified diff of all files."""
        return "".join(change.diff() for change in self.files)


@dataclass(frozen=True, slots=True)
class Target:
    """One file that was changed: as it was (None: it was not there) and as it was left."""

    target: str
    before: State | None
    after: State


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done to a project by applying one template. `sequence` counts in the order of application."""

    template: str
    version: str
    sha256: str
    parameters: Mapping[str, object]
    requires: tuple[str, ...]
    conflicts: tuple[str, ...]
    sequence: int
    day: date | None
    targets: tuple[Target, ...]
    folders: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON-ready fields."""
        return {
            "schema_version": 1,
            "template": self.template,
            "version": self.version,
            "sha256": self.sha256,
            "parameters": dict(self.parameters),
            "requires": list(self.requires),
            "conflicts": list(self.conflicts),
            "sequence": self.sequence,
            "day": None if self.day is None else self.day.isoformat(),
            "targets": [
                {
                    "target": one.target,
                    "before": None if one.before is None else one.before.as_dict(),
                    "after": one.after.as_dict(),
                }
                for one in self.targets
            ],
            "folders": list(self.folders),
        }
