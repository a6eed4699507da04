from __future__ import annotations

import numpy as np
import pytest

from tests.research.routers.worlds import helpful, noise
from tokenop.research.routers import rivals
from tokenop.research.routers.bootstrap import Contestant, Estimate, means, resample, weights
from tokenop.research.routers.curve import cuts, trace
from tokenop.research.routers.outcomes import Outcomes
from tokenop.research.routers.shuffling import chance


def contestant(scores: np.ndarray, threshold: float, overhead: float = 0.0) -> Contestant:
    return Contestant(cuts(scores), scores >= threshold, overhead)


def drawn_again(world: Outcomes, counts: np.ndarray) -> Outcomes:
    """Return the world with each row as often as it was drawn."""
    return world.take(np.repeat(np.arange(len(world)), counts.astype(int)))


def test_every_draw_is_what_the_same_rows_give_when_they_are_copied() -> None:
    world = helpful(60, 1)
    scores = np.random.default_rng(2).choice([0.1, 0.4, 0.6, 0.9], size=60)
    found = resample([contestant(scores, 0.5, 1e-4)], world, 20, 7)[0]
    for number, counts in enumerate(np.concatenate(list(weights(60, 20, 7)))):
        copied = drawn_again(world, counts)
        again = np.repeat(scores, counts.astype(int))
        curve = trace(again, copied)
        assert found.apgr[number] == pytest.approx(curve.apgr)
        assert found.cpt50[number] == pytest.approx(curve.cpt(0.5))
        assert found.cpt80[number] == pytest.approx(curve.cpt(0.8))
        weak = again >= 0.5
        quality = np.where(weak, copied.weak_quality, copied.strong_quality).mean()
        assert found.means.quality[number] == pytest.approx(quality)
        assert found.means.cost[number] == pytest.approx(np.where(weak, 0.001, 0.01).mean() + 1e-4)


def test_a_prompt_that_was_asked_often_weighs_as_often() -> None:
    world = helpful(60, 1)
    world.counts[:] = np.random.default_rng(0).integers(1, 4, 60)
    scores = np.random.default_rng(2).random(60)
    flat = drawn_again(world, world.counts)
    flat.counts[:] = 1
    mine = means(contestant(scores, 0.5), world, world.counts[None, :])
    copied = np.repeat(scores, world.counts.astype(int))
    theirs = means(contestant(copied, 0.5), flat, flat.counts[None, :])
    assert [value[0] for value in mine] == pytest.approx([value[0] for value in theirs])
    assert trace(scores, world).apgr == pytest.approx(trace(copied, flat).apgr)


def test_draws_are_of_full_size_and_the_same_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.concatenate(list(weights(50, 30, 1)))
    assert drawn.shape == (30, 50)
    assert (drawn.sum(axis=1) == 50).all()
    assert np.array_equal(drawn, np.concatenate(list(weights(50, 30, 1))))
    assert not np.array_equal(drawn, np.concatenate(list(weights(50, 30, 2))))
    monkeypatch.setattr("tokenop.research.routers.bootstrap._AT_ONCE", 170)
    assert np.array_equal(drawn, np.concatenate(list(weights(50, 30, 1))))


def test_policies_meet_the_same_draws() -> None:
    world = noise(60, 4)
    scores = np.random.default_rng(2).random(60)
    one, two = resample([contestant(scores, 0.5), contestant(scores, 0.5)], world, 50, 1)
    assert np.array_equal(one.means.quality, two.means.quality)


def test_an_interval_without_a_gap_in_some_draw_is_unknown() -> None:
    assert Estimate.of(0.5, np.array([0.1, np.nan]), 0.95) == Estimate(0.5)
    assert Estimate.of(None, np.array([0.1, 0.2]), 0.95) == Estimate(None)
    found = Estimate.of(0.5, np.linspace(0, 1, 1001), 0.9)
    assert (found.low, found.high) == (pytest.approx(0.05), pytest.approx(0.95))


def test_the_interval_of_a_difference_is_as_wide_as_theory_says() -> None:
    world = noise(2000, 5)
    scores = np.random.default_rng(1).random(2000)
    weak = scores >= 0.5
    drawn = resample([contestant(scores, 0.5)], world, 1000, 3)[0].means
    gains = drawn.quality - drawn.weak_quality
    expected = np.where(weak, 0.0, world.gain).std() / np.sqrt(2000)
    assert gains.std() == pytest.approx(expected, rel=0.1)


def test_chance_is_the_share_of_all_ways_to_deal_the_decisions_out() -> None:
    # Of six prompts two are hard; sending exactly those two to the strong model is one of fifteen ways to send two.
    world = noise(6, 1)
    world.weak_quality[:] = [1, 1, 0, 1, 0, 1]
    world.strong_quality[:] = 1
    right = contestant(np.array([0.9, 0.9, 0.1, 0.9, 0.1, 0.9]), 0.5)
    assert chance(right, world, 8000, 0) == pytest.approx(1 / 15, abs=0.012)
    wrong = contestant(np.array([0.1, 0.1, 0.9, 0.9, 0.9, 0.9]), 0.5)
    assert chance(wrong, world, 500, 0) == 1
    all_weak = contestant(np.full(6, 0.9), 0.5)
    assert chance(all_weak, world, 100, 0) == 1


def test_chance_and_the_interval_look_at_the_same_gain() -> None:
    world = helpful(200, 3)
    scores = np.where(["prove" in prompt for prompt in world.prompts], 0.1, 0.9)
    one = contestant(scores, 0.5, 1e-5)
    point = means(one, world, world.counts[None, :])
    assert (point.quality - rivals.mixed(point))[0] > 0.1
    assert chance(one, world, 999, 0) == pytest.approx(1 / 1000)
