"""EC007: prices and settings were checked not long ago."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# Prices of models change every few months: a quarter is doubtful, half a year is no basis for something new.
_DOUBTFUL_DAYS, _STALE_DAYS = 90, 180


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    verified = reading.day(draft, "verified_on")
    age = (around.today - verified).days if verified else 0
    if age <= _DOUBTFUL_DAYS:
        return
    path = draft.document.path
    fresh = age > _STALE_DAYS and bool(around.new) and (path in around.new or path.resolve() in around.new)
    message = f"prices were last verified {age} days ago" + (": too long for a new template" if fresh else "")
    fix = "check prices and sources again, then write the day of that"
    yield RULE.found(draft.document, "verified_on", message, fix, severity="error" if fresh else "warning")


RULE = Rule(
    "EC007",
    "warning",
    "template",
    what="Prices were verified in the last 90 days; in a new template, in the last 180.",
    why="A saving is a difference of prices, and those change every few months.",
    how="Check prices and sources again (`tokenop prices show MODEL`), and set verified_on to that day.",
    check=_check,
    examples=(
        Example(
            wrong='verified_on: "2026-09-01"', right='verified_on: "2026-10-01"', around={"today": date(2026, 12, 15)}
        ),
    ),
)
