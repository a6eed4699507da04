"""A template is called approved only when reviews and implementations carry it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.catalogue.rules.specimen import SPECIMENS, Alone, changed, said
from tokenop.catalogue.draft import Draft
from tokenop.evidence import questions

APPROVED = ("status: proposed", "status: approved")
RATED = "".join(f"- {{0}}-1.0.0 {area}: 5 of 5. Fine.\n" for area in questions.IDS)


class Layer(Alone):
    """The other templates of a layer."""

    def __init__(self, drafts: Mapping[str, Draft]) -> None:
        self.drafts = drafts

    def ids(self) -> dict[str, Path]:
        return {name: Path(f"templates/application-layer/{name}.md") for name in self.drafts}

    def draft(self, name: str) -> Draft:
        return self.drafts[name]


def review(who: str, verdict: str = "approve") -> str:
    return f"## {who}-1.0.0\n\n- {who}-1.0.0 day: 2026-11-01\n- {who}-1.0.0 verdict: {verdict}\n{RATED.format(who)}\n"


def implementation(who: str, after: int) -> str:
    fields = {
        "day": "2026-11-01", "organisation": "software", "evidence": "measured",
        "before": "2026-09-01 to 2026-09-30", "after": "2026-10-01 to 2026-10-30",
        "calls_before": "1000", "calls_after": "1000", "cost_before_usd": "100", "cost_after_usd": str(after),
        "quality_before": "0.9", "quality_after": "0.9", "method": "Two event logs of one gateway.",
    }  # fmt: skip
    return f"## {who}-1.0.0\n\n" + "".join(f"- {who}-1.0.0 {name}: {value}\n" for name, value in fields.items()) + "\n"


def written(root: Path, template: str, reviews: str = "", implementations: str = "") -> None:
    folder = root / "validations" / template
    folder.mkdir(parents=True)
    (folder / "reviews.md").write_text(f"# Reviews of {template}\n\n{reviews}")
    (folder / "implementations.md").write_text(f"# Implementations of {template}\n\n{implementations}")


THREE = review("ada") + review("grace") + review("edsger")
SIX = "".join(implementation(f"team{number}", 50) for number in range(6))


@pytest.mark.parametrize(
    ("reviews", "implementations", "lacking"),
    [
        (THREE, SIX, None),
        ("", "", "0 of 3 approving reviews; no implementation"),
        (review("ada") + review("grace") + review("tokenop"), SIX, "2 of 3"),  # the author's does not count
        (THREE + review("barbara", "request-changes"), SIX, "changes requested by barbara"),
        (THREE, SIX.replace("cost_after_usd: 50", "cost_after_usd: 95"), "confidence 0."),
        (THREE, implementation("team1", 50), "confidence 0."),
    ],
)
def test_approval_needs_reviews_and_confidence(
    tmp_path: Path, reviews: str, implementations: str, lacking: str | None
) -> None:
    written(tmp_path, "shorter-prompts", reviews, implementations)
    listed = said("EC010", changed(APPROVED), root=tmp_path)
    assert [one.field for one in listed] == (["status"] if lacking else [])
    if lacking:
        assert lacking in listed[0].message


def test_failures_elsewhere_in_the_layer_lower_the_confidence(tmp_path: Path) -> None:
    five = SIX.split("## team5")[0]
    written(tmp_path, "shorter-prompts", THREE, five)
    assert said("EC010", changed(APPROVED), root=tmp_path) == []
    other = changed(("id: shorter-prompts", "id: other"))
    written(tmp_path, "other", "", SIX.replace("cost_after_usd: 50", "cost_after_usd: 99"))
    (found,) = said("EC010", changed(APPROVED), root=tmp_path, neighbours=Layer({"other": other}))
    assert "confidence" in found.message


def test_the_specimens_of_evidence_are_samples_and_approve_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "validations" / "shorter-prompts"
    folder.mkdir(parents=True)
    for name in ("reviews.md", "implementations.md"):
        (folder / name).write_text((SPECIMENS / name).read_text(encoding="utf-8"))
    (found,) = said("EC010", changed(APPROVED), root=tmp_path)
    assert "0 of 3 approving reviews" in found.message
