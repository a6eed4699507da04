"""The bound of false hits: right against brute force, and in the long run wrong as seldom as it says."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.gateway.responses.bound import ALPHA, STEPS, bound, needed, stake
from tokenop.gateway.responses.learning import DAY, Learner, Learners, Sample

DELTA = 0.02
FLOOR = 0.6


@settings(max_examples=examples(40, 400), deadline=None)
@given(st.integers(0, 12), st.integers(0, 3000), st.floats(0.005, 0.3))
def test_what_is_needed_is_where_the_bound_falls_below(bad: int, more: int, share: float) -> None:
    n = bad + more
    assert (bound(n, bad) <= share) == (n >= needed(bad, share))


@settings(max_examples=examples(40, 400), deadline=None)
@given(st.integers(0, 30), st.integers(0, 500))
def test_a_false_one_raises_the_bound_and_a_right_one_lowers_it(bad: int, right: int) -> None:
    n = bad + right
    assert bound(n + 1, bad + 1) >= bound(n, bad) >= bound(n + 1, bad) > bad / (n + 1)


def test_without_a_sample_nothing_is_known() -> None:
    assert bound(0, 0) == 1.0
    assert bound(5, 5) == 1.0


def test_the_stake_is_expected_never_to_grow_where_the_share_is_reached() -> None:
    from math import comb, exp

    for n, share, truth in ((10, 0.1, 0.1), (25, 0.02, 0.02), (25, 0.05, 0.2)):
        worth = sum(
            comb(n, bad) * truth**bad * (1 - truth) ** (n - bad) * exp(stake(n, bad, share)) for bad in range(n + 1)
        )
        assert worth <= 1 + 1e-9


@pytest.mark.parametrize("truth", [DELTA, 0.03])
def test_too_many_false_hits_are_ever_served_in_no_more_runs_than_alpha(truth: float) -> None:
    # The worst case: at every threshold just too many are false, and after each sample somebody looks.
    import numpy as np

    rng = np.random.default_rng(6)
    runs, samples = examples(600, 6000), 1500
    least = np.array([needed(bad, DELTA) for bad in range(200)])
    false = rng.random((runs, samples)) < truth
    step = rng.integers(0, STEPS, (runs, samples))
    served = np.zeros(runs, bool)
    for threshold in range(STEPS):
        above = step >= threshold
        n, bad = np.cumsum(above, axis=1, dtype=np.int16), np.cumsum(above & false, axis=1, dtype=np.int16)
        served |= (n >= least[np.minimum(bad, 199)]).any(axis=1)
    assert served.mean() <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
    # Clopper's and Pearson's bound, for one look and one threshold, is passed far more often: these runs can tell.
    n, bad = np.arange(1, samples + 1), np.cumsum(false, axis=1)
    passed = clopper_pearson_passes(samples, 80)
    assert truth > DELTA or passed[np.minimum(bad, 80), n - 1].any(axis=1).mean() > 2 * ALPHA


def clopper_pearson_passes(most: int, most_bad: int) -> Any:
    """Return whether `bad` (row) of 1 to `most` samples (column) would be too few, were `DELTA` of all false."""
    import numpy as np

    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 1)))))
    bad, n = np.arange(most_bad + 1)[:, None], np.arange(1, most + 1)[None, :]
    right = np.maximum(n - bad, 0)
    ways = factorials[n] - factorials[np.minimum(bad, most)] - factorials[right]
    chance = np.where(n >= bad, np.exp(ways + bad * np.log(DELTA) + right * np.log1p(-DELTA)), 0.0)
    return np.cumsum(chance, axis=0) < ALPHA


class Falling:
    """Questions that are not alike disagree with chance `most`, the same ones never; in between it falls straight."""

    def __init__(self, most: float) -> None:
        self.most = most

    def chance(self, likeness: float) -> float:
        return self.most * (1 - likeness) / (1 - FLOOR)

    def above(self, threshold: float) -> float:
        """Return the true share of false hits from a threshold on, likenesses being as frequent each as the other."""
        return self.chance((1 + threshold) / 2)


@pytest.mark.parametrize(("truth", "serves"), [(Falling(0.02), True), (Falling(1.0), False)], ids=["few", "many"])
def test_what_is_learned_serves_as_much_as_the_truth_allows(truth: Falling, serves: bool) -> None:
    rng, wrong, served = random.Random(6), 0, 0
    runs, samples = examples(12, 400), 2500
    for _ in range(runs):
        learner, ever = Learner(FLOOR, DELTA, 30), False
        for at in range(samples):
            likeness = rng.uniform(FLOOR, 1)
            learner.add(at, likeness, bad=rng.random() < truth.chance(likeness))
            ever = ever or (learner.threshold is not None and truth.above(learner.threshold) > DELTA)
        wrong += ever
        if learner.threshold is not None:
            served += 1
    assert wrong <= runs * ALPHA + 3 * (runs * ALPHA * (1 - ALPHA)) ** 0.5
    assert served > 0.9 * runs if serves else served == 0


def test_the_lowest_threshold_that_holds_is_taken() -> None:
    learner = Learner(0.6, DELTA, 30)
    assert learner.threshold is None
    for _ in range(needed(0, DELTA)):
        learner.add(0, 0.76, bad=False)
    assert learner.threshold == 0.6  # all that was compared agreed
    for _ in range(60):
        learner.add(0, 0.64, bad=True)
    assert learner.threshold == pytest.approx(0.65)
    assert learner.learned().bad == 0
    learner.add(0, 0.99, bad=True)
    assert learner.threshold is None


def test_what_was_compared_long_ago_no_longer_counts() -> None:
    learner = Learner(0.6, DELTA, days=30)
    for number in range(600):
        learner.add(number % 3 * DAY, 0.99, bad=False)
    assert learner.threshold is not None
    learner.pruned(31.5 * DAY)  # of three days, one is left
    assert (learner.threshold, learner.learned().n) == (None, 200)
    learner.pruned(40 * DAY)
    assert learner.learned().n == 0


def test_drift_ends_serving_within_the_window() -> None:
    rng, learner = random.Random(1), Learner(0.6, DELTA, days=3)
    for number in range(3000):
        learner.add(number / 1000 * DAY, 0.9, bad=False)
    assert learner.threshold is not None
    for number in range(3000, 6000):
        learner.add(number / 1000 * DAY, 0.9, bad=rng.random() < 0.1)
        learner.pruned(number / 1000 * DAY)
    assert learner.threshold is None


def test_what_one_tenant_asks_moves_nothing_for_another_nor_does_another_embedder() -> None:
    learners = Learners(0.6, DELTA, 30, "here")
    for _ in range(400):
        learners.add(Sample(0, "acme", 0.9, False, "here"))
        learners.add(Sample(0, "other", 0.9, False, "there"))
    assert learners.threshold("acme", 0) == 0.6
    assert learners.threshold("other", 0) is None
    assert learners.threshold(None, 0) is None
    assert list(learners.learned(0)) == ["acme"]


def test_there_are_as_many_thresholds_as_the_bound_counts() -> None:
    learner = Learner(0.6, DELTA, 30)
    learner.add(0, 1.0, bad=False)
    assert len(learner._grid) == STEPS
    assert learner._n == [1] * STEPS
