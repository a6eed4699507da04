"""Entries drawn at random, valid ones: for invariants over whatever people may write."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st

from tokenop.evidence import questions
from tokenop.evidence.constants import APPROVAL_RATINGS
from tokenop.evidence.model import ORGANISATIONS, TIERS, VERDICTS, Answer, Implementation, Review, Window

TODAY = date(2026, 11, 1)
PATH = Path("validations/prompt-caching/implementations.md")

handles = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,6}", fullmatch=True)
versions = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])
days = st.dates(date(2024, 1, 1), TODAY)
# Lines that look like the format's own are part of what people may write.
texts = st.one_of(
    st.sampled_from(
        ["", "Fine.", "## octocat-1.0.0", "- octocat-1.0.0 verdict: approve", "<<<<<<< HEAD", "# x", "```"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40),
).map(lambda text: " ".join(text.replace("\ufeff", "").split()))
money = st.decimals(0, 100_000, places=2)
shares = st.decimals(0, 1, places=3)
windows = st.builds(lambda first, length: Window(first, first + timedelta(days=length)), days, st.integers(0, 120))
predictions = st.lists(st.decimals(-100, 100, places=1), min_size=3, max_size=3).map(lambda three: tuple(sorted(three)))
ratings = st.integers(1, 5)
answers = st.builds(Answer, st.none() | ratings, texts)


@st.composite
def reviews(draw: st.DrawFn, who: st.SearchStrategy[str] = handles) -> Review:
    """Draw a review."""
    handle, version, verdict = draw(who), draw(versions), draw(st.sampled_from(VERDICTS))
    areas = questions.IDS if verdict == "approve" else draw(st.lists(st.sampled_from(questions.IDS), unique=True))
    given = {name: draw(answers) for name in questions.IDS if name in areas}
    if verdict == "approve":
        rated = draw(st.permutations(questions.IDS))[:APPROVAL_RATINGS]
        given |= {name: given[name]._replace(rating=draw(ratings)) for name in rated}
    path = PATH.with_name("reviews.md")
    sample = draw(st.booleans())
    return Review("prompt-caching", version, handle, draw(days), verdict, given, sample, f"{handle}-{version}", path, 0)


def said(text: str) -> str:
    """Return text as the reader takes it: words for "I do not know" say nothing."""
    return "" if text.casefold() in {"null", "none", "n/a", "na", "-", "?", "unknown", "tbd"} else text


@st.composite
def implementations(draw: st.DrawFn, who: st.SearchStrategy[str] = handles) -> Implementation:
    """Draw an implementation."""
    handle, version = draw(who), draw(versions)
    optional = {name: draw(st.none() | st.integers(0, 10**6)) for name in ("calls_before", "calls_after")}
    costs = {name: draw(st.none() | money) for name in ("cost_before_usd", "cost_after_usd")}
    quality = {name: draw(st.none() | shares) for name in ("quality_before", "quality_after")}
    spans = {name: draw(st.none() | windows) for name in ("window_before", "window_after")}
    prose = {name: said(draw(texts)) for name in ("method", "worked", "lessons")}
    return Implementation(
        template="prompt-caching",
        version=version,
        by=handle,
        organisation=draw(st.sampled_from(ORGANISATIONS)),
        day=draw(days),
        evidence=draw(st.sampled_from(TIERS)),
        hours=draw(st.none() | st.decimals(0, 1000, places=1)),
        predicted_percent=draw(st.none() | predictions),
        sample=draw(st.booleans()),
        entry_id=f"{handle}-{version}",
        path=PATH,
        line=0,
        **optional,
        **costs,
        **quality,
        **spans,
        **prose,
    )


def measured(number: int = 0, reduction: str = "0.30", **changes: object) -> Implementation:
    """Return a sound, measured implementation of somebody's, `changes` overriding its fields."""
    fields: dict[str, object] = {
        "template": "prompt-caching",
        "version": "1.0.0",
        "by": f"person{number}",
        "organisation": "software",
        "day": TODAY - timedelta(days=10),
        "window_before": Window(date(2026, 9, 1), date(2026, 9, 30)),
        "window_after": Window(date(2026, 10, 1), date(2026, 10, 20)),
        "calls_before": 1000,
        "calls_after": 2000,
        "cost_before_usd": Decimal(100),
        "cost_after_usd": Decimal(200) * (1 - Decimal(reduction)),
        "method": "two event logs",
        "evidence": "measured",
        "quality_before": Decimal("0.930"),
        "quality_after": Decimal("0.925"),
        "hours": Decimal(8),
        "predicted_percent": None,
        "worked": "",
        "lessons": "",
        "sample": False,
        "entry_id": f"person{number}-1.0.0",
        "path": PATH,
        "line": 3,
    }
    return Implementation(**{**fields, **changes})
