"""metrics.md of a template says what its files come to, and what nobody knows."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.community.world import TODAY, implementation, review
from tests.conftest import ROOT
from tokenop import catalogue
from tokenop.catalogue.model import Template
from tokenop.community.metrics import metrics
from tokenop.evidence.confidence import UNINFORMED, confidence
from tokenop.evidence.model import Implementation, Review, TemplateEvidence


@pytest.fixture(scope="module")
def template() -> Template:
    found = catalogue.load(ROOT / "templates").get("semantic-caching")
    assert found is not None
    return found


def page(template: Template, *entries: Implementation | Review, today: date = TODAY) -> str:
    found = TemplateEvidence(
        template.id,
        tuple(entry for entry in entries if isinstance(entry, Review)),
        tuple(entry for entry in entries if isinstance(entry, Implementation)),
    )
    sure = confidence(
        found.reviews,
        found.implementations,
        UNINFORMED,
        today,
        tolerance=template.quality.max_absolute_drop,
        category=template.category,
        version=template.version,
        authors=template.authors,
    )
    return metrics(template, found, sure, today)


def test_without_evidence_everything_is_unknown_and_nothing_is_zero(template: Template) -> None:
    text = page(template)
    assert "| Confidence | unknown |" in text
    assert "| Success | unknown |" in text
    assert "missing: 0 of 3 approving reviews; no implementation whose success is known" in text
    assert text.count("None yet.") == 2


def test_each_implementation_and_review_is_listed_with_what_it_counts(template: Template) -> None:
    unknown = implementation(by="bob", quality_after=None, predicted_percent=None, hours=None)
    text = page(template, implementation(), unknown, review(), review(by="tokenop"))
    assert "| Success | 1 of 1, 100.0 % (20.6 % to 100.0 % at 95 %) |" in text
    assert "| Success not known | 1 |" in text
    assert "| ada | 2026-10-20 | software | 30.0 % | 0.00 | yes | within 10 to 35 % | 12 |" in text
    assert "| bob | 2026-10-20 | software | 30.0 % | unknown | unknown | no prediction | unknown |  | 0.000 |" in text
    assert "| rex | 2026-10-20 | 1.0.0 | approve |" in text
    assert "| Risk and rollback | 4.0 | 4 | 1 rating |" in text
    assert "tokenop |" not in text


def test_samples_are_counted_and_count_for_nothing(template: Template) -> None:
    samples = (implementation(sample=True), review(sample=True))
    text = page(template, *samples)
    assert "| Samples, which never count | 2 |" in text
    assert text.replace("count | 2 |", "count | 0 |") == page(template)


def test_the_order_of_entries_does_not_matter(template: Template) -> None:
    entries = [
        implementation(by=name, cost_after_usd=Decimal(cost)) for name, cost in (("a", 60), ("b", 90), ("c", 70))
    ]
    entries += [review(by=name) for name in "xyz"]
    assert page(template, *random.Random(4).sample(entries, 6)) == page(template, *entries)


def test_what_people_wrote_is_no_markup(template: Template) -> None:
    hostile = replace(implementation(), by="<b>|x", entry_id="<b>|x-1.0.0")
    assert "<b>" not in page(template, hostile)
