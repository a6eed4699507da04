from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.research.routers.worlds import helpful, noise
from tokenop.errors import InputError
from tokenop.research.routers.features import BUCKETS, extract
from tokenop.research.routers.kinds import knn, logistic, rules, static
from tokenop.research.routers.kinds.rules import monotone
from tokenop.research.routers.policy import Kind
from tokenop.research.routers.registry import POLICIES
from tokenop.research.routers.training import train

KINDS = (rules.KIND, knn.KIND, logistic.KIND)


def fitted(kind: Kind, n: int = 120, **options: Any) -> tuple[Any, Any, Any]:
    world = helpful(n, 1)
    known = extract(world.prompts)
    chosen = {**kind.grid(n)[0], **options}
    return kind.fit(known, world.target, world.counts, chosen), known, world


def test_the_kinds_are_those_of_the_design() -> None:
    assert list(POLICIES) == ["static", "rules", "knn", "logistic"]
    assert all(kind.name == name for name, kind in POLICIES.items())


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5)), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_monotone_is_isotonic_regression(pairs: list[tuple[float, int]]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    values, weights = np.array([v for v, _ in pairs]), np.array([float(w) for _, w in pairs])
    expected = isotonic.isotonic_regression(values, sample_weight=weights)
    assert monotone(values, weights) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_scores_are_probabilities_and_the_same_alone_as_together(kind: Kind) -> None:
    model, known, _ = fitted(kind)
    together = model.score(known)
    assert ((together >= 0) & (together <= 1)).all()
    alone = [model.score(known.take(np.array([row])))[0] for row in range(10)]
    assert together[:10] == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_was_learned_survives_as_settings_and_arrays(kind: Kind) -> None:
    model, known, _ = fitted(kind)
    assert kind.load(model.settings, model.arrays).score(known) == pytest.approx(model.score(known), abs=1e-6)


@pytest.mark.parametrize("name", ["knn", "logistic"])
def test_text_policies_find_the_hard_prompts(name: str) -> None:
    learned, held_out = helpful(300, 2).split(0)
    policy = train(name, learned, 0)
    hard = np.array(["prove" in prompt for prompt in held_out.prompts])
    scores = policy.score(held_out.prompts)
    assert scores[hard].mean() < scores[~hard].mean() - 0.3
    assert (policy.decide(held_out.prompts) == ~hard).mean() > 0.95
    assert policy.decide(held_out.prompts, threshold=0.0).all()
    assert not policy.decide(held_out.prompts, threshold=1.1).any()


def test_rules_find_the_counted_fact() -> None:
    learned, held_out = helpful(300, 2).split(0)
    policy = train("rules", learned, 0)
    hard = np.array(["prove" in prompt for prompt in held_out.prompts])
    assert (policy.decide(held_out.prompts) == ~hard).mean() > 0.95
    assert "to the strong model" in policy.model.words()


def test_static_is_the_better_model_alone() -> None:
    world = noise(60, 1)
    assert not train("static", world, 0).decide(["anything"]).any()
    world.strong_quality[:] = world.weak_quality
    assert train("static", world, 0).decide(["anything"]).all()
    assert static.KIND.learns is False


def test_nearest_neighbours_agree_with_brute_force() -> None:
    model, known, world = fitted(knn.KIND, 120, k=5)
    rows = np.zeros((120, BUCKETS))
    weighted = known.weighted(known.rarity())
    rows[weighted.rows, weighted.columns] = weighted.values
    folded = rows.reshape(120, -1, knn.WIDTH).sum(axis=1)
    folded /= np.linalg.norm(folded, axis=1, keepdims=True)
    near = folded @ folded.T
    mean = world.target.mean()
    expected = []
    for row in near:
        five = np.argsort(-row)[:5]
        weight = np.maximum(row[five], 0)
        expected.append(((weight * world.target[five]).sum() + mean) / (weight.sum() + 1))
    # Rounding to bytes may change places of neighbours that are as near.
    assert np.median(np.abs(model.score(known) - expected)) < 0.01


def test_numpy_alone_scores_as_scikit_learn_does() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    model, known, world = fitted(logistic.KIND, 120, C=1.0)
    grams = known.weighted(known.rarity().astype(np.float32).astype(np.float64))
    rows = np.zeros((120, BUCKETS))
    rows[grams.rows, grams.columns] = grams.values
    facts = np.log1p(known.facts)
    spread = np.where(facts.std(axis=0) > 1e-9, facts.std(axis=0), 1)
    joined = np.column_stack([rows, 0.2 * (facts - facts.mean(axis=0)) / spread])
    theirs = linear.LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(joined, world.target)
    assert model.score(known) == pytest.approx(theirs.predict_proba(joined)[:, 1], abs=0.03)


@pytest.mark.parametrize("name", POLICIES)
def test_outcomes_of_one_kind_alone_can_be_learned(name: str) -> None:
    world = noise(50, 1)
    world.weak_quality[:] = 1
    world.strong_quality[:] = 1
    scores = train(name, world, 0).score(["one", "", "\x00"])
    assert np.isfinite(scores).all()
    assert (scores > 0.5).all()


def test_without_scikit_learn_logistic_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'tokenop\[routers\]'"):
        train("logistic", noise(50, 1), 0)
    assert train("knn", noise(50, 1), 0).name == "knn"
