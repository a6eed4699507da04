"""RouteLLM's figures against worked examples, brute force and RouteLLM's own rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.research.routers.worlds import helpful, noise, outcomes
from tokenop.research.routers.curve import ALL_STRONG, ALL_WEAK, crossing, cuts, oracle, trace
from tokenop.research.routers.outcomes import Outcomes


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Outcomes, np.ndarray]:
    """Return outcomes of few prompts, some asked more than once, and scores with many ties."""
    n = draw(st.integers(2, 9))
    quality = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=n, max_size=n)
    world = outcomes([f"p{number}" for number in range(n)], draw(quality), draw(quality))
    world.counts[:] = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 1.0]), min_size=n, max_size=n))
    return world, np.array(scores)


def tiny() -> tuple[Outcomes, np.ndarray]:
    """Return four prompts: the weak model fails on the first two, and the scores know only of the first."""
    prompts = ["a", "b", "c", "d"]
    world = outcomes(prompts, [0, 0, 1, 1], [1, 1, 1, 1])
    score = {"a": 0.1, "b": 0.8, "c": 0.6, "d": 0.9}
    return world, np.array([score[prompt] for prompt in world.prompts])


def test_a_worked_example() -> None:
    # Strong first: a, c, b, d. PGR over shares 0, ¼ … 1: 0, ½, ½, 1, 1.
    curve = trace(tiny()[1], tiny()[0])
    assert curve.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve.quality.tolist() == [0.5, 0.75, 0.75, 1, 1]
    # Trapezoids: ¼·(¼ + ½ + ¾ + 1) = 0.625.
    assert curve.apgr == pytest.approx(0.625)
    assert curve.area == pytest.approx(0.125 * 0.5)
    assert curve.cpt(0.5) == pytest.approx(0.25)
    # Halfway between PGR ½ at ½ and 1 at ¾ lies 0.75; 0.8 is at ½ + ¼ · 0.3/0.5.
    assert curve.cpt(0.8) == pytest.approx(0.65)
    assert curve.cost is not None
    assert curve.cost.tolist() == pytest.approx([0.001, 0.00325, 0.0055, 0.00775, 0.01])


def test_the_oracle_asks_the_strong_model_only_where_that_helps() -> None:
    world, _ = tiny()
    curve = trace(oracle(world), world)
    # Two of four calls recover everything: PGR rises to 1 at ½ and stays.
    assert curve.apgr == pytest.approx(0.75)
    assert curve.cpt(0.5) == pytest.approx(0.25)
    assert curve.cpt(0.8) == pytest.approx(0.4)


def test_the_random_mix_has_one_half_and_x() -> None:
    world = helpful(200, 1)
    flat = trace(np.full(len(world), 0.3), world)
    assert flat.apgr == pytest.approx(0.5)
    assert flat.cpt(0.5) == pytest.approx(0.5)
    assert flat.cpt(0.8) == pytest.approx(0.8)
    assert flat.area == pytest.approx(0)


def test_without_a_gap_there_is_nothing_to_recover() -> None:
    world = outcomes(["a", "b"], [1, 1], [1, 0])
    curve = trace(np.array([0.1, 0.9]), world)
    assert (curve.apgr, curve.cpt(0.5)) == (None, None)
    assert np.isfinite(curve.area)


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_every_point_is_what_deciding_by_its_threshold_gives(world: tuple[Outcomes, np.ndarray]) -> None:
    known, scores = world
    curve = trace(scores, known)
    weights = known.counts / known.counts.sum()
    for number, threshold in enumerate(curve.thresholds):
        weak = scores >= threshold
        assert curve.shares[number] == pytest.approx(weights @ ~weak)
        assert curve.quality[number] == pytest.approx(
            weights @ np.where(weak, known.weak_quality, known.strong_quality)
        )
        assert curve.cost is not None
        assert curve.cost[number] == pytest.approx(weights @ np.where(weak, known.weak_cost, known.strong_cost))
    assert (curve.thresholds[0], curve.thresholds[-1]) == (ALL_WEAK, ALL_STRONG)
    # Every way to divide the scores is there once.
    assert len(curve.thresholds) == len(set(scores.tolist())) + 1
    assert (np.diff(curve.thresholds) > 0).all() or scores.min() == 0


@settings(max_examples=40, deadline=None)
@given(worlds(), st.floats(0.01, 1))
def test_cpt_is_the_first_share_that_reaches_it_by_brute_force(
    world: tuple[Outcomes, np.ndarray], wanted: float
) -> None:
    known, scores = world
    curve = trace(scores, known)
    if curve.apgr is None:
        return
    gap = curve.quality[-1] - curve.quality[0]
    fine = np.linspace(0, 1, 4001)
    recovered = np.interp(fine, curve.shares, (curve.quality - curve.quality[0]) / gap)
    brute = fine[np.argmax(recovered >= wanted - 1e-9)]
    assert curve.cpt(wanted) == pytest.approx(brute, abs=1 / 2000)


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_no_scores_beat_the_oracle(world: tuple[Outcomes, np.ndarray]) -> None:
    known, scores = world
    mine, best = trace(scores, known), trace(oracle(known), known)
    if known.counts.tolist() == [1.0] * len(known):
        assert np.interp(mine.shares, best.shares, best.quality) == pytest.approx(
            np.maximum(mine.quality, np.interp(mine.shares, best.shares, best.quality))
        )
    assert best.area >= mine.area - 1e-9


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_only_the_order_of_scores_matters(world: tuple[Outcomes, np.ndarray]) -> None:
    known, scores = world
    assert trace(scores, known).area == pytest.approx(trace(scores / 2 + 0.3, known).area)


def test_equal_scores_are_never_divided_and_neighbouring_floats_are() -> None:
    close = np.nextafter(0.5, 1)
    where = cuts(np.array([0.5, close, 0.5, close]))
    assert where.ends.tolist() == [0, 2, 4]
    weak = np.array([0.5, close]) >= where.thresholds[1]
    assert weak.tolist() == [False, True]


def test_routellms_ten_thresholds_give_the_same_within_their_coarseness() -> None:
    # RouteLLM cuts the scores at their deciles and applies the trapezoid rule to eleven points.
    world = helpful(1000, 3)
    scores = np.random.default_rng(0).random(1000) * 0.5 + 0.5 * world.target
    shares, quality = [], []
    for threshold in np.quantile(scores, np.linspace(0, 1, 11))[::-1]:
        strong = scores < threshold
        shares.append(strong.mean())
        quality.append(np.where(strong, world.strong_quality, world.weak_quality).mean())
    weak, best = world.weak_quality.mean(), world.strong_quality.mean()
    order = np.argsort(shares)
    area = np.trapezoid(np.array(quality)[order], np.array(shares)[order])
    assert trace(scores, world).apgr == pytest.approx((area - weak) / (best - weak), abs=0.02)


def test_a_curve_that_falls_and_rises_again_is_crossed_at_its_first_crossing() -> None:
    shares, recovered = np.array([0, 0.2, 0.5, 1.0]), np.array([[0, 0.6, 0.1, 1.0]])
    assert crossing(shares, recovered, 0.5).tolist() == pytest.approx([0.2 * 0.5 / 0.6])


def test_noise_recovers_about_a_half() -> None:
    world = noise(4000, 7)
    assert trace(np.random.default_rng(3).random(4000), world).apgr == pytest.approx(0.5, abs=0.06)
