"""Checking named files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tokenop.catalogue.linting.neighbours import Repository
from tokenop.catalogue.linting.run import asked, check
from tokenop.catalogue.places import find, repository
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.source import Source, read
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding, InputError, NoInputError

EVIDENCE = ("implementations.md", "reviews.md")


@dataclass(frozen=True, slots=True)
class Linted:
    """How many files were read, and everything that is wrong with them."""

    files: int
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(found.severity == severity for found in self.findings)


def lint(paths: Sequence[Path], today: date) -> Linted:
    """Check what `paths` name: files, layer folders, folders that hold those, validations/, whole repositories.

    Raises:
        InputError: a path does not exist.
        NoInputError: there is nothing to check among them.
    """
    sources = [opened(path) for path in expand(paths)]
    around = surroundings([source.path for source in sources], today)
    return Linted(len(sources), tuple(check(sources, around, asked(RULES.values(), around))))


def surroundings(paths: Sequence[Path], today: date) -> Surroundings:
    """Return what rules may know besides the files at `paths`."""
    root = next(filter(None, (repository(path) for path in paths)), None)
    templates = [path for path in paths if path.name not in EVIDENCE]
    return Surroundings(today, Repository(templates, root=root), root)


def opened(path: Path) -> Source:
    """Return the file at `path`, as a template or as evidence by its name."""
    return read(path, "evidence" if path.name in EVIDENCE else "template")


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the files that `paths` name, sorted, each once.

    Raises:
        InputError: a path does not exist.
        NoInputError: there is no template and no evidence among them.
    """
    files = sorted(set(_expanded(paths)))
    if not files:
        named = ", ".join(str(path) for path in paths)
        raise NoInputError(
            f"no template found in {named}: give .md files, or a folder that holds application-layer/ and the others"
        )
    return files


def _expanded(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from _inside(path)
        elif path.exists() or path.is_symlink():
            yield path
        else:
            raise InputError(f"{path}: no such file or folder")


def _inside(folder: Path) -> list[Path]:
    """Return what is to be checked in a folder."""
    evidence = [
        path for pattern in ("", "*/", "validations/*/") for name in EVIDENCE for path in folder.glob(pattern + name)
    ]
    found = [*find(folder), *find(folder / "templates"), *evidence]
    # A folder of loose files (not a layer) is checked as well: what is in the wrong place must be said.
    return found or sorted(path for path in folder.glob("*.md") if path.name != "README.md")
