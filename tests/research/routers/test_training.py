"""What may be learned from is all that is learned from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tests.research.routers.worlds import helpful, noise
from tokenop.errors import InputError
from tokenop.research.routers import training
from tokenop.research.routers.curve import trace
from tokenop.research.routers.features import Features, extract
from tokenop.research.routers.kinds.static import Constant
from tokenop.research.routers.outcomes import Floats, Outcomes
from tokenop.research.routers.policy import Kind
from tokenop.research.routers.saved import dumped
from tokenop.research.routers.training import advantage, train


class Memory:
    """A model that knows by heart what it learned, and scores everything else 0.5."""

    settings: Mapping[str, Any] = MappingProxyType({})
    arrays: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, known: Features, target: Floats) -> None:
        self.seen = {facts.tobytes(): value for facts, value in zip(known.facts, target, strict=True)}

    def score(self, known: Features) -> Floats:
        return np.array([self.seen.get(facts.tobytes(), 0.5) for facts in known.facts])

    def words(self) -> str:
        return "learns by heart"


def test_cross_validation_scores_no_prompt_by_a_model_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Facts of distinct length, so that each prompt is known by them.
    world = noise(60, 1)
    world = Outcomes(**{**{name: getattr(world, name) for name in world.__slots__},
                        "prompts": tuple("x" * (number + 1) for number in range(60))})  # fmt: skip
    kind = Kind("memory", "", lambda _: ({},), lambda known, target, counts, options: Memory(known, target), Constant)
    monkeypatch.setattr(training, "POLICIES", {"memory": kind})
    policy = train("memory", world, 0)
    # Knowing all by heart would gain in every fold; scoring the unseen gains nothing.
    assert policy.folds == (0.0,) * 5
    assert trace(policy.score(world.prompts), world).area > 0.01


@pytest.mark.parametrize("name", ["rules", "knn", "logistic"])
def test_held_out_outcomes_change_nothing_that_is_trained(name: str) -> None:
    whole = helpful(120, 1)
    learned, held_out = whole.split(5)
    before = dumped(train(name, learned, 5))
    for prompt in held_out.ids:
        row = whole.ids.index(prompt)
        whole.weak_quality[row] = 1 - whole.weak_quality[row]
    assert dumped(train(name, whole.split(5)[0], 5)) == before


@pytest.mark.parametrize("name", ["rules", "knn", "logistic"])
def test_outcomes_that_are_learned_from_do_change_it(name: str) -> None:
    learned, _ = helpful(120, 1).split(5)
    before = dumped(train(name, learned, 5))
    learned.weak_quality[:] = 1 - learned.weak_quality
    assert dumped(train(name, learned, 5)) != before


def test_a_limit_on_the_drop_asks_the_strong_model_more_often() -> None:
    world = helpful(300, 4)
    # Beside the hard prompts the weak model is a little worse as well.
    world.weak_quality[::7] = 0
    shares = []
    for drop in (None, 0.2, 0.05, 0.0):
        policy = train("knn", world, 0, max_drop=drop)
        shares.append(float((~policy.decide(world.prompts)).mean()))
    assert shares[1:] == sorted(shares[1:])
    assert shares[-1] > shares[0]


def test_the_worst_drop_is_mean_and_errors_of_what_is_sent_to_the_weak_model() -> None:
    world = helpful(100, 4)
    scores = np.random.default_rng(0).random(100)
    curve = trace(scores, world)
    for threshold, bound in zip(curve.thresholds, training._worst_drop(scores, world), strict=True):
        lost = np.where(scores >= threshold, world.gain, 0.0)
        assert bound == pytest.approx(lost.mean() + training._SURE * lost.std() / 10)


def test_an_overhead_above_every_saving_leaves_one_model_alone() -> None:
    world = helpful(100, 4)
    world.strong_quality[:] = 1
    scores = np.random.default_rng(0).random(100)
    # At any threshold it costs more than the strong model: nothing may be lost to the weak one.
    threshold = training._threshold(scores, world, overhead_usd=1.0, max_drop=None)
    assert (world.gain[scores >= threshold] == 0).all()
    threshold = training._threshold(scores, world, overhead_usd=0.0, max_drop=None)
    assert (world.gain[scores >= threshold] > 0).any()


def test_the_advantage_is_the_area_where_costs_are_even() -> None:
    world = helpful(100, 4)
    scores = np.random.default_rng(0).random(100)
    even = trace(scores, world)
    assert advantage(even) == pytest.approx(even.area)
    assert advantage(trace(scores, world.with_costs(None, None))) == pytest.approx(even.area)


def test_features_may_be_handed_in_and_seeds_decide_the_folds() -> None:
    world = helpful(100, 4)
    known = extract(world.prompts)
    assert dumped(train("knn", world, 1, known=known)) == dumped(train("knn", world, 1))
    assert train("knn", world, 1).folds != train("knn", world, 2).folds


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="there are: static, rules, knn, logistic"):
        train("oracle", noise(50, 1), 0)
