"""Checking named files and folders, and saying what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenop.catalogue.loader import find, read
from tokenop.errors import Finding, InputError, NoInputError


@dataclass(frozen=True, slots=True)
class Linted:
    """How many files were read, and everything that is wrong with them."""

    files: int
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(found.severity == severity for found in self.findings)


def lint(paths: Sequence[Path]) -> Linted:
    """Check the templates named by `paths`: files, layer folders, or folders that hold layer folders.

    Raises:
        InputError: a path does not exist.
        NoInputError: there is no template among them.
    """
    files = sorted(set(_expand(paths)))
    if not files:
        named = ", ".join(str(path) for path in paths)
        raise NoInputError(
            f"no template found in {named}: give .md files, or a folder that holds application-layer/ and the others"
        )
    return Linted(len(files), read(files).findings)


def rendered(finding: Finding) -> str:
    """Return `file:line:col: field: rule: message (fix)`."""
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)
    fix = f" ({finding.fix})" if finding.fix else ""
    level = "" if finding.severity == "error" else f"{finding.severity}: "
    return f"{place}: {finding.field}: {finding.rule}: {level}{finding.message}{fix}"


def _expand(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            # A folder of loose files (not a layer) is checked as well: what is in the wrong place must be said.
            files += find(path) or sorted(p for p in path.glob("*.md") if p.name != "README.md")
        elif path.exists() or path.is_symlink():
            files.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    return files
