"""PT001: patch targets stay inside the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# No name ends with a dot: some file systems drop it.
_PLAIN_TARGET = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9_-](/[A-Za-z0-9._-]*[A-Za-z0-9_-])*\Z")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    patches = draft.reach("patches")
    seen: set[str] = set()
    for index in range(len(patches) if isinstance(patches, list) else 0):
        path = f"patches[{index}].target"
        target = draft.get(path)
        if target is None:
            continue
        if complaint := _complaint(target, seen):
            fix = "write a relative path inside the repository, such as tokenop/cache.yaml"
            yield RULE.found(draft.document, path, complaint, fix)
        seen.add(target)


def _complaint(target: str, seen: set[str]) -> str | None:
    if not _PLAIN_TARGET.match(target):
        return f"{target!r} is absolute, leaves the repository or has unusual characters"
    if any(part.lower() in (".git", ".github", ".tokenop") for part in target.split("/")):
        return f"{target!r} is in a folder that patches may not touch"
    if target in seen:
        return f"{target!r} stands twice"
    small = target.lower()
    for other in sorted(seen):
        if other.lower() == small:
            return f"{target!r} differs from {other} in capitals only"
        if f"{small}/".startswith(f"{other.lower()}/") or f"{other.lower()}/".startswith(f"{small}/"):
            return f"{target!r} cannot be there together with {other}: a file is no folder"
    return None


RULE = Rule(
    "PT001",
    "error",
    "template",
    what="Patch targets are plain paths inside the repository, each once.",
    why="A patch must not reach other files.",
    how="Write a relative path inside the repository, such as tokenop/cache.yaml.",
    check=_check,
    examples=(Example(wrong="target: ../../.bashrc", right="target: tokenop/prompts.yaml"),),
    structural=True,
)
