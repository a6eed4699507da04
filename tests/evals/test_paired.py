"""Two runs compared task by task: counts, exact bounds, and what the unknown may not do."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evals.outcomes import outcomes
from tokenop.evals.paired import Paired, regressions, share_at_most, standing


def chance_of_at_most(hits: int, of: int, share: Fraction) -> Fraction:
    """Return the exact chance, by counting."""
    return sum((comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(hits + 1)), Fraction(0))


def paired(lost: int, won: int, n: int) -> Paired:
    return Paired(n, n - lost - won, lost, won, 0)


def test_each_pair_of_results_is_counted_where_it_belongs() -> None:
    pairs = regressions(outcomes("ppffpp"), outcomes("pfpfp?"))
    assert (pairs.both, pairs.only_baseline, pairs.only_candidate, pairs.neither) == (2, 1, 1, 1)
    assert (pairs.n, pairs.unknown) == (5, 1)
    assert (pairs.regressed, pairs.improved, pairs.unclear) == (("t01",), ("t02",), ("t05",))
    assert pairs.differences == (0, -1, 1, 0, 0)


def test_a_task_of_one_side_alone_is_unknown() -> None:
    pairs = regressions(outcomes("ppp"), outcomes("pp"))
    assert (pairs.n, pairs.unclear) == (2, ("t02",))


@given(st.lists(st.tuples(st.sampled_from("pf?"), st.sampled_from("pf?")), max_size=40))
def test_infrastructure_is_never_a_regression_and_never_a_pass(pairs: list[tuple[str, str]]) -> None:
    found = regressions(outcomes(old for old, _ in pairs), outcomes(new for _, new in pairs))
    assert found.only_baseline == pairs.count(("p", "f"))
    assert found.unknown == sum("?" in pair for pair in pairs)
    assert found.n + found.unknown == len(pairs)


@given(st.text("pf?", min_size=1, max_size=7))
def test_a_task_is_unknown_exactly_where_its_unknown_repeats_could_decide(word: str) -> None:
    worlds = {
        standing(outcomes(["".join(world)]))
        for world in itertools.product(*("pf" if letter == "?" else letter for letter in word))
    }
    expected = worlds.pop() if len(worlds) == 1 and set(word) != {"?"} else "unknown"
    assert standing(outcomes([word])) == expected


def test_no_regression_of_25_still_leaves_11_percent() -> None:
    assert paired(0, 0, 25).upper_bound() == pytest.approx(0.1129, abs=5e-5)
    assert paired(0, 0, 25).upper_bound() == pytest.approx(1 - 0.05 ** (1 / 25), rel=1e-12)
    assert paired(0, 0, 0).upper_bound() == 1
    assert paired(25, 0, 25).upper_bound() == 1


@pytest.mark.parametrize("of", [1, 2, 7, 25, 60])
def test_the_upper_bound_is_where_so_few_hits_have_a_chance_of_5_percent(of: int) -> None:
    for hits in range(of):
        bound = share_at_most(hits, of)
        reached = chance_of_at_most(hits, of, Fraction(bound))
        assert float(reached) == pytest.approx(0.05, rel=1e-9)
        # Rounded outwards: the next larger rate is excluded, never one that is not.
        assert reached <= Fraction(0.05) + Fraction(1, 10**12)


@pytest.mark.parametrize("share", [Fraction(1, 50), Fraction(1, 8), Fraction(1, 2), Fraction(9, 10)])
def test_the_upper_bound_covers_the_true_rate_at_least_as_often_as_it_says(share: Fraction) -> None:
    of = 25
    missed = sum(
        (
            comb(of, hits) * share**hits * (1 - share) ** (of - hits)
            for hits in range(of + 1)
            if share_at_most(hits, of) < share
        ),
        Fraction(0),
    )
    assert missed <= Fraction(1, 20)


def test_the_upper_bound_holds_for_many_tasks() -> None:
    assert share_at_most(0, 100_000) == pytest.approx(2.9957e-5, rel=1e-3)
    assert 0.0100 < share_at_most(1000, 100_000) < 0.0106


@pytest.mark.parametrize("lost", range(9))
def test_p_is_the_share_of_coin_tosses_that_are_as_uneven(lost: int) -> None:
    won = 8 - lost
    tosses = [sum(toss) for toss in itertools.product((0, 1), repeat=8)]
    as_uneven = sum(abs(2 * heads - 8) >= abs(lost - won) for heads in tosses)
    assert paired(lost, won, 25).p_value == pytest.approx(as_uneven / 2**8)


def test_p_is_1_where_nothing_differs() -> None:
    assert paired(0, 0, 25).p_value == 1


def trinomial(lost: int, won: int, n: int, p_lost: float, p_won: float) -> float:
    ways = factorial(n) // (factorial(lost) * factorial(won) * factorial(n - lost - won))
    return float(ways * p_lost**lost * p_won**won * (1 - p_lost - p_won) ** (n - lost - won))


@pytest.mark.parametrize(("p_lost", "p_won"), [(0.1, 0.1), (0.2, 0.05), (0.02, 0.02), (0.4, 0.3), (0.0, 0.1)])
def test_the_interval_of_the_drop_covers_the_true_drop_about_as_often_as_it_says(p_lost: float, p_won: float) -> None:
    n = 25
    covered = 0.0
    for lost in range(n + 1):
        for won in range(n + 1 - lost):
            low, high = paired(lost, won, n).drop_interval()
            if low <= p_lost - p_won <= high:
                covered += trinomial(lost, won, n, p_lost, p_won)
    assert covered >= 0.935


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_of_the_drop_holds_the_drop_and_is_the_mirror_of_the_opposite(
    lost: int, won: int, same: int, confidence: float
) -> None:
    pairs = paired(lost, won, lost + won + same)
    low, high = pairs.drop_interval(confidence)
    assert -1 <= low <= high <= 1
    assert pairs.drop is None or low <= pairs.drop <= high
    mirrored = paired(won, lost, pairs.n).drop_interval(confidence)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


def test_more_confidence_and_fewer_tasks_widen_the_interval() -> None:
    def width(pairs: Paired, confidence: float) -> float:
        low, high = pairs.drop_interval(confidence)
        return high - low

    assert width(paired(2, 1, 25), 0.99) > width(paired(2, 1, 25), 0.95) > width(paired(16, 8, 200), 0.95)
