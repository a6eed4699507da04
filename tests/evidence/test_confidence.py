"""How sure one can be: what raises it, what lowers it, what leaves it alone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence.drawn import PATH, TODAY, measured
from tokenop.evidence import constants, questions
from tokenop.evidence.confidence import UNINFORMED, Group, Prior, confidence, decay, layer_prior, layer_priors
from tokenop.evidence.model import Answer, Implementation, Review, Window

WORKED, FAILED = "0.30", "0.05"


@st.composite
def histories(draw: st.DrawFn) -> list[Implementation]:
    """Draw what several people measured or reported at different times, with and without success."""
    found = []
    for number in range(draw(st.integers(0, 8))):
        changes: dict[str, object] = {
            "day": TODAY - timedelta(days=draw(st.integers(0, 2000))),
            "evidence": draw(st.sampled_from(["measured", "reported"])),
            "sample": draw(st.booleans()),
        }
        if draw(st.booleans()):
            changes["quality_after"] = None
        found.append(measured(number, draw(st.sampled_from([WORKED, FAILED])), **changes))
    return found


priors = st.builds(Prior, st.decimals("0.1", 5, places=2), st.decimals("0.1", 5, places=2))


def score(history: list[Implementation], prior: Prior = UNINFORMED, today: date = TODAY) -> Decimal | None:
    return confidence([], history, prior, today).score


@given(histories(), priors)
def test_it_is_a_probability_or_unknown(history: list[Implementation], prior: Prior) -> None:
    found = score(history, prior)
    assert found is None or 0 <= found <= 1


@given(histories(), priors, st.randoms())
def test_the_order_of_reports_does_not_matter(
    history: list[Implementation], prior: Prior, chance: random.Random
) -> None:
    shuffled = chance.sample(history, len(history))
    assert confidence([], shuffled, prior, TODAY).score == confidence([], history, prior, TODAY).score
    groups = [Group([one]) for one in history]
    assert layer_prior(groups, TODAY) == layer_prior(chance.sample(groups, len(groups)), TODAY)


@given(histories(), priors, st.integers(0, 2000))
def test_a_success_never_lowers_it_and_a_failure_never_raises_it(
    history: list[Implementation], prior: Prior, age: int
) -> None:
    day = TODAY - timedelta(days=age)
    before = score(history, prior)
    if before is not None:
        up, down = (score([*history, measured(99, made, day=day)], prior) for made in (WORKED, FAILED))
        assert up is not None
        assert down is not None
        assert down <= before <= up


@given(histories(), priors)
def test_unknown_success_and_samples_move_nothing(history: list[Implementation], prior: Prior) -> None:
    unknown = measured(98, WORKED, quality_before=None)
    sample = measured(99, FAILED, sample=True)
    assert score([*history, unknown, sample], prior) == score(history, prior)


@given(histories(), priors, st.integers(0, 3000))
def test_age_moves_it_towards_the_prior(history: list[Implementation], prior: Prior, later: int) -> None:
    now, then = score(history, prior), score(history, prior, TODAY + timedelta(days=later))
    mean = prior.mean
    if now is not None and then is not None:
        slack = Decimal("0.0002")  # both are rounded to four digits, and so are the weights
        assert abs(then - mean) <= abs(now - mean) + slack
        assert (then - mean) * (now - mean) >= -slack


def test_half_of_a_report_is_left_after_its_half_life() -> None:
    assert decay(0) == 1
    assert decay(constants.HALF_LIFE_DAYS) == Decimal("0.5")
    assert decay(-5) == 1


def test_measured_reports_weigh_more_than_others() -> None:
    said = [measured(number, WORKED, evidence="reported") for number in range(3)]
    shown = [measured(number, WORKED) for number in range(3)]
    first, second = score(said), score(shown)
    assert first is not None
    assert second is not None
    assert UNINFORMED.mean < first < second


def test_a_window_that_is_too_short_counts_as_reported_and_says_so() -> None:
    short = measured(0, WORKED, window_after=Window(date(2026, 10, 1), date(2026, 10, 6)))
    (one,) = confidence([], [short], UNINFORMED, TODAY).weights
    assert one.tier == "reported"
    assert "window after is too short" in one.why
    weeks = measured(0, WORKED, template="subagent-context-isolation")
    assert confidence([], [weeks], UNINFORMED, TODAY).weights[0].tier == "reported"


@pytest.mark.parametrize(
    ("changes", "success"),
    [
        ({}, True),
        ({"reduction": "0.20"}, True),
        ({"reduction": "0.1999"}, False),
        ({"reduction": "-0.5"}, False),
        ({"quality_after": Decimal("0.920")}, True),
        ({"quality_after": Decimal("0.919")}, False),
        ({"quality_after": Decimal("0.99")}, True),
        ({"quality_after": None}, None),
        ({"quality_after": None, "reduction": "0.1"}, False),
        ({"calls_after": None}, None),
        ({"calls_after": 0}, None),
        ({"cost_before_usd": Decimal(0)}, None),
        ({"calls_after": None, "quality_after": Decimal("0.5")}, False),
    ],
)
def test_success_is_twenty_percent_less_at_equal_traffic_and_at_most_a_point_of_quality(
    changes: dict[str, object], success: bool | None
) -> None:
    reduction = str(changes.pop("reduction", WORKED))
    assert measured(0, reduction, **changes).success() is success


def test_a_template_that_may_cost_more_quality_is_judged_by_that() -> None:
    worse = measured(0, WORKED, quality_after=Decimal("0.90"))
    assert worse.success() is False
    assert worse.success(Decimal("0.03")) is True
    assert measured().success(Decimal("0.001")) is True  # a point may be lost in any case


def test_five_fresh_measured_successes_are_enough_and_four_are_not() -> None:
    fresh = [measured(number, WORKED, day=TODAY) for number in range(5)]
    four, five = score(fresh[:4]), score(fresh)
    assert four is not None
    assert five is not None
    assert four <= constants.APPROVING_CONFIDENCE < five


def test_only_the_latest_report_of_a_person_counts() -> None:
    again = [measured(0, WORKED, day=TODAY - timedelta(days=age), line=age) for age in (9, 3, 5)]
    latest = [measured(0, WORKED, day=TODAY - timedelta(days=3))]
    assert score(again) == score(latest)
    # Who reports each version anew is still one person; nobody approves a template alone.
    each = [replace(one, version=f"1.{number}.0", entry_id=f"x-1.{number}.0") for number, one in enumerate(again)]
    assert score(each) == score(latest)
    assert layer_prior([Group(each)], TODAY) == layer_prior([Group(latest)], TODAY)


def test_layers_with_failures_start_lower() -> None:
    bad = layer_prior([Group([measured(number, FAILED) for number in range(4)])], TODAY)
    good = layer_prior([Group([measured(number, WORKED) for number in range(4)])], TODAY)
    assert bad.mean < UNINFORMED.mean < good.mean
    assert bad.successes + bad.failures == constants.PRIOR_STRENGTH
    assert layer_prior([], TODAY) == UNINFORMED


@given(st.lists(histories(), max_size=4))
def test_a_template_s_prior_comes_from_the_others_of_its_layer_alone(layer: list[list[Implementation]]) -> None:
    groups = {f"template{number}": Group(history) for number, history in enumerate(layer)}
    found = layer_priors(groups, TODAY)
    assert found.keys() == groups.keys()
    for name in groups:
        assert found[name] == layer_prior([group for other, group in groups.items() if other != name], TODAY)


def review(who: str, verdict: str = "approve", day: int = 1, version: str = "1.0.0", sample: bool = False) -> Review:
    said = {name: Answer(4, "") for name in questions.IDS}
    when = date(2026, 10, day)
    return Review("prompt-caching", version, who, when, verdict, said, sample, f"{who}-{version}", PATH, day)


def test_approval_needs_three_other_people_and_confidence() -> None:
    history = [measured(number, WORKED, day=TODAY) for number in range(5)]
    three = [review(who) for who in ("a", "b", "c")]

    def approvable(*reviews: Review, implementations: list[Implementation] = history) -> bool:
        found = confidence(reviews, implementations, UNINFORMED, TODAY, authors=["Author"], version="1.2.0")
        assert found.approvable is not bool(found.lacks())
        return found.approvable

    assert approvable(*three)
    assert not approvable(*three[:2])
    assert not approvable(*three[:2], review("a"))
    assert not approvable(*three[:2], review("author"))
    assert not approvable(*three[:2], review("d", sample=True))
    assert not approvable(*three[:2], review("d", "comment"))
    assert not approvable(*three[:2], review("d", version="2.0.0"))
    assert not approvable(*three, review("d", "request-changes"))
    assert approvable(*three, review("d", "request-changes"), review("d", day=2))
    assert not approvable(*three, implementations=history[:4])
    assert not approvable(*three, implementations=[])


def test_what_was_written_about_another_major_version_does_not_count() -> None:
    old = [replace(one, version="1.9.0") for one in (measured(0), measured(1))]
    assert confidence([], old, UNINFORMED, TODAY, version="2.0.0").n == 0
    assert confidence([], old, UNINFORMED, TODAY, version="1.0.0").n == 2
