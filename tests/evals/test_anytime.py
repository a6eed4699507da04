"""The confidence sequence: right at all times at once, however the differences are spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.evals.anytime import ConfidenceSequence, anytime, log_capital, plug_in_bets

ALPHA = 0.05
PATHS, STEPS = 4000, 150

# name → (values of a difference, their chances)
SPREADS = {
    "hardly ever worse": ((-1, 0, 1), (0.03, 0.95, 0.02)),
    "even": ((-1, 0, 1), (0.1, 0.8, 0.1)),
    "always something": ((-1, 1), (0.5, 0.5)),
    "much worse": ((-1, 0), (0.9, 0.1)),
    "shares of repeats": ((-1, -1 / 3, 0, 1 / 3, 1), (0.1, 0.2, 0.4, 0.2, 0.1)),
    "a rare disaster": ((-1, 0.01), (0.01, 0.99)),
}


@pytest.mark.parametrize("name", SPREADS)
def test_the_chance_that_any_peek_misses_the_mean_is_at_most_alpha(name: str) -> None:
    values, chances = SPREADS[name]
    drawn = np.random.default_rng(5).choice(values, size=(PATHS, STEPS), p=chances)
    shares, mean = (drawn + 1) / 2, (float(np.dot(values, chances)) + 1) / 2
    bets = plug_in_bets(shares, ALPHA)
    target = math.log(2 / ALPHA)
    won = [log_capital(shares, bets, mean, up=up).max(axis=-1) >= target for up in (True, False)]
    missed = float(np.mean(won[0] | won[1]))
    # Three standard errors of the simulation above α would mean that the claim is wrong.
    assert missed <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / PATHS)


def test_an_interval_for_one_look_would_fail_that_test() -> None:
    # The same peeks with the usual normal interval: it misses far more often, which the test above would see.
    drawn = np.random.default_rng(5).choice((-1, 1), size=(PATHS, STEPS))
    count = np.arange(1, STEPS + 1)
    means = np.cumsum(drawn, axis=-1) / count
    missed = np.mean((np.abs(means) > 1.96 / np.sqrt(count)).any(axis=-1))
    assert missed > 0.2


def test_the_expected_capital_of_a_true_mean_is_1_over_all_paths() -> None:
    # By enumeration: every path of seven fair differences, each equally likely.
    import itertools

    shares = (np.array(list(itertools.product((-1, 0, 1), repeat=7)), dtype=float) + 1) / 2
    bets = plug_in_bets(shares, ALPHA)
    for up in (True, False):
        capital = np.exp(log_capital(shares, bets, 0.5, up=up))
        assert np.mean(capital, axis=0) == pytest.approx(np.ones(7), rel=1e-12)


def test_bets_depend_on_what_came_before_and_on_nothing_later() -> None:
    one, other = np.array([[0.5, 0.2, 0.9, 0.1]]), np.array([[0.5, 0.2, 0.9, 0.7]])
    assert np.array_equal(plug_in_bets(one, ALPHA), plug_in_bets(other, ALPHA))
    assert not np.array_equal(plug_in_bets(one, ALPHA), plug_in_bets(np.array([[0.5, 0.9, 0.9, 0.1]]), ALPHA))


differences = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=40)


@given(differences)
@settings(max_examples=40, deadline=None)
def test_exactly_the_means_against_which_enough_was_won_are_excluded(drawn: list[float]) -> None:
    found = anytime(drawn)
    shares = (np.array(drawn) + 1) / 2
    bets = plug_in_bets(shares, 1 - 0.95)
    for mean in np.linspace(0, 1, 101):
        excluded = any(log_capital(shares, bets, mean, up=up)[-1] >= math.log(2 / (1 - 0.95)) for up in (True, False))
        inside = found.low < 2 * mean - 1 < found.high
        assert excluded != inside or min(abs(2 * mean - 1 - end) for end in found[:2]) < 1e-9


@given(differences)
@settings(max_examples=40, deadline=None)
def test_turning_all_signs_turns_the_interval(drawn: list[float]) -> None:
    found, turned = anytime(drawn), anytime([-each for each in drawn])
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)


def test_an_interval_asked_again_and_again_never_grows_and_holds_no_surprise_at_its_start() -> None:
    sequence = ConfidenceSequence()
    assert sequence.interval()[:2] == (-1, 1)
    before = sequence.interval()
    for number in range(120):
        sequence.add(-1 if number % 10 == 0 else 0)
        now = sequence.interval()
        assert before.low <= now.low <= now.high <= before.high
        before = now
    assert before.low <= -0.1 <= before.high
    assert before.high < 0


def test_without_any_difference_500_prompts_rule_out_a_drop_of_a_point() -> None:
    assert anytime([0.0] * 500).low > -0.01
    assert anytime([0.0] * 25).low < -0.1


@pytest.mark.parametrize("wrong", [1.01, -2, math.nan, math.inf])
def test_what_is_no_difference_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        ConfidenceSequence().add(wrong)
