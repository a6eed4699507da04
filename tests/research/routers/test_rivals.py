from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.research.routers.rivals import Means, best, mixed, single

quality = st.floats(0, 1).map(lambda value: round(value, 3))
cost = st.floats(0, 1).map(lambda value: round(value, 3))


def means(weak: float, strong: float, weak_cost: float, strong_cost: float, own: float, own_cost: float) -> Means:
    return Means(*(np.array([value]) for value in (weak, strong, weak_cost, strong_cost, own, own_cost)))


@settings(max_examples=50, deadline=None)
@given(quality, quality, cost, cost, cost)
def test_the_random_mix_is_the_best_that_the_money_buys(
    weak: float, strong: float, low: float, high: float, own: float
) -> None:
    shares = np.linspace(0, 1, 2001)
    costs, qualities = low + shares * (high - low), weak + shares * (strong - weak)
    fits = costs <= own + 1e-12
    brute = qualities[fits].max() if fits.any() else qualities[costs == costs.min()].max()
    found = mixed(means(weak, strong, low, high, 0, own))[0]
    assert found == pytest.approx(brute, abs=6e-4)


@settings(max_examples=50, deadline=None)
@given(quality, quality, cost, cost, cost)
def test_the_best_single_model_is_the_best_that_fits(
    weak: float, strong: float, low: float, high: float, own: float
) -> None:
    options = [(low, weak), (high, strong)]
    fitting = [quality for price, quality in options if price <= max(own, min(low, high))]
    assert single(means(weak, strong, low, high, 0, own))[0] == pytest.approx(max(fitting))


@settings(max_examples=50, deadline=None)
@given(quality, quality, cost, cost, cost)
def test_what_the_mix_can_a_single_model_cannot_beat(
    weak: float, strong: float, low: float, high: float, own: float
) -> None:
    some = means(weak, strong, low, high, 0, own)
    assert mixed(some)[0] >= single(some)[0] - 1e-9
    assert best(some)[0] >= mixed(some)[0] - 1e-9


def test_at_the_strong_models_price_the_strong_model_fits() -> None:
    some = means(0.5, 0.9, 0.001, 0.01, 0.8, 0.01 * (1 - 1e-12))
    assert single(some)[0] == 0.9


def test_many_draws_are_compared_one_by_one() -> None:
    some = Means(*(np.array(values) for values in ([0, 0], [1, 1], [0, 0], [1, 1], [0.7, 0.7], [0.5, 0.9])))
    assert mixed(some).tolist() == pytest.approx([0.5, 0.9])
    assert single(some).tolist() == [0, 0]
