"""What the weekly report calls stale, and that unknown is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.community.world import TODAY, evidence, implementation, review, small
from tokenop import documents
from tokenop.catalogue.model import Catalogue
from tokenop.community import weekly
from tokenop.community.links import Checked
from tokenop.prices import dated

EMPTY = weekly.Week(TODAY, None, (), (), {}, (), (), None, 0, 0)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return small()


def test_what_nobody_looked_at_is_unknown_and_what_is_not_there_is_none() -> None:
    page = weekly.markdown(EMPTY)
    assert page.startswith("# Week 2026-W47\n")
    assert page.count("Unknown:") == 2
    assert page.count("None") == 4
    assert "To do: 0." in page
    assert weekly.issue(EMPTY).startswith(weekly.MARKER)


def test_weeks_are_named_as_iso_does() -> None:
    assert replace(EMPTY, today=date(2027, 1, 3)).name == "2026-W53"
    assert replace(EMPTY, today=date(2027, 1, 4)).name == "2027-W01"


def test_prices_are_stale_after_ninety_days_and_those_that_ended_are_not(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    entry = """  - model: {}
    {}: "2026-05-01"
    usd_per_million: {{input: 1, output: 2}}
    source: https://docs.io/p
    verified_on: "2026-05-02"
"""
    listed = entry.format("still", "from") + entry.format("ended", "until")
    text = f"schema_version: 1\nprovider: anthropic\nprices:\n{listed}"
    path.write_text(text, encoding="utf-8")
    entries = dated.read_all([path])
    assert [one.model for one in weekly.stale_prices(entries, date(2026, 8, 1))] == ["anthropic/still"]
    assert weekly.stale_prices(entries, date(2026, 7, 31)) == ()


def test_machines_of_one_day_are_one_thing_to_do(tmp_path: Path) -> None:
    path = tmp_path / "aws.yaml"
    path.write_text(
        'provider: aws\nverified_on: "2026-05-01"\ninstances:\n  - type: a\n  - type: b\n'
        '  - type: c\n    verified_on: "2026-11-01"\n', encoding="utf-8",
    )  # fmt: skip
    found = weekly.stale_machines([documents.load_yaml(path)], TODAY)
    assert [(one.model, one.place) for one in found] == [("aws: 2 machines", f"{path}:4")]


def test_templates_are_stale_after_their_own_day_and_deprecated_ones_rest(catalogue: Catalogue) -> None:
    first, second, *others = catalogue.templates
    day = TODAY - timedelta(days=1)
    changed = Catalogue(
        (replace(first, stale_after=day), replace(second, stale_after=day, status="deprecated"), *others), ()
    )
    assert [one.template for one in weekly.stale_templates(changed, TODAY)] == [first.id]


def test_reviews_age_with_time_and_with_the_template(catalogue: Catalogue) -> None:
    found = evidence(
        review(by="old", day=TODAY - timedelta(days=366)),
        review(by="before", version="0.9.0"),
        review(by="fresh"),
        review(by="sample", version="0.9.0", sample=True),
    )
    stale = weekly.stale_reviews(catalogue, found, TODAY)
    assert [(one.reviewer, one.why) for one in stale] == [
        ("old", "366 days old"),
        ("before", "of version 0.9.0; the template is at 1.0.0"),
    ]


def test_the_week_counts_seven_days_and_no_samples() -> None:
    found = evidence(
        review(day=TODAY - timedelta(days=6)), review(by="b", day=TODAY - timedelta(days=7)),
        implementation(day=TODAY), implementation(by="c", day=TODAY, sample=True),
    )  # fmt: skip
    assert weekly.new_entries(found, TODAY) == (1, 1)


def test_other_peoples_text_is_words_on_the_page() -> None:
    hostile = "https://docs.io/](https://evil.io) | @octocat <img src=x> `rm`"
    link = Checked(hostile, "dead", "status 404", ("a|b.md:1",))
    waiting = (weekly.Waiting(TODAY - timedelta(days=9), 12, ("ada",)),)
    page = weekly.markdown(replace(EMPTY, links=(link,), waiting=waiting))
    row = next(line for line in page.splitlines() if line.startswith("| dead"))
    assert row.count("|") == 5
    assert not set("<>@`[]") & set(row)
    assert "https:" not in row
    assert "| #12 | 9 days | ada |" in page
    assert "To do: 2." in page
