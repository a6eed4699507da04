"""What is said of a file with a secret in it holds no part of the secret, whichever rule says it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenop import settings
from tokenop.catalogue.linting.lint import lint

SPECIMEN = (settings.PACKAGE / "catalogue" / "rules" / "specimens" / "template.md").read_text()
# Put together here, so that no scanner of this repository takes it for one.
SECRET = "gsk_" + "aB3dE5fG7h" * 4


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("status: proposed", f"status: {SECRET}"),
        ("category: prompting", f"category: prompting\n{SECRET}: 1"),
        ("requires: []", f"requires: [{SECRET}]"),
        ("kind: trim", f"kind: {SECRET}"),
    ],
)
def test_no_finding_quotes_a_secret(place: str, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "application-layer" / "shorter-prompts.md"
    file.parent.mkdir()
    file.write_text(SPECIMEN.replace(place, wrong, 1))
    findings = lint([file], date(2026, 11, 22)).findings
    assert {found.rule for found in findings} > {"SE001"}
    for found in findings:
        said = f"{found.field} {found.message} {found.fix}".lower()
        assert not any(SECRET.lower()[at : at + 8] in said for at in range(len(SECRET) - 7)), found.rule
