"""The weekly report: what has gone stale, and who waits. A page for the repository, and the text of one issue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.community.links import Checked
from tokenop.community.text import cell, counted, table
from tokenop.evidence.confidence import latest_reviews

if TYPE_CHECKING:
    from tokenop.catalogue.model import Catalogue
    from tokenop.documents import Document
    from tokenop.evidence.model import Evidence
    from tokenop.prices.dated import DatedEntry
    from tokenop.prices.retirements import Retirement

NOTE = "<!-- Written by scripts/generate_weekly_report.py. Do not edit. -->"
MARKER = "<!-- tokenop:weekly -->"
TITLE = "Weekly upkeep"

# Models' prices change every few months: a quarter is the limit that the linter warns at, too.
PRICE_DAYS = 90
RETIREMENT_DAYS = 90
# After a year most of what a review looked at has changed: settings, versions, prices.
REVIEW_DAYS = 365
MOST = 50


@dataclass(frozen=True, slots=True, order=True)
class StalePrice:
    """A price entry that was last verified too long ago."""

    verified_on: date
    model: str
    place: str


@dataclass(frozen=True, slots=True, order=True)
class StaleTemplate:
    """A template past the day after which it says itself that it is stale."""

    stale_after: date
    template: str
    place: str


@dataclass(frozen=True, slots=True, order=True)
class StaleReview:
    """A review that counts, and is old or of an older version."""

    day: date
    template: str
    reviewer: str
    why: str


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An open pull request whose review is due."""

    since: date
    number: int
    reviewers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """What is to be told. `links` and `waiting` are None where nobody looked: unknown, not none."""

    today: date
    links: tuple[Checked, ...] | None
    prices: tuple[StalePrice, ...]
    retiring: tuple[Retirement, ...]
    affected: Mapping[str, tuple[str, ...]]
    templates: tuple[StaleTemplate, ...]
    reviews: tuple[StaleReview, ...]
    waiting: tuple[Waiting, ...] | None
    new_reviews: int
    new_implementations: int

    @property
    def name(self) -> str:
        """Return the week as ISO 8601 names it, such as 2026-W47."""
        year, week, _ = self.today.isocalendar()
        return f"{year}-W{week:02d}"

    @property
    def tasks(self) -> int:
        """Return how many things are to be done."""
        links = sum(one.state in ("dead", "moved") for one in self.links or ())
        known = (self.prices, self.affected, self.templates, self.reviews, self.waiting or ())
        return links + sum(map(len, known))


def stale_prices(entries: Iterable[DatedEntry], today: date) -> tuple[StalePrice, ...]:
    """Return the entries that hold today or later and were verified more than 90 days ago, oldest first."""
    found = []
    for entry in entries:
        segment = entry.segment
        ended = segment.end is not None and segment.end.date() <= today
        verified = date.fromisoformat(segment.origin.verified_on) if segment.origin.verified_on else None
        if verified is not None and not ended and (today - verified).days > PRICE_DAYS:
            found.append(StalePrice(verified, f"{entry.key.provider}/{entry.key.model}", f"{entry.file}:{entry.line}"))
    return tuple(sorted(found))


def stale_machines(files: Iterable[Document], today: date) -> tuple[StalePrice, ...]:
    """Return the lists of machines (`templates/prices/instances/*.yaml`) with prices verified more than 90 days ago.

    They are read off one page of a provider, so that all of one day are one thing to do.
    """
    found: dict[tuple[date, str, str], list[int]] = {}
    for document in files:
        for index, entry in enumerate(document.meta.get("instances") or ()):
            verified = date.fromisoformat(str(entry.get("verified_on") or document.meta["verified_on"]))
            if (today - verified).days > PRICE_DAYS:
                key = (verified, str(document.meta["provider"]), str(document.path))
                found.setdefault(key, []).append(document.line(f"instances[{index}]")[0])
    return tuple(
        StalePrice(day, f"{provider}: {counted(len(lines), 'machine')}", f"{path}:{min(lines)}")
        for (day, provider, path), lines in sorted(found.items())
    )


def affected(templates: Path, today: date) -> dict[str, tuple[str, ...]]:
    """Return by template what the linter says of models that go away (rule MD002)."""
    from tokenop.catalogue.linting import lint

    found: dict[str, list[str]] = {}
    for finding in lint.lint([templates], today, lint.chosen(["MD002"], [])).findings:
        if finding.rule == "MD002":
            found.setdefault(Path(finding.file).stem, []).append(finding.message)
    return {name: tuple(dict.fromkeys(messages)) for name, messages in sorted(found.items())}


def stale_templates(catalogue: Catalogue, today: date) -> tuple[StaleTemplate, ...]:
    """Return the templates past their day, the longest first; deprecated ones may rest."""
    return tuple(
        sorted(
            StaleTemplate(template.stale_after, template.id, f"templates/{template.layer}/{template.id}.md")
            for template in catalogue.templates
            if template.stale_after < today and template.status != "deprecated"
        )
    )


