"""What the pages say of the files is what the reader takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tokenop.evidence import people, read
from tokenop.evidence.model import ORGANISATIONS

README = (ROOT / "validations" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", read.KINDS)
def test_the_example_to_copy_is_sound_and_a_sample(kind: read.Kind) -> None:
    example = re.search(rf"^```text file={kind}\.md\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert example is not None
    found = read.file(Path(f"{kind}.md"), example[1])
    assert found.findings == ()
    (entry,) = found.entries
    assert entry.sample
    written = {name.rpartition(".")[2] for name in found.places if name.count(".") == 3}
    assert written == read.form(kind).fields.keys()


def test_every_field_and_every_organisation_is_explained() -> None:
    table = README.split("| field | holds |")[1].split("\n\n")[0]
    areas = {"technical", "economics", "implementation", "coordination", "risk", "format", "collectors"}
    for kind in read.KINDS:
        for name in read.form(kind).fields.keys() - areas - {"sample"}:
            assert f"`{name}`" in table
    assert all(f"`{name}`" in table for name in ORGANISATIONS)


def test_the_example_for_reviewers_is_sound() -> None:
    text = (ROOT / "community" / "reviewers.md").read_text(encoding="utf-8")
    example = "".join(line.removeprefix("    ") for line in text.splitlines(True) if line.startswith("    "))
    (reviewer,) = people.reviewers(Path("reviewers.md"), f"# Reviewers\n\n{example}").reviewers
    assert reviewer.handle == "octocat"
    assert reviewer.away_until is not None


def test_git_is_told_to_keep_both_sides_of_each_file_of_entries() -> None:
    text = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    for name in ("validations/**/reviews.md", "validations/**/implementations.md", "community/reviewers.md"):
        assert f"{name} merge=union" in text
