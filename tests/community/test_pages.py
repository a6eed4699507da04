"""The pages as text: whatever contributors write is words, and the dashboard loads and runs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html import unescape

import pytest

from tests.community.world import TODAY, drawn, evidence, implementation, review, small
from tokenop.catalogue.model import Catalogue
from tokenop.community import contributors, dashboard, statistics, statistics_text
from tokenop.evidence.model import Evidence
from tokenop.reports import community

HOSTILE = "<script>alert(1)</script>|](https://evil.io)\x1b[31m@octocat\u202e`x`"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    first, *others = small().templates
    return Catalogue((replace(first, authors=(HOSTILE,), category=HOSTILE), *others), ())


def test_hostile_names_are_words_on_every_page(catalogue: Catalogue) -> None:
    named = catalogue.templates[0].id
    entries = [implementation(HOSTILE, "ada"), implementation(named, "ada"), review(HOSTILE, HOSTILE), review(named)]
    found = statistics.compute(catalogue, evidence(*entries), TODAY)
    for page in (statistics_text.markdown(found), contributors.markdown(found.people)):
        body = page.split("-->", 1)[1]
        assert "<script" not in body
        assert "https://evil" not in body
        assert "@octocat" not in body
        assert "\x1b" not in body
        assert "\u202e" not in body
        heads = [line.count("|") for line in body.splitlines() if line.startswith("|")]
        assert all(count <= 9 for count in heads)
    html = community.render(dashboard.content(found))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("entries", [0, 120])
def test_the_dashboard_carries_everything_and_is_the_same_bytes(catalogue: Catalogue, entries: int) -> None:
    def page() -> str:
        found = statistics.compute(small(), evidence(*drawn(entries, of=small())) if entries else Evidence({}), TODAY)
        return community.render(dashboard.content(found))

    html = page()
    assert html == page()
    assert community.POLICY in unescape(html)
    assert not re.search(r"<(script|link|img|iframe|form|object)\b|\bsrc=|url\(|@import|\bon\w+=", html)
    assert "https://" not in html


def test_bars_lie_inside_their_track_and_losses_below_the_line() -> None:
    entries = [
        implementation(by="a"), implementation("vllm-migration", "b", cost_after_usd=Decimal(160)),
        implementation("batch-inference", "c", cost_after_usd=Decimal(20)),
    ]  # fmt: skip
    shown = dashboard.content(statistics.compute(small(), evidence(*entries), TODAY))
    for bar in (*shown["success"], *shown["calibration"]):
        assert 0 <= float(bar["low"]) <= float(bar["at"]) <= float(bar["low"]) + float(bar["width"]) <= 100.01
    (month,) = shown["months"]
    parts = {part["colour"]: (float(part["bottom"]), float(part["height"])) for part in month["parts"]}
    zero = parts["s1"][0]
    serving = parts["s3"]
    # $60 lost and $80 won in one layer: it stands above the line with what is left.
    assert serving[0] >= zero
    losing = [implementation("vllm-migration", "b", cost_after_usd=Decimal(160)), implementation(by="a")]
    shown = dashboard.content(statistics.compute(small(), evidence(*losing), TODAY))
    parts = {p["colour"]: (float(p["bottom"]), float(p["height"])) for p in shown["months"][0]["parts"]}
    assert parts["s3"] == (0.0, pytest.approx(66.67))
    assert parts["s1"] == (pytest.approx(66.67), pytest.approx(33.33))


def test_nothing_is_said_of_nothing() -> None:
    shown = dashboard.content(statistics.compute(small(), Evidence({}), TODAY))
    assert shown["headline"] == "6 templates, and nobody has reported yet what became of one."
    assert not shown["success"]
    assert not shown["months"]
    assert {tile["figure"] for tile in shown["tiles"]} == {"6", "unknown", "0"}
