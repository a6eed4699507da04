"""Checking named files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.catalogue.linting.neighbours import Repository
from tokenop.catalogue.linting.run import Asked, asked, check
from tokenop.catalogue.linting.workers import gather, no_collection
from tokenop.catalogue.places import EVIDENCE, find, repository
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.source import Source, read
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.schema import closest
from tokenop.errors import Finding, InputError, MisuseError, NoInputError

if TYPE_CHECKING:
    from tokenop.catalogue.draft import Draft
    from tokenop.catalogue.rules.surroundings import Replayed

    Replayer = Callable[[Iterable[Draft]], Callable[[Draft], Replayed]]

__all__ = ["EVIDENCE", "Linted", "chosen", "expand", "lint", "linted", "opened", "surroundings"]


@dataclass(frozen=True, slots=True)
class Linted:
    """The files that were read, and everything that is wrong with them."""

    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    around: Surroundings
    asking: Asked

    @property
    def files(self) -> int:
        """Return how many files were read."""
        return len(self.sources)

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(found.severity == severity for found in self.findings)


def lint(
    paths: Sequence[Path],
    today: date,
    rules: Iterable[Rule] = RULES.values(),
    replayer: Replayer | None = None,
) -> Linted:
    """Check what `paths` name: files, layer folders, folders that hold those, validations/, whole repositories.

    Args:
        paths: what to check.
        today: the day against which freshness is judged.
        rules: those to ask.
        replayer: gives what the economics engine says of drafts (`tokenop.trials.drafts`); without it the rules that
            need the engine are left out.

    Raises:
        InputError: a path does not exist.
        NoInputError: there is nothing to check among them.
    """
    return linted([opened(path) for path in expand(paths)], today, rules, replayer)


def linted(
    sources: Sequence[Source],
    today: date,
    rules: Iterable[Rule] = RULES.values(),
    replayer: Replayer | None = None,
) -> Linted:
    """Check files that are read already."""
    around = surroundings([source.path for source in sources], today)
    if replayer:
        around = replace(around, replay=replayer([source.draft for source in sources if source.draft]))
    asking = asked(rules, around)
    with no_collection():
        return Linted(tuple(sources), tuple(check(sources, around, asking, gather)), around, asking)


def surroundings(paths: Sequence[Path], today: date) -> Surroundings:
    """Return what rules may know besides the files at `paths`."""
    root = next((root for path in paths if (root := repository(path))), None)
    return Surroundings(today, Repository(paths), root)


def chosen(select: Sequence[str], ignore: Sequence[str]) -> list[Rule]:
    """Return the rules that begin with one of `select` (all where there is none) and with none of `ignore`.

    Raises:
        MisuseError: no rule begins so.
    """
    for start in (*select, *ignore):
        if not any(rule.startswith(start) for rule in RULES):
            raise MisuseError(f"there is no rule {start!r}: {closest(start, RULES)}")
    return [
        rule
        for rule in RULES.values()
        if rule.id.startswith(tuple(select) or "") and not (ignore and rule.id.startswith(tuple(ignore)))
    ]


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
    patterns = [start + name for start in ("", "*/", "validations/*/") for name in EVIDENCE]
    evidence = [path for pattern in patterns for path in folder.glob(pattern)]
    found = [*find(folder), *find(folder / "templates"), *evidence]
    # A folder of loose files (not a layer) is checked as well: what is in the wrong place must be said.
    return found or sorted(path for path in folder.glob("*.md") if path.name != "README.md")
