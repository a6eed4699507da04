"""What was synced, in the state folder: each version in a folder of its own, and one small file that names the current.

The swap is the renaming of that file. A version's `sync.json` says where it came from and which templates are in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tokenop import files, settings
from tokenop.catalogue.model import Catalogue
from tokenop.errors import InputError

LOCK = "sync.json"


@dataclass(frozen=True, slots=True)
class Synced:
    """A version: where it came from, at which commit, and its templates by id (version and claim)."""

    url: str
    ref: str
    commit: str
    trees: Mapping[str, str]
    day: date
    signed: bool
    templates: Mapping[str, Mapping[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "schema_version": 1,
            "url": self.url,
            "ref": self.ref,
            "commit": self.commit,
            "trees": dict(self.trees),
            "day": self.day.isoformat(),
            "signed": self.signed,
            "templates": {name: dict(entry) for name, entry in sorted(self.templates.items())},
        }


def last() -> Synced | None:
    """Return what was synced last, None where nothing ever was, or where what says so was damaged."""
    folder = settings.synced_folder()
    if folder is None:
        return None
    try:
        said = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return Synced(
            str(said["url"]),
            str(said["ref"]),
            str(said["commit"]),
            {str(name): str(tree) for name, tree in said["trees"].items()},
            date.fromisoformat(said["day"]),
            bool(said["signed"]),
            {str(name): dict(entry) for name, entry in said["templates"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def described(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """Return what is remembered of each sound template: version, status and claim."""
    return {
        template.id: {
            "version": template.version,
            "status": template.status,
            "claim_percent": [str(getattr(template.claim.savings_percent, end)) for end in ("low", "expected", "high")],
            "sha256": template.sha256,
        }
        for template in catalogue.templates
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """What is new, gone and changed between two sets of templates; changes in words."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str], ...]


def difference(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Difference:
    """Return what changed from one set of templates to another."""
    both = sorted(set(before) & set(after))
    changed = tuple((name, _change(before[name], after[name])) for name in both if before[name] != after[name])
    return Difference(tuple(sorted(set(after) - set(before))), tuple(sorted(set(before) - set(after))), changed)


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {before.get(name)} to {after.get(name)}"
        for name in ("version", "status")
        if before.get(name) != after.get(name)
    ]
    claims = [one.get("claim_percent") for one in (before, after)]
    if claims[0] != claims[1]:
        parts.append(f"claim {_percent(claims[0])} to {_percent(claims[1])}")
    return ", ".join(parts) or "text"


def _percent(claim: Any) -> str:
    return f"{claim[1]} %" if isinstance(claim, list) and len(claim) == 3 else "unknown"


def keep(made: Path, synced: Synced) -> Path:
    """Move the checked version `made` into the state folder and make it the current one, in one step.

    Raises:
        InputError: the state folder cannot be written.
    """
    state = settings.home() / "templates"
    # The same commit may be taken twice, with other rules of a newer program: the second part tells them apart.
    name = f"{synced.commit[:12]}-{os.urandom(4).hex()}"
    try:
        files.write_text(made / LOCK, json.dumps(synced.as_dict(), indent=2, ensure_ascii=False) + "\n")
        old = settings.synced_folder()
        made.rename(state / name)
        files.write_text(state / settings.CURRENT, f"{name}\n")
    except OSError as error:
        raise InputError(f"{state}: cannot be written: {error.strerror or error}") from error
    # The version before stays for programs that read it right now; older ones go.
    for folder in state.iterdir():
        if folder.is_dir() and folder not in (state / name, old) and not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
    return state / name
