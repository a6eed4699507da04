"""Mending stays in the repository of the files that are named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tokenop import settings
from tokenop.catalogue.linting import fixing
from tokenop.catalogue.linting.lint import lint

SPECIMEN = settings.PACKAGE / "catalogue" / "rules" / "specimens" / "template.md"


def mended(file: Path) -> list[Path]:
    files, _ = fixing.mend(lint([file], date(2026, 11, 22)))
    return [one.path for one in files]


def test_a_template_elsewhere_that_names_a_shipped_one_changes_nothing_that_is_shipped(tmp_path: Path) -> None:
    file = tmp_path / "application-layer" / "shorter-prompts.md"
    file.parent.mkdir()
    file.write_text(SPECIMEN.read_text().replace("conflicts: []", "conflicts: [prompt-caching]"))
    assert mended(file) == []


def test_the_other_side_of_a_conflict_in_the_same_repository_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "application-layer"
    folder.mkdir(parents=True)
    text = SPECIMEN.read_text()
    file, other = folder / "shorter-prompts.md", folder / "tiny-prompts.md"
    file.write_text(text.replace("conflicts: []", "conflicts: [tiny-prompts]"))
    other.write_text(text.replace("id: shorter-prompts", "id: tiny-prompts"))
    assert [path.name for path in mended(file)] == ["tiny-prompts.md"]
