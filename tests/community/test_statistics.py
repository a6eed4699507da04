"""What the statistics say of evidence: exact sums, no samples, the same bytes, unknown where nothing is known."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.community.world import TODAY, drawn, evidence, implementation, review, small
from tokenop.catalogue.model import Catalogue
from tokenop.community import contributors, outcome, statistics, statistics_text
from tokenop.evidence.model import Evidence, Implementation, Review


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return small()


def counted(catalogue: Catalogue, *entries: Implementation | Review, today: date = TODAY) -> statistics.Statistics:
    return statistics.compute(catalogue, evidence(*entries), today)


def several(template: str, good: int, bad: int) -> list[Implementation]:
    """Return implementations of which so many succeed, by different people."""
    worked = [implementation(template, f"good-{n}") for n in range(good)]
    return worked + [implementation(template, f"bad-{n}", cost_after_usd=Decimal(95)) for n in range(bad)]


def test_without_evidence_every_page_renders_and_says_unknown_and_never_zero(catalogue: Catalogue) -> None:
    found = statistics.compute(catalogue, Evidence({}), TODAY)
    page = statistics_text.markdown(found)
    assert "Nobody has reported an implementation yet" in page
    assert page.count("## ") >= 12
    assert "Nobody is listed yet" in contributors.markdown(found.people)
    assert found.target == "unknown"
    assert found.saved_usd is None
    assert all(metric.value is None for metric in found.metrics if metric.group == "technicalAuthority")
    known = {metric.name for metric in found.metrics if metric.value is not None}
    assert known == {"totalTemplates", "crossLayerTemplates", "communityContributors"}


def test_samples_never_count(catalogue: Catalogue) -> None:
    real = [implementation(), review()]
    sample = [
        implementation(by="sam", sample=True, cost_after_usd=Decimal(1)),
        review(by="sue", sample=True),
        implementation("model-routing", "sam", sample=True),
    ]
    with_samples, without = counted(catalogue, *real, *sample), counted(catalogue, *real)
    assert with_samples.samples == 3
    assert replace(with_samples, samples=0) == without


def test_the_same_entries_in_any_order_give_the_same_bytes(catalogue: Catalogue) -> None:
    entries = drawn(300, of=catalogue)
    first = statistics_text.markdown(counted(catalogue, *entries))
    random.Random(4).shuffle(entries)
    assert statistics_text.markdown(counted(catalogue, *entries)) == first


def test_savings_are_exact_signed_and_at_equal_traffic(catalogue: Catalogue) -> None:
    # Twice the calls for the same bill: half of what they would have cost is saved.
    doubled = implementation(by="ada", calls_after=2000, cost_after_usd=Decimal("100.000000000001"))
    dearer = implementation(by="bea", cost_after_usd=Decimal("130.1"))
    found = counted(catalogue, doubled, dearer)
    assert found.saved_usd == Decimal("99.999999999999") - Decimal("30.1")
    whole = found.impact[0]
    assert (whole.layer, whole.month, whole.entries) == ("application-layer", None, 2)
    # 15 days of the later window, as a month of 730.5 hours.
    assert outcome.by_month(outcome.saved(dearer), dearer.window_after) == Decimal("-61.077916666667")
    assert "-$" in statistics_text.markdown(counted(catalogue, dearer))


@pytest.mark.parametrize(
    "missing",
    [{"cost_after_usd": None}, {"calls_before": None}, {"calls_before": 0}, {"cost_before_usd": Decimal("9" * 18)}],
)
def test_what_is_not_known_is_counted_and_adds_nothing(catalogue: Catalogue, missing: dict[str, object]) -> None:
    entry = implementation(**missing)
    if "cost_before_usd" in missing:
        entry = replace(entry, calls_before=1, calls_after=10**17)
    found = counted(catalogue, entry)
    assert found.implementations == 1
    assert found.saved_usd is None
    assert "unknown" in statistics_text.markdown(found)


def test_quality_that_nobody_measured_leaves_success_unknown(catalogue: Catalogue) -> None:
    found = counted(catalogue, implementation(quality_after=None))
    assert (found.success.of, found.implementations) == (0, 1)
    assert found.quality[0].known == 0
    assert "Of 1 of 1 implementation it is unknown." in statistics_text.markdown(found)


@pytest.mark.parametrize(
    ("good", "bad", "verdict"), [(3, 0, "undecided"), (60, 0, "met"), (10, 10, "missed"), (19, 1, "undecided")]
)
def test_the_target_is_met_only_by_the_lower_end(catalogue: Catalogue, good: int, bad: int, verdict: str) -> None:
    found = counted(catalogue, *several("semantic-caching", good, bad))
    assert (found.success.hits, found.success.of, found.target) == (good, good + bad, verdict)


def test_one_lucky_report_ranks_below_many_good_ones(catalogue: Catalogue) -> None:
    found = counted(catalogue, *several("model-routing", 1, 0), *several("semantic-caching", 18, 2))
    assert [one.template for one in found.best] == ["semantic-caching", "model-routing"]


def test_what_fails_is_to_be_deprecated_and_what_is_too_old_to_be_updated(catalogue: Catalogue) -> None:
    later = TODAY + timedelta(days=800)
    codes = {(n.template, n.action, n.code) for n in counted(catalogue, *several("model-routing", 0, 5)).needs}
    assert ("model-routing", "deprecate", "failing") in codes
    assert not counted(catalogue, *several("model-routing", 0, 2)).needs
    old = {(n.template, n.code) for n in counted(catalogue, implementation(version="0.9.0"), today=later).needs}
    assert {("semantic-caching", code) for code in ("stale", "old-evidence", "old-version")} <= old
    gone = counted(catalogue, implementation("no-such-template"))
    assert [(n.template, n.code) for n in gone.needs] == [("no-such-template", "gone")]


def test_claims_that_reality_contradicts_are_named(catalogue: Catalogue) -> None:
    costs = [Decimal(69), Decimal(70), Decimal(71)]
    entries = [implementation(by=f"p-{n}", cost_after_usd=cost) for n, cost in enumerate(costs)]
    assert not counted(catalogue, *entries).needs  # more than claimed: the claim is of a whole workload
    losing = [implementation(by=f"p-{n}", cost_after_usd=cost + 60) for n, cost in enumerate(costs)]
    assert "claims-more" in {need.code for need in counted(catalogue, *losing).needs}


def test_calibration_counts_both_sides(catalogue: Catalogue) -> None:
    entries = [
        implementation(by=f"p-{n}", cost_after_usd=Decimal(cost)) for n, cost in enumerate((65, 90, "64.99", 91))
    ]
    whole = counted(catalogue, *entries, implementation(by="q", predicted_percent=None)).calibration[0]
    assert (whole.inside.hits, whole.inside.of, whole.below, whole.above) == (2, 4, 1, 1)


def test_joining_layers_is_compared_with_the_best_layer_alone(catalogue: Catalogue) -> None:
    alone = [implementation("vllm-migration", f"p-{n}", cost_after_usd=Decimal(60 + n)) for n in range(4)]
    weak = [implementation("semantic-caching", f"p-{n}", cost_after_usd=Decimal(90 + n)) for n in range(4)]
    cross = [implementation("terraform-spot-instances", f"p-{n}", cost_after_usd=Decimal(30 + n)) for n in range(4)]
    across = counted(catalogue, *alone, *weak, *cross).across
    assert (across.best_layer, across.difference.value) == ("serving-layer", Decimal("0.3"))
    assert "Joining layers saves more" in statistics_text.markdown(counted(catalogue, *alone, *cross))
    assert "Joining layers saves less" in statistics_text.markdown(
        counted(catalogue, *[replace(one, cost_after_usd=Decimal(99)) for one in cross], *alone)
    )


def test_only_what_rises_emerges(catalogue: Catalogue) -> None:
    before = [implementation("model-routing", f"p-{n}", day=TODAY - timedelta(days=120)) for n in range(20)]
    now = [
        implementation(name, f"p-{n}", day=TODAY) for n in range(20) for name in ("batch-inference", "vllm-migration")
    ]
    patterns = {(one.kind, one.name): one for one in counted(catalogue, *before, *now).patterns}
    assert patterns[("template", "batch-inference")].beyond_chance
    assert patterns[("pair", "batch-inference + vllm-migration")].now == (20, 20)
    assert ("template", "model-routing") not in patterns


def test_of_many_things_none_rises_by_chance_alone(catalogue: Catalogue) -> None:
    """Drawn without any trend, of some three hundred pairs and kinds a few rise by luck: they are not called sure."""
    draw = random.Random(7)
    each = [(template.id, f"p-{number}") for template in catalogue.templates for number in range(60)]
    sure = []
    for _ in range(5):
        days = [TODAY - timedelta(days=draw.randrange(180)) for _ in each]
        entries = [implementation(*one, day=day) for one, day in zip(each, days, strict=True)]
        found = counted(catalogue, *draw.sample(entries, 200)).patterns
        assert found
        sure += [one for one in found if one.beyond_chance]
    assert not sure


def test_an_hour_of_work_costs_the_same_whatever_the_template_says(catalogue: Catalogue) -> None:
    cheap = replace(
        catalogue.templates[0],
        implementation=replace(catalogue.templates[0].implementation, hourly_rate_usd=Decimal(1)),
    )
    entry = implementation(cheap.id, hours=Decimal(10))
    found = counted(replace(catalogue, templates=(cheap,)), entry)
    (roi,) = (one for one in found.metrics if one.name == "averageROI")
    alone = outcome.outcome(entry, Decimal(0)).roi
    assert alone is not None
    assert roi.value == f"{alone * 100:,.0f} %"
    assert "$200 an hour" in roi.note


def test_people_are_recognised_and_the_project_is_nobody(catalogue: Catalogue) -> None:
    found = counted(catalogue, implementation(), implementation("model-routing", "ada"), review(by="ada"), review())
    assert [(one.handle, one.reviews, one.implementations) for one in found.people] == [("ada", 1, 2), ("rex", 1, 0)]
    page = contributors.markdown(found.people)
    assert "[ada](https://github.com/ada)" in page
    assert "@ada" not in page
    assert "tokenop |" not in page


def test_authors_are_judged_by_other_peoples_results(catalogue: Catalogue) -> None:
    template = replace(catalogue.templates[0], id="of-eve", authors=("Eve",))
    both = Catalogue((*catalogue.templates, template), ())
    own, other = implementation("of-eve", "eve"), implementation("of-eve", "ada", cost_after_usd=Decimal(99))
    eve = next(one for one in counted(both, own, other).people if one.handle == "eve")
    assert (eve.held.hits, eve.held.of, eve.templates) == (0, 1, ("of-eve",))
