"""Evidence to count: single entries, and whole repositories of drawn ones in scratch folders."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tests.conftest import ROOT
from tokenop import catalogue
from tokenop.catalogue.model import Catalogue, Claim, Interval, Quality
from tokenop.catalogue.model import Implementation as Work
from tokenop.evidence import questions, write
from tokenop.evidence.model import Answer, Evidence, Implementation, Review, TemplateEvidence, Window

TODAY = date(2026, 11, 22)
DAY = date(2026, 10, 20)
BEFORE, AFTER = Window(date(2026, 9, 1), date(2026, 9, 30)), Window(date(2026, 10, 1), date(2026, 10, 15))


def implementation(template: str = "semantic-caching", by: str = "ada", **fields: object) -> Implementation:
    """Return an implementation that succeeded: 1,000 calls for $100 before, 1,000 for $70 after."""
    version = str(fields.pop("version", "1.0.0"))
    made = Implementation(
        template, version, by, "software", DAY, BEFORE, AFTER, 1000, 1000, Decimal(100), Decimal(70), "bill",
        "measured",
        Decimal("0.93"), Decimal("0.93"), Decimal(12), (Decimal(10), Decimal(20), Decimal(35)), "", "", False,
        f"{by}-{version}", Path("implementations.md"), 1,
    )  # fmt: skip
    return replace(made, **fields)


def review(template: str = "semantic-caching", by: str = "rex", **fields: object) -> Review:
    """Return an approving review."""
    answers = {name: Answer(4, "sound") for name in questions.IDS}
    made = Review(template, "1.0.0", by, DAY, "approve", answers, False, f"{by}-1.0.0", Path("reviews.md"), 1)
    return replace(made, **fields)


def evidence(*entries: Implementation | Review) -> Evidence:
    """Return the evidence that these entries are."""
    names = sorted({entry.template for entry in entries})
    return Evidence(
        {
            name: TemplateEvidence(
                name,
                tuple(e for e in entries if isinstance(e, Review) and e.template == name),
                tuple(e for e in entries if isinstance(e, Implementation) and e.template == name),
            )
            for name in names
        }
    )


KINDS = (
    ("semantic-caching", "application-layer", "caching"),
    ("model-routing", "application-layer", "routing"),
    ("batch-inference", "serving-layer", "batching"),
    ("vllm-migration", "serving-layer", "engine"),
    ("reserved-instance-planning", "infrastructure-layer", "capacity"),
    ("terraform-spot-instances", "cross-layer", "capacity"),
)


def shipped() -> Catalogue:
    """Return the templates that ship."""
    return catalogue.load()


def small() -> Catalogue:
    """Return six templates that no edit of a shipped one changes: 10 to 20 % claimed, a point of quality allowed."""
    like = shipped().templates[0]
    made = [
        replace(
            like, id=name, layer=layer, category=category, version="1.0.0", status="proposed", authors=("tokenop",),
            stale_after=date(2027, 5, 21), levers=like.levers[:1], quality=Quality(Decimal("0.01"), ("T1",)),
            claim=Claim("sample-month", Interval(Decimal(10), Decimal(15), Decimal(20))),
            implementation=Work(Decimal(12), Decimal(200), Decimal(0)),
        )
        for name, layer, category in KINDS
    ]  # fmt: skip
    return Catalogue(tuple(sorted(made, key=lambda one: one.id)), ())


def drawn(count: int, seed: int = 1, of: Catalogue | None = None) -> list[Implementation | Review]:
    """Return `count` implementations, and a tenth as many reviews, of the shipped templates. Names are made up."""
    chance = random.Random(seed)
    templates = (of or shipped()).templates
    people = [f"person-{number}" for number in range(-(-count // len(templates)))]
    made: list[Implementation | Review] = []
    for number in range(count):
        template, by = templates[number % len(templates)], people[number // len(templates)]
        drop = Decimal(chance.randrange(-20, 14)) / 1000
        before = Decimal(chance.randrange(5_000, 500_000)) / 100
        saved = Decimal(chance.gauss(0.34, 0.12)).quantize(Decimal("0.0001"))
        calls = chance.randrange(1_000, 200_000)
        made.append(
            implementation(
                template.id, by,
                day=TODAY - timedelta(days=int(chance.random() ** 2 * 400)),
                organisation=chance.choice(["software", "retail", "startup"]),
                evidence=chance.choice(["measured", "measured", "reported"]),
                calls_before=calls, calls_after=calls // 2 + chance.randrange(calls),
                cost_before_usd=before, cost_after_usd=(before * (1 - saved)).quantize(Decimal("0.01")),
                quality_after=None if chance.random() < 0.1 else Decimal("0.93") - drop,
                hours=template.implementation.hours * chance.randrange(50, 220) / 100,
                lessons="Begin with one team.",
            )
        )  # fmt: skip
        if number % 10 == 0:
            verdict = "approve" if chance.random() < 0.8 else "request-changes"
            made.append(review(template.id, f"reader-{number // 10}", day=TODAY, verdict=verdict))
    return made


def repository(folder: Path, entries: Iterable[Implementation | Review]) -> Path:
    """Return `folder` as a repository with the shipped templates and these entries."""
    shutil.copytree(ROOT / "templates", folder / "templates", dirs_exist_ok=True)
    texts: dict[Path, list[str]] = {}
    for entry in entries:
        kind = "reviews" if isinstance(entry, Review) else "implementations"
        path = write.path_of(folder / "validations", kind, entry.template)
        texts.setdefault(path, [write.empty(kind, entry.template)]).append(write.lines(entry))
    for path, parts in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(parts), encoding="utf-8")
    return folder