def stale_reviews(catalogue: Catalogue, evidence: Evidence, today: date) -> tuple[StaleReview, ...]:
    """Return each person's latest review of a template where it is old, or of another major version."""
    found = []
    for template in catalogue.templates:
        for review in latest_reviews(evidence.of(template.id).reviews, "", template.authors):
            age = (today - review.day).days
            if review.version.split(".")[0] != template.version.split(".")[0]:
                why = f"of version {review.version}; the template is at {template.version}"
            elif age > REVIEW_DAYS:
                why = f"{age} days old"
            else:
                continue
            found.append(StaleReview(review.day, template.id, review.reviewer, why))
    return tuple(sorted(found))


def new_entries(evidence: Evidence, today: date) -> tuple[int, int]:
    """Return how many reviews and implementations are dated within the seven days up to `today`. No samples."""
    since = today - timedelta(days=6)
    each = evidence.by_template.values()
    reviews = sum(since <= one.day <= today and not one.sample for found in each for one in found.reviews)
    made = sum(since <= one.day <= today and not one.sample for found in each for one in found.implementations)
    return reviews, made


def markdown(week: Week) -> str:
    """Return community/weekly-reports/<week>.md."""
    return "\n".join([f"# Week {week.name}", "", NOTE, "", *_body(week)]) + "\n"


def issue(week: Week) -> str:
    """Return the text of the one issue: the same, with the mark by which it is found again."""
    return "\n".join([MARKER, f"**Week {week.name}**", "", *_body(week)]) + "\n"


def _body(week: Week) -> list[str]:
    added = (
        f"New in the seven days up to {week.today}: {counted(week.new_reviews, 'review')},"
        f" {counted(week.new_implementations, 'implementation')}. To do: {week.tasks}."
    )
    parts = [
        [added],
        _section("Links", _links(week.links)),
        _section("Prices to verify again", _prices(week.prices)),
        _section("Models that go away", _retiring(week)),
        _section("Templates past their day", _templates(week.templates)),
        _section("Reviews that have aged", _reviews(week.reviews)),
        _section("Reviews that are due", _waiting(week.waiting, week.today)),
    ]
    return "\n\n".join("\n".join(part) for part in parts).splitlines()


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines]


def _links(links: Sequence[Checked] | None) -> list[str]:
    if links is None:
        return ["Unknown: nobody asked (`python scripts/check_links.py --out links.json`)."]
    counts = {state: sum(one.state == state for one in links) for state in ("dead", "moved", "unreachable", "refused")}
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    lines = [f"{counted(len(links), 'address', 'addresses')} asked: {told or 'all answer'}."]
    wrong = [one for one in links if one.state in ("dead", "moved", "refused")]
    if wrong:
        rows = [(one.state, _address(one.url), cell(one.why), cell(", ".join(one.places[:3]))) for one in wrong[:MOST]]
        lines += ["", *table(("state", "address", "why", "where"), rows), *_more(wrong)]
    if counts["unreachable"]:
        lines += ["", "Unreachable says nothing of a page: its server refuses programs, or did not answer this time."]
    return lines


def _prices(prices: Sequence[StalePrice]) -> list[str]:
    if not prices:
        return [f"None: each was verified within {PRICE_DAYS} days."]
    rows = [(cell(one.model), f"{one.verified_on}", cell(one.place)) for one in prices[:MOST]]
    return [*table(("model", "verified on", "where"), rows), *_more(prices)]


def _retiring(week: Week) -> list[str]:
    lines = [f"None within {RETIREMENT_DAYS} days."]
    if week.retiring:
        head = ("model", "from", "replacement")
        rows = [
            (cell(f"{one.provider}/{one.model}"), f"{one.retired_on}", cell(one.replacement or "unknown"))
            for one in week.retiring[:MOST]
        ]
        lines = [*table(head, rows), *_more(week.retiring)]
    if week.affected:
        lines += ["", "Templates that move calls to such a model:", ""]
        lines += [f"- `{name}`: {cell('; '.join(why))}" for name, why in sorted(week.affected.items())]
    return lines


def _templates(templates: Sequence[StaleTemplate]) -> list[str]:
    if not templates:
        return ["None."]
    rows = [(f"`{one.template}`", f"{one.stale_after}", cell(one.place)) for one in templates[:MOST]]
    return [*table(("template", "stale after", "where"), rows), *_more(templates)]


def _reviews(reviews: Sequence[StaleReview]) -> list[str]:
    if not reviews:
        return ["None."]
    rows = [(f"`{one.template}`", cell(one.reviewer), f"{one.day}", cell(one.why)) for one in reviews[:MOST]]
    return [*table(("template", "reviewer", "day", "why"), rows), *_more(reviews)]


def _waiting(waiting: Sequence[Waiting] | None, today: date) -> list[str]:
    if waiting is None:
        return ["Unknown: GitHub was not asked."]
    if not waiting:
        return ["None."]
    rows = [
        (f"#{one.number}", f"{(today - one.since).days} days", cell(", ".join(one.reviewers) or "nobody"))
        for one in waiting[:MOST]
    ]
    return [*table(("pull request", "for", "waits for"), rows), *_more(waiting)]


def _more(listed: Sequence[object]) -> list[str]:
    return ["", f"And {len(listed) - MOST} more."] if len(listed) > MOST else []


def _address(url: str) -> str:
    """Return somebody's address as text: shown, not followed, and no way out of the cell."""
    return cell(url, 300)
