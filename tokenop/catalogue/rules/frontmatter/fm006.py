"""FM006: dates are quoted, real, in order and not in the future."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.frontmatter.refused import PLAIN_DATE, is_plain_date
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:
    for refused in source.refused:
        if is_plain_date(source, refused):
            place = (refused.line, refused.column)
            yield RULE.found(source, refused.field, refused.message, refused.fix, place=place)
    if source.draft:
        yield from _days(source.draft, around.today)


def _days(draft: Draft, today: date) -> Iterator[Finding]:
    days: dict[str, date] = {}
    for name in ("created", "verified_on", "stale_after"):
        text = draft.get(name)
        if text is None:
            continue
        try:
            days[name] = date.fromisoformat(text)
        except ValueError:
            yield RULE.found(draft.document, name, f"{text} is not a day", "write a day that exists, YYYY-MM-DD")
    for before, after in (("created", "verified_on"), ("verified_on", "stale_after")):
        if before in days and after in days and days[before] > days[after]:
            yield RULE.found(draft.document, after, f"is before {before}", f"write {days[before]} or later")
    for name in ("created", "verified_on"):
        if name in days and days[name] > today:
            yield RULE.found(draft.document, name, f"{days[name]} is in the future", f"write {today} or earlier")


def _fix(source: Source, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    """Quote dates; which day is meant is for the author to say."""
    for refused in source.refused:
        at = source.offset((refused.line, refused.column))
        plain = PLAIN_DATE.match(source.text, at)
        if plain and is_plain_date(source, refused):
            yield Edit(at, plain.end(), f'"{plain[0]}"')


RULE = Rule(
    "FM006",
    "error",
    "text",
    what="Dates are quoted, exist, are in order and do not lie in the future.",
    why="Freshness is judged by them, and some YAML parsers make something else of a date without quotes.",
    how='Write "YYYY-MM-DD" in quotes.',
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong="created: 2026-09-01", right='created: "2026-09-01"'),
        Example(wrong='created: "2026-09-31"', right='created: "2026-09-30"',
                given=(('created: "2026-09-01"', 'created: "2026-09-30"'),)),
        Example(wrong='verified_on: "2026-12-24"', right='verified_on: "2026-10-01"',
                around={"today": date(2026, 11, 21)}),
    ),
    structural=True,
)  # fmt: skip
