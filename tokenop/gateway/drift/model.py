"""What a comparison of running, applied and approved files says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenop.applying.model import FileChange
from tokenop.providers.model import nothing

Kind = Literal["refused", "stale", "uncommitted", "unmerged", "behind", "diverged"]

MEANING: Mapping[Kind, str] = {
    "refused": "the gateway refused the change, and serves what was there before",
    "stale": "the gateway serves something else",
    "uncommitted": "what is here was never committed",
    "unmerged": "what is committed here is not approved yet",
    "behind": "what is approved has moved on",
    "diverged": "both what is here and what is approved have moved on",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway that runs on this machine for the project: what it says of itself."""

    pid: int
    address: str
    started: str
    version: str
    digest: str
    mode: str
    content: str
    files: Mapping[str, tuple[str, str]]
    refused: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "pid": self.pid, "address": self.address, "started": self.started, "version": self.version,
            "digest": self.digest, "mode": self.mode, "content": self.content, "refused": list(self.refused),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One file. Hashes of its bytes are None where it is not there.

    `running` has one for each gateway that reads it. `approved` counts where `tracked`: git was asked of it.
    `template` was applied last to it; `edited` says that somebody changed it since. `kinds` is empty where all agree.
    """

    path: str
    running: tuple[str | None, ...]
    applied: str | None
    approved: str | None
    tracked: bool
    kinds: tuple[Kind, ...] = ()
    next: tuple[str, ...] = ()
    template: str | None = None
    edited: bool = False
    texts: Mapping[str, bytes] = field(default_factory=nothing, hash=False)

    def diffs(self) -> tuple[str, ...]:
        """Return unified diffs: from what is approved to what is applied, and from what runs to it."""
        applied = self.texts.get(self.applied or "")
        found = []
        if self.tracked and self.approved != self.applied:
            found.append(FileChange(self.path, self.texts.get(self.approved or ""), applied).diff())
        for sha256 in dict.fromkeys(self.running):
            if sha256 not in (self.applied, self.approved):
                known = sha256 is None or sha256 in self.texts
                said = f"{self.path}: the text that runs ({(sha256 or '')[:12]}) is kept nowhere\n"
                change = FileChange(self.path, self.texts.get(sha256 or ""), applied)
                found.append(change.diff() if known else said)
        return tuple(one for one in found if one)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "path": self.path, "running": list(self.running), "applied": self.applied, "approved": self.approved,
            "in_git": self.tracked, "template": self.template, "edited_since_template": self.edited,
            "drift": list(self.kinds), "next": list(self.next),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drift:
    """A whole comparison. `branch` is the name and commit of what is approved, None where `no_branch` says why not.

    `content` is the version of templates that this program reads now; `elsewhere` counts gateways of other projects.
    """

    root: str
    gateways: tuple[Gateway, ...]
    elsewhere: int
    branch: tuple[str, str] | None
    no_branch: str
    content: str
    rows: tuple[Row, ...]

    @property
    def outdated(self) -> tuple[Gateway, ...]:
        """Return the gateways that serve another version of the shipped or synced templates."""
        return tuple(one for one in self.gateways if one.content != self.content)

    @property
    def differs(self) -> bool:
        """Return whether anything that runs, is applied and is approved is not the same."""
        return bool(self.outdated) or any(row.kinds for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "differs": self.differs,
            "root": self.root,
            "gateways": [one.as_dict() for one in self.gateways],
            "gateways_elsewhere": self.elsewhere,
            "approved": None if self.branch is None else {"name": self.branch[0], "commit": self.branch[1]},
            "approved_unknown": self.no_branch or None,
            "content": self.content,
            "outdated": [one.pid for one in self.outdated],
            "files": [row.as_dict() for row in self.rows],
        }
